"""Request bodies: bytes to wire structs, whatever content type was declared.

Knows msgspec and the error tree. A body that does not fit is answered with *every* unknown field
(full JSON path, nearest valid name) and the first wrong type. Knows nothing of what a struct means.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from litestar._openapi.schema_generation import SchemaCreator
from litestar.dto.base_dto import AbstractDTO
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from desireline.core.shapes import explain
from desireline.errors import BadRequest

T = TypeVar("T")


@lru_cache(maxsize=256)
def _decoder(struct: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(struct)


def decode(body: bytes, struct: type[T]) -> T:
    """A wire struct from a body.

    Raises BadRequest (not UTF-8, not JSON, nested too deep) or Invalid (unknown fields, wrong
    types).

    >>> class Point(msgspec.Struct, forbid_unknown_fields=True): x: int
    >>> decode(b'{"x": 1}', Point).x
    1
    """
    try:
        wanted: Any = struct
        found: T = _decoder(wanted).decode(body)
        return found
    except msgspec.ValidationError as error:
        raise explain(loads(body), struct, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unreadable(error) from None


def loads(body: bytes) -> Any:
    """A JSON body without a type. Raises BadRequest."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unreadable(error) from None


def unreadable(error: Exception) -> BadRequest:
    """The answer to a body that is not JSON."""
    if isinstance(error, RecursionError):
        return BadRequest("the body is nested too deep", code="too_deep", hint="nest less deep")
    if isinstance(error, UnicodeDecodeError) or "utf-8" in str(error).lower():
        return BadRequest(
            f"the body is not UTF-8: {error}", code="not_utf8", hint="send JSON encoded as UTF-8"
        )
    return BadRequest(
        f"the body is not JSON: {error}",
        code="not_json",
        hint="send one JSON object (numbers must be finite; NaN and Infinity are not JSON)",
    )


class Wire(AbstractDTO[T]):
    """How Litestar hands a typed `data` to a handler: our decoder, our errors, the
    struct's schema.
    """

    model_type: Any

    def decode_bytes(self, value: bytes) -> Any:
        """The struct from the body."""
        return decode(value, self.model_type)

    def data_to_encodable_type(self, data: Any) -> Any:
        """Answers pass unchanged."""
        return data

    @classmethod
    def create_for_field_definition(
        cls, field_definition: FieldDefinition, handler_id: str, backend_cls: Any = None
    ) -> None:
        """Nothing is generated: the struct is the definition."""

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: SchemaCreator
    ) -> Reference | Schema:
        """The struct's own schema."""
        return schema_creator.for_field_definition(field_definition)

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Any:
        """Unused: nothing is generated."""
        return iter(())

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        """Unused: nothing is generated."""
        return False


__all__ = ["Wire", "decode", "loads", "unreadable"]
