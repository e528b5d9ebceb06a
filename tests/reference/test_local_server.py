"""The platform's own client drives the local server: everything of model runs."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from servers import Server, serving

pytestmark = pytest.mark.reference

labelbox = pytest.importorskip("labelbox", reason="needs the extra 'reference'")

from labelbox import Client, Dataset, MEAPredictionImport, Model, ModelRun  # noqa: E402
from labelbox.data.annotation_types import (  # noqa: E402
    ConfusionMatrixMetric,
    GenericDataRowData,
    Label,
    ScalarMetric,
    ScalarMetricAggregation,
)
from lbox import exceptions  # noqa: E402

names = (f"name {number}" for number in count())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    return Client(server.key, endpoint=server.endpoint, enable_experimental=True)


@pytest.fixture(scope="module")
def dataset(client: Client) -> Dataset:
    dataset = client.create_dataset(name="images")
    rows = [{"row_data": f"https://x.org/{n}.jpg", "global_key": f"g{n}", "external_id": f"e{n}"} for n in range(6)]
    task = dataset.create_data_rows(rows)
    task.wait_till_done()
    assert task.errors is None
    return dataset


@pytest.fixture(scope="module")
def model(client: Client) -> Model:
    return client.create_model("detector", "c" + "0" * 24)


@pytest.fixture
def run(model: Model, dataset: Dataset) -> ModelRun:
    run = model.create_model_run(next(names))
    run.upsert_data_rows(global_keys=[f"g{n}" for n in range(4)])
    return run


def scalar(row: int, **more: Any) -> dict[str, Any]:
    line = {
        "uuid": str(uuid.uuid4()),
        "dataRow": {"globalKey": f"g{row}"},
        "metricName": "quality",
        "metricValue": 0.5,
        "aggregation": "ARITHMETIC_MEAN",
    }
    return line | more


def quick(sent: MEAPredictionImport) -> MEAPredictionImport:
    """Small imports are finished when they are answered: nobody sleeps ten seconds."""
    assert sent.state.value == "FINISHED"
    return sent


# ------------------------------------------------------------------------------------------------- models, runs


def test_models(client: Client) -> None:
    name = "name with 'quotes', \"more\" and <b>é</b>"
    made = client.create_model(name, "c" + "1" * 24)
    assert (made.name, made.ontology_id) == (name, "c" + "1" * 24)
    assert client.get_model(made.uid).name == name
    assert [one.uid for one in client.get_models(where=Model.name == name)] == [made.uid]
    assert made.uid in [one.uid for one in client.get_models()]
    made.delete()
    with pytest.raises(exceptions.ResourceNotFoundError):
        client.get_model(made.uid)


def test_runs(client: Client, model: Model) -> None:
    run = model.create_model_run("first", {"lr": 0.1, "layers": [1, 2]})
    assert client.get_model_run(run.uid).name == "first"
    assert run.uid in [one.uid for one in model.model_runs()]
    assert run.model_id == model.uid
    assert abs(run.created_at.timestamp() - time.time()) < 60
    assert run.get_config() == {"lr": 0.1, "layers": [1, 2]}
    run.update_config({"lr": 0.2})
    assert run.get_config() == {"lr": 0.2}
    run.reset_config()
    assert run.get_config() is None
    run.update_status("TRAINING_MODEL")
    run.update_status("FAILED", metadata={"step": "3"}, error_message="no memory")
    run.delete()
    with pytest.raises(exceptions.ResourceNotFoundError):
        client.get_model_run(run.uid)


def test_more_than_a_page_of_runs(client: Client) -> None:
    model = client.create_model("many", "c" + "2" * 24)
    made = [model.create_model_run(f"run {n}").uid for n in range(101)]
    assert sorted(one.uid for one in model.model_runs()) == sorted(made)


# ---------------------------------------------------------------------------------------------------- data rows


def test_datasets_and_data_rows(client: Client, dataset: Dataset) -> None:
    assert client.get_dataset(dataset.uid).name == "images"
    assert [one.uid for one in client.get_datasets(where=Dataset.name == "images")] == [dataset.uid]
    rows = list(dataset.data_rows())
    assert sorted(row.global_key for row in rows) == [f"g{n}" for n in range(6)]
    found = client.get_data_row_ids_for_global_keys(["g3", "nothing", "g1"])
    assert found["results"][1] == ""
    assert client.get_data_row(found["results"][0]).global_key == "g3"
    assert client.get_data_row_by_global_key("g2").external_id == "e2"
    assert dataset.data_row_for_external_id("e2").global_key == "g2"


def test_rows_that_cannot_be_made(client: Client, dataset: Dataset) -> None:
    task = dataset.create_data_rows([{"row_data": "https://example.com/x.jpg", "global_key": "g1"}])
    task.wait_till_done()
    (failed,) = task.failed_data_rows
    assert "g1" in failed["message"]


def test_upserting_rows(client: Client, dataset: Dataset) -> None:
    from labelbox.schema.identifiable import GlobalKey

    task = dataset.upsert_data_rows([{"key": GlobalKey("g5"), "external_id": "changed"}])
    task.wait_till_done()
    assert task.errors is None
    assert client.get_data_row_by_global_key("g5").external_id == "changed"
    task = dataset.upsert_data_rows([{"row_data": "https://example.com/new.jpg", "global_key": "new"}])
    task.wait_till_done()
    row = client.get_data_row_by_global_key("new")
    row.update(external_id="other")
    assert client.get_data_row(row.uid).external_id == "other"
    row.delete()
    with pytest.raises(exceptions.ResourceNotFoundError):
        client.get_data_row(row.uid)


def test_data_rows_of_a_run(client: Client, run: ModelRun) -> None:
    rows = {one.data_row().global_key: one for one in run.model_run_data_rows()}
    assert sorted(rows) == ["g0", "g1", "g2", "g3"]
    assert {one.data_split.value for one in rows.values()} == {"UNASSIGNED"}
    assert run.uid in rows["g0"].url
    run.delete_model_run_data_rows([rows["g0"].data_row().uid])
    assert len(list(run.model_run_data_rows())) == 3
    run.upsert_data_rows(data_row_ids=[rows["g0"].data_row().uid])
    assert len(list(run.model_run_data_rows())) == 4
    with pytest.raises(exceptions.MalformedQueryException, match="not known"):
        run.upsert_data_rows(global_keys=["nothing"])


def test_splits(client: Client, run: ModelRun) -> None:
    ids = client.get_data_row_ids_for_global_keys(["g0", "g1"])["results"]
    run.assign_data_rows_to_split(ids, "TRAINING")
    run.assign_data_rows_to_split(split="TEST", global_keys=["g2"])
    splits = {one.data_row().global_key: one.data_split.value for one in run.model_run_data_rows()}
    assert splits == {"g0": "TRAINING", "g1": "TRAINING", "g2": "TEST", "g3": "UNASSIGNED"}


def test_several_pages_of_data_rows(client: Client, model: Model) -> None:
    dataset = client.create_dataset(name="large", description="250 rows")
    task = dataset.create_data_rows([{"row_data": f"text {n}", "global_key": f"large-{n}"} for n in range(250)])
    task.wait_till_done()
    assert len(task.result) == 250
    run = model.create_model_run(next(names))
    run.upsert_data_rows(global_keys=[f"large-{n}" for n in range(250)])
    assert len(list(run.model_run_data_rows())) == 250
    dataset.delete()
    assert len(list(run.model_run_data_rows())) == 0


# ------------------------------------------------------------------------------------------------------ imports


def test_predictions_as_dicts(run: ModelRun) -> None:
    lines = [scalar(0), scalar(1, featureName="cat"), scalar(5)]
    sent = quick(run.add_predictions("dicts", lines))
    sent.wait_until_done()
    assert sent.inputs == lines
    assert [one["status"] for one in sent.statuses] == ["SUCCESS", "SUCCESS", "FAILURE"]
    assert [one["uuid"] for one in sent.statuses] == [line["uuid"] for line in lines]
    assert sent.statuses[0]["dataRow"]["id"]
    (error,) = sent.errors
    assert error["uuid"] == lines[2]["uuid"]
    assert "not in this model run" in error["errors"][0]["message"]
    assert sent.progress == "100%"
    assert MEAPredictionImport.from_name(run.client, run.uid, "dicts").uid == sent.uid
    assert sent.created_by().uid == run.client.get_user().uid


@pytest.mark.parametrize("keyed", [False, True])
def test_predictions_as_labels(run: ModelRun, keyed: bool) -> None:
    value: Any = {0.1: 0.2, 1e-05: 0.9} if keyed else 0.5
    counts: Any = {0.25: (1, 2, 3, 4), 0.75: (0, 2, 3, 5)} if keyed else (1, 2, 3, 4)
    label = Label(
        data=GenericDataRowData(global_key="g0"),
        annotations=[
            ScalarMetric(metric_name="quality", value=value, aggregation=ScalarMetricAggregation.SUM),
            ScalarMetric(metric_name="of cats", value=value, feature_name="cat", subclass_name="tabby"),
            ConfusionMatrixMetric(
                metric_name="matrix",
                value=counts,
                feature_name="cat",
            ),
        ],
    )
    sent = quick(run.add_predictions("labels", [label]))
    assert [one["status"] for one in sent.statuses] == ["SUCCESS"] * 3
    assert [one["metricName"] for one in sent.inputs] == ["quality", "of cats", "matrix"]
    assert sent.errors == []


def test_predictions_of_a_file(run: ModelRun, tmp_path: Path) -> None:
    path = tmp_path / "lines.ndjson"
    text = "\ufeff" + "\r\n\r\n".join(
        json.dumps(scalar(n, featureName="é 中 \u2028"), ensure_ascii=False) for n in range(3)
    )
    path.write_bytes(text.encode() + b"\r\n\r\n")
    sent = quick(run.add_predictions("file", path))
    assert [one["status"] for one in sent.statuses] == ["SUCCESS"] * 3
    assert {one["featureName"] for one in sent.inputs} == {"é 中 \u2028"}


@pytest.mark.parametrize(
    "name",
    [
        'a"b',
        "a\nb",
        "a\r\nb",
        "é 中 ☃",
        "../../etc/passwd",
        "a'; DROP TABLE run; --",
        "<script>",
        "a\\b",
        "%22",
        " x;y=z ",
    ],
)
def test_names_of_imports(run: ModelRun, name: str) -> None:
    sent = quick(run.add_predictions(name, [scalar(0)]))
    assert sent.name == name
    assert MEAPredictionImport.from_name(run.client, run.uid, name).uid == sent.uid
    assert [one["status"] for one in sent.statuses] == ["SUCCESS"]


def test_the_same_import_again(run: ModelRun) -> None:
    lines = [scalar(0)]
    first = run.add_predictions("again", lines)
    assert run.add_predictions("again", lines).uid == first.uid
    with pytest.raises(exceptions.ResourceConflict, match="'again-2' is free"):
        run.add_predictions("again", [scalar(1)])


def test_bad_lines(run: ModelRun, tmp_path: Path) -> None:
    path = tmp_path / "lines.ndjson"
    good = json.dumps(scalar(0))
    path.write_text("\n".join(["{", good, '{"dataRow": {"globalKey": "g0"}, "metricValue": NaN}', "[]"]))
    sent = quick(run.add_predictions("bad", path))
    assert [one["status"] for one in sent.statuses] == ["FAILURE", "SUCCESS", "FAILURE", "FAILURE"]
    assert len(sent.errors) == 3
    assert len(sent.inputs) == 4


def test_an_import_that_is_not_there(run: ModelRun) -> None:
    with pytest.raises(exceptions.ResourceNotFoundError):
        MEAPredictionImport.from_name(run.client, run.uid, "nothing")


def test_urls_are_refused(run: ModelRun, server: Server) -> None:
    with pytest.raises(exceptions.OperationNotAllowedException, match="fetches nothing"):
        run.add_predictions("url", f"{server.url}/healthz")


def test_a_large_import(run: ModelRun) -> None:
    """It is waited for as the client does."""
    lines = [scalar(row, featureName=f"feature {n}") for n in range(8_000) for row in range(4)]
    sent = run.add_predictions("large", lines)
    sent.wait_till_done(sleep_time_seconds=1, show_progress=True)
    assert len(sent.statuses) == len(lines)
    assert sent.errors == []


# ------------------------------------------------------------------------------------------------------- export


@pytest.mark.parametrize("streamable", [True, False])
def test_export(run: ModelRun, streamable: bool) -> None:
    run.add_predictions("some", [scalar(0)])
    task = (run.export if streamable else run.export_v2)(
        "export", params={"predictions": True, "data_row_details": True}
    )
    task.wait_till_done()
    assert task.has_result()
    assert not task.has_errors()
    lines = [one.json for one in task.get_buffered_stream()]
    assert sorted(one["data_row"]["global_key"] for one in lines) == ["g0", "g1", "g2", "g3"]


def test_an_empty_export(model: Model) -> None:
    task = model.create_model_run(next(names)).export("nothing")
    task.wait_till_done()
    assert not task.has_result()


# ------------------------------------------------------------------------------------------------------- errors


def test_a_wrong_key(server: Server) -> None:
    client = Client("wrong", endpoint=server.endpoint)
    with pytest.raises(exceptions.AuthenticationError):
        client.create_dataset(name="x")


def test_what_the_server_has_not(client: Client, run: ModelRun) -> None:
    with pytest.raises(exceptions.OperationNotAllowedException, match="labels"):
        run.upsert_labels(["c" + "0" * 24])
    with pytest.raises(exceptions.InvalidQueryError, match="Cannot query field"):
        client.execute("query { somethingElse { id } }")
    with pytest.raises(exceptions.InvalidQueryError):
        client.execute("query {")
    deep = "query { " + "models { modelRuns { " * 30 + "id" + " } }" * 30 + " }"
    with pytest.raises(exceptions.ValidationFailedError):
        client.execute(deep)


def test_nothing_went_wrong_in_the_server(server: Server) -> None:
    assert not [line for line in server.said if "Traceback" in line]
