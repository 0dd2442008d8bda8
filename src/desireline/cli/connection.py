"""How a command reaches a running server: the arguments --url and --key, and a client made of them.

What is not given is read from the environment by the client, as in any program that uses it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it loads an HTTP library
    from desireline.client import Client

TIMEOUT_S = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`--url` and `--key`."""
    parser.add_argument(
        "--url", help="address of the server (DESIRELINE_BASE_URL, else http://127.0.0.1:8080)"
    )
    parser.add_argument("--key", help="API key (DESIRELINE_API_KEY)")


def connected(arguments: argparse.Namespace) -> Client:
    """A client of the server that the arguments name; close it, or use it in a `with`."""
    from desireline.client import Client

    return Client(arguments.key, base_url=arguments.url, timeout=TIMEOUT_S)


def client_of(url: str, key: str = "", sleep: Callable[[float], None] | None = None) -> Client:
    """A client of the default namespace, whatever the environment says."""
    from desireline.client import Client

    return Client(key, namespace="", base_url=url, timeout=TIMEOUT_S, sleep=sleep)


def named(text: str) -> str:
    """An argument that names something, for `type=`.

    >>> named("shop")
    'shop'
    """
    if not text:
        raise argparse.ArgumentTypeError("is empty; give a name or an id")
    return text
