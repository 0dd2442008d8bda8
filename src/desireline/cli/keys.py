"""`desireline keys`: create, list and revoke the API keys of a data directory, served or not."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from desireline.core.keys import SCOPES

if TYPE_CHECKING:
    from pathlib import Path

HELP = "create, list and revoke API keys"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`desireline keys create|list|revoke …`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="create|list|revoke")
    create = actions.add_parser("create", help="make a key; its secret is shown once")
    create.add_argument("--namespace", default="default", help="namespace it works in")
    scope = create.add_mutually_exclusive_group()
    scope.add_argument("--scope", choices=SCOPES, default="admin", help="what it may do")
    scope.add_argument(
        "--public", dest="scope", action="store_const", const="public",
        help="for pages: public routes only (run a published retriever, report interactions)",
    )  # fmt: skip
    create.add_argument("--name", default="", help="what it is for")
    listing = actions.add_parser("list", help="keys of this data directory, without secrets")
    revoke = actions.add_parser("revoke", help="make a key worthless")
    revoke.add_argument("key", help="its id, or the beginning that `keys list` shows")
    for action in (create, listing, revoke):
        action.add_argument("--data", metavar="DIR", help="data directory")
        action.add_argument("--config", metavar="FILE", help="settings in a TOML file")


def run(arguments: argparse.Namespace) -> int:
    """Do it and say what was done."""
    import os

    from desireline import settings, wiring

    given = {"data": arguments.data, "config": arguments.config}
    loaded = settings.load(os.environ, given)
    place = _directory(loaded.data, may_make=arguments.action == "create" and arguments.data)
    with wiring.open_keys(loaded) as keys:
        if arguments.action == "create":
            secret = keys.create(arguments.namespace, arguments.scope, arguments.name)
            print(secret)
            sys.stderr.write(
                f"keep it: it is shown only now; send `{_header(arguments.scope)}`\n"
                f"it opens namespace `{arguments.namespace}` of {place}\n"
            )
        elif arguments.action == "revoke":
            print(f"revoked {keys.revoke(arguments.key)}")
        else:
            for key in keys.list():
                state = f"revoked {key.revoked_at}" if key.revoked_at else "live"
                print(f"{key.key_id}  {key.prefix}…  {key.scope:<6}  {key.namespace}  {state}")
    return 0


def _directory(data: str, *, may_make: object) -> Path:
    """The data directory; only one that is named on the command line is made."""
    from pathlib import Path

    from desireline.errors import StartupError

    place = Path(data).resolve()
    if not place.is_dir() and not may_make:
        raise StartupError(
            f"there is no data directory {place}",
            hint="name the server's with --data DIR (`keys create --data` also makes a new one)",
        )
    return place


def _header(scope: str) -> str:
    return "X-Public-API-Key: …" if scope == "public" else "Authorization: Bearer …"
