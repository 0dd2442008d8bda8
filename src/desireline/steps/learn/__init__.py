"""Learn: closed executions and late rewards become lessons, lessons become weights."""

from desireline.steps.learn.chronicle import Chronicle, Wanted
from desireline.steps.learn.control import Control
from desireline.steps.learn.decisions import Decisions
from desireline.steps.learn.history import Ports
from desireline.steps.learn.learner import Learner
from desireline.steps.learn.report import Report
from desireline.steps.learn.sessions import Sessions
from desireline.steps.learn.shadow import Side

__all__ = [
    "Chronicle", "Control", "Decisions", "Learner", "Ports", "Report", "Sessions", "Side",
    "Wanted",
]  # fmt: skip
