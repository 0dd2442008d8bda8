"""Learn: closed executions and late rewards become lessons, lessons become weights."""

from desireline.steps.learn.chronicle import Chronicle, Entry, Wanted
from desireline.steps.learn.control import Control
from desireline.steps.learn.decisions import Decisions
from desireline.steps.learn.history import Ports
from desireline.steps.learn.learner import Learner
from desireline.steps.learn.report import Report
from desireline.steps.learn.sessions import Sessions
from desireline.steps.learn.shadow import Side
from desireline.steps.learn.traced import Traces

__all__ = [
    "Chronicle", "Control", "Decisions", "Entry", "Learner", "Ports", "Report", "Sessions", "Side",
    "Traces", "Wanted",
]  # fmt: skip
