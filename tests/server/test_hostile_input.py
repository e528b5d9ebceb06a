"""What is sent by mistake or with bad intent: it is refused or told of, nothing breaks, and nothing happens unasked."""

from __future__ import annotations

import gzip
import json
import socket
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings, strategies as st
from servers import Server
from stores import Run, new_run

from labelmetrics.places import key_file
from labelmetrics.server.api.openapi import document
from labelmetrics.server.api.table import OPERATIONS
from labelmetrics.server.app import make_app
from labelmetrics.server.importing import work
from labelmetrics.server.keys import cookie_of
from labelmetrics.server.settings import Settings
from labelmetrics.server.uploads import Upload
from labelmetrics.store import Store, imports, metrics

LINES = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}
GOOD = {"dataRow": {"globalKey": "a"}, "metricName": "m", "metricValue": 1, "aggregation": "SUM"}
BOX = {"top": 0, "left": 0, "height": 1, "width": 1}
IMPORT = (
    "mutation($modelRunId: ID!, $name: String!, $file: Upload!, $contentLength: Int!) "
    "{ createModelErrorAnalysisPredictionImport(data: {modelRunId: $modelRunId, name: $name, "
    "filePayload: {file: $file, contentLength: $contentLength}}) { id state errorFileUrl } }"
)
CREATE = 'mutation { createModel(data: {name: "x", ontologyId: "x"}) { id } }'
CONFIG = (
    "mutation($id: ID!, $config: Json) "
    "{ updateModelRunConfig(modelRun: {id: $id}, data: {config: $config}) { trainingMetadata } }"
)


@pytest.fixture(scope="module")
def run_id(server: Server) -> str:
    found = server.request("POST", "/api/runs", json={"model": "hostile", "run": "input"}).json()["run"]["id"]
    server.request("POST", f"/api/runs/{found}/data-rows", data=b'{"globalKey": "a"}', headers=LINES)
    return str(found)


def tables(server: Server) -> dict[str, list[Any]]:
    """All that the database holds, when nothing is done any more."""
    now, before = _tables(server), {}
    while now != before:
        time.sleep(0.2)
        now, before = _tables(server), now
    return now


def _tables(server: Server) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(server.home / "store.db")) as database:
        names = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        # Those that the import process makes by itself are left out.
        return {name: database.execute(f'SELECT * FROM "{name}"').fetchall() for name in names - {"run_summary"}}


# ---- lines


def metric(**more: Any) -> bytes:
    return json.dumps(GOOD | more).encode()


def annotation(**more: Any) -> bytes:
    return json.dumps({"dataRow": {"globalKey": "a"}, "name": "c", **more}).encode()


def nested(depth: int) -> bytes:
    """Answers within answers."""
    opening, closing = b'{"name": "x", "classifications": [{"name": "q", "answer": ', b"}]}"
    inner = opening * depth + b'{"name": "x"}' + closing * depth
    return b'{"dataRow": {"globalKey": "a"}, "name": "q", "answer": ' + inner + b"}"


