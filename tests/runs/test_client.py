"""Models, runs and their data rows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fake_server import LOCAL, PLATFORM, data

import labelmetrics as lm
from labelmetrics.runs.transport import Request, Response


class Models:
    """A server of models and runs."""

    def __init__(self, n: int = 0) -> None:
        self.models = [{"id": f"m{i}", "name": f"model {i}", "ontologyId": None} for i in range(n)]
        self.runs: list[dict[str, Any]] = []
        self.asked: list[str] = []

    def __call__(self, request: Request) -> Response:
        said = json.loads(request.body or b"")
        if request.url == f"{LOCAL}/api/runs":
            model = next((one for one in self.models if one["name"] == said["model"]), None)
            if model is None:
                model = {"id": f"m{len(self.models)}", "name": said["model"], "ontologyId": None}
                self.models.append(model)
            run = {"id": f"r{len(self.runs)}", "name": said["run"], "modelId": model["id"]}
            self.runs.append({**run, "trainingMetadata": None, "createdAt": "2024-01-02T03:04:05.678Z"})
            return Response(200, {}, [json.dumps({"model": model, "run": run}).encode()])
        query, variables = said["query"], said["variables"]
        self.asked.append(query.partition("(")[0].partition("{")[0].strip())
        skip = int(found[1]) if (found := re.search(r"skip: (\d+) first: 100", query)) else 0
        if "createModelRun(" in query:
            run = {"id": f"r{len(self.runs)}", "name": variables["name"], "modelId": variables["modelId"]}
            self.runs.append({**run, "trainingMetadata": variables["config"], "createdAt": "2024-01-02T03:04:05.678Z"})
            return data({"createModelRun": self.runs[-1]})
        if "createModel(" in query:
            self.models.append({"id": f"m{len(self.models)}", **variables})
            return data({"createModel": self.models[-1]})
        if "modelRun(" in query and "annotationGroups(" not in query:
            return data({"modelRun": next(run for run in self.runs if run["id"] == variables["param_0"])})
        if "modelRuns(" in query:
            runs = [run for run in self.runs if run["modelId"] == variables["param_0"]]
            return data({"model": {"modelRuns": runs[skip : skip + 100]}})
        if "models(" in query:
            named = [one for one in self.models if variables.get("param_0") in (None, one["name"])]
            return data({"models": named[skip : skip + 100]})
        return data({"annotationGroups": {"nodes": ROWS, "pageInfo": {"endCursor": None}}})


ROWS = [
    {
        "id": "x y",
        "labelId": None,
        "modelRunId": "r0",
        "dataSplit": "TEST",
        "dataRow": {"id": "d1", "globalKey": "a.jpg", "mediaAttributes": {"width": 3}},
    }
]


def client_of(transport: Models, folder: Path, site: str = LOCAL) -> lm.Client:
    return lm.Client("secret", f"{site}/graphql", transport=transport, folder=folder)


@pytest.mark.parametrize(("n", "requests"), [(0, 1), (99, 1), (100, 2), (250, 3)])
def test_models_come_page_by_page(n: int, requests: int, tmp_path: Path) -> None:
    server = Models(n)
    assert [one.id for one in client_of(server, tmp_path).models()] == [f"m{i}" for i in range(n)]
    assert len(server.asked) == requests


def test_model_and_run_are_found_or_made(tmp_path: Path) -> None:
    server = Models(3)
    client = client_of(server, tmp_path)
    run = client.model_run("yolo", "first")
    assert client.model_run("yolo", "first").id == run.id
    assert client.model_run("yolo", "second").id != run.id
    assert [one["name"] for one in server.runs] == ["first", "second"]
    assert [one.name for one in client.model_runs()] == ["first", "second"]
    assert [one.id for one in client.model_runs("second")] == ["r1"]
    assert run.created_at is not None
    assert run.created_at.year == 2024
    server.models.append({"id": "again", "name": "yolo", "ontologyId": "o2"})
    with pytest.raises(lm.SettingError, match="2 have the name of the model 'yolo'"):
        client.model_run("yolo", "first")
    assert client.model_run("yolo", "first", ontology_id="o2").model_id == "again"


def test_the_platform_needs_an_ontology(tmp_path: Path) -> None:
    server = Models()
    with pytest.raises(lm.SettingError, match="needs an ontology"):
        client_of(server, tmp_path, PLATFORM).create_model("yolo")
    assert client_of(server, tmp_path).create_model("yolo").ontology_id == ""


def test_data_rows_have_a_page(tmp_path: Path) -> None:
    for site, url in (
        (LOCAL, f"{LOCAL}/runs/r0#x%20y"),
        (PLATFORM, "https://app.labelbox.com/models/m0/r0/AllDatarowsSlice/x y?view=carousel"),
    ):
        run = client_of(Models(), tmp_path, site).model_run("yolo", "first", ontology_id="o")
        (row,) = run.data_rows()
        assert (row.url, row.split, row.global_key, row.media) == (url, "TEST", "a.jpg", {"width": 3})
        assert "a.jpg" in row._repr_html_()


def test_settings_are_checked(tmp_path: Path) -> None:
    run = client_of(Models(), tmp_path).model_run("yolo", "first")
    for call in (
        lambda: run.upsert_data_rows(),
        lambda: run.upsert_data_rows("d1"),
        lambda: run.upsert_labels(),
        lambda: run.upsert_labels(["l"], "p"),
        lambda: run.assign_data_rows_to_split(["d1"], "EVALUATION"),
        lambda: run.assign_data_rows_to_split(split="TEST"),
        lambda: run.update_status("DONE"),
        lambda: list(run.export(params={"everything": True})),
        lambda: run.add_predictions("", []),
        lambda: run.add_predictions("a", [], threads=0),
        lambda: run.add_predictions("a", [], over_limit="ignore"),
    ):
        with pytest.raises(lm.SettingError):
            call()
