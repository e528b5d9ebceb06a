"""Commands of model runs: ``push``, ``upload``, ``evaluate --upload``, ``runs``, ``export``, ``store``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from commands import ndjson, run
from fake_server import PLATFORM, RUN, FakeServer
from servers import Server, serving

import labelmetrics as lm
from labelmetrics.cli import upload as upload_command
from labelmetrics.store import Store


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    lm.write_sample(folder, rows=20)
    evaluation = lm.evaluate(*sides(folder), data_rows=folder / "data_rows.ndjson")
    evaluation.save(folder / "results.lmeval")
    evaluation.write_ndjson(folder / "metrics.ndjson")
    return folder


def sides(folder: Path) -> tuple[Path, Path]:
    return folder / "ground_truth.ndjson", folder / "predictions.ndjson"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    with serving(folder):
        yield folder


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("LABELBOX_API_KEY", "LABELMETRICS_API_KEY", "LABELMETRICS_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LABELMETRICS_HOME", str(tmp_path / "nothing"))


@pytest.fixture
def local(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a server that runs."""
    monkeypatch.setenv("LABELMETRICS_HOME", str(home))
    return home


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    """Something that answers as the platform does, with its key in the environment."""
    server = FakeServer(PLATFORM)
    monkeypatch.setenv("LABELBOX_API_KEY", "secret")
    monkeypatch.setattr("labelmetrics.runs.connection.web", lambda: server)
    return server


def lines_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.ndjson").read_text().splitlines()]


# --------------------------------------------------------------------------------------------------------------- push


def test_push(local: Path, demo: Path) -> None:
    result = run("push", *sides(demo), "--data-rows", demo / "data_rows.ndjson", "--run", "one", "--model", "pushed")
    assert result.exit_code == 0, result.output
    summary = lm.load(demo / "results.lmeval").summary()
    assert result.stdout.startswith(f"{summary.caption}\nfeature")
    found = lm.Client().find_model_run("pushed", "one")
    assert found is not None
    assert result.stdout.splitlines()[-1] == found.url
    again = run("push", *sides(demo), "--run", "one", "--model", "pushed", "--json")
    assert json.loads(again.stdout)["overall"] == summary.to_dict()["overall"]
    assert run("push", *sides(demo), "--run", "one", "--model", "pushed", "--quiet").output == ""