REFUSED: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"{", "syntax"),
    "truncated": (metric()[:-20], "syntax"),
    "zeros": (b"\0" * 1000, "syntax"),
    "packed": (gzip.compress(metric()), "encoding"),
    "UTF-16": (metric().decode().encode("utf-16"), "encoding"),
    "no UTF-8": (b'{"dataRow": {"globalKey": "\xff"}, "metricName": "m", "metricValue": 1}', "encoding"),
    "NaN": (metric(metricValue=float("nan")), "syntax"),
    "Infinity": (metric(metricValue=float("inf")), "syntax"),
    "beyond doubles": (metric().replace(b": 1,", b": 1e999,"), "syntax"),
    "5,000 digits": (metric().replace(b": 1,", b": " + b"9" * 5000 + b","), "syntax"),
    "huge number": (metric(metricValue=10**30), "scalar-range"),
    "huge count": (metric(metricValue=[1, 2, 3, 10**24], aggregation="CONFUSION_MATRIX"), "count-max"),
    "number as text": (metric(metricValue="1"), "type"),
    "half a character in a key": (b'{"dataRow": {"globalKey": "\\ud800"}, "metricValue": 1}', "syntax"),
    "half a character as uuid": (b'{"uuid": "\\udfff", "dataRow": {"globalKey": "a"}, "metricValue": 1}', "syntax"),
    "NUL in a key": (metric(dataRow={"globalKey": "a\0"}), "unknown-data-row"),
    "SQL in a key": (metric(dataRow={"globalKey": "a'; DROP TABLE metric; --"}), "unknown-data-row"),
    "both keys": (metric(dataRow={"globalKey": "a", "id": "b"}), "data-row"),
    "no key": (metric(dataRow={}), "data-row"),
    "a number as key": (metric(dataRow={"globalKey": 1}), "type"),
    "no data row": (metric(dataRow=None), "missing"),
    "another data row": (metric(dataRow={"globalKey": "b"}), "unknown-data-row"),
    "a number": (b"1", "type"),
    "a text": (b'"x"', "type"),
    "null": (b"null", "type"),
    "a list": (b"[]", "type"),
    "deep list": (b"[" * 100_000 + b"]" * 100_000, "syntax"),
    "deep object": (b'{"a":' * 100_000, "syntax"),
    "deep value": (metric().replace(b": 1,", b": " + b"[" * 900 + b"]" * 900 + b","), "depth"),
    "deep answers": (nested(100), "depth"),
    "deeper answers": (nested(200), "depth"),
    "deepest answers": (nested(6000), "syntax"),
    "uuid of another type": (metric(uuid={}), "type"),
    "reserved name": (metric(metricName="iou"), "reserved-name"),
    "no aggregation": (metric(aggregation="X"), "enum"),
    "keys that are no numbers": (metric(metricValue={"x": 1, "0.5": 2}), "confidence-key"),
    "100 keys": (metric(metricValue={str(n / 100): n for n in range(100)}), "confidence-keys"),
    "one key twice": (metric(metricValue={"0.5": 1, "0.50": 2}), "confidence-key"),
    "subclass alone": (metric(subclassName="x"), "subclass"),
    "unknown field": (metric(x=1), "unknown-field"),
    "negative size": (annotation(bbox=BOX | {"height": -1}), "greater-than-equal"),
    "infinite box": (annotation(bbox=BOX).replace(b'"top": 0', b'"top": 1e999'), "syntax"),
    "empty polygon": (annotation(polygon=[]), "too-few-points"),
    "mask that is not filled": (annotation(mask={"counts": [1, 2], "size": [10, 10]}), "rle-counts"),
    "mask bomb": (annotation(mask={"counts": [10**12], "size": [10**6, 10**6]}), "rle-counts"),
    "relationship": (annotation(relationship={"source": "x", "target": "y"}), "unsupported-kind"),
}
TAKEN: dict[str, bytes] = {
    "NUL in a name": metric(metricName="a\0b"),
    "HTML in a name": metric(featureName='"><script>alert(1)</script>'),
    "line ends in a name": metric(featureName="a\u2028b\u0085c\r\nd"),
    "long name": metric(featureName="x" * 1_000_000),
    "long uuid": metric(uuid="x" * 100_000),
    "no name": metric(metricName=None),
    "crossing polygon": annotation(polygon=[{"x": x, "y": y} for x, y in ((0, 0), (1, 1), (1, 0), (0, 1))]),
    "mask elsewhere": annotation(mask={"instanceURI": "file:///etc/passwd", "colorRGB": [1, 1, 1]}),
    "some answers": nested(20),
}


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with Store.open(tmp_path / "home") as store:
        made = new_run(store)
        made.register("a")
        yield made


def worked(run: Run, content: bytes, name: str = "import", kind: Any = "predictions") -> list[dict[str, Any]]:
    """Statuses after the import process has gone over some lines; its files are lines of ASCII JSON."""
    from labelmetrics.store.importing import input_lines

    sent = run.send(content, name, kind)
    work(run.store.folder)
    with run.store.read() as connection:
        done = run.again(sent, connection)
        text = b"".join(imports.statuses(connection, done)).decode("ascii")
        failures = b"".join(imports.statuses(connection, done, only_failures=True)).decode("ascii")
    given = b"".join(input_lines(run.store, done)).decode("ascii").splitlines()
    assert (done.state, done.error, done.bytes_done) == ("FINISHED", None, len(content))
    statuses = [json.loads(line) for line in text.splitlines()]
    assert len(statuses) == len(given) == done.lines
    assert [json.loads(line) for line in failures.splitlines()] == [one for one in statuses if one["errors"]]
    return statuses


