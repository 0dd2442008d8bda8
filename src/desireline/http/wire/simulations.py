"""Simulated users on the wire. What they found is the task's `outputs`."""

from __future__ import annotations

from typing import Annotated

import msgspec

from desireline.types.simulation import Taste

MOST_SEARCHES = 100_000
LARGEST_SEED = (1 << 53) - 1


class SimulationRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/simulations`: who searches how much, and what they like."""

    retriever: Annotated[
        str,
        msgspec.Meta(min_length=1, description="id or name of a retriever with learned fusion"),
    ]
    searches: Annotated[
        int, msgspec.Meta(ge=1, le=MOST_SEARCHES, description="how many searches, all together")
    ] = 1000
    searches_per_second: (
        Annotated[
            float,
            msgspec.Meta(ge=0.1, le=1000, description="null: as fast as the server answers"),
        ]
        | None
    ) = None
    taste: Annotated[
        Taste,
        msgspec.Meta(
            description="segments: each looks for documents in its own way; none: likes are drawn"
            " by lot, so that there is nothing to learn"
        ),
    ] = "segments"
    seed: Annotated[
        int,
        msgspec.Meta(ge=0, le=LARGEST_SEED, description="same seed, same users and queries"),
    ] = 0
    copy: Annotated[
        bool,
        msgspec.Meta(
            description="work on a clone, `<name>-simulated`, so that the retriever learns nothing"
            " of it"
        ),
    ] = False
