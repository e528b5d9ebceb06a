"""Our client and the real one send the same: documents, variables, headers that matter, form of files."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import labelmetrics as lm

labelbox = pytest.importorskip("labelbox")
graphql = pytest.importorskip("graphql")

pytestmark = pytest.mark.reference

TIME = "2024-01-02T03:04:05.678Z"
RUN = {
    "id": "11111111-2222-3333-4444-555555555555",
    "name": "first",
    "modelId": "m" * 25,
    "modelAppId": None,
    "createdAt": TIME,
    "updatedAt": TIME,
    "createdBy": "u" * 25,
    "trainingMetadata": {"epochs": 3},
}
MODEL = {"id": "m" * 25, "name": "yolo", "ontologyId": "o" * 25}
USER = dict.fromkeys(("email", "nickname", "name", "picture", "lastLoginAt")) | {
    "id": "u" * 25,
    "createdAt": TIME,
    "updatedAt": TIME,
    "isExternalUser": False,
    "isViewer": False,
}
TASK = {
    "id": "t" * 25,
    "type": "export-data-rows",
    "status": "COMPLETE",
    "completionPercentage": 100,
    "createdAt": TIME,
    "updatedAt": TIME,
    "name": "export",
    "result": None,
    "errors": None,
    "metadata": None,
}
EXPORTED = b'{"data_row": {"id": "d1"}}\n{"data_row": {"id": "d2"}}\n'
LINE = {
    "uuid": "7d0b2a1e-0f4c-4f7e-9d2b-1c2d3e4f5a6b",
    "dataRow": {"globalKey": "a.jpg"},
    "metricName": "mm",
    "metricValue": 0.25,
    "aggregation": "ARITHMETIC_MEAN",
}


def row(number: int) -> dict[str, Any]:
    data_row = dict.fromkeys(("externalId", "mediaAttributes", "rowData")) | {
        "id": f"d{number}",
        "globalKey": f"g{number}",
        "createdAt": TIME,
        "updatedAt": TIME,
        "customMetadata": [],
        "metadataFields": [],
    }
    return {
        "id": f"r{number}",
        "labelId": None,
        "modelRunId": RUN["id"],
        "dataSplit": "TEST",
        "dataRow": data_row,
    }


@dataclass
class Recorder:
    """A server that notes what it is sent, and answers as a small platform would."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        operation = graphql.parse(document).definitions[0]
        root = operation.selection_set.selections[0].name.value
        page = [row(n) for n in range(100)] if not (variables or {}).get("from") else [row(100)]
        one = {
            "id": "i" * 25,
            "name": (variables or {}).get("name"),
            "modelRunId": RUN["id"],
            "state": "FINISHED",
            "progress": "100%",
            "inputFileUrl": f"{self.url}/files/lines",
            "statusFileUrl": f"{self.url}/files/statuses",
            "errorFileUrl": f"{self.url}/files/errors",
        }
        known: dict[str, Any] = {
            "createModel": MODEL,
            "model": {**MODEL, "modelRuns": [RUN]},
            "models": [MODEL],
            "createModelRun": RUN,
            "modelRun": RUN,
            "updateModelRunConfig": RUN,
            "resetModelRunConfig": RUN,
            "annotationGroups": {"nodes": page, "pageInfo": {"endCursor": None if len(page) < 100 else "next"}},
            "createModelErrorAnalysisPredictionImport": one,
            "modelErrorAnalysisPredictionImport": one,
            "updateTrainingPipeline": {"status": "COMPLETE"},
            "exportDataRowsInModelRun": {"taskId": TASK["id"], "isStreamable": True},
            "user": {**USER, "createdTasks": [TASK]},
            "task": {
                "exportMetadataHeader": {"totalSize": str(len(EXPORTED)), "totalLines": "2"},
                "exportFileFromOffset": {
                    "offsets": {"start": "0", "end": str(len(EXPORTED) - 1)},
                    "lines": {"start": "0", "end": "1"},
                    "file": f"{self.url}/files/export",
                },
            },
        }
        if root.endswith("Status"):
            return {root: {"status": "COMPLETE", "errorMessage": None}}
        return {root: known.get(root, "x" * 25)}


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorded = Recorder()
    files = {
        "lines": json.dumps(LINE).encode(),
        "statuses": json.dumps({"uuid": None, "dataRow": {"id": "d1"}, "status": "SUCCESS", "errors": []}).encode(),
        "errors": b"",
        "export": EXPORTED,
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kind = self.headers["Content-Type"]
            request: dict[str, Any] = {"path": self.path, "headers": dict(self.headers.items())}
            if kind.startswith("multipart/"):
                request["form"] = form(kind, body)
                said = json.loads(request["form"][0]["content"])
                request["order"] = list(said)
            else:
                said = json.loads(body)
                assert set(said) == {"query", "variables"}
            request |= said
            recorded.requests.append(request)
            self.reply(json.dumps({"data": recorded.answer(said["query"], said["variables"])}).encode())

        def do_GET(self) -> None:
            self.note()
            self.reply(files[self.path.rpartition("/")[2]])

        def do_HEAD(self) -> None:
            self.note()
            self.reply(b"")

        def note(self) -> None:
            recorded.requests.append({"path": self.path, "method": self.command, "headers": dict(self.headers.items())})

        def reply(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", "application/x-ndjson; charset=utf-8")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        recorded.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield recorded
        server.shutdown()
        thread.join()


def form(kind: str, body: bytes) -> list[dict[str, Any]]:
    """Parts of a form: headers as they are, and content."""
    boundary = kind.partition("boundary=")[2]
    pieces = body.split(f"--{boundary}".encode())
    assert pieces[0] == b""
    assert pieces[-1].strip() == b"--"
    parts = []
    for piece in pieces[1:-1]:
        head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = BytesParser().parsebytes(head)
        assert content.endswith(b"\r\n")
        parts.append(
            {
                "disposition": re.search(rb"^content-disposition: (.*)$", head, re.I | re.M)[1].strip(),
                "type": headers.get("Content-Type"),
                "headers": sorted(name.lower() for name in headers),
                "content": content[:-2],
            }
        )
    return parts


def meaning(document: str) -> Any:
    """What a document says: without the name of its operation, and in one order."""
    operation, *others = graphql.parse(document).definitions
    assert others == []

    def selections(node: Any) -> Any:
        if node.selection_set is None:
            return None
        return sorted((selection(one) for one in node.selection_set.selections), key=repr)

    def selection(node: Any) -> Any:
        assert type(node).__name__ == "FieldNode"
        arguments = sorted((one.name.value, value(one.value)) for one in node.arguments or ())
        return (node.alias and node.alias.value, node.name.value, arguments, selections(node))

    def value(node: Any) -> Any:
        if hasattr(node, "fields"):
            return repr(sorted((one.name.value, value(one.value)) for one in node.fields))
        return graphql.print_ast(node)

    variables = sorted(
        (one.variable.name.value, graphql.print_ast(one.type)) for one in operation.variable_definitions or ()
    )
    return operation.operation.value, variables, selections(operation)


MATTERS = ("Authorization", "Accept", "Content-Type")


def normal(request: dict[str, Any]) -> dict[str, Any]:
    """A request, with what may differ between clients taken out."""
    headers = {name: request["headers"].get(name) for name in MATTERS}
    if "query" not in request:
        return {**request, "headers": {"Authorization": headers["Authorization"]}}
    kind = headers["Content-Type"]
    headers["Content-Type"] = re.sub("boundary=[0-9a-f]{32}$", "boundary=B", kind)
    found = {**request, "headers": headers, "query": meaning(request["query"])}
    if "form" in request:
        # requests asks for anything where the real client takes its own wish out.
        headers.pop("Accept")
        operations, mapping, file = request["form"]
        lines = [json.loads(line) for line in file["content"].split(b"\n")]
        found["form"] = [
            {**operations, "content": None},
            {**mapping, "content": json.loads(mapping["content"])},
            {**file, "content": [{k: v for k, v in line.items() if k != "uuid"} for line in lines]},
        ]
        length = found["variables"].pop("contentLength")
        assert isinstance(length, int)
    return found


Drive = Callable[[Any, Any], Any]
"""What is done with a client, and the path of a file of lines."""


def ours_run(client: Any) -> Any:
    return client.get_model_run(RUN["id"])


CASES: dict[str, tuple[Drive, Drive]] = {
    "create_model": (
        lambda real, _: real.create_model("yolo", "o" * 25),
        lambda ours, _: ours.create_model("yolo", "o" * 25),
    ),
    "get_model": (lambda real, _: real.get_model("m1"), lambda ours, _: ours.get_model("m1")),
    "models": (
        lambda real, _: list(real.get_models(where=labelbox.Model.name == "yolo")),
        lambda ours, _: list(ours.models("yolo")),
    ),
    "all models": (lambda real, _: list(real.get_models()), lambda ours, _: list(ours.models())),
    "model runs": (
        lambda real, _: list(real.get_model("m1").model_runs()),
        lambda ours, _: list(ours.get_model("m1").model_runs()),
    ),
    "create_model_run": (
        lambda real, _: real.get_model("m1").create_model_run("first", {"epochs": 3}),
        lambda ours, _: ours.get_model("m1").create_model_run("first", {"epochs": 3}),
    ),
    "create_model_run without configuration": (
        lambda real, _: real.get_model("m1").create_model_run("first"),
        lambda ours, _: ours.get_model("m1").create_model_run("first"),
    ),
    "delete model": (
        lambda real, _: real.get_model("m1").delete(),
        lambda ours, _: ours.get_model("m1").delete(),
    ),
}


def on_run(name: str, real: Drive, ours: Drive | None = None) -> None:
    """A case with a model run."""
    same = ours or real
    CASES[name] = (lambda c, p: real(ours_run(c), p), lambda c, p: same(ours_run(c), p))


on_run("get_config", lambda run, _: run.get_config())
on_run("update_config", lambda run, _: run.update_config({"epochs": 4}))
on_run("reset_config", lambda run, _: run.reset_config())
on_run("update_status", lambda run, _: run.update_status("FAILED", {"a": 1}, "why"))
on_run("delete", lambda run, _: run.delete())
on_run("upsert_data_rows by id", lambda run, _: run.upsert_data_rows(data_row_ids=["d1", "d2"]))
on_run("upsert_data_rows by key", lambda run, _: run.upsert_data_rows(global_keys=["g1"]))
on_run("upsert_labels", lambda run, _: run.upsert_labels(label_ids=["l1"]))
on_run("upsert_labels of a project", lambda run, _: run.upsert_labels(project_id="p1"))
on_run("split by id", lambda run, _: run.assign_data_rows_to_split(data_row_ids=["d1"], split="TEST"))
on_run("split by key", lambda run, _: run.assign_data_rows_to_split(split="TRAINING", global_keys=["g1"]))
on_run(
    "remove data rows",
    lambda run, _: run.delete_model_run_data_rows(["d1"]),
    lambda run, _: run.remove_data_rows(["d1"]),
)
on_run("data rows", lambda run, _: list(run.model_run_data_rows()), lambda run, _: list(run.data_rows()))
on_run("lines", lambda run, _: run.add_predictions("imp1", [LINE]))
on_run("file", lambda run, path: run.add_predictions("imp1", str(path)))
on_run("name with accents and quotes", lambda run, _: run.add_predictions('é "a"\nb /c', [LINE]))
on_run("url", lambda run, _: run.add_predictions("imp1", f"{SERVED[-1]}/files/lines"))
on_run("statuses", lambda run, _: run.add_predictions("imp1", [LINE]).statuses)
on_run("errors", lambda run, _: run.add_predictions("imp1", [LINE]).errors)
on_run("inputs", lambda run, _: run.add_predictions("imp1", [LINE]).inputs)
on_run(
    "export",
    lambda run, _: list(run.export(params={"predictions": True}).get_buffered_stream()),
    lambda run, _: list(run.export(params={"predictions": True})),
)
SERVED: list[str] = []


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_requests_are_those_of_the_real_client(
    name: str, recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What our client asks its own servers besides is not the platform's protocol.
    monkeypatch.setattr("labelmetrics.runs.target.Target.is_platform", True)
    SERVED.append(recorder.url)
    path = tmp_path / "lines.ndjson"
    path.write_text("\n".join(json.dumps(line) for line in (LINE, {**LINE, "metricName": "other", "uuid": "u2"})))
    endpoint = f"{recorder.url}/graphql"
    for drive, client in zip(
        CASES[name],
        (
            labelbox.Client("secret", endpoint=endpoint, enable_experimental=True),
            lm.Client("secret", endpoint, folder=tmp_path),
        ),
        strict=True,
    ):
        start = len(recorder.requests)
        drive(client, path)
        if isinstance(client, lm.Client):
            ours = [normal(one) for one in recorder.requests[start:]]
        else:
            real = [normal(one) for one in recorder.requests[start:]]
    assert ours == real
    assert real
