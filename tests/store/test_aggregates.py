from __future__ import annotations

import json
from typing import Any

import pytest
from stores import Run

import labelmetrics as lm
from labelmetrics.errors import NotFoundError, SettingError
from labelmetrics.sample import write_sample
from labelmetrics.store import aggregates, data_rows, exports
from labelmetrics.store.aggregates import Aggregates


@pytest.fixture
def filled(run: Run, tmp_path: Any) -> tuple[Run, lm.Evaluation]:
    """A run with the metrics of the sample at three keys."""
    sample = tmp_path / "demo"
    write_sample(sample)
    evaluation = lm.evaluate(
        sample / "ground_truth.ndjson",
        sample / "predictions.ndjson",
        data_rows=sample / "data_rows.ndjson",
        confidences=[0.1, 0.5, 0.8],
    )
    lines = list(evaluation.lines(level=["data_row", "feature"], over_limit="keep"))
    with run.store.write() as connection:
        rows = evaluation.data_rows.select(["id", "globalKey", "split"]).to_pylist()
        data_rows.register_table(connection, run.id, rows)
    assert all(status["status"] == "SUCCESS" for status in run.put(lines))
    return run, evaluation


@pytest.mark.parametrize("by", ["run", "split", "data_row"])
@pytest.mark.parametrize("confidence", [0.1, 0.5, 0.8])
def test_a_run_says_what_its_evaluation_says(filled: tuple[Run, lm.Evaluation], by: Any, confidence: float) -> None:
    run, evaluation = filled
    with run.store.read() as connection:
        ours = aggregates.aggregate_run(connection, run.id, by=by, confidence=confidence)
        lines = [json.loads(line) for line in b"".join(exports.metric_lines(connection, run.id)).splitlines()]
    theirs = lm.aggregate(lines, by=by, confidence=confidence, data_rows=evaluation.data_rows)
    assert ours.to_dicts() == theirs.to_dicts()
    assert len(ours.to_dicts()) > 3


def test_slices_of_the_store_are_groups(filled: tuple[Run, lm.Evaluation]) -> None:
    run, evaluation = filled
    with run.store.write() as connection:
        keys = [row.data_row.id for row in data_rows.run_rows(connection, run.id, first=5)]
        data_rows.set_slice(connection, run.id, "five", keys)
        ours = aggregates.aggregate_run(connection, run.id, by="slice", confidence=0.5, metric="50pct_iou")
        names = [row.data_row.global_key or row.data_row.id for row in data_rows.run_rows(connection, run.id, first=5)]
    theirs = lm.aggregate(evaluation, by="slice", slices={"five": names}, confidence=0.5, metric="50pct_iou")
    expected = [(row.feature_name, row.counts) for row in theirs if row.subclass_name is None]
    assert [(row.feature_name, row.counts) for row in ours] == expected


def test_what_there_is_not_is_told_with_what_there_is(filled: tuple[Run, lm.Evaluation]) -> None:
    run, _ = filled
    with run.store.read() as connection:
        with pytest.raises(SettingError, match=r"confidence 0\.3 .* the keys are .*0\.1, 0\.5, 0\.8"):
            aggregates.aggregate_run(connection, run.id, confidence=0.3)
        with pytest.raises(SettingError, match="there is no metric miou"):
            aggregates.aggregate_run(connection, run.id, metric="miou")
        with pytest.raises(NotFoundError):
            aggregates.aggregate_run(connection, "none")
        nearest = aggregates.aggregate_run(connection, run.id, confidence=0.3, nearest=True)
        assert nearest.to_dicts() == aggregates.aggregate_run(connection, run.id, confidence=0.1).to_dicts()


def test_what_was_replaced_counts_no_more(run: Run) -> None:
    run.register("a")
    line = {"dataRow": {"globalKey": "a"}, "metricName": "m", "aggregation": "SUM"}
    run.put([{**line, "metricValue": {"0.1": 1, "0.5": 2}}], "with keys")
    run.put([{**line, "metricValue": 3}], "without")
    with run.store.read() as connection:
        (row,) = aggregates.aggregate_run(connection, run.id)
        (summary,) = aggregates.metric_summaries(connection, run.id)
    assert row.value == 3
    assert summary.keys == ()


def test_rollups_are_remembered_until_the_run_changes(filled: tuple[Run, lm.Evaluation]) -> None:
    run, _ = filled
    known = Aggregates(run.store)
    first = known.of(run.id, confidence=0.5)
    assert known.of(run.id, confidence=0.5) is first
    with run.store.read() as connection:
        row = data_rows.run_rows(connection, run.id, first=1)[0].data_row.id
    run.put([{"dataRow": {"id": row}, "metricName": "new", "metricValue": 3, "aggregation": "SUM"}], "more")
    assert known.of(run.id, confidence=0.5) is not first
    with pytest.raises(NotFoundError):
        known.of("none")


def test_metrics_are_summed_up_by_name(filled: tuple[Run, lm.Evaluation]) -> None:
    run, evaluation = filled
    with run.store.read() as connection:
        found = aggregates.metric_summaries(connection, run.id)
    assert [summary.name for summary in found] == sorted(summary.name or "" for summary in found)
    by_name = {summary.name: summary for summary in found}
    assert by_name["50pct_iou"].keys == (0.1, 0.5, 0.8)
    assert by_name["custom_iou"].aggregation == "ARITHMETIC_MEAN"
    assert set(by_name["50pct_iou"].features) <= set(evaluation.results.features)


def test_a_run_without_metrics_has_no_aggregates(run: Run) -> None:
    with run.store.read() as connection:
        assert aggregates.aggregate_run(connection, run.id).to_dicts() == []
        assert aggregates.metric_summaries(connection, run.id) == []
