"""Parts that are read ahead say what they say when they are read as they are asked for."""

from __future__ import annotations

import dataclasses
import multiprocessing as mp
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from stores import Run, new_run

from labelmetrics.server.ahead import Ahead, read_ahead
from labelmetrics.store import Store, importing
from labelmetrics.store.imports import Import


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with Store.open(tmp_path / "home") as store:
        yield new_run(store)


@pytest.fixture
def reader() -> Iterator[Connection]:
    """A reader in a thread: what it does is what it does in a process."""
    ours, theirs = mp.Pipe()
    thread = threading.Thread(target=_reading, args=(theirs,))
    thread.start()
    yield ours
    ours.close()
    thread.join()


def _reading(asked: Connection) -> None:
    with asked, pytest.MonkeyPatch.context() as patch:
        patch.setattr("signal.signal", lambda *_: None)  # only the main thread may
        read_ahead(asked)


def sent(run: Run, name: str, n: int) -> Import:
    line = {"dataRow": {"id": "a"}, "metricName": name, "metricValue": 1, "aggregation": "SUM"}
    return run.send([line] * n, name)


def parts(ahead: Ahead, import_: Import) -> list[tuple[int, int, bool]]:
    found = []
    while not found or not found[-1][2]:
        understood = ahead.understood(import_)
        found.append((len(understood), understood.end, understood.is_last))
        import_ = understood.after(import_)
    return found


def test_it_gives_what_is_asked_for_whatever_was_asked_before(run: Run, reader: Connection) -> None:
    one, other = sent(run, "one", importing.LINES * 2 + 7), sent(run, "other", importing.LINES + 3)
    here, ahead = Ahead(run.store.files), Ahead(run.store.files, reader)
    assert len(ahead.understood(one)) == importing.LINES
    assert parts(ahead, other) == parts(here, other)
    assert parts(ahead, one) == parts(here, one)
    assert [n for n, *_ in parts(ahead, one)] == [importing.LINES, importing.LINES, 7]


@pytest.mark.parametrize("is_ahead", [True, False])
def test_a_file_that_is_gone_is_told(run: Run, reader: Connection, is_ahead: bool) -> None:
    ahead = Ahead(run.store.files, reader if is_ahead else None)
    lost = dataclasses.replace(sent(run, "one", 1), file="nowhere")
    with pytest.raises(FileNotFoundError):
        ahead.understood(lost)
    assert len(ahead.understood(sent(run, "other", 1))) == 1


@pytest.mark.parametrize("is_ahead", [True, False])
def test_errors_say_where_they_were_made(
    run: Run, reader: Connection, is_ahead: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr("labelmetrics.server.ahead.understand", broken)
    with pytest.raises(RuntimeError, match=r"in broken\n.*\n.*ZeroDivisionError: a fault of ours"):
        Ahead(run.store.files, reader if is_ahead else None).understood(sent(run, "one", 1))


def test_without_its_reader_it_reads_by_itself(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    ours, theirs = mp.Pipe()
    theirs.close()
    ahead = Ahead(run.store.files, ours)
    assert [n for n, *_ in parts(ahead, sent(run, "one", importing.LINES + 1))] == [importing.LINES, 1]
    assert "is gone" in caplog.text
