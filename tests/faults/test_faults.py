"""Connections that break, servers and clients that are killed: in the end every line is there, once."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from kills import Mother, Servers, mother
from proxy import FAULTS, between
from servers import Server, serving

import labelmetrics as lm
from labelmetrics.runs.transport import Retries
from labelmetrics.store import Store, annotations, imports, metrics, models
from labelmetrics.store.importing import input_lines

PER_ROW = 15
NDJSON = {"Content-Type": "application/x-ndjson"}


def lines(n: int, seed: int = 0) -> list[dict[str, Any]]:
    """Metric lines, no two of one metric key."""
    values = random.Random(seed)
    return [
        {
            "dataRow": {"globalKey": f"row {number // PER_ROW}"},
            "metricName": "fit",
            "featureName": f"é {number % PER_ROW}",
            "metricValue": values.randrange(1000) / 8,
            "aggregation": "SUM",
        }
        for number in range(n)
    ]


def boxes(n: int) -> list[dict[str, Any]]:
    box = {"top": 1, "left": 2, "height": 3, "width": 4}
    return [
        {"uuid": f"box-{number}", "dataRow": {"globalKey": f"row {number % 7}"}, "name": "cat", "bbox": box}
        for number in range(n)
    ]


def text_of(given: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in given)


def key_of(line: dict[str, Any]) -> tuple[str, ...]:
    return line["dataRow"]["globalKey"], line["metricName"], line["featureName"]


def client_of(url: str, key: str, folder: Path, attempts: int = 40) -> lm.Client:
    retries = Retries(attempts=attempts, first=0.01, longest=0.1)
    return lm.Client(key, f"{url}/graphql", retries=retries, folder=folder)


def check(home: Path, run_id: str, sent: list[dict[str, Any]], kind: str = "predictions") -> list[imports.Import]:
    """All lines are stored, each once, and each import tells of its own lines in their order."""
    with Store.open(home) as store:
        with store.read() as connection:
            found = [one for one in imports.imports(connection, run_id, first=10_000) if one.kind == kind]
            number = models.run_number(connection, run_id)
            if kind == "predictions":
                assert metrics.count_metrics(connection, number) == len(sent)
            else:
                held = b"".join(annotations.annotation_lines(connection, number, "ground_truth"))
                assert sorted(json.loads(line)["uuid"] for line in held.splitlines()) == sorted(
                    line["uuid"] for line in sent
                )
        assert {one.state for one in found} == {"FINISHED"}
        assert sum(one.lines for one in found) == len(sent)
        for one in found:
            with store.read() as connection:
                statuses = [json.loads(line) for line in b"".join(imports.statuses(connection, one)).splitlines()]
            given = [json.loads(line) for line in b"".join(input_lines(store, one)).splitlines()]
            assert one.lines == len(statuses) == len(given)
            assert [status["uuid"] for status in statuses] == [line["uuid"] for line in given]
            assert {status["status"] for status in statuses} == {"SUCCESS"}
            assert one.bytes_done == one.size
    return found


def check_metrics(url: str, key: str, run_id: str, sent: list[dict[str, Any]]) -> None:
    """The server gives back just the metrics that were sent."""
    answer = requests.get(f"{url}/api/runs/{run_id}/metrics", headers={"Authorization": f"Bearer {key}"}, timeout=60)
    held = [json.loads(line) for line in answer.text.splitlines()]
    assert len(held) == len(sent)
    values = {key_of(line): line["metricValue"] for line in held}
    assert values == {key_of(line): line["metricValue"] for line in sent}


# ---- a bad network


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("faults") / "home") as running:
        yield running


@pytest.mark.parametrize("seed", range(3))
def test_a_bad_network(server: Server, tmp_path: Path, seed: int) -> None:
    sent, truth = lines(600, seed), boxes(60)
    with between(server.port, seed) as proxy:
        client = client_of(proxy.url, server.key, tmp_path)
        run = client.model_run(f"model {seed}", "run")
        job = run.add_predictions("fit", sent, part_lines=40, threads=4)
        job.wait_until_done(progress=False)
        result = job.result()
        assert (result.sent, result.succeeded, result.failed) == (600, 600, 0)
        assert [key_of(line) for line in job.inputs] == [key_of(line) for line in sent]
        assert [status["uuid"] for status in job.statuses] == [line["uuid"] for line in job.inputs]
        truths = run.add_ground_truths("truth", truth, part_lines=20)
        truths.wait_until_done(progress=False)
        assert run.plan(sent).unchanged == 600
        assert {fault for fault in FAULTS if proxy.faults[fault]} == set(FAULTS)
    assert len(check(server.home, run.id, sent)) == 15
    assert len(check(server.home, run.id, truth, "ground_truths")) == 3
    check_metrics(server.url, server.key, run.id, sent)
    with Store.open(server.home) as store, store.read() as connection:
        (model,) = models.models(connection, name=f"model {seed}")
        assert len(models.runs(connection, model_id=model.id)) == 1
    assert not list(tmp_path.rglob("*.upload-journal.json"))


def test_a_server_that_only_fails(server: Server, tmp_path: Path) -> None:
    with between(server.port, 1, share=1.0) as proxy:
        proxy._in_a_row = -(10**6)
        client = client_of(proxy.url, server.key, tmp_path, attempts=3)
        with pytest.raises((lm.ApiConnectionError, lm.ApiServerError, lm.ApiRateLimitError)):
            for _ in range(20):
                client.get_model("x")
        assert server.key not in repr(client)


# ---- servers that are killed


@pytest.fixture(scope="module", name="mother")
def the_mother() -> Iterator[Mother]:
    with mother() as made:
        yield made


@pytest.fixture
def killed(mother: Mother, tmp_path: Path) -> Iterator[Servers]:
    made = Servers(mother, tmp_path / "home")
    made.start()
    yield made
    with suppress(ProcessLookupError):
        os.kill(made.pid, signal.SIGKILL)


def until(done: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = done()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("it took too long")


def lines_done(store: Store) -> int:
    with store.read() as connection:
        runs = models.runs(connection, first=100)
        return sum(one.lines for run in runs for one in imports.imports(connection, run.id, first=1000))


@pytest.mark.slow
def test_a_server_that_is_killed_twenty_times(killed: Servers, tmp_path: Path) -> None:
    chance, sent = random.Random(20), lines(24_000)
    client = client_of(killed.url, killed.key, tmp_path, attempts=1000)
    run = client.model_run("model", "run")
    with ThreadPoolExecutor(1) as pool, Store.open(killed.home) as store:
        upload = pool.submit(lambda: run.add_predictions("fit", sent, part_lines=2000, threads=2).result())
        during = 0
        for kill in range(20):
            before = lines_done(store)
            until(lambda before=before: lines_done(store) > before or upload.done())
            time.sleep(chance.uniform(0, 0.1))
            during += lines_done(store) < len(sent)
            killed.kill(with_worker=kill % 2 == 0)
            killed.start()
        result = upload.result(timeout=120)
    assert during == 20
    assert (result.sent, result.succeeded, result.failed) == (24_000, 24_000, 0)
    assert len(check(killed.home, run.id, sent)) == 12
    check_metrics(killed.url, killed.key, run.id, sent)
    assert "Traceback" not in killed.log


@pytest.mark.parametrize("moment", ["received", "kept", "noted"])
def test_a_server_that_is_killed_before_it_answers(killed: Servers, tmp_path: Path, moment: str) -> None:
    sent = lines(500)
    run = client_of(killed.url, killed.key, tmp_path).model_run("model", "run")
    path = tmp_path / "lines.ndjson"
    path.write_bytes(text_of(sent))
    killed.kill()
    killed.start(moment)
    hasty = client_of(killed.url, killed.key, tmp_path, attempts=2).get_model_run(run.id)
    with pytest.raises(lm.ApiConnectionError):
        hasty.add_predictions("fit", path)
    killed.wait()
    killed.start()
    again = client_of(killed.url, killed.key, tmp_path).get_model_run(run.id)
    result = again.add_predictions("fit", path).result()
    assert result.succeeded == 500
    (one,) = check(killed.home, run.id, sent)
    check_metrics(killed.url, killed.key, run.id, sent)
    assert not list((killed.home / "files" / "incoming").iterdir())
    if moment != "kept":
        return
    # What nothing names goes when it is old.
    for file in (killed.home / "files").glob("*.ndjson"):
        os.utime(file, (0, 0))
    killed.kill()
    killed.start()
    until(lambda: {path.name for path in (killed.home / "files").iterdir()} == {one.file, "incoming"})


def test_a_server_that_is_stopped_goes_on_at_the_next_start(killed: Servers, tmp_path: Path) -> None:
    sent = lines(45_000)  # more than an upload waits for
    run = client_of(killed.url, killed.key, tmp_path).model_run("model", "run")
    job = run.add_predictions("fit", sent)
    with Store.open(killed.home) as store:
        until(lambda: lines_done(store))
        assert killed.stop() == 0
        assert 0 < lines_done(store) < len(sent)
        assert not lm.places.running_server(killed.home)
    killed.start()
    job.wait_until_done(progress=False, timeout=60)
    assert job.result().succeeded == len(sent)
    check(killed.home, run.id, sent)
    assert "Traceback" not in killed.log


# ---- clients that are killed


def parts_noted(path: Path) -> int:
    for journal in path.parent.glob(f"{path.name}.*.upload-journal.json"):
        return len(json.loads(journal.read_bytes())["parts"])
    return 0


@pytest.mark.slow
def test_an_uploader_that_is_killed_twenty_times(server: Server, mother: Mother, tmp_path: Path) -> None:
    chance, sent = random.Random(21), lines(10_000)
    run = client_of(server.url, server.key, tmp_path).model_run("model", "killed uploads")
    path = tmp_path / "lines.ndjson"
    path.write_bytes(text_of(sent))

    def is_there(wanted: int, pid: int) -> bool:
        return parts_noted(path) >= wanted or not Path(f"/proc/{pid}/exe").exists()

    for kill in range(20):
        wanted = parts_noted(path) + chance.randrange(5)
        pid = mother.upload(server.url, server.key, run.id, path)
        until(lambda wanted=wanted, pid=pid: is_there(wanted, pid))
        time.sleep(chance.uniform(0, 0.02 if kill else 0))
        os.kill(pid, signal.SIGKILL)
        assert mother.wait(pid) == -signal.SIGKILL
    assert 0 < parts_noted(path) < 200
    assert mother.wait(mother.upload(server.url, server.key, run.id, path)) == 0
    assert Path(f"{path}.result").read_text() == "10000"
    assert len(check(server.home, run.id, sent)) == 200
    check_metrics(server.url, server.key, run.id, sent)
    assert not list(tmp_path.glob("*.upload-journal.json"))


def test_two_uploaders_of_the_same_file_at_once(server: Server, mother: Mother, tmp_path: Path) -> None:
    sent = lines(2000)
    run = client_of(server.url, server.key, tmp_path).model_run("model", "two uploads")
    path = tmp_path / "lines.ndjson"
    path.write_bytes(text_of(sent))
    for pid in [mother.upload(server.url, server.key, run.id, path) for _ in range(2)]:
        assert mother.wait(pid) == 0
    check_metrics(server.url, server.key, run.id, sent)
    with Store.open(server.home) as store, store.read() as connection:
        found = imports.imports(connection, run.id, first=1000)
    assert {one.state for one in found} == {"FINISHED"}
    assert sum(one.failures for one in found) == 0
    assert not list(tmp_path.glob("*.upload-journal.json"))


# ---- at once


def post(server: Server, path: str, content: bytes, **parameters: str) -> requests.Response:
    return server.request("POST", path, params=parameters, data=content, headers=NDJSON)


def test_two_imports_of_one_name_at_once(server: Server, tmp_path: Path) -> None:
    run = client_of(server.url, server.key, tmp_path).model_run("model", "names")
    contents = [text_of(lines(200, seed)) for seed in range(4)] * 4
    post(server, f"/api/runs/{run.id}/data-rows", text_of([{"globalKey": f"row {n}"} for n in range(20)]))
    barrier = threading.Barrier(len(contents))

    def send(content: bytes) -> requests.Response:
        barrier.wait()
        return post(server, f"/api/runs/{run.id}/predictions", content, name="same")

    with ThreadPoolExecutor(len(contents)) as pool:
        answers = list(pool.map(send, contents))
    taken = [content for content, answer in zip(contents, answers, strict=True) if answer.status_code == 200]
    assert len(taken) == 4
    assert len(set(taken)) == 1
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 200}) == 1
    for answer in answers:
        if answer.status_code != 200:
            assert answer.status_code == 409
            assert "'same-2' is free" in answer.json()["message"]
    check_metrics(server.url, server.key, run.id, [json.loads(line) for line in taken[0].splitlines()])


def test_a_run_that_is_deleted_while_it_is_imported(killed: Servers, tmp_path: Path) -> None:
    client = client_of(killed.url, killed.key, tmp_path)
    doomed, other = client.model_run("model", "doomed"), client.model_run("model", "other")
    doomed.add_predictions("fit", lines(30_000))
    later = other.add_predictions("fit", lines(500))
    with Store.open(killed.home) as store:
        until(lambda: lines_done(store))
        doomed.delete()
        assert later.result().succeeded == 500
        with store.read() as connection:
            assert models.run(connection, doomed.id) is None
            for table in ("metric_key", "metric", "run_row", "import", "import_part"):
                rows = connection.exec_driver_sql(f'SELECT count(*) FROM "{table}"').scalar_one()
                assert rows == {"metric_key": 15, "metric": 500, "run_row": 34, "import": 1, "import_part": 5}[table]
    check(killed.home, other.id, lines(500))
    assert "Traceback" not in killed.log


def test_rows_that_come_and_go_while_they_are_imported(killed: Servers, tmp_path: Path) -> None:
    sent = lines(12_000)
    client = client_of(killed.url, killed.key, tmp_path)
    run = client.model_run("model", "rows")
    headers = {"Authorization": f"Bearer {killed.key}", **NDJSON}
    rows = [{"globalKey": f"row {n}"} for n in range(800)]
    url = f"{killed.url}/api/runs/{run.id}"
    requests.post(f"{url}/data-rows", data=text_of(rows[:400]), headers=headers, timeout=60).raise_for_status()
    made = requests.post(
        f"{url}/predictions", params={"name": "fit"}, data=text_of(sent), headers=headers, timeout=60
    ).json()
    with Store.open(killed.home) as store:
        until(lambda: lines_done(store))
        ids = [row.data_row_id for row in run.data_rows()]
        query = "mutation($ids: [ID!]!) { deleteDataRows(where: {dataRowIds: $ids}) { id } }"
        gone = requests.post(
            f"{killed.url}/graphql",
            json={"query": query, "variables": {"ids": ids[:100]}},
            headers={"Authorization": f"Bearer {killed.key}"},
            timeout=60,
        )
        assert gone.json()["data"]["deleteDataRows"]
        requests.post(f"{url}/data-rows", data=text_of(rows[400:]), headers=headers, timeout=60).raise_for_status()

        def done() -> imports.Import | None:
            with store.read() as connection:
                found = imports.by_id(connection, made["id"])
            return found if found is not None and found.state == "FINISHED" else None

        found = until(done)
        with store.read() as connection:
            statuses = [json.loads(line) for line in b"".join(imports.statuses(connection, found)).splitlines()]
            held = metrics.count_metrics(connection, models.run_number(connection, run.id))
    assert len(statuses) == len(sent)
    assert [status["dataRow"]["globalKey"] for status in statuses] == [line["dataRow"]["globalKey"] for line in sent]
    taken = [status["dataRow"] for status in statuses if status["status"] == "SUCCESS"]
    assert held == sum(row["id"] not in ids[:100] for row in taken)
    assert {error["name"] for status in statuses for error in status["errors"]} <= {"unknown-data-row"}
    assert "Traceback" not in killed.log
