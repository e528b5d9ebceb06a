"""A server of model runs in a few lines: a transport that answers from memory."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from labelmetrics.runs.transport import Request, Response

LOCAL = "http://127.0.0.1:8765"
PLATFORM = "https://api.labelbox.com"
RUN = "11111111-2222-3333-4444-555555555555"


class FakeServer:
    """Answers requests; ``before`` and ``after`` may raise, or answer in its place."""

    def __init__(self, site: str = LOCAL) -> None:
        self.site = site
        self.requests: list[Request] = []
        self.operations: Counter[str] = Counter()
        self.rows: dict[tuple[str, str], dict[str, Any]] = {}
        self.metrics: dict[tuple[Any, ...], dict[str, Any]] = {}
        self.lines: list[dict[str, Any]] = []
        self.imports: dict[str, dict[str, Any]] = {}
        self.refused: set[str] = set()
        self.running = 0
        self.state = "FINISHED"
        self.before: Callable[[str, Request], Response | None] = lambda operation, request: None
        self.after: Callable[[str, Request], Response | None] = lambda operation, request: None
        self.lock = threading.Lock()

    def __call__(self, request: Request) -> Response:
        with self.lock:
            parts = urlsplit(request.url)
            operation, variables, content = self._read(request, parts.path)
            self.requests.append(request)
            self.operations[operation] += 1
            answer = self.before(operation, request)
            if answer is not None:
                return answer
            is_file = parts.path.startswith("/files/")
            assert is_file == ("Authorization" not in request.headers)
            if is_file:
                _, _, name, what = (unquote(part) for part in parts.path.split("/"))
                answer = ndjson(self.imports[name][what])
            elif parts.path.startswith("/api/"):
                answer = self._api(request, parts.path.split("/")[2:], parse_qs(parts.query))
            else:
                answer = self._graphql(operation, variables, content)
            return self.after(operation, request) or answer

    def _read(self, request: Request, path: str) -> tuple[str, dict[str, Any], bytes]:
        if "graphql" not in path and "_gql" not in path:
            return f"{request.method} {path}", {}, b""
        body = request.body or b""
        content = b""
        if body.startswith(b"--"):
            _, said, _, file, _ = body.split(body.partition(b"\r\n")[0])
            content = file.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
            body = said.partition(b"\r\n\r\n")[2]
        said = json.loads(body)
        return re.match(r"\w+\s+\w+\s*(?:\([^)]*\)\s*)?{\s*(\w+)", said["query"])[1], said["variables"], content

    def _graphql(self, operation: str, variables: dict[str, Any], content: bytes) -> Response:
        if operation == "createModelErrorAnalysisPredictionImport":
            assert variables["contentLength"] == len(content)
            return self._import(variables["name"], content, "predictions")
        if operation == "modelErrorAnalysisPredictionImport":
            found = self.imports.get(variables["name"])
            if found is None:
                return error("RESOURCE_NOT_FOUND", "no such import")
            if self.running:
                self.running -= 1
            return data({operation: self._told(found)})
        if operation == "models":
            return data({operation: []})
        if operation == "modelRun":
            return data({operation: {"id": RUN, "name": "first", "modelId": "m1", "trainingMetadata": None}})
        if operation == "createMEAModelRunDataRowRegistrationTask":
            for kind, keys in (("id", variables["dataRowIds"]), ("globalKey", variables["globalKeys"])):
                self.rows.update({(kind, key): {} for key in keys or ()})
            return data({operation: "task"})
        if operation.endswith("Status"):
            return data({operation: {"status": "COMPLETE", "errorMessage": None}})
        return data({operation: True})

    def _api(self, request: Request, path: list[str], query: dict[str, list[str]]) -> Response:
        match (request.method, *path):
            case ("GET", "runs", _, "metrics"):
                return ndjson(self.metrics.values())
            case ("POST", "runs", _, "data-rows"):
                for line in (request.body or b"").splitlines():
                    row = json.loads(line)
                    kind = "id" if "id" in row else "globalKey"
                    self.rows[kind, row[kind]] = row
                return Response(200, {}, [b'{"registered": 1, "created": 1}'])
            case ("POST", "runs", _, "ground-truths"):
                answer = self._import(query["name"][0], request.body or b"", "ground_truths")
                found = json.loads(b"".join(answer.chunks)).get("data")
                return Response(200, {}, [json.dumps(next(iter(found.values()))).encode()])
            case ("GET", "imports", name):
                return Response(200, {}, [json.dumps(self._told(self.imports[name])).encode()])
        return Response(404, {}, [b'{"message": "there is no such thing", "code": "NOT_FOUND"}'])

    def _import(self, name: str, content: bytes, kind: str) -> Response:
        digest = hashlib.sha256(content).hexdigest()
        if name in self.imports:
            same = self.site == LOCAL and self.imports[name]["digest"] == digest
            if not same:
                return error("RESOURCE_CONFLICT", f"there is an import {name!r}")
            return data({"createModelErrorAnalysisPredictionImport": self._told(self.imports[name])})
        assert content
        lines = [json.loads(line) for line in content.split(b"\n")]
        statuses = []
        for line in lines:
            ((row_kind, key),) = line["dataRow"].items()
            failed = key in self.refused
            errors = [{"name": "refused", "message": "not this one"}] if failed else []
            status = "FAILURE" if failed else "SUCCESS"
            statuses.append({"uuid": line.get("uuid"), "dataRow": line["dataRow"], "status": status, "errors": errors})
            if not failed and "metricValue" in line:
                names = (line.get(name) for name in ("metricName", "featureName", "subclassName"))
                self.metrics[row_kind, key, *names] = line
        self.lines += lines
        self.imports[name] = {
            "name": name,
            "digest": digest,
            "kind": kind,
            "inputs": lines,
            "statuses": statuses,
            "errors": [one for one in statuses if one["errors"]],
        }
        return data({"createModelErrorAnalysisPredictionImport": self._told(self.imports[name])})

    def _told(self, found: dict[str, Any]) -> dict[str, Any]:
        files = f"{self.site}/files/{found['name']}"
        return {
            "id": found["name"],
            "name": found["name"],
            "modelRunId": RUN,
            "state": "RUNNING" if self.running else self.state,
            "error": "the disk is full" if self.state == "FAILED" else None,
            "progress": "37%" if self.running else "100%",
            "inputFileUrl": f"{files}/inputs",
            "statusFileUrl": None if self.running else f"{files}/statuses",
            "errorFileUrl": None if self.running else f"{files}/errors",
        }


def data(found: Any) -> Response:
    return Response(200, {}, [json.dumps({"data": found}).encode()])


def error(code: str, message: str, status: int = 200) -> Response:
    body = {"errors": [{"message": message, "extensions": {"code": code}}], "data": None}
    return Response(status, {}, [json.dumps(body).encode()])


def ndjson(lines: Any) -> Response:
    return Response(200, {}, [json.dumps(line).encode() + b"\n" for line in lines])
