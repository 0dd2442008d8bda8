"""The route that lists every kind of stage with the JSON schema of its parameters."""

from __future__ import annotations

from inspect import getdoc
from typing import Any

import msgspec
from litestar import get
from litestar.params import FromQuery

from desireline.core.recipe import PARAMETERS
from desireline.core.shapes import nearest
from desireline.errors import invalid
from desireline.http.caller import AnyRequest, admitted
from desireline.http.wire.execute import StageKind

ICONS = {"filter": "filter", "sort": "arrow-up-down", "reduce": "scissors", "group": "group"}
# Of the published API: they are known, and nothing here is of their kind.
EMPTY = ("apply", "enrich")


@get("/v1/retrievers/stages")
async def list_stages(
    request: AnyRequest, category: FromQuery[str | None] = None
) -> list[StageKind]:
    """Every stage of this version: what it does and which parameters it takes."""
    admitted(request, "read")
    if category is not None and category not in (*ICONS, *EMPTY):
        raise invalid(
            "query.category", "wrong_value", f"`{category}` is not a category of stages",
            nearest(category, ICONS),
        )  # fmt: skip
    return [
        _kind(stage_id, group, struct)
        for stage_id, (group, struct) in PARAMETERS.items()
        if category in (None, group)
    ]


def _kind(stage_id: str, category: str, struct: Any) -> StageKind:
    """What a struct says of itself."""
    icon = "search" if stage_id == "feature_search" else ICONS[category]
    return StageKind(
        stage_id=stage_id, description=getdoc(struct) or "", category=category, icon=icon,
        parameter_schema=msgspec.json.schema(struct),
    )  # fmt: skip


HANDLERS = [list_stages]