@pytest.mark.parametrize("kind", ["predictions", "ground_truths"])
def test_bad_lines_say_what_is_wrong_and_hold_up_nothing(run: Run, kind: Any) -> None:
    content = b"\n".join(line for line, _ in REFUSED.values())
    last = metric(metricName="last") if kind == "predictions" else annotation(bbox=BOX)
    *statuses, good = worked(run, content + b"\n" + last, kind=kind)
    assert good["status"] == "SUCCESS"
    for (name, (_, rule)), status in zip(REFUSED.items(), statuses, strict=True):
        assert status["status"] == "FAILURE", name
        rules = [error["name"] for error in status["errors"]]
        assert rule in rules or rules == ["kind"], name
        assert all(error["message"] for error in status["errors"])
    with run.store.read() as connection:
        assert metrics.count_metrics(connection, run.number) == (kind == "predictions")


def test_odd_lines_that_are_taken(run: Run) -> None:
    statuses = worked(run, b"\r\n\r\n".join(TAKEN.values()))
    assert [status["status"] for status in statuses] == ["SUCCESS"] * len(TAKEN)


@pytest.mark.parametrize("content", [b"\n" * 9000, b" " * 9000 + b"\n", b"\r\n" * 5000])
def test_blank_lines_that_fill_a_part(run: Run, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr("labelmetrics.store.importing.PART_BYTES", 1000)
    assert worked(run, content) == []
    assert [one["status"] for one in worked(run, content + metric(), "with a line")] == ["SUCCESS"]


def test_long_lines(run: Run) -> None:
    long = metric(featureName="x" * (64 << 20))
    just = annotation(bbox=BOX, confidence=0.5).replace(b"}", b"}" + b" " * ((63 << 20) + 1000), 1)
    statuses = worked(run, b"\n".join([long, just, b"9" * (63 << 20), metric()]))
    assert [status["status"] for status in statuses] == ["FAILURE", "SUCCESS", "FAILURE", "SUCCESS"]
    assert [error["name"] for status in statuses for error in status["errors"]] == ["line-length", "syntax"]


def test_a_line_that_breaks_the_server_fails_its_import_only(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from labelmetrics.store import importing

    parse = importing.parse_line

    def broken(line: Any) -> Any:
        if line.get("name") == "broken":
            raise ZeroDivisionError
        return parse(line)

    monkeypatch.setattr(importing, "parse_line", broken)
    sent = [run.send(metric() + b"\n" + annotation(bbox=BOX, name=name), name) for name in ("broken", "whole")]
    work(run.store.folder)
    with run.store.read() as connection:
        first, second = (run.again(one, connection) for one in sent)
    assert first.state == "FAILED"
    assert first.error is not None
    assert "its log says more" in first.error
    assert (second.state, second.lines, second.failures) == ("FINISHED", 2, 0)


def test_a_part_that_another_process_has_done_is_not_done_twice(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from labelmetrics.server import ahead

    read, is_first = ahead.read_part, [True]

    def late(*given: Any) -> Any:
        part = read(*given)
        if is_first:
            is_first.clear()
            work(run.store.folder)  # the process of the next server does all of it meanwhile
        return part

    monkeypatch.setattr(ahead, "read_part", late)
    sent = run.send(b"\n".join(metric(featureName=f"f{n}") for n in range(10)))
    work(run.store.folder)
    with run.store.read() as connection:
        done = run.again(sent, connection)
        assert b"".join(imports.statuses(connection, done)).count(b"\n") == done.lines == 10


# ---- a full disk


def test_a_full_disk_stops_imports_until_there_is_room(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from sqlalchemy import event

    from labelmetrics.store import database

    monkeypatch.setattr("labelmetrics.store.importing.LINES", 500)
    rows = [f"row {n}" for n in range(300)]
    run.register(*rows)
    sent = run.send([GOOD | {"dataRow": {"globalKey": row}, "featureName": f"f{n}"} for row in rows for n in range(20)])
    with run.store.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    make = database._engine

    def small(path: Path, **settings: Any) -> Any:
        engine = make(path, **settings)
        event.listen(engine, "connect", lambda raw, _: raw.execute(f"PRAGMA max_page_count = {pages + 15}"))
        return engine

    with monkeypatch.context() as patched:
        patched.setattr(database, "_engine", small)
        work(run.store.folder)
    assert "imports have to wait: database or disk is full" in caplog.text
    with run.store.read() as connection:
        stopped = run.again(sent, connection)
        stored = metrics.count_metrics(connection, run.number)
    assert stopped.state == "RUNNING"
    assert 0 < stopped.lines == stored < 6000
    work(run.store.folder)
    with run.store.read() as connection:
        done = run.again(sent, connection)
        assert metrics.count_metrics(connection, run.number) == done.lines == 6000
        assert b"".join(imports.statuses(connection, done)).count(b"SUCCESS") == 6000
    assert (done.state, done.failures) == ("FINISHED", 0)


class Idle:
    def wake(self) -> None:
        pass


@pytest.fixture
def page(run: Run) -> Iterator[Server]:
    """The application within this process, with the key; nothing works through its imports."""
    config = uvicorn.Config(make_app(run.store, Idle(), Settings(import_wait=0)), log_level="error", lifespan="off")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, args=([listening],))
        thread.start()
        key = key_file(run.store.folder).read_text().strip()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        yield Server(url, key, run.store.folder, None, [])  # type: ignore[arg-type]
        running.should_exit = True
        thread.join()


@pytest.mark.parametrize("moment", ["_flush", "keep"])
def test_a_full_disk_refuses_uploads(run: Run, page: Server, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    def full(upload: Upload) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Upload, moment, full)
        for path in ("predictions", "ground-truths"):
            answer = page.request("POST", f"/api/runs/{run.id}/{path}?name=x", data=metric(), headers=LINES)
            assert answer.status_code == 500
            assert "No space left on device" in answer.json()["message"]
    assert [path.name for path in run.store.files.rglob("*")] == ["incoming"]
    answer = page.request("POST", f"/api/runs/{run.id}/predictions?name=x", data=metric(), headers=LINES)
    assert answer.status_code == 200
    work(run.store.folder)
    assert page.request("GET", f"/api/runs/{run.id}").json()["metrics"] == 1


def test_a_full_database_refuses_uploads(run: Run, page: Server) -> None:
    with closing(sqlite3.connect(run.store.folder / "store.db")) as database:
        pages = database.execute("PRAGMA page_count").fetchone()[0]
    from sqlalchemy import event

    run.store.engine.dispose()
    event.listen(run.store.engine, "connect", lambda raw, _: raw.execute(f"PRAGMA max_page_count = {pages}"))
    rows = b"\n".join(json.dumps({"globalKey": f"row {n}", "media": "x" * 1000}).encode() for n in range(2000))
    answer = page.request("POST", f"/api/runs/{run.id}/data-rows", data=rows, headers=LINES)
    assert answer.status_code == 500
    assert "database or disk is full" in answer.json()["message"]
    assert "SELECT" not in answer.text
    assert "INSERT" not in answer.text
    assert page.request("GET", f"/api/runs/{run.id}").json()["dataRows"] == 1


# ---- documents and bodies


@pytest.mark.parametrize("depth", [101, 250, 900, 100_000])
def test_deep_values(server: Server, run_id: str, depth: int) -> None:
    deep = "[" * depth + "]" * depth
    body = f'{{"query": {json.dumps(CONFIG)}, "variables": {{"id": "{run_id}", "config": {deep}}}}}'
    answer = server.request("POST", "/graphql", data=body, headers=JSON)
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] in ("GRAPHQL_VALIDATION_FAILED", "MALFORMED_REQUEST")
    literal = CONFIG.replace("($id: ID!, $config: Json)", "($id: ID!)").replace("$config", deep)
    (error,) = server.graphql(literal, {"id": run_id})["errors"]
    assert error["extensions"]["code"].startswith("GRAPHQL_")
    row = f'{{"globalKey": "deep", "metadata": {{"a": {deep}}}}}'
    answer = server.request("POST", f"/api/runs/{run_id}/data-rows", data=row, headers=LINES)
    assert answer.status_code == 400
    assert server.request("GET", f"/api/runs/{run_id}").status_code == 200


def test_values_that_are_as_deep_as_may_be(server: Server, run_id: str) -> None:
    config: Any = []
    for _ in range(98):
        config = [config]
    assert server.graphql(CONFIG, {"id": run_id, "config": config})["data"]["updateModelRunConfig"]
    assert server.request("GET", f"/api/runs/{run_id}").json()["config"] == config
    assert server.graphql(CONFIG, {"id": run_id, "config": None})["data"]


@pytest.mark.parametrize("number", ["12345678901234567890123", "1e999", "-1e999", "9" * 5000, "0.1e-500"])
def test_odd_numbers(server: Server, run_id: str, number: str) -> None:
    for query, variables in (
        (CONFIG.replace("($id: ID!, $config: Json)", "($id: ID!)").replace("$config", f"[{number}]"), {"id": run_id}),
        (f"{{ users(first: {number}) {{ id }} }}", None),
        (f"{{ models(skip: {number}) {{ id }} }}", None),
        (f"{{ ontologies(first: {number}) {{ nodes {{ id }} }} }}", None),
        (f"{{ model(where: {{id: {number}}}) {{ id }} }}", None),
    ):
        answer = server.request("POST", "/graphql", json={"query": query, "variables": variables})
        assert answer.status_code < 500
        codes = [error["extensions"]["code"] for error in answer.json().get("errors", ())]
        assert "INTERNAL_SERVER_ERROR" not in codes
    assert server.request("GET", f"/api/runs/{run_id}").status_code == 200


@pytest.mark.parametrize("cursor", ["²", "٣", "-1", "1e9", "9" * 50, "\0", ""])
def test_odd_cursors(server: Server, run_id: str, cursor: str) -> None:
    for query in (
        "query($c: String) { ontologies(after: $c) { nextCursor } }",
        "query($c: String, $r: ID!) { annotationGroups(where: {modelRunId: {id: $r}}, after: $c) { nodes { id } } }",
        'query($c: String) { successesfulDataRowImports(data: {taskId: "x", from: $c}) { after } }',
    ):
        variables = {"c": cursor, "r": run_id} if "$r" in query else {"c": cursor}
        codes = [one["extensions"]["code"] for one in server.graphql(query, variables).get("errors", ())]
        assert set(codes) <= {"RESOURCE_NOT_FOUND", "MALFORMED_REQUEST"}


WRONG: list[Any] = [None, True, 0, -1, 1.5, 2**70, "", "x", "\0", [], [[]], {}, {"id": 1}, [None], {"id": None}]


def documents() -> list[tuple[str, list[str]]]:
    """A document for each field at the top, with a variable for each argument."""
    from graphql import GraphQLNonNull, get_named_type, is_leaf_type

    from labelmetrics.server.graphql import make_schema

    schema, made = make_schema(), []
    for kind, root in (("query", schema.query_type), ("mutation", schema.mutation_type)):
        assert root is not None
        for name, field in root.fields.items():
            variables = ", ".join(f"${one}: {argument.type}" for one, argument in field.args.items())
            arguments = ", ".join(f"{one}: ${one}" for one in field.args)
            selection = "" if is_leaf_type(get_named_type(field.type)) else " { __typename }"
            call = f"{name}({arguments})" if arguments else name
            head = f"{kind}({variables})" if variables else kind
            needed = [one for one, argument in field.args.items() if isinstance(argument.type, GraphQLNonNull)]
            made.append((f"{head} {{ {call}{selection} }}", [*field.args, *needed]))
    return made


@pytest.mark.parametrize(("query", "arguments"), documents())
def test_wrong_types_in_every_variable(page: Server, query: str, arguments: list[str]) -> None:
    for value in WRONG:
        variables = dict.fromkeys(arguments, value)
        answer = page.request(
            "POST", "/graphql", data=json.dumps({"query": query, "variables": variables}), headers=JSON
        )
        assert answer.status_code < 500
        for error in answer.json().get("errors", ()):
            assert error["message"]
            assert error["extensions"]["code"] != "INTERNAL_SERVER_ERROR", (value, error)


def leaves(kind: Any, value: Any, depth: int = 0) -> Any:
    """An input in which every leaf is the same value."""
    from graphql import GraphQLInputObjectType, get_nullable_type, is_list_type

    kind = get_nullable_type(kind)
    if is_list_type(kind):
        return [leaves(kind.of_type, value, depth)]
    if isinstance(kind, GraphQLInputObjectType) and depth < 4:
        return {name: leaves(field.type, value, depth + 1) for name, field in kind.fields.items()}
    return value


@pytest.mark.parametrize("value", ["x", "", "\0", "../../etc/passwd", "'; DROP TABLE run; --", 0, 2**31 - 1, None, "²"])
def test_odd_values_in_every_leaf(page: Server, value: Any) -> None:
    from labelmetrics.server.graphql import make_schema

    schema = make_schema()
    for query, arguments in documents():
        root = schema.query_type if query.startswith("query") else schema.mutation_type
        assert root is not None
        name = query.partition("{ ")[2].partition("(")[0].partition(" ")[0]
        variables = {one: leaves(root.fields[name].args[one].type, value) for one in set(arguments)}
        answer = page.request(
            "POST", "/graphql", data=json.dumps({"query": query, "variables": variables}), headers=JSON
        )
        assert answer.status_code < 500
        for error in answer.json().get("errors", ()):
            assert error["extensions"]["code"] != "INTERNAL_SERVER_ERROR", (query, error)


NAMES = [
    *("../../../../tmp/evil", "/etc/passwd", "..\\..\\evil", "C:\\evil", "a/b", ".", "..", "~root", "$(id)", "a\0b"),
    *(
        "'; DROP TABLE import; --",
        '"><script>alert(1)</script>',
        "{{7*7}}",
        "%n%s",
        "\u202e\u0000",
        "é" * 900,
        "\r\nX: y",
    ),
]


@pytest.mark.parametrize("name", NAMES)
def test_tricks_in_names(server: Server, run_id: str, name: str) -> None:
    before = {path for path in server.home.parent.rglob("*") if "files" not in path.parts}
    file = f"{run_id}__{name}.ndjson"
    escaped = file.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    operations = {
        "variables": {"file": None, "contentLength": 9, "modelRunId": run_id, "name": name},
        "query": IMPORT,
    }
    body = b"".join(
        [
            b'--B\r\nContent-Disposition: form-data; name="operations"\r\n\r\n' + json.dumps(operations).encode(),
            b'\r\n--B\r\nContent-Disposition: form-data; name="map"\r\n\r\n',
            json.dumps({file: ["variables.file"]}).encode(),
            f'\r\n--B\r\nContent-Disposition: form-data; name="{escaped}"; filename="{escaped}"\r\n\r\n'.encode(),
            metric(metricName=name, featureName=name),
            b"\r\n--B--\r\n",
        ]
    )
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    answer = server.request("POST", "/graphql", data=body, headers=headers).json()
    assert "errors" not in answer, answer
    field = "modelErrorAnalysisPredictionImport"
    query = f"query($r: ID!, $n: String!) {{ {field}(where: {{modelRunId: $r, name: $n}}) {{ name }} }}"
    found = server.graphql(query, {"r": run_id, "n": name})
    assert found["data"][field] == {"name": name}
    made = server.request("POST", "/api/runs", json={"model": name, "run": name}).json()
    for path in ("/", f"/runs/{run_id}", f"/runs/{made['run']['id']}"):
        shown = server.request("GET", path, headers={"Accept": "text/html"})
        assert shown.status_code == 200
        assert "<script" not in shown.text
        if "{{" in name:
            assert name in shown.text
    assert {path for path in server.home.parent.rglob("*") if "files" not in path.parts} == before
    assert all(path.name.removesuffix(".ndjson").isalnum() for path in (server.home / "files").iterdir())


def test_urls_are_not_fetched(server: Server, run_id: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.5)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/lines.ndjson"
        query = (
            "mutation($r: ID!, $u: String!) { createModelErrorAnalysisPredictionImport("
            'data: {modelRunId: $r, name: "url", fileUrl: $u}) { id } }'
        )
        for one in (url, "file:///etc/passwd", f"{server.url}/healthz", ""):
            (error,) = server.graphql(query, {"r": run_id, "u": one})["errors"]
            assert error["extensions"]["code"] == "OPERATION_NOT_ALLOWED"
        query = "mutation($u: String!) { upsertDataRows(data: {manifestUri: $u}) { status } }"
        assert server.graphql(query, {"u": url})["data"]["upsertDataRows"]["status"] == "FAILED"
        with pytest.raises(TimeoutError):
            listening.accept()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP", "gzip, gzip", "x"])
def test_packed_bodies_are_refused(server: Server, run_id: str, encoding: str) -> None:
    bomb = gzip.compress(b"\n" * (32 << 20))
    for path, kind in (
        ("/graphql", "application/json"),
        ("/graphql", "multipart/form-data; boundary=B"),
        ("/api/runs", "application/json"),
        (f"/api/runs/{run_id}/predictions?name=bomb", "application/x-ndjson"),
    ):
        headers = {"Content-Type": kind, "Content-Encoding": encoding}
        answer = server.request("POST", path, data=bomb, headers=headers)
        assert answer.status_code == 415
        assert "Content-Encoding" in answer.text


# ---- HTTP


def raw(server: Server, text: bytes, *, is_all: bool = False) -> bytes:
    """What is answered to some bytes, until the connection is closed."""
    answer = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        try:
            connection.sendall(text)
            if is_all:
                connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(1 << 16):
                answer += chunk
        except OSError:
            pass  # the server has closed it
    return answer


BODY = json.dumps({"model": "raw", "run": "raw"}).encode()


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (f"Content-Length: {len(BODY) + 5}", BODY),
        (f"Content-Length: {len(BODY) - 5}", BODY),
        ("Content-Length: -1", BODY),
        ("Content-Length: x", BODY),
        ("Content-Length: 99999999999999999999", BODY),
        (f"Content-Length: {len(BODY)}\r\nContent-Length: {len(BODY) + 1}", BODY),
        (f"Content-Length: {len(BODY)}\r\nTransfer-Encoding: chunked", BODY),
        ("Transfer-Encoding: chunked", b"zz\r\n" + BODY),
        ("Transfer-Encoding: chunked", b"ffffffffffffffff\r\n" + BODY),
        ("Transfer-Encoding: gzip", BODY),
        ("X: " + "x" * 200_000, b""),
        ("\r\n".join(f"X{n}: x" for n in range(6000)), b""),
        ("X", b""),
        ("X: \0", b""),
    ],
)
def test_bodies_and_headers_that_do_not_fit(server: Server, headers: str, body: bytes) -> None:
    before = tables(server)
    head = f"POST /api/runs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.key}\r\n"
    text = f"{head}Content-Type: application/json\r\n{headers}\r\n\r\n".encode() + body
    answer = raw(server, text, is_all=True)
    assert not answer or answer.split()[1].startswith(b"4"), answer
    assert tables(server) == before
    assert server.request("GET", "/healthz", key="").status_code == 200


