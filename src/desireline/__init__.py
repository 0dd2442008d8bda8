"""desireline: a self-hosted search feedback loop."""

__version__ = "0.1.0"
