"""Uploads: planned, cut, sent once, gone on with."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest
from fake_server import LOCAL, PLATFORM, RUN, FakeServer

import labelmetrics as lm
from labelmetrics.runs.model_run import ModelRun
from labelmetrics.runs.transport import Request, Response, Retries
from labelmetrics.types.metric import metric_uuid


def line(row: int, name: str = "m", value: Any = 0.5, **more: Any) -> dict[str, Any]:
    return {"dataRow": {"globalKey": f"g{row}"}, "metricName": name, "metricValue": value, **more}


def lines(n: int, rows: int = 10) -> list[dict[str, Any]]:
    return [line(i % rows, f"m{i // rows}", i / 1000) for i in range(n)]


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def platform() -> FakeServer:
    return FakeServer(PLATFORM)


def run_of(server: FakeServer, folder: Path, **retries: Any) -> ModelRun:
    waits = Retries(sleep=lambda seconds: None, **retries)
    client = lm.Client("secret", f"{server.site}/graphql", transport=server, retries=waits, folder=folder)
    return client.get_model_run(RUN)


@pytest.fixture
def run(server: FakeServer, tmp_path: Path) -> ModelRun:
    return run_of(server, tmp_path)


def test_lines_arrive_with_uuids_and_rows(run: ModelRun, server: FakeServer) -> None:
    job = run.add_predictions("first", [line(1), line(2, uuid="own")])
    assert job.state == "FINISHED"
    assert [one["uuid"] for one in server.lines] == [metric_uuid(("globalKey", "g1"), "m"), "own"]
    assert set(server.rows) == {("globalKey", "g1"), ("globalKey", "g2")}
    assert [one["status"] for one in job.statuses] == ["SUCCESS"] * 2
    assert job.errors == []
    assert [one["metricValue"] for one in job.inputs] == [0.5, 0.5]
    assert str(job.result()) == "2 lines sent: 2 taken, 0 refused; 0 unchanged"


def test_unchanged_lines_are_not_sent(run: ModelRun, server: FakeServer) -> None:
    run.add_predictions("first", lines(20)).wait_until_done(progress=False)
    again = lines(20)
    again[3]["metricValue"] = 7
    again.append(line(1, "new"))
    plan = run.plan(again)
    assert (plan.new, plan.changed, plan.unchanged, plan.to_send) == (1, 1, 19, 2)
    sent = len(server.lines)
    job = run.add_predictions("second", again)
    assert len(server.lines) - sent == 2
    assert job.result().unchanged == 19
    assert run.plan(again).to_send == 0
    # Nothing to send gives the import that brought it.
    assert [one.name for one in run.add_predictions("second", again).imports] == ["second"]
    assert len(server.lines) - sent == 2


def test_a_number_is_the_same_however_it_is_written(run: ModelRun) -> None:
    run.add_predictions("first", [line(1, value=3), line(2, "k", {"0.1": 1, "0.5": 2})]).wait_until_done(False)
    plan = run.plan([line(1, value=3.0), line(2, "k", {"0.50": 2.0, "0.1": 1})])
    assert plan.unchanged == 2
    assert run.plan([line(1, value=3, aggregation="SUM")]).changed == 1
    assert run.plan([line(2, "k", {"0.1": 1, "0.6": 2})]).changed == 1


def test_all_faults_are_told_before_anything_is_sent(run: ModelRun, server: FakeServer) -> None:
    bad = [line(1), line(1), line(2, value=-1), {"dataRow": {"id": 3}, "metricValue": 1}]
    plan = run.plan(bad)
    assert (plan.colliding, plan.ok) == (1, False)
    with pytest.raises(lm.InputError) as caught:
        run.add_predictions("first", bad)
    rules = {fault.rule for fault in caught.value.faults}
    assert {"duplicate-metric-key", "scalar-range", "type"} <= rules
    assert set(server.operations) <= {"modelRun", f"GET /api/runs/{RUN}/metrics"}


def test_limit_counts_what_the_run_holds(run: ModelRun, server: FakeServer) -> None:
    run.add_predictions("first", [line(1, f"m{n}") for n in range(15)]).wait_until_done(False)
    more = [line(1, f"n{n}") for n in range(6)]
    assert run.plan(more).over_limit == 1
    with pytest.raises(lm.LimitError, match="21 metrics"):
        run.add_predictions("second", more)
    # One that is replaced is not counted twice.
    assert run.plan([*more[:5], line(1, "m1", 0.7)]).ok
    assert run.plan(more, over_limit="keep").ok
    run.add_predictions("second", more, over_limit="keep")
    assert len(server.metrics) == 21


def test_fit_leaves_out_features_with_the_fewest_ground_truths(run: ModelRun, server: FakeServer) -> None:
    given = [
        line(1, "50pct_iou", [n, 0, 0, n], featureName=f"f{n:02}", aggregation="CONFUSION_MATRIX") for n in range(25)
    ]
    with pytest.raises(lm.LimitError):
        run.add_predictions("first", given)
    plan = run.plan(given, over_limit="fit")
    assert (plan.left_out, plan.to_send) == (5, 20)
    run.add_predictions("first", given, over_limit="fit")
    assert {one["featureName"] for one in server.lines} == {f"f{n:02}" for n in range(5, 25)}


@pytest.mark.parametrize("pack", [False, True])
def test_files_are_cut_into_parts(run: ModelRun, server: FakeServer, tmp_path: Path, pack: bool) -> None:
    given = lines(100)
    path = tmp_path / ("lines.ndjson.gz" if pack else "lines.ndjson")
    text = b"\xef\xbb\xbf" + "\r\n\n".join(json.dumps(one) for one in given).encode()
    path.write_bytes(gzip.compress(text) if pack else text)
    told: list[tuple[str, float]] = []
    job = run.add_predictions("first", path, part_lines=30, progress=lambda *step: told.append(step))
    assert len(job.imports) == 4
    assert all(one.name.startswith("first-") for one in job.imports)
    assert [one["metricValue"] for one in job.inputs] == [one["metricValue"] for one in given]
    assert told[-1] == ("sending 100 lines", 1.0)
    job.wait_until_done(progress=False)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_parts_keep_to_their_bytes(run: ModelRun, server: FakeServer) -> None:
    run.add_predictions("first", lines(100), part_bytes=1000)
    sizes = [len(one.body or b"") for one in server.requests if b"operations" in (one.body or b"")]
    assert len(sizes) > 10
    assert max(sizes) < 1000 + 1200


def test_evaluations_and_their_files_are_sent(run: ModelRun, server: FakeServer, tmp_path: Path) -> None:
    files = lm.write_sample(tmp_path / "demo", rows=4)
    evaluation = lm.evaluate(files["ground_truth"], files["predictions"], data_rows=files["data_rows"])
    evaluation.save(tmp_path / "x.lmeval")
    plan = run.plan(evaluation, over_limit="fit")
    assert plan.new == plan.to_send == plan.lines > 0
    run.add_predictions("first", evaluation, over_limit="fit").wait_until_done(False)
    assert len(server.rows) == 4
    assert all("media" in row for row in server.rows.values())
    assert run.plan(tmp_path / "x.lmeval", over_limit="fit").unchanged == plan.lines
    ranged = lm.evaluate_files(
        files["ground_truth"],
        files["predictions"],
        data_rows=files["data_rows"],
        outputs=[tmp_path / "y.ndjson"],
        over_limit="fit",
    )
    assert run.plan(ranged).unchanged == plan.lines
    assert run.plan(evaluation, metrics=["miou"]).lines == 4
    with pytest.raises(lm.SettingError, match="choose from an evaluation"):
        run.plan([], metrics=["miou"])


def test_labels_are_sent_and_are_the_same_each_time(run: ModelRun, server: FakeServer) -> None:
    def label() -> lm.Label:
        box = lm.ObjectAnnotation(name="cat", value=lm.Point(x=1, y=2), confidence=0.5)
        metric = lm.ScalarMetric(metric_name="m", value=0.25)
        return lm.Label(data=lm.ImageData(uid="r1"), annotations=[metric, box, box])

    run.add_predictions("first", [label()])
    plan = run.plan([label()])
    assert (plan.metrics, plan.annotations) == (1, 2)
    uuids = [one["uuid"] for one in server.lines]
    assert len(set(uuids)) == 3
    server.metrics.clear()
    run.add_predictions("first", [label()])  # the same content by the same name
    assert [one["uuid"] for one in server.lines] == uuids


def test_the_same_name_with_other_content_is_a_conflict(run: ModelRun) -> None:
    run.add_predictions("first", lines(3))
    with pytest.raises(lm.ApiConflictError, match="first"):
        run.add_predictions("first", lines(4))


def test_ground_truths_go_to_local_servers_only(
    run: ModelRun, server: FakeServer, platform: FakeServer, tmp_path: Path
) -> None:
    truth = {"dataRow": {"globalKey": "g1"}, "name": "cat", "point": {"x": 1, "y": 2}}
    job = run.add_ground_truths("truth", [truth])
    assert job.wait_until_done(progress=False).state == "FINISHED"
    assert server.lines == [truth]
    assert server.imports["truth"]["kind"] == "ground_truths"
    with pytest.raises(lm.UploadError, match="local servers"):
        run_of(platform, tmp_path).add_ground_truths("truth", [truth])


# --- the platform


def test_the_platform_is_compared_with_what_was_sent_before(platform: FakeServer, tmp_path: Path) -> None:
    run = run_of(platform, tmp_path)
    assert run.plan(lines(5)).new is None
    assert "unknown" in repr(run.plan(lines(5)))
    platform.refused = {"g3"}
    result = run.add_predictions("first", lines(20)).result()
    assert (result.succeeded, result.failed) == (18, 2)
    assert {one["dataRow"]["globalKey"] for one in result.failures} == {"g3"}
    # What was refused is not held.
    plan = run.plan([*lines(20), line(1, "new")])
    assert (plan.new, plan.changed, plan.unchanged) == (3, 0, 18)
    assert not platform.rows
    assert list((tmp_path / "uploads").iterdir()) == [
        one for one in (tmp_path / "uploads").iterdir() if one.suffix == ".npy"
    ]
    run.delete()
    assert run.plan(lines(5)).new is None


def test_data_rows_of_the_platform_are_registered_if_asked(platform: FakeServer, tmp_path: Path) -> None:
    told: list[str] = []
    run = run_of(platform, tmp_path)
    run.add_predictions("first", lines(20), register_data_rows=True, progress=lambda step, share: told.append(step))
    assert len(platform.rows) == 10
    assert "registering 10 data rows, which the platform charges for" in told


def test_an_import_that_came_through_after_all_is_taken(platform: FakeServer, tmp_path: Path) -> None:
    """The platform knows no second import of a name, and the answer to the first was lost."""
    lost = [True]

    def after(operation: str, request: Request) -> Response | None:
        if operation.startswith("createModelError") and lost.pop() if lost else False:
            raise ConnectionError("reset")
        return None

    platform.after = after
    job = run_of(platform, tmp_path).add_predictions("first", lines(5))
    assert [one.name for one in job.imports] == ["first"]
    assert len(platform.lines) == 5


# --- interruption


class Killed(BaseException):
    """As a signal would."""


@pytest.mark.parametrize("site", [LOCAL, PLATFORM])
@pytest.mark.parametrize("seed", range(5))
def test_a_killed_upload_goes_on(site: str, seed: int, tmp_path: Path) -> None:
    server = FakeServer(site)
    chance = random.Random(seed)
    path = tmp_path / "lines.ndjson"
    given = lines(200, rows=20)
    path.write_text("\n".join(json.dumps(one) for one in given))
    kills = 0

    def strike(operation: str, request: Request) -> Response | None:
        nonlocal kills
        if chance.random() < 0.15:
            kills += 1
            raise Killed
        if chance.random() < 0.1:
            raise TimeoutError
        if chance.random() < 0.1:
            return Response(503, {"Retry-After": "1"}, [b"<html>"])
        return None

    server.before = server.after = strike
    job = None
    while job is None:
        try:
            # Threads die with their process, here by chance of one thread.
            job = run_of(server, tmp_path).add_predictions("first", path, part_lines=15, threads=1)
        except Killed:
            assert kills < 500
    server.before = server.after = lambda operation, request: None
    assert job.wait_until_done(progress=False).state == "FINISHED"
    assert len(server.lines) == len(server.metrics) == 200
    assert [one["metricValue"] for one in job.inputs] == [one["metricValue"] for one in given]
    assert sorted(file.name for file in tmp_path.iterdir() if file.is_file()) == ["lines.ndjson"]


def test_a_changed_input_starts_anew(run: ModelRun, server: FakeServer, tmp_path: Path) -> None:
    path = tmp_path / "lines.ndjson"
    path.write_text("\n".join(json.dumps(one) for one in lines(40)))
    sent = 0

    def strike(operation: str, request: Request) -> Response | None:
        nonlocal sent
        sent += operation.startswith("createModelError")
        if sent == 3:
            raise Killed
        return None

    server.before = strike
    with pytest.raises(Killed):
        run.add_predictions("first", path, part_lines=10, threads=1)
    (journal,) = tmp_path.glob("lines.ndjson.*.upload-journal.json")
    assert "secret" not in journal.read_text()
    server.before = lambda operation, request: None
    path.write_text("\n".join(json.dumps({**one, "metricValue": 9}) for one in lines(40)))
    run.add_predictions("first", path, part_lines=10).wait_until_done(progress=False)
    assert {one["metricValue"] for one in server.metrics.values()} == {9}
    assert not [*tmp_path.glob("*.json")]


def test_a_damaged_journal_is_put_aside(run: ModelRun, server: FakeServer, tmp_path: Path) -> None:
    path = tmp_path / "lines.ndjson"
    path.write_text(json.dumps(line(1)))
    run.add_predictions("first", path)
    (journal,) = tmp_path.glob("lines.ndjson.*.upload-journal.json")
    for text in (
        "",
        "[]",
        "{}",
        journal.read_text()[:-20],
        journal.read_text().replace('"selected": "', '"selected": "!!'),
    ):
        journal.write_text(text)
        server.metrics.clear()
        assert run.add_predictions("first", path).state == "FINISHED"


def test_waiting_tells_how_far_it_is(run: ModelRun, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelmetrics.runs.job.PAUSES", (0.0,))
    server.running = 4
    job = run.add_predictions("first", [line(1)])
    assert (job.state, job.progress) == ("RUNNING", "37%")
    told: list[float] = []
    job.wait_until_done(progress=lambda step, share: told.append(share))
    assert told == [0.37, 1.0]
    server.running = 10**6
    slow = run.add_predictions("second", [line(2)])
    with pytest.raises(lm.UploadError, match="not done after"):
        slow.wait_until_done(progress=False, timeout=0.01)


def test_a_failed_import_is_told(run: ModelRun, server: FakeServer, tmp_path: Path) -> None:
    server.state = "FAILED"
    job = run.add_predictions("first", [line(1)])
    for call in (job.wait_until_done, job.result, lambda: job.statuses, lambda: job.errors):
        with pytest.raises(lm.UploadError, match="'first' failed: the disk is full"):
            call()
    assert not [*(tmp_path / "uploads").iterdir()]


def test_a_bar_can_be_shown(run: ModelRun, server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    run.add_predictions("first", [line(1)]).wait_until_done()
    assert capsys.readouterr().out == ""


def test_nothing_to_send_is_an_error(run: ModelRun) -> None:
    with pytest.raises(lm.InputError, match="no lines"):
        run.add_predictions("first", [])


def test_data_rows_are_counted_with_those_of_the_run(run: ModelRun) -> None:
    limits = lm.Limits(data_rows_per_run=3)
    run.add_predictions("first", [line(1), line(2)], limits=limits)
    assert run.plan([line(2), line(3)], limits=limits).ok
    with pytest.raises(lm.LimitError, match="4 data rows"):
        run.add_predictions("second", [line(3), line(4)], limits=limits)


def test_representations_show_no_key(run: ModelRun, server: FakeServer) -> None:
    job = run.add_predictions("<b>", [line(1)])
    for one in (run, run.plan([line(2)]), job, job.result()):
        assert "secret" not in repr(one)
        assert "<b>" not in one._repr_html_()
