"""Integrity of what lies in a data directory: one module a store. Nothing is repaired.

What an engine would change by opening it is looked at in a copy. Each `check` returns findings and
raises nothing: damage is what it is for.
"""

from desireline.store.checking import catalogue, directory, intake, log

__all__ = ["catalogue", "directory", "intake", "log"]
