"""The JSON API: what its document says is true, and what it answers."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from servers import Server

import labelmetrics as lm
from labelmetrics.server.api.table import OPERATIONS, Operation

LINES = {"Content-Type": "application/x-ndjson"}


def ndjson(*lines: Any) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def metric(row: str, value: Any = 1, **more: Any) -> dict[str, Any]:
    line = {"dataRow": {"globalKey": row}, "metricName": "m", "metricValue": value, "aggregation": "SUM"}
    return line | more


def answer_of(answer: requests.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    found = answer.json()
    if status >= 400:
        assert found["message"]
        assert found["code"]
    return found


def make_run(server: Server, name: str, rows: int = 3) -> str:
    found = answer_of(server.request("POST", "/api/runs", json={"model": "detector", "run": name}))
    table = ndjson(*({"globalKey": f"g{n}", "split": "TEST" if n else "TRAINING"} for n in range(rows)))
    answer_of(server.request("POST", f"/api/runs/{found['run']['id']}/data-rows", data=table, headers=LINES))
    return str(found["run"]["id"])


def upload(server: Server, run_id: str, name: str, *lines: Any, kind: str = "predictions") -> requests.Response:
    path = f"/api/runs/{run_id}/{kind}"
    return server.request("POST", path, params={"name": name}, data=ndjson(*lines), headers=LINES)


# ---- the document


@pytest.fixture(scope="module")
def api(server: Server) -> Any:
    schema = schemathesis.openapi.from_url(f"{server.url}/api/openapi.json", headers=bearer(server))
    run_id = make_run(server, "for the document")
    upload(server, run_id, "metrics", metric("g0"))
    return schema


def bearer(server: Server) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.key}"}


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_the_document_is_true(api: Any, server: Server, operation: Operation, mode: GenerationMode) -> None:
    described = api[operation.path][operation.method]
    # What lines have to hold cannot be said there; some operations take whatever they are given.
    checks = schemathesis.checks
    excluded = [checks.positive_data_acceptance, checks.negative_data_rejection] if operation.takes == "lines" else []

    @given(described.as_strategy(generation_mode=mode))
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    def check(case: Any) -> None:
        case.call_and_validate(headers=bearer(server), excluded_checks=excluded)

    if mode == GenerationMode.POSITIVE or described.query or described.body:
        check()


def test_the_document_names_everything(server: Server) -> None:
    document = server.request("GET", "/api/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (path, method)
            assert {"200", "400", "401"} <= set(operation["responses"])


# ---- what it answers


def test_runs(server: Server) -> None:
    body = {"model": "é <b>", "run": "r1", "ontologyId": "o"}
    made = answer_of(server.request("POST", "/api/runs", json=body))
    assert made["created"]
    assert (made["model"]["name"], made["model"]["ontologyId"], made["run"]["name"]) == ("é <b>", "o", "r1")
    again = answer_of(server.request("POST", "/api/runs", json=body))
    assert not again["created"]
    assert again["run"] == made["run"]
    model, run = made["model"], made["run"]
    assert answer_of(server.request("GET", "/api/models", params={"name": "é <b>"}))["models"] == [model]
    assert answer_of(server.request("GET", f"/api/models/{model['id']}")) == model
    assert answer_of(server.request("GET", f"/api/models/{model['id']}/runs"))["runs"] == [run]
    assert run in answer_of(server.request("GET", "/api/runs", params={"name": "r1"}))["runs"]
    details = answer_of(server.request("GET", f"/api/runs/{run['id']}"))
    assert details == run | {
        "dataRows": 0,
        "metrics": 0,
        "groundTruths": 0,
        "predictions": 0,
        "imports": 0,
        "evaluation": None,
    }
    answer_of(server.request("DELETE", f"/api/runs/{run['id']}"))
    answer_of(server.request("GET", f"/api/runs/{run['id']}"), 404)
    answer_of(server.request("DELETE", f"/api/models/{model['id']}"))
    answer_of(server.request("DELETE", f"/api/models/{model['id']}"), 404)


def test_data_rows(server: Server) -> None:
    run_id = make_run(server, "rows", rows=0)
    path = f"/api/runs/{run_id}/data-rows"
    table = ndjson(
        {"globalKey": "r1", "mediaPath": "a.jpg", "width": 4, "height": 3, "split": "TEST", "metadata": {"a": 1}},
        {"id": "c0", "globalKey": "r2", "media": "b.jpg", "width": None},
    )
    found = answer_of(server.request("POST", path, data=b"\xef\xbb\xbf" + table + b"\r\n\n", headers=LINES))
    assert found == {"registered": 2, "created": 2}
    assert answer_of(server.request("POST", path, data=table, headers=LINES)) == {"registered": 0, "created": 0}
    first, second = answer_of(server.request("GET", path))["dataRows"]
    assert first["globalKey"] == "r1"
    assert (first["rowData"], first["media"], first["metadata"]) == ("a.jpg", {"width": 4, "height": 3}, {"a": 1})
    assert (first["split"], second["split"]) == ("TEST", "UNASSIGNED")
    assert second["id"] == "c0"
    page = answer_of(server.request("GET", path, params={"first": 1}))
    assert page == {"dataRows": [first], "after": first["id"]}
    page = answer_of(server.request("GET", path, params={"first": 2, "after": first["id"]}))
    assert page == {"dataRows": [second], "after": None}
    assert answer_of(server.request("GET", path, params={"split": "TEST"}))["dataRows"] == [first]


@pytest.mark.parametrize(
    "line",
    [
        *(b"{", b"[]", b"1", b"{}", b'{"id": 1}', b'{"id": ""}', b'{"globalKey": "a", "x": 1}', b"\xff"),
        *(b'{"globalKey": "a", "width": "4"}', b'{"globalKey": "a", "width": true}'),
        *(b'{"globalKey": "a", "split": "X"}', b'{"globalKey": "a", "metadata": []}'),
        *(b'{"globalKey": "a", "width": 1e999}', b"[" * 50_000, b" " * (2 << 20)),
    ],
)
def test_tables_that_cannot_be_read(server: Server, line: bytes) -> None:
    run_id = make_run(server, "bad rows", rows=0)
    answer = server.request("POST", f"/api/runs/{run_id}/data-rows", data=line, headers=LINES)
    assert answer_of(answer, 400)["code"] == "MALFORMED_REQUEST"


def test_imports(server: Server) -> None:
    run_id = make_run(server, "imports")
    found = answer_of(upload(server, run_id, "a'b\n", metric("g0"), metric("nothing")))
    assert (found["state"], found["lines"], found["failures"]) == ("FINISHED", 2, 1)
    assert answer_of(server.request("GET", f"/api/imports/{found['id']}")) == found
    assert answer_of(server.request("GET", f"/api/runs/{run_id}/imports"))["imports"] == [found]
    (failure,) = requests.get(found["errorUrl"], timeout=30).text.splitlines()
    assert "nothing" in failure
    assert len(requests.get(found["statusUrl"], timeout=30).text.splitlines()) == 2
    again = answer_of(upload(server, run_id, "a'b\n", metric("g0"), metric("nothing")))
    assert again == found
    assert "is free" in answer_of(upload(server, run_id, "a'b\n", metric("g1")), 409)["message"]
    answer_of(upload(server, run_id, ""), 400)
    answer_of(upload(server, run_id, "empty"), 400)
    answer_of(upload(server, "nothing", "x", metric("g0")), 404)


def test_metrics_and_aggregates(server: Server) -> None:
    run_id = make_run(server, "aggregates")
    lines = [metric(f"g{n}", {"0.25": n, "0.5": 2 * n}, featureName="cat") for n in range(3)]
    answer_of(upload(server, run_id, "metrics", *lines))
    answer = server.request("GET", f"/api/runs/{run_id}/metrics")
    assert answer.headers["Content-Type"] == "application/x-ndjson; charset=utf-8"
    held = [json.loads(line) for line in answer.text.splitlines()]
    assert [{name: line[name] for name in lines[0]} for line in held] == lines
    path = f"/api/runs/{run_id}/aggregate"
    rows = answer_of(server.request("GET", path, params={"confidence": 0.5, "feature": "cat", "by": "split"}))["rows"]
    expected = lm.aggregate(held, by="run", confidence=0.5, feature="cat").to_dicts()
    assert {row["group"]: row["value"] for row in rows} == {"TRAINING": 0.0, "TEST": 6.0}
    assert answer_of(server.request("GET", path, params={"confidence": 0.5, "feature": "cat"}))["rows"] == expected
    assert "keys" in answer_of(server.request("GET", path, params={"confidence": 0.3}), 400)["message"]
    assert answer_of(server.request("GET", path, params={"confidence": 0.3, "nearest": "true"}))["rows"]
    answer_of(server.request("GET", path, params={"metric": "other", "confidence": 0.5}), 400)
    answer_of(server.request("GET", path, params={"by": "nothing"}), 400)
    for row in ("id:x", "g9"):
        answer_of(server.request("PUT", f"/api/runs/{run_id}/slices/s", json={"dataRows": [row]}), 404)
    found = answer_of(
        server.request("PUT", f"/api/runs/{run_id}/slices/dark%20%2F", json={"dataRows": ["g0", "g1"]}), 404
    )
    found = answer_of(server.request("PUT", f"/api/runs/{run_id}/slices/dark", json={"dataRows": ["g0", "g1"]}))
    assert found == {"name": "dark", "dataRows": 2}
    assert answer_of(server.request("GET", f"/api/runs/{run_id}/slices"))["slices"] == {"dark": 2}
    rows = answer_of(server.request("GET", path, params={"confidence": 0.5, "by": "slice"}))["rows"]
    assert {row["group"] for row in rows} == {"dark"}


def test_both_sides(server: Server, tmp_path: Path) -> None:
    files = lm.write_sample(tmp_path / "demo", rows=5)
    run_id = make_run(server, "both", rows=0)
    table, truth, guesses = (files[name].read_bytes() for name in ("data_rows", "ground_truth", "predictions"))
    answer_of(server.request("POST", f"/api/runs/{run_id}/data-rows", data=table, headers=LINES))
    answer_of(server.request("GET", f"/api/runs/{run_id}/evaluation"), 404)
    for kind, text in (("ground-truths", truth), ("predictions", guesses)):
        path = f"/api/runs/{run_id}/{kind}"
        found = answer_of(server.request("POST", path, params={"name": kind}, data=text, headers=LINES))
        assert found["failures"] == 0
    details = answer_of(server.request("GET", f"/api/runs/{run_id}"))
    assert details["groundTruths"] == len(truth.splitlines())
    assert details["predictions"] == len(guesses.splitlines())
    end = time.monotonic() + 30
    while (found := answer_of(server.request("GET", f"/api/runs/{run_id}/evaluation")))["state"] == "PENDING":
        assert time.monotonic() < end
        time.sleep(0.1)
    assert found["state"] == "READY"
    assert found["manifest"]["settings"]["iou"] == [0.5]
    for side, text in (("ground_truth", truth), ("prediction", guesses)):
        held = server.request("GET", f"/api/runs/{run_id}/annotations", params={"side": side})
        assert len(held.text.splitlines()) == len(text.splitlines())
    exported = server.request("GET", f"/api/runs/{run_id}/export")
    assert len(exported.text.splitlines()) == 5
    page = server.request("GET", f"/runs/{run_id}", headers={"Accept": "text/html"})
    assert "ready" in page.text


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/api/models?first=0", {}, 400),
        ("GET", "/api/models?first=abc", {}, 400),
        ("GET", "/api/models?first=1&first=2", {}, 400),
        ("GET", "/api/models?nothing=1", {}, 400),
        ("GET", "/api/models?skip=99999999999999999999", {}, 400),
        ("GET", "/api/models/%00", {}, 400),
        ("GET", "/api/nothing", {}, 404),
        ("GET", "/api/", {}, 404),
        ("PATCH", "/api/models", {}, 405),
        ("POST", "/api/runs", {"json": {}}, 400),
        ("POST", "/api/runs", {"json": {"model": 1, "run": "x"}}, 400),
        ("POST", "/api/runs", {"json": {"model": " ", "run": "x"}}, 400),
        ("POST", "/api/runs", {"json": {"model": "x", "run": "x", "more": 1}}, 400),
        ("POST", "/api/runs", {"data": b"{}"}, 415),
        ("POST", "/api/runs", {"data": b"[" * 100_000, "headers": {"Content-Type": "application/json"}}, 400),
        ("POST", "/api/runs/x/data-rows", {"data": b"{}"}, 415),
        ("POST", "/api/runs/x/data-rows", {"data": b"{}", "headers": LINES}, 404),
    ],
)
def test_bad_requests(server: Server, method: str, path: str, options: dict[str, Any], status: int) -> None:
    answer_of(server.request(method, path, **options), status)


def test_files(server: Server) -> None:
    for path in ("/files/x", "/files/..", "/files/%2e%2e%2fkey", "/files/x?start=a", "/files/x/y"):
        for method in ("GET", "HEAD"):
            answer = server.request(method, path, key="")
            assert answer.status_code in (400, 401, 404)
            assert answer.headers["Content-Type"] == "application/json"


def test_pages(server: Server) -> None:
    run_id = make_run(server, "<script>alert(1)</script>")
    upload(server, run_id, "<script>x</script>", metric("g0", featureName="<script>y</script>"), metric("nothing"))
    upload(server, run_id, "keys", metric("g0", {"0.1": 1, "0.9": 2}, metricName="<script>z</script>"))
    html = {"Accept": "text/html"}
    for path in ("/", f"/runs/{run_id}", f"/runs/{run_id}?confidence=0.9"):
        answer = server.request("GET", path, headers=html)
        assert answer.status_code == 200
        assert "&lt;script&gt;" in answer.text
        assert "<script" not in answer.text
    for path, status in (
        (f"/runs/{run_id}?confidence=x", 400),
        (f"/runs/{run_id}?confidence=nan", 400),
        (f"/runs/{run_id}?confidence=7", 400),
        (f"/runs/{run_id}?confidence=0.05", 200),
        ("/runs/nothing", 404),
        ("/nothing", 404),
        ("/?page=0", 400),
        ("/?page=99", 200),
    ):
        answer = server.request("GET", path, headers=html)
        assert answer.status_code == status, path
        assert answer.headers["Content-Type"].startswith("text/html")


def test_nothing_went_wrong_in_the_server(server: Server) -> None:
    assert "Traceback" not in "".join(server.said)
