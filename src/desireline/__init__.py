"""desireline: a self-hosted search feedback loop."""

__all__ = ["__version__"]

__version__ = "0.1.0"
