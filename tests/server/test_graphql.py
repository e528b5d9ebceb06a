"""The wire protocol beyond what the platform's client sends: bad input, bounds, forms, names."""

from __future__ import annotations

import gzip
import json
import socket
import time
from typing import Any

import pytest
import requests
from servers import Server

UPLOAD = """mutation($modelRunId: ID!, $name: String!, $file: Upload!, $contentLength: Int!) {
  createModelErrorAnalysisPredictionImport(
    data: {modelRunId: $modelRunId, name: $name, filePayload: {file: $file, contentLength: $contentLength}}
  ) { id name state progress inputFileUrl statusFileUrl errorFileUrl }
}"""
LINE = {"dataRow": {"globalKey": "g0"}, "metricName": "m", "metricValue": 1, "aggregation": "SUM"}


@pytest.fixture(scope="module")
def run_id(server: Server) -> str:
    made = server.request("POST", "/api/runs", json={"model": "m", "run": "r"}).json()["run"]["id"]
    body = b'{"globalKey": "g0"}\n'
    headers = {"Content-Type": "application/x-ndjson"}
    assert server.request("POST", f"/api/runs/{made}/data-rows", data=body, headers=headers).status_code == 200
    return str(made)


def codes(answer: dict[str, Any]) -> list[str]:
    """Every error has a message and a code; there is no list of errors where there is none."""
    assert answer.get("errors", ...) not in (None, [])
    assert all(error["message"] and isinstance(error["message"], str) for error in answer.get("errors", ()))
    return [error["extensions"]["code"] for error in answer.get("errors", ())]


def send(server: Server, run_id: str, name: str, content: bytes, length: int = 1, **changes: Any) -> requests.Response:
    variables = {"modelRunId": run_id, "name": name, "file": None, "contentLength": length}
    parts = {
        "operations": (None, json.dumps({"query": UPLOAD, "variables": variables})),
        "map": (None, json.dumps({"x": ["variables.file"]})),
        "x": ("x", content, "application/x-ndjson"),
    }
    given = {key: value for key, value in (parts | changes).items() if value is not None}
    return server.request("POST", "/graphql", files=given)