def test_push_goes_to_the_local_server_whatever_keys_there_are(
    local: Path, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABELBOX_API_KEY", "secret")
    assert run("push", *sides(demo), "--run", "keys").exit_code == 0


def test_push_is_not_for_the_platform(platform: FakeServer, demo: Path) -> None:
    refused = run("push", *sides(demo), "--run", "x", "--endpoint", "platform")
    assert (refused.exit_code, "push is for local servers" in refused.stderr) == (2, True)


def test_without_a_server(demo: Path) -> None:
    for command in (
        ("push", *sides(demo), "--run", "x"),
        ("upload", demo / "metrics.ndjson", "--model", "m", "--run", "r"),
        ("evaluate", *sides(demo), "--data-rows", demo / "data_rows.ndjson", "--upload", "m/r"),
        ("runs",),
        ("export", "m/r"),
    ):
        result = run(*command)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "labelmetrics serve" in result.stderr


def test_refused_lines(platform: FakeServer, tmp_path: Path) -> None:
    """The first are shown, all are written, and the exit code says that there are some."""
    file, failures = tmp_path / "m.ndjson", tmp_path / "refused.ndjson"
    names = [f"g{n}" for n in range(14)]
    metrics = [{"dataRow": {"globalKey": name}, "metricName": "m", "metricValue": 1} for name in names]
    file.write_bytes(ndjson(*metrics))
    platform.refused = set(names[1:])
    result = run("upload", file, "--model-run", RUN, "--failures", failures)
    assert result.exit_code == 1
    assert result.stdout.startswith("14 lines sent: 1 taken, 13 refused; 0 unchanged\n")
    assert "the server refused 13 lines of 14:\n  globalKey:g1: not this one\n" in result.stderr
    assert f"... and 3 more; all are in {failures}" in result.stderr
    assert len(failures.read_text().splitlines()) == 13
    platform.refused = set()
    mended = run("upload", file, "--model-run", RUN)
    assert mended.stdout.startswith("13 lines sent: 13 taken, 0 refused; 1 unchanged\n")


# ------------------------------------------------------------------------------------------------------------- upload


def upload(demo: Path, *options: str | Path, source: str = "metrics.ndjson") -> Result:
    return run("upload", demo / source, *options)


@pytest.mark.parametrize("name", ["plain", "with 'quotes' and \"these\"", "Größe/2 é\n", "-"])
def test_upload(local: Path, demo: Path, name: str) -> None:
    n = len(lines_of(demo))
    where = ("--model", "uploaded", f"--run={name}")
    plan = upload(demo, *where, "--dry-run")
    assert plan.exit_code == 0, plan.output
    assert f"{n:,} lines for a new model run" in plan.stdout
    assert lm.Client().find_model_run("uploaded", name) is None
    first = upload(demo, *where, source="results.lmeval")
    assert first.exit_code == 0, first.output
    found = lm.Client().find_model_run("uploaded", name)
    assert found is not None
    assert first.stdout == f"{n:,} lines sent: {n:,} taken, 0 refused; 0 unchanged\n{found.url}\n"
    again = upload(demo, "--model-run", found.id, "--json")
    assert json.loads(again.stdout) == {
        "model_run": found.id,
        "url": found.url,
        "sent": 0,
        "unchanged": n,
        "succeeded": 0,
        "failed": 0,
    }
    assert json.loads(upload(demo, *where, "--dry-run", "--json").stdout)["unchanged"] == n


def test_upload_after_the_values_went_back(local: Path, tmp_path: Path) -> None:
    """The third upload holds what the first one did, and still is one of its own."""
    file = tmp_path / "m.ndjson"
    for value in (1, 2, 1):
        file.write_bytes(ndjson({"dataRow": {"globalKey": "a"}, "metricName": "m", "metricValue": value}))
        assert run("upload", file, "--model", "back", "--run", "and forth").exit_code == 0
    found = lm.Client().find_model_run("back", "and forth")
    assert found is not None
    assert [line["metricValue"] for line in found.metric_lines()] == [1]


def test_upload_from_standard_input(local: Path, demo: Path) -> None:
    result = run("upload", "-", "--model", "m", "--run", "piped", stdin=(demo / "metrics.ndjson").read_bytes())
    assert result.exit_code == 0, result.output


def test_upload_over_the_limit(local: Path, tmp_path: Path) -> None:
    file = tmp_path / "many.ndjson"
    metrics = [{"dataRow": {"globalKey": "a"}, "metricName": f"m{n}", "metricValue": 1} for n in range(21)]
    file.write_bytes(ndjson(*metrics))
    where = ("--model", "m", "--run", "many")
    refused = run("upload", file, *where)
    assert refused.exit_code == 2
    assert "21 metrics" in refused.stderr
    assert run("upload", file, *where, "--dry-run").exit_code == 1
    assert run("upload", file, *where, "--over-limit", "keep").exit_code == 0


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), "say where to send"),
        (("--model", "m"), "say where to send"),
        (("--model", "m", "--run", "r", "--model-run", "x"), "say where to send"),
        (("--model-run", "none"), "there is no model run 'none'"),
        (("--model-run", "none", "--endpoint", "no address"), "an endpoint looks like"),
        (("--model", "m", "--run", "r", "--metrics", "miou"), "choose from an evaluation"),
    ],
)
def test_uploads_that_cannot_be_made(local: Path, demo: Path, options: tuple[str, ...], expected: str) -> None:
    result = upload(demo, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert expected in result.stderr


def test_a_wrong_key(local: Path, demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABELMETRICS_API_KEY", "wrong")
    result = upload(demo, "--model", "m", "--run", "r")
    assert result.exit_code == 2
    assert "the key is not known there" in result.stderr
    assert "wrong" not in result.stderr.replace("wrong usage", "")


def test_what_costs_money_is_asked_for(
    platform: FakeServer, demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--model-run", RUN, "--register-data-rows")
    nobody = upload(demo, *options)
    assert (nobody.exit_code, "add --yes" in nobody.stderr) == (2, True)
    assert platform.rows == {}

    monkeypatch.setattr(upload_command, "is_someone_there", lambda: True)
    monkeypatch.setattr(upload_command.click, "confirm", lambda *_, **__: False)
    declined = upload(demo, *options)
    assert declined.exit_code == 0
    assert "nothing was sent" in declined.stderr
    assert platform.rows == {}
    monkeypatch.setattr(upload_command.click, "confirm", lambda *_, **__: True)
    assert upload(demo, *options).exit_code == 0
    assert platform.rows


# ------------------------------------------------------------------------------------- evaluate, runs, export, store


def test_evaluate_and_upload(local: Path, demo: Path, tmp_path: Path) -> None:
    files = (*sides(demo), "--data-rows", demo / "data_rows.ndjson")
    result = run("evaluate", *files, "--upload", "evaluated/one", "--metrics", "miou")
    assert result.exit_code == 0, result.output
    found = lm.Client().find_model_run("evaluated", "one")
    assert found is not None
    assert {line["metricName"] for line in found.metric_lines()} == {"custom_iou"}
    ranged = run("evaluate", *files, "--upload", found.id, "--workers", "1", "-o", tmp_path / "x.lmeval")
    assert ranged.exit_code == 0, ranged.output
    assert len(list(found.metric_lines())) == len(lines_of(demo))
    for options, expected in (
        (("--upload", "none"), "there is no model run 'none'"),
        (("--upload", "a/b", "--workers", "1"), "write some (-o x.lmeval)"),
        (("--endpoint", "local"), "--endpoint is about --upload"),
    ):
        refused = run("evaluate", *files, *options)
        assert refused.exit_code == 2
        assert expected in refused.stderr


def test_runs(local: Path) -> None:
    made = lm.Client().model_run("listed", "only \x1b[31m one")
    table = run("runs", "--model", "listed")
    assert made.id in table.stdout
    assert "\x1b" not in table.stdout
    (found,) = json.loads(run("runs", "--model", "listed", "--json").stdout)
    assert (found["model"], found["run"], found["id"], found["url"]) == ("listed", made.name, made.id, made.url)
    nothing = run("runs", "--model", "none")
    assert (nothing.stdout, "there are no runs of 'none'" in nothing.stderr) == ("", True)


def test_export(local: Path, demo: Path, tmp_path: Path) -> None:
    made = lm.Client().model_run("exported", "one")
    made.add_predictions("m", demo / "metrics.ndjson").wait_until_done(progress=False)
    result = run("export", "exported/one", "-o", tmp_path / "run.ndjson")
    rows = (tmp_path / "run.ndjson").read_text().splitlines()
    assert result.stderr == f"wrote {tmp_path / 'run.ndjson'}: {len(rows)} data rows\n"
    assert len(rows) == len({line["dataRow"]["globalKey"] for line in lines_of(demo)})
    printed = run("export", made.id, "--metrics")
    assert [json.loads(line) for line in printed.stdout.splitlines()] == list(made.metric_lines())
    for options, expected in (
        (("none/none",), "'labelmetrics runs' lists them"),
        (("none",), "there is no model run 'none'"),
        ((made.id, "-o", tmp_path / "x.parquet"), "an output ends in .ndjson"),
    ):
        refused = run("export", *options)
        assert refused.exit_code == 2
        assert expected in refused.stderr


def test_store_backup(local: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    assert run("store", "backup", tmp_path / "copy" / "store.db").exit_code == 0
    with Store.open(tmp_path / "copy") as copy, copy.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM model").scalar()
    assert "is there already" in run("store", "backup", tmp_path / "copy" / "store.db").stderr
    refused = run("store", "backup", tmp_path / "x.db", "--home", tmp_path / "none")
    assert (refused.exit_code, "there is no store" in refused.stderr) == (2, True)
    assert not (tmp_path / "none").exists()


def test_a_server_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, demo: Path) -> None:
    server: Server
    with serving(tmp_path / "home") as server:
        pass
    monkeypatch.setenv("LABELMETRICS_HOME", str(tmp_path / "home"))
    assert "labelmetrics serve" in run("runs").stderr
    monkeypatch.setenv("LABELMETRICS_ENDPOINT", server.endpoint)
    monkeypatch.setenv("LABELMETRICS_API_KEY", server.key)
    gone = run("runs")
    assert gone.exit_code == 2
    assert "cannot be reached" in gone.stderr
    assert "labelmetrics serve" in gone.stderr
    assert os.environ["LABELMETRICS_API_KEY"] not in gone.stderr
