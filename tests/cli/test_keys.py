"""`desireline keys` and what `desireline serve` refuses before anything listens."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from desireline.cli import main
from tests.e2e.live import free_port, serving


def keys(capsys, folder, action, *arguments):
    """(exit code, printed, errors) of a key command on the data directory below `folder`."""
    code = main(["keys", action, *arguments, "--data", str(folder / "data")])
    said = capsys.readouterr()
    return code, said.out.strip(), said.err


def serve(folder, *arguments):
    """`desireline serve` where it should refuse: (exit code, errors)."""
    done = subprocess.run(
        [sys.executable, "-m", "desireline.cli", "serve", "--data", str(folder / "data"),
         *arguments],
        capture_output=True, text=True, timeout=40,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: "), done.stderr
    assert "\nhint: " in done.stderr
    return done.returncode, done.stderr


def test_a_key_opens_what_is_closed_without_it(tmp_path, capsys):
    code, secret, hint = keys(capsys, tmp_path, "create", "--name", "shop", "--scope", "read")
    assert code == 0
    assert secret.startswith("sk_")
    assert "only now" in hint
    with serving(tmp_path) as server:
        path = "/v1/collections"
        refusal = server.refused("GET", path)
        assert refusal["status"] == 401
        assert "make one with `desireline keys create --data DIR`" in refusal["hint"]
        for body in ({"nonsense": 1}, b"{not json", b"[]"):
            assert server.refused("POST", path, body)["status"] == 401
            assert server.refused("POST", "/v1/retrievers/execute", body)["status"] == 401
        assert server.call("GET", "/readyz").status == 200
        assert server.call("GET", "/openapi.json").status == 200
        assert server.refused("GET", path, authorization="Bearer sk_wrong")["status"] == 401
        assert server.call("GET", path, authorization=f"Bearer {secret}").status == 200
        made = {"collection_name": "c", "features": []}
        refusal = server.refused("POST", path, made, authorization=f"Bearer {secret}")
        assert (refusal["status"], refusal["code"]) == (403, "scope")


def test_keys_made_and_revoked_beside_a_running_server_count_within_seconds(tmp_path, capsys):
    with serving(tmp_path) as server:
        assert server.call("GET", "/v1/collections").status == 200  # open until there is a key
        _, secret, _ = keys(capsys, tmp_path, "create")
        assert status_becomes(server, 401, "") == 401
        assert status_becomes(server, 200, secret) == 200
        _, listed, _ = keys(capsys, tmp_path, "list")
        key_id, prefix, scope, namespace, state = listed.split()
        assert secret not in listed
        assert secret.startswith(prefix.rstrip("…"))
        assert (scope, namespace, state) == ("admin", "default", "live")
        _, other, _ = keys(capsys, tmp_path, "create")
        assert keys(capsys, tmp_path, "revoke", key_id)[1] == f"revoked {key_id}"
        assert status_becomes(server, 401, secret) == 401
        assert status_becomes(server, 200, other) == 200
        assert "revoked" in keys(capsys, tmp_path, "list")[1]


def test_the_last_key_revoked_leaves_a_server_closed(tmp_path, capsys):
    _, secret, _ = keys(capsys, tmp_path, "create")
    with serving(tmp_path) as server:
        assert status_becomes(server, 200, secret) == 200
        keys(capsys, tmp_path, "revoke", secret[:9])
        assert status_becomes(server, 401, secret, seconds=4) == 401
        assert server.call("GET", "/v1/collections").status == 401


def test_a_key_of_a_namespace_that_is_not_there_is_refused(tmp_path, capsys):
    assert keys(capsys, tmp_path, "create")[0] == 0
    code, said, errors = keys(capsys, tmp_path, "create", "--namespace", "defualt")
    assert (code, said) == (2, "")
    assert errors.startswith("error: there is no namespace `defualt`\nhint: did you mean `default`")
    assert len(keys(capsys, tmp_path, "list")[1].splitlines()) == 1


def test_keys_are_of_a_data_directory_that_is_there_or_named(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for action in (["create"], ["list"], ["list", "--data", "nowhere"]):
        assert main(["keys", *action]) == 2
        errors = capsys.readouterr().err
        assert errors.startswith("error: there is no data directory /")
        assert "--data" in errors
    assert list(tmp_path.iterdir()) == []
    assert main(["keys", "create", "--data", "named"]) == 0
    assert f"of {tmp_path / 'named'}\n" in capsys.readouterr().err


def test_an_unknown_key_cannot_be_revoked(tmp_path, capsys):
    keys(capsys, tmp_path, "create")
    code, _, errors = keys(capsys, tmp_path, "revoke", "sk_nobody")
    assert code == 2
    assert errors == "error: there is no key `sk_nobody`\nhint: see `desireline keys list`\n"


def test_without_keys_only_loopback_is_served(tmp_path):
    code, errors = serve(tmp_path, "--host", "0.0.0.0", "--port", str(free_port()))
    assert code == 2
    assert "refusing to listen on 0.0.0.0 without any API key" in errors
    assert "desireline keys create" in errors


def test_a_directory_and_a_port_have_one_owner(live):
    command = [sys.executable, "-m", "desireline.cli", "serve"]
    port = live.url.rpartition(":")[2]
    for arguments, words in (
        (["--data", str(live.data), "--port", str(free_port())], "is in use by the process"),
        (["--data", str(live.data), "--port", port], f"can't listen on 127.0.0.1 port {port}"),
    ):
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=40)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert words in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["serve", "keys"])
def test_a_directory_of_a_newer_version_is_left_alone(tmp_path, capsys, command):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "version").write_text("99\n")
    if command == "serve":
        code, errors = serve(tmp_path, "--port", str(free_port()))
    else:
        code, _, errors = keys(capsys, tmp_path, "list")
    assert code == 2
    assert "newer" in errors
    assert not (tmp_path / "data" / "catalog.sqlite").exists()


def status_becomes(server, wanted, secret, seconds=10):
    """The status of a read with this key, as soon as it is the wanted one (or time is up)."""
    headers = {"authorization": f"Bearer {secret}"} if secret else {}
    until = time.monotonic() + seconds
    while (status := server.call("GET", "/v1/collections", **headers).status) != wanted:
        if time.monotonic() > until:
            break
        time.sleep(0.1)
    return status


def test_a_public_key_says_where_it_is_sent_and_has_no_other_scope(tmp_path, capsys):
    code, secret, hint = keys(capsys, tmp_path, "create", "--public", "--name", "shop page")
    assert code == 0
    assert secret.startswith("prk_")
    assert "X-Public-API-Key" in hint
    _, listed, _ = keys(capsys, tmp_path, "list")
    assert " public " in listed
    with pytest.raises(SystemExit):
        keys(capsys, tmp_path, "create", "--public", "--scope", "read")
