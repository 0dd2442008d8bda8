"""Learn: closed executions and late rewards become lessons, lessons become weights."""

from desireline.steps.learn.control import Control
from desireline.steps.learn.history import Ports
from desireline.steps.learn.learner import Learner
from desireline.steps.learn.report import Report
from desireline.steps.learn.sessions import Sessions

__all__ = ["Control", "Learner", "Ports", "Report", "Sessions"]
