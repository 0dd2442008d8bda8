"""Capture: interactions in, receipts out; and reading, listing and deleting them.

`Capture` writes, `Readings` reads and deletes. They know ports and the core, no HTTP.
"""

from desireline.steps.capture.ports import Ports
from desireline.steps.capture.reading import Erased, Page, Readings, Selection, Used, Visitor
from desireline.steps.capture.receipts import Receipt, Result, warning_of
from desireline.steps.capture.sent import Sent
from desireline.steps.capture.writing import Capture

__all__ = [
    "Capture", "Erased", "Page", "Ports", "Readings", "Receipt", "Result", "Selection", "Sent",
    "Used", "Visitor", "warning_of",
]  # fmt: skip
