"""``serve`` and ``key``: what they print, and how they end."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import run
from servers import serving

from labelmetrics.places import read_key, running_server


def test_the_environment_of_the_platforms_client(tmp_path: Path) -> None:
    result = run("serve", "--print-env", "--home", tmp_path)
    assert result.exit_code == 0
    first, second, comment = result.stdout.splitlines()
    assert first == f"export LABELBOX_API_KEY={read_key(tmp_path)}"
    assert second == "export LABELBOX_ENDPOINT=http://127.0.0.1:8765/graphql"
    assert comment.startswith("#")
    with serving(tmp_path) as server:
        assert f"LABELBOX_ENDPOINT={server.endpoint}\n" in run("serve", "--print-env", "--home", tmp_path).stdout
    assert "--allow-host" in run("serve", "--print-env", "--home", tmp_path, "--allow-host", "x").stderr


def test_keys(tmp_path: Path) -> None:
    first = run("key", "show", "--home", tmp_path).stdout
    assert run("key", "show", "--home", tmp_path).stdout == first
    second = run("key", "rotate", "--home", tmp_path)
    assert second.stdout not in ("", first)
    assert "refused" in second.stderr
    assert run("key", "show", "--home", tmp_path).stdout == second.stdout
    assert run("key", "turn", "--home", tmp_path).exit_code == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_how_it_ends(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path) as server:
        server.process.send_signal(number)
        assert server.process.wait(timeout=30) == 0
        assert running_server(tmp_path) is None
        assert server.said[0] == f"serving {tmp_path} at {server.url}; interrupt to stop\n"
        assert "stopped\n" in server.said
        assert not [line for line in server.said if "Error" in line or "Traceback" in line]


def test_after_a_kill_it_starts_again(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.process.kill()
        server.process.wait()
    with serving(tmp_path) as again:
        assert again.key == server.key
        assert again.request("GET", "/api/models").status_code == 200


def test_without_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "sqlalchemy.py").write_text("raise ModuleNotFoundError('no', name='sqlalchemy')")
    command = [sys.executable, "-m", "labelmetrics", "serve", "--home", str(tmp_path / "home")]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(tmp_path)}, check=False)
    assert done.returncode == 2
    assert done.stderr == "Error: sqlalchemy is not installed: pip install 'labelmetrics[server]'\n"


def test_other_addresses_are_warned_of(tmp_path: Path) -> None:
    with serving(tmp_path, "--host", "0.0.0.0") as server:
        assert "nothing that is sent is encrypted" in server.said[0]
        assert server.url.startswith("http://127.0.0.1:")
        assert server.request("GET", "/healthz").status_code == 200
