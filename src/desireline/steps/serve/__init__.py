"""Serve: a query and a user in, a ranked list out, everything logged that the next steps need."""

from desireline.steps.serve.continuing import DEEPEST, next_place
from desireline.steps.serve.execute import Ports, Serve
from desireline.steps.serve.explaining import Plan, explained, measured
from desireline.steps.serve.fuse import Foreign, Logged
from desireline.steps.serve.progress import Progress, Steps
from desireline.steps.serve.request import Answer, Place, Request
from desireline.steps.serve.vectors import vectors_of

__all__ = [
    "DEEPEST", "Answer", "Foreign", "Logged", "Place", "Plan", "Ports", "Progress", "Request",
    "Serve", "Steps", "explained", "measured", "next_place", "vectors_of",
]  # fmt: skip
