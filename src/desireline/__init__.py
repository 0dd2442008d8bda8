"""desireline: a self-hosted search feedback loop.

`Client` and `AsyncClient` talk to a server; they are loaded when they are first named, so that
importing the package costs nothing.
"""

TYPE_CHECKING = False  # importing `typing` for it would cost seven times the rest

if TYPE_CHECKING:
    from desireline.client import ApiError, AsyncClient, Client

__all__ = ["ApiError", "AsyncClient", "Client", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module("desireline.client"), name)
    return found
