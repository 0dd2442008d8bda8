"""The parameters of `attribute_filter`, as sent and ready to run. Pure."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from desireline.core import filters
from desireline.core.recipe.forms import Json
from desireline.core.shapes import convert
from desireline.errors import invalid


class AttributeFilter(msgspec.Struct, forbid_unknown_fields=True):
    """Keep the documents that match."""

    field: (
        Annotated[str, msgspec.Meta(description="dotted field, with `operator` and `value`")] | None
    ) = None
    operator: Annotated[str, msgspec.Meta(description="see the filters reference; eq")] | None = (
        None
    )
    value: Annotated[Any, msgspec.Meta(description="what the field is compared with")] = None
    conditions: Annotated[Any, msgspec.Meta(description="a filter tree, instead of the three")] = (
        None
    )
    AND: Annotated[
        Any, msgspec.Meta(description="a filter tree's root, instead of `conditions`")
    ] = None
    OR: Annotated[Any, msgspec.Meta(description="as AND")] = None
    NOT: Annotated[Any, msgspec.Meta(description="as AND")] = None
    case_insensitive: Annotated[
        bool, msgspec.Meta(description="whether texts compare without case")
    ] = False
    batch_size: Annotated[int, msgspec.Meta(ge=1, le=1000, description="no effect")] | None = None


class FilterStage(msgspec.Struct, frozen=True, kw_only=True):
    """An `attribute_filter`: a filter tree as JSON, values may be templates.

    `listed` is how many documents it lists when no search runs (0: the default of a listing).
    """

    stage_name: str
    conditions: Any
    case_insensitive: bool
    on_error: str
    listed: int = 0


def filter_stage(stage: Json, where: str) -> FilterStage:
    """An `attribute_filter` ready to run. Raises Invalid."""
    sent = convert(stage["config"]["parameters"], AttributeFilter, where)
    conditions = _conditions(sent, where)
    filters.parse(conditions, f"{where}.conditions", templates=True)
    return FilterStage(
        stage_name=stage["stage_name"],
        conditions=conditions,
        case_insensitive=sent.case_insensitive,
        on_error=stage.get("on_error", "error"),
    )


def _conditions(sent: AttributeFilter, where: str) -> Any:
    """The tree, in any of its forms; two at once, or none, is a mistake."""
    roots = {name: getattr(sent, name) for name in ("AND", "OR", "NOT")}
    roots = {name: tree for name, tree in roots.items() if tree is not None}
    if roots and sent.conditions is None and sent.field is None:
        return roots
    if sent.conditions is not None or roots:
        if sent.field is not None or sent.operator is not None or roots:
            raise invalid(
                f"{where}.conditions", "contradiction",
                "`conditions` stands beside another form of the filter", "send one of the forms",
            )  # fmt: skip
        return sent.conditions
    if sent.field is None:
        raise invalid(
            f"{where}.conditions", "required_field", "an attribute_filter needs `conditions`",
            'send {"conditions": {"field": "brand", "operator": "eq", "value": "Acme"}}',
        )  # fmt: skip
    return {"field": sent.field, "operator": sent.operator or "eq", "value": sent.value}