# ---- requests


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "MALFORMED_REQUEST"),
        (b"{", "MALFORMED_REQUEST"),
        (b"[]", "MALFORMED_REQUEST"),
        (b'"x"', "MALFORMED_REQUEST"),
        (b"{}", "MALFORMED_REQUEST"),
        (b'{"query": 1}', "MALFORMED_REQUEST"),
        (b'{"query": "{ users { id } }", "variables": []}', "MALFORMED_REQUEST"),
        (b'{"query": "{ users { id } }", "operationName": 1}', "MALFORMED_REQUEST"),
        (b'{"query": "{ users { id } }", "variables": {"x": NaN}}', "MALFORMED_REQUEST"),
        (b'{"query": "{ users { id } }", "variables": ' + b"[" * 100_000, "MALFORMED_REQUEST"),
        (b"\xff\xfe", "MALFORMED_REQUEST"),
        (b'{"query": ""}', "GRAPHQL_PARSE_FAILED"),
        (b'{"query": "{"}', "GRAPHQL_PARSE_FAILED"),
        (b'{"query": "\\u0000"}', "GRAPHQL_PARSE_FAILED"),
        (b'{"query": "{ nothing }"}', "GRAPHQL_VALIDATION_FAILED"),
        (b'{"query": "subscription { x }"}', "GRAPHQL_VALIDATION_FAILED"),
        (b'{"query": "query a { users { id } } query b { users { id } }"}', "GRAPHQL_VALIDATION_FAILED"),
        (b'{"query": "query a { users { id } }", "operationName": "b"}', "GRAPHQL_VALIDATION_FAILED"),
        (b'{"query": "query($x: Int!) { users(first: $x) { id } }"}', "GRAPHQL_VALIDATION_FAILED"),
        (
            b'{"query": "query($x: Int) { users(skip: $x) { id } }", "variables": {"x": ""}}',
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (b'{"query": "fragment a on User { ...a } { users { ...a } }"}', "GRAPHQL_VALIDATION_FAILED"),
        (b'{"query": "fragment a on User { id }"}', "GRAPHQL_VALIDATION_FAILED"),
        (b'{"query": "{ users(first: -1) { id } }"}', "MALFORMED_REQUEST"),
        (b'{"query": "{ users(skip: -1) { id } }"}', "MALFORMED_REQUEST"),
        (b'{"query": "{ users(first: 100000) { id } }"}', "MALFORMED_REQUEST"),
        (b'{"query": "{ model(where: {id: \\"x\\"}) { id } }"}', "RESOURCE_NOT_FOUND"),
    ],
)
def test_bad_requests(server: Server, body: bytes, expected: str) -> None:
    answer = server.request("POST", "/graphql", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code < 500
    assert codes(answer.json()) == [expected]


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_other_types_of_bodies(server: Server, kind: str) -> None:
    answer = server.request("POST", "/graphql", data=b'{"query": "{ users { id } }"}', headers={"Content-Type": kind})
    assert answer.status_code in (400, 415)
    assert codes(answer.json()) == ["MALFORMED_REQUEST"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_other_methods(server: Server, method: str) -> None:
    answer = server.request(method, "/graphql")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"
    assert codes(answer.json()) == ["OPERATION_NOT_ALLOWED"]


def test_a_body_that_is_too_large(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        head = (
            f"POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.key}\r\n"
            "Content-Type: application/json\r\nContent-Length: 999999999999\r\n\r\n"
        )
        connection.sendall(head.encode())
        assert b" 413 " in connection.recv(200)


FRAGMENTS = " ".join(f"fragment f{n} on User {{ ...f{n + 1} ...f{n + 1} }}" for n in range(30))


@pytest.mark.parametrize(
    "query",
    [
        "{ models { modelRuns { id } } " * 30,
        "{" * 5_000,
        "{ users { createdTasks { id } } " + " ".join(f"a{n}: users {{ id }}" for n in range(30)) + "}",
        "{ users { " + " ".join(f"a{n}: id" for n in range(2_000)) + " } }",
        "{ users { " + "id " * 30_000 + " } }",
        "{ models(first: 5000) { modelRuns(first: 5000) { id } } }",
        "{ models(first: 1000) { modelRuns { id name createdAt } } }",
        f"{{ users {{ ...f0 }} }} {FRAGMENTS} fragment f30 on User {{ id }}",
        "{ users " + "{ ... on User " * 200 + "{ id } " + "}" * 200 + "}",
        "{ users(first: " + "[" * 3_000 + "1" + "]" * 3_000 + ") { id } }",
        "# " + "x" * 2_000_000,
    ],
)
def test_deep_and_wide_documents(server: Server, query: str) -> None:
    answer = server.request("POST", "/graphql", json={"query": query})
    assert answer.elapsed.total_seconds() < 5
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] in ("GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED")


def test_introspection(server: Server) -> None:
    from graphql import get_introspection_query

    answer = server.graphql(get_introspection_query())
    assert codes(answer) == []
    assert answer["data"]["__schema"]["queryType"]["name"] == "Query"


NAMES = ["'; DROP TABLE model; --", '"><script>alert(1)</script>', "../../x", "a\x00b", "🦆" * 100, "\u202e", "%s{0}"]


@pytest.mark.parametrize("name", NAMES)
def test_names(server: Server, name: str) -> None:
    query = "mutation($n: String!) { createModel(data: {name: $n, ontologyId: $n}) { id name ontologyId } }".replace(
        "ontologyId: $n", 'ontologyId: "x"'
    )
    made = server.graphql(query, {"n": name})
    assert codes(made) == []
    found = server.graphql("query($n: String!) { models(where: {name: $n}) { name } }", {"n": name})
    assert found["data"]["models"] == [{"name": name}]
    page = server.request("GET", "/", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert "<script" not in page.text


@pytest.mark.parametrize("name", ["", "  ", "x" * 1001])
def test_names_that_are_none(server: Server, run_id: str, name: str) -> None:
    query = 'mutation($n: String!) { createModel(data: {name: $n, ontologyId: "x"}) { id } }'
    assert codes(server.graphql(query, {"n": name})) == ["MALFORMED_REQUEST"]
    assert codes(send(server, run_id, name, b"{}").json()) == ["MALFORMED_REQUEST"]


def test_a_config_of_any_kind(server: Server, run_id: str) -> None:
    query = """mutation($id: ID!, $data: UpdateModelRunConfigInput!) {
      updateModelRunConfig(modelRun: {id: $id}, data: $data) { trainingMetadata } }"""
    for config in ({"a": [1, None, {"b": 1e300}], "é": 2**63}, [], "text", 0, None):
        answer = server.graphql(query, {"id": run_id, "data": {"config": config}})
        assert answer["data"]["updateModelRunConfig"]["trainingMetadata"] == config


# ---- uploads


def test_an_upload(server: Server, run_id: str) -> None:
    found = send(server, run_id, "first", json.dumps(LINE).encode()).json()
    import_ = found["data"]["createModelErrorAnalysisPredictionImport"]
    assert (import_["state"], import_["progress"]) == ("FINISHED", "100%")
    for part, expected in (("input", [LINE]), ("error", [])):
        answer = requests.get(import_[f"{part}FileUrl"], timeout=30)
        assert answer.headers["Content-Type"] == "application/x-ndjson; charset=utf-8"
        assert [json.loads(line) for line in answer.text.splitlines()] == expected
        head = requests.head(import_[f"{part}FileUrl"], timeout=30)
        assert (head.status_code, head.content) == (200, b"")


def test_an_empty_file_that_was_to_hold_something(server: Server, run_id: str) -> None:
    answer = send(server, run_id, "retry", b"", 340)
    assert codes(answer.json()) == ["MALFORMED_REQUEST"]
    query = (
        "query($r: ID!, $n: String!) { modelErrorAnalysisPredictionImport(where: {modelRunId: $r, name: $n}) { id } }"
    )
    assert codes(server.graphql(query, {"r": run_id, "n": "retry"})) == ["RESOURCE_NOT_FOUND"]


def test_a_run_that_is_not_there_leaves_no_file(server: Server, run_id: str) -> None:
    before = sorted(path.name for path in (server.home / "files").rglob("*"))
    assert codes(send(server, "nothing", "x", b"{}").json()) == ["RESOURCE_NOT_FOUND"]
    assert codes(send(server, run_id, "x", b"{}", map=None).json()) == ["MALFORMED_REQUEST"]
    assert codes(send(server, run_id, "x", b"{}", operations=None).json()) == ["MALFORMED_REQUEST"]
    assert codes(send(server, run_id, "x", b"{}", x=None).json()) == ["MALFORMED_REQUEST"]
    assert sorted(path.name for path in (server.home / "files").rglob("*")) == before


def test_a_file_where_none_belongs(server: Server, run_id: str) -> None:
    answer = server.graphql(UPLOAD, {"modelRunId": run_id, "name": "x", "file": "text", "contentLength": 1})
    assert codes(answer) == ["GRAPHQL_VALIDATION_FAILED"]
    operations = {"query": UPLOAD, "variables": {"modelRunId": None, "name": "x", "file": None, "contentLength": 1}}
    changed = {
        "operations": (None, json.dumps(operations)),
        "map": (None, json.dumps({"x": ["variables.modelRunId"]})),
    }
    assert set(codes(send(server, run_id, "x", b"{}", **changed).json())) == {"GRAPHQL_VALIDATION_FAILED"}


def test_a_form_that_breaks_off(server: Server, run_id: str) -> None:
    files = server.home / "files" / "incoming"
    body = b'--B\r\nContent-Disposition: form-data; name="x"\r\n\r\n' + b"x" * 3_000_000
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        head = (
            f"POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.key}\r\n"
            f"Content-Type: multipart/form-data; boundary=B\r\nContent-Length: {len(body) + 10}\r\n\r\n"
        )
        connection.sendall(head.encode() + body)
    for _ in range(600):
        if not list(files.iterdir()):
            break
        time.sleep(0.1)
    assert not list(files.iterdir())
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    assert codes(server.request("POST", "/graphql", data=body, headers=headers).json()) == ["MALFORMED_REQUEST"]
    assert not list(files.iterdir())


def test_packed_lines_are_told_of(server: Server, run_id: str) -> None:
    found = send(server, run_id, "packed", gzip.compress(json.dumps(LINE).encode())).json()
    assert codes(found) == []


# ---- data rows


@pytest.mark.parametrize(
    ("manifest", "chunk"),
    [
        (b"{", b""),
        (b"[]", b""),
        (b'{"chunk_uris": [1]}', b""),
        (b'{"chunk_uris": ["file:///etc/passwd"]}', b""),
        (b'{"chunk_uris": ["http://127.0.0.1/files/x"]}', b""),
        (b'{"chunk_uris": ["http://["]}', b""),
        (None, b"{"),
        (None, b"{}"),
        (None, b'[{"payload": 1}]'),
        (None, b'[{"payload": {"global_key": 1}}]'),
        (None, b'[{"id": {"type": "X"}, "payload": {}}]'),
        (None, b"[" * 100_000),
        (None, b"\xff"),
    ],
)
def test_data_rows_that_cannot_be_read(server: Server, manifest: bytes | None, chunk: bytes) -> None:
    def keep(content: bytes) -> str:
        query = "mutation($f: Upload!, $n: Int!) { uploadFile(file: $f, contentLength: $n) { url } }"
        operations = {"query": query, "variables": {"f": None, "n": len(content)}}
        parts = {
            "operations": (None, json.dumps(operations)),
            "map": (None, json.dumps({"1": ["variables.f"]})),
            "1": ("application/json", content, "name.json"),
        }
        return str(server.request("POST", "/graphql", files=parts).json()["data"]["uploadFile"]["url"])

    if manifest is None:
        manifest = json.dumps({"source": "SDK", "item_count": 1, "chunk_uris": [keep(chunk)]}).encode()
    query = "mutation($u: String!) { upsertDataRows(data: {manifestUri: $u}) { id status } }"
    task = server.graphql(query, {"u": keep(manifest)})["data"]["upsertDataRows"]
    assert task["status"] == "FAILED"
    query = "query($t: ID!) { failedDataRowImports(data: {taskId: $t}) { total results { message } } }"
    failed = server.graphql(query, {"t": task["id"]})["data"]["failedDataRowImports"]
    assert failed["total"] == 1
    assert failed["results"][0]["message"]


def test_nothing_went_wrong_in_the_server(server: Server) -> None:
    assert "Traceback" not in "".join(server.said)
