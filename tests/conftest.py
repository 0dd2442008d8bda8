"""What holds for every test: property tests draw the same examples in every run."""

from __future__ import annotations

from hypothesis import settings

from tests.e2e.live import live

__all__ = ["live"]

# Runs in the environment of the vendor's client, not in ours.
collect_ignore = ["e2e/sdk_story.py", "e2e/sdk_methods.py"]

settings.register_profile("house", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("house")
