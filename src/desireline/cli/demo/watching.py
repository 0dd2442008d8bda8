"""Opens the demo's page in a browser, where somebody sits in front of one.

Knows the signs of a display; nothing of the page.
"""

from __future__ import annotations

import argparse
import os
import sys
import webbrowser


def is_wanted(is_terminal: bool, arguments: argparse.Namespace) -> bool:  # noqa: FBT001
    """Whether to open it: somebody watches the terminal, has a display, and did not decline."""
    declined = arguments.exit or arguments.no_browser
    return is_terminal and has_display() and not declined


def has_display() -> bool:
    """Whether windows can be opened here."""
    shown = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(shown) or sys.platform in ("darwin", "win32")


def open_page(url: str) -> None:
    """Ask the desktop to open it; where that fails the address is on the terminal."""
    webbrowser.open(f"{url}/")
