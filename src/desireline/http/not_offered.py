"""Routes of the published API that desireline does not have: refused by name, with what to do.

`NEVER` are pipelines over files, which are another product's business; `LATER` belong to a later
version. One line a route; a page of the reference is made of them.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from litestar import route

from desireline.errors import NotEnabled
from desireline.http.caller import AnyRequest, admitted

Method = Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
UPSERT = "send documents instead: POST /v1/collections/{id}/documents/upsert"
EVALUATE = "evaluations belong to a later version"
EXECUTION = "read the whole: GET /v1/retrievers/{id}/executions/{execution_id}"
NUMBERS = "numbers of this kind belong to a later version; see /metrics, or learned-fusion/stats"
ERASE = "for one person: GET and DELETE /v1/retrievers/interactions?user_id="
EXPERIMENT = "experiments belong to a later version; see learned-fusion/shadow-report"
WATCH = "alerts belong to a later version; let your monitoring read /metrics"
JUDGE = "judgments of people belong to a later version; send positive_feedback or negative_feedback"
TRAIN = "training belongs to a later version; `learned` fusion learns weights"


class Refused(NamedTuple):
    """A route that is refused: methods, path below `/v1`, what it is, and what to do instead."""

    methods: tuple[Method, ...]
    path: str
    what: str
    instead: str


ANY: tuple[Method, ...] = ("GET", "POST", "PATCH", "PUT", "DELETE")
NEVER = (
    Refused(ANY, "/buckets", "buckets of files", UPSERT),
    Refused(ANY, "/buckets/{rest:path}", "buckets of files", UPSERT),
    Refused(("POST",), "/collections/{collection:str}/trigger", "ingestion pipelines", UPSERT),
    Refused(
        ("POST",), "/collections/{collection:str}/clone", "copies of collections",
        "create a collection with the same features and upsert the documents again",
    ),
    Refused(
        ("POST",), "/namespaces/{namespace:str}/clone", "copies of namespaces",
        "create a namespace and upsert the documents again",
    ),
    Refused(
        ("POST",), "/namespaces/{namespace:str}/promote", "promoting a namespace",
        "create a managed one whose collections register a `model`",
    ),
    Refused(ANY, "/organizations/dsar/{rest:path}", "requests about a whole organisation", ERASE),
)  # fmt: skip
LATER = (
    Refused(("GET", "POST"), "/retrievers/evaluations/datasets", "datasets", EVALUATE),
    Refused(("GET", "DELETE"), "/retrievers/evaluations/datasets/{dataset:str}", "datasets",
            EVALUATE),
    Refused(("POST",), "/retrievers/{retriever:str}/evaluations/generate-from-interactions",
            "datasets out of interactions", EVALUATE),
    Refused(("GET", "POST"), "/retrievers/{retriever:str}/evaluations", "evaluations", EVALUATE),
    Refused(("GET",), "/retrievers/{retriever:str}/evaluations/{evaluation:str}", "evaluations",
            EVALUATE),
    Refused(("GET",), "/evaluations", "evaluations", EVALUATE),
    Refused(("POST",), "/evaluations/score", "scoring of predictions", EVALUATE),
    Refused(("GET", "POST"), "/retrievers/benchmarks", "benchmarks", EVALUATE),
    Refused(("GET", "DELETE"), "/retrievers/benchmarks/{benchmark:str}", "benchmarks", EVALUATE),
    Refused(("POST",), "/retrievers/benchmarks/{benchmark:str}/execute", "benchmarks", EVALUATE),
    Refused(("GET",), "/retrievers/{retriever:str}/executions/{execution:str}/status",
            "the status of an execution", EXECUTION),
    Refused(("GET",), "/retrievers/{retriever:str}/executions/{execution:str}/profile",
            "the profile of an execution", EXECUTION),
    *(Refused(("GET",), f"/analytics/retrievers/{{retriever:str}}/{name}", "analytics", NUMBERS)
      for name in ("performance", "stages", "cache-performance", "slow-queries", "relevance")),
    Refused(("POST",), "/analytics/retrievers/{retriever:str}/analyze-tuning", "analytics",
            NUMBERS),
    Refused(("GET",), "/analytics/namespaces/{rest:path}", "analytics", NUMBERS),
    Refused(("GET",), "/retrievers/interactions/export", "exports of interactions",
            "read the pages of GET /v1/retrievers/interactions by `cursor`"),
    Refused(("GET",), "/retrievers/{retriever:str}/learned-fusion/experiments", "experiments",
            EXPERIMENT),
    Refused(("GET",), "/retrievers/{retriever:str}/learned-fusion/experiments/{experiment:str}",
            "experiments", EXPERIMENT),
    Refused(("POST",), "/retrievers/{retriever:str}/learned-fusion/rebuild",
            "rewards of the past computed anew", "a new reward_map holds from now on"),
    Refused(("GET", "POST"), "/alerts", "alerts", WATCH),
    Refused(ANY, "/alerts/{rest:path}", "alerts", WATCH),
    Refused(("GET", "POST"), "/annotations", "annotations", JUDGE),
    Refused(ANY, "/annotations/{rest:path}", "annotations", JUDGE),
    Refused(ANY, "/training/{rest:path}", "training", TRAIN),
    Refused(("GET", "DELETE"), "/users/{user_id:str}/data", "everything of a person", ERASE),
    Refused(("GET",), "/events", "the feed of changes",
            "read learned-fusion/activity, or POST /v1/retrievers/interactions/list"),
)  # fmt: skip


def _handler(refused: Refused, code: str) -> Any:
    """A route that says no, to those who may ask at all."""

    @route(
        f"/v1{refused.path}", http_method=list(refused.methods), include_in_schema=False,
        opt={"query": None, "raw_body": True},
    )  # fmt: skip
    async def refuse(request: AnyRequest) -> None:
        admitted(request, "read")
        when = "not offered" if code == "not_offered" else "not available in this version"
        raise NotEnabled(
            f"{refused.what}: {when}", code=code, hint=refused.instead,
            details={"retryable": False},
        )  # fmt: skip

    return refuse


HANDLERS = [
    *(_handler(each, "not_offered") for each in NEVER),
    *(_handler(each, "not_available") for each in LATER),
]
__all__ = ["HANDLERS", "LATER", "NEVER"]