def test_chunked_bodies(server: Server, run_id: str) -> None:
    def chunks() -> Iterator[bytes]:
        yield from (bytes([byte]) for byte in BODY)

    assert server.request("POST", "/api/runs", data=chunks(), headers=JSON).status_code == 200
    lines = (metric(featureName=f"chunk {n}") + b"\n" for n in range(100))
    answer = server.request("POST", f"/api/runs/{run_id}/predictions?name=chunks", data=lines, headers=LINES)
    assert answer.status_code == 200


@pytest.mark.parametrize("method", ["BREW", "TRACE", "CONNECT", "PROPFIND", "OPTIONS", "PATCH", "get"])
def test_methods_that_there_are_not(server: Server, method: str) -> None:
    before = tables(server)
    for path in ("/graphql", "/api/runs", "/files/x", "/", "/healthz"):
        lines = (f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {server.key}")
        text = "\r\n".join([*lines, "Connection: close", "", ""])
        assert raw(server, text.encode()).split()[1] in (b"400", b"404", b"405", b"401")
    assert tables(server) == before


@pytest.mark.parametrize("path", ["/../key", "/files/../key", "/files/..%2fkey", "/files/%2e%2e/store.db", "//key"])
def test_paths_lead_nowhere_else(server: Server, path: str) -> None:
    answer = raw(server, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer.split()[1] in (b"400", b"401", b"404")
    assert server.key.encode() not in answer


# ---- nothing without the key

KEYLESS: list[dict[str, Any]] = [
    {},
    {"headers": {"Authorization": "Bearer wrong"}},
    {"headers": {"Authorization": "Basic eDp5"}},
    {"headers": {"Authorization": "Bearer"}},
    {"params": {"key": "wrong"}},
    {"params": {"monkey": "1"}},
    {"params": {"xkey": "", "key": ""}},
]


@pytest.mark.parametrize("more", KEYLESS, ids=str)
def test_no_request_does_anything_without_the_key(server: Server, run_id: str, more: dict[str, Any]) -> None:
    before = tables(server), sorted((server.home / "files").rglob("*"))
    upload = {
        "operations": (None, json.dumps({"query": IMPORT, "variables": {"file": None}})),
        "map": (None, '{"x": ["variables.file"]}'),
        "x": ("x", b"{}", "x"),
    }
    requests_: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", "/", {}),
        ("HEAD", "/", {}),
        ("GET", f"/runs/{run_id}", {}),
        (
            "POST",
            "/graphql",
            {"json": {"query": 'mutation { createModel(data: {name: "x", ontologyId: "x"}) { id } }'}},
        ),
        ("POST", "/_gql", {"json": {"query": "{ models { id } }"}}),
        ("POST", "/graphql", {"files": upload}),
    ]
    for operation in OPERATIONS:
        path = operation.path.replace("{id}", run_id).replace("{name}", "x")
        body = (
            {"json": {"model": "x", "run": "x", "dataRows": []}} if operation.takes != "lines" else {"data": metric()}
        )
        requests_.append((operation.method, path, body if operation.takes else {}))
    for method, path, options in requests_:
        answer = server.request(method, path, key="", **options, **more)
        assert answer.status_code == 401, (method, path)
        assert "hostile" not in answer.text
    assert (tables(server), sorted((server.home / "files").rglob("*"))) == before


def test_generated_requests_without_the_key(server: Server) -> None:
    before = tables(server)
    described = schemathesis.openapi.from_dict(document())
    for operation in OPERATIONS:

        @given(described[operation.path][operation.method].as_strategy())
        @settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
        def check(case: Any) -> None:
            assert case.call(base_url=server.url, headers={"Authorization": "Bearer wrong"}).status_code == 401

        check()
    assert tables(server) == before


def test_what_the_database_holds_lets_nobody_in(server: Server) -> None:
    session = requests.Session()
    session.get(f"{server.url}/?key={server.key}")
    (cookie,) = session.cookies.values()
    assert cookie == cookie_of(server.key)
    for name, value in tables(server)["setting"]:
        assert cookie not in value, name
        for guess in (value, cookie_of(value)):
            headers = {"Cookie": f"labelmetrics-{server.port}={guess}"}
            assert server.request("GET", "/api/models", key="", headers=headers).status_code == 401
            assert server.request("GET", "/api/models", key=guess[:200].replace("\n", "")).status_code == 401


def test_a_folder_that_others_can_read(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with Store.open(tmp_path) as store, store.write() as connection:
        connection.exec_driver_sql("CREATE TABLE more (a)")
        for file in tmp_path.glob("store.db*"):
            assert not stat.S_IMODE(file.stat().st_mode) & 0o077, file.name
    with Store.open(tmp_path) as store:
        store.backup(tmp_path / "copy.db")
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600


# ---- anything

VARIABLES = {"file": None, "contentLength": 1, "modelRunId": "r", "name": "n"}
FORM = (
    b'--B\r\nContent-Disposition: form-data; name="operations"\r\n\r\n'
    + json.dumps(
        {"query": IMPORT, "variables": {"file": None, "contentLength": 1, "modelRunId": "r", "name": "n"}}
    ).encode()
    + b'\r\n--B\r\nContent-Disposition: form-data; name="map"\r\n\r\n{"x": ["variables.file"]}'
    + b'\r\n--B\r\nContent-Disposition: form-data; name="x"; filename="x"\r\n\r\n{"a": 1}\r\n--B--\r\n'
)
DOCUMENT = json.dumps(
    {
        "query": "query Q($w: ModelWhereInput, $n: Int) { models(where: $w, skip: 0, first: $n) { id ...F } } "
        "fragment F on Model { modelRuns(first: 2) { id trainingMetadata } }",
        "variables": {"w": {"AND": [{"name": "x"}, {"ontologyId": None}]}, "n": 3},
        "operationName": "Q",
    }
).encode()
PIECES = st.one_of(
    st.binary(max_size=8),
    st.sampled_from(
        [b"\r\n--B", b"--", b'"', b"{", b"}", b"[", b"]", b"null", b"\\u0000", b"1e999", b"\r\n\r\n", b"..."]
    ),
)


@st.composite
def mutated(draw: st.DrawFn, text: bytes) -> bytes:
    """A text with some pieces left out, put in, or repeated."""
    for _ in range(draw(st.integers(1, 4))):
        start, end = sorted(draw(st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))))
        end = min(end, start + draw(st.sampled_from([0, 1, 10, 1000])))
        text = text[:start] + draw(PIECES) + text[start:end] * draw(st.integers(0, 2)) + text[end:]
    return text


@given(st.sampled_from([(FORM, "multipart/form-data; boundary=B"), (DOCUMENT, "application/json")]), st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_mutations_of_requests(page: Server, form: tuple[bytes, str], data: st.DataObject) -> None:
    text, kind = form
    answer = page.request("POST", "/graphql", data=data.draw(mutated(text)), headers={"Content-Type": kind})
    assert answer.status_code < 500
    found = answer.json()
    for error in found.get("errors", ()):
        assert error["extensions"]["code"] != "INTERNAL_SERVER_ERROR"
        assert "Traceback" not in error["message"]


def test_nothing_broke_in_the_server(server: Server) -> None:
    assert "Traceback" not in "".join(server.said)
