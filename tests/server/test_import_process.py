from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stores import Run, new_run

from labelmetrics.server.importing import Importer, work
from labelmetrics.store import Store, evaluations, importing, imports, metrics


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with Store.open(tmp_path / "home") as store:
        yield new_run(store)


@pytest.fixture
def importer(run: Run) -> Iterator[Importer]:
    made = Importer(run.store.folder)
    made.start()
    yield made
    made.stop()


def lines(n: int, rows: int = 100) -> list[dict[str, Any]]:
    return [
        {
            "dataRow": {"globalKey": f"row {number % rows}"},
            "metricName": "m",
            "featureName": f"feature {number // rows}",
            "metricValue": number,
            "aggregation": "SUM",
        }
        for number in range(n)
    ]


def until(done: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = done()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it took too long")


def finished(run: Run, sent: imports.Import) -> imports.Import | None:
    with run.store.read() as connection:
        found = run.again(sent, connection)
    return found if found.state != "RUNNING" else None


def test_imports_are_worked_through_when_it_is_woken(run: Run, importer: Importer) -> None:
    run.register(*(f"row {n}" for n in range(100)))
    sent = [run.send(lines(1000 * n), f"import {n}") for n in range(1, 4)]
    importer.wake()
    for one in sent:
        assert until(lambda one=one: finished(run, one)).failures == 0
    with run.store.read() as connection:
        assert metrics.count_metrics(connection, run.number) == 3000


def test_a_run_with_both_sides_is_evaluated_when_its_imports_are_done(run: Run) -> None:
    run.register("a")
    box = {"dataRow": {"globalKey": "a"}, "name": "cat", "bbox": {"top": 0, "left": 0, "height": 1, "width": 1}}
    run.send([box], "truth", "ground_truths")
    run.send([box], "guess")
    work(run.store.folder)
    with run.store.read() as connection:
        made = evaluations.evaluation_of(run.store, connection, run.id)
    assert made is not None
    assert made.state == "READY"


def test_killed_it_is_started_again_and_goes_on(run: Run, importer: Importer) -> None:
    run.register(*(f"row {n}" for n in range(100)))
    sent = run.send(lines(40_000))
    importer.wake()
    kills = 0
    while finished(run, sent) is None:
        process = importer._process
        assert process is not None
        if kills < 5 and process.pid is not None and process.is_alive():
            time.sleep(0.3)
            with contextlib.suppress(ProcessLookupError):  # it may end by itself meanwhile
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
        time.sleep(0.05)
    done = finished(run, sent)
    assert done is not None
    assert kills
    assert (done.lines, done.failures, done.state) == (40_000, 0, "FINISHED")
    with run.store.read() as connection:
        assert metrics.count_metrics(connection, run.number) == 40_000
        assert b"".join(imports.statuses(connection, done)).count(b"SUCCESS") == 40_000


def test_a_lost_file_fails_its_import(run: Run) -> None:
    sent = run.send(lines(1))
    (run.store.files / sent.file).unlink()
    work(run.store.folder)
    done = finished(run, sent)
    assert done is not None
    assert (done.state, done.error) == ("FAILED", "its file cannot be read: No such file or directory")


def test_stopping_leaves_the_rest_for_the_next_start(run: Run) -> None:
    run.register(*(f"row {n}" for n in range(100)))
    sent = run.send(lines(60_000))
    importer = Importer(run.store.folder)
    importer.start()

    def begun() -> bool:
        with run.store.read() as connection:
            return run.again(sent, connection).lines > 0

    until(begun)
    importer.stop()
    with run.store.read() as connection:
        assert run.again(sent, connection).lines % importing.LINES == 0
    work(run.store.folder)
    done = finished(run, sent)
    assert done is not None
    assert (done.lines, done.failures) == (60_000, 0)


def test_two_processes_at_once(run: Run) -> None:
    """As when a server is killed and started again while its import process ends with a part."""
    run.register(*(f"row {n}" for n in range(100)))
    sent = run.send(lines(40_000))
    threads = [threading.Thread(target=work, args=(run.store.folder,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = finished(run, sent)
    assert found is not None
    assert (found.state, found.lines, found.failures) == ("FINISHED", 40_000, 0)
