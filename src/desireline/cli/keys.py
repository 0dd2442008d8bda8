"""`desireline keys`: create, list and revoke API keys of a data directory that no server holds."""

from __future__ import annotations

import argparse
import sys

HELP = "create, list and revoke API keys"
SCOPES = ("admin", "write", "read", "ingest")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`desireline keys create|list|revoke …`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="create|list|revoke")
    create = actions.add_parser("create", help="make a key; its secret is shown once")
    create.add_argument("--namespace", default="default", help="namespace it works in")
    create.add_argument("--scope", choices=SCOPES, default="admin", help="what it may do")
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
    with wiring.open_keys(settings.load(os.environ, given)) as keys:
        if arguments.action == "create":
            secret = keys.create(arguments.namespace, arguments.scope, arguments.name)
            print(secret)
            sys.stderr.write("keep it: it is shown only now; send `Authorization: Bearer …`\n")
        elif arguments.action == "revoke":
            print(f"revoked {keys.revoke(arguments.key)}")
        else:
            for key in keys.list():
                state = f"revoked {key.revoked_at}" if key.revoked_at else "live"
                print(f"{key.key_id}  {key.prefix}…  {key.scope:<6}  {key.namespace}  {state}")
    return 0
