"""Learn: closed executions and late rewards become lessons, lessons become weights."""

from desireline.steps.learn.control import Control
from desireline.steps.learn.learner import Learner, Ports
from desireline.steps.learn.report import Report

__all__ = ["Control", "Learner", "Ports", "Report"]
