from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from labelmetrics import places


def test_home_is_the_given_folder_or_the_named_one_or_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABELMETRICS_HOME", "~/named")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert places.home(tmp_path / "given") == tmp_path / "given"
    assert places.home() == tmp_path / "named"
    monkeypatch.delenv("LABELMETRICS_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert places.home().name == "labelmetrics"


def test_a_server_is_found_while_it_runs(tmp_path: Path) -> None:
    assert places.running_server(tmp_path) is None
    places.note_server(tmp_path, "http://127.0.0.1:1")
    assert places.running_server(tmp_path) == ("http://127.0.0.1:1", os.getpid())
    places.forget_server(tmp_path)
    assert places.running_server(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_gone_is_not_found_and_not_forgotten_by_others(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    file = tmp_path / "server.json"
    file.write_text(json.dumps({"url": "http://127.0.0.1:1", "pid": gone.pid}))
    assert places.running_server(tmp_path) is None
    places.forget_server(tmp_path)
    assert file.exists()
    for text in ("", "[]", '{"url": "x"}', '{"url": "x", "pid": "y"}'):
        file.write_text(text)
        assert places.running_server(tmp_path) is None


def test_a_key_is_read_where_there_is_one(tmp_path: Path) -> None:
    assert places.read_key(tmp_path) is None
    places.key_file(tmp_path).write_text("\n")
    assert places.read_key(tmp_path) is None
    places.key_file(tmp_path).write_text("lm-key\n")
    assert places.read_key(tmp_path) == "lm-key"
    assert places.read_key(places.key_file(tmp_path)) is None
