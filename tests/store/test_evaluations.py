from __future__ import annotations

import json
from typing import Any

import pytest
from stores import Run

import labelmetrics as lm
from labelmetrics.errors import NotFoundError
from labelmetrics.store import annotations, data_rows, evaluations, exports, models


def box(row: str, left: float, **more: Any) -> dict[str, Any]:
    bbox = {"top": 0, "left": left, "height": 10, "width": 10}
    return {"dataRow": {"globalKey": row}, "name": "cat", "bbox": bbox, **more}


def test_a_run_with_both_sides_is_evaluated(run: Run) -> None:
    run.register("a", "b", "c")
    truths, guesses = [box("a", 0), box("b", 0)], [box("a", 1, confidence=0.5), box("c", 0, confidence=0.9)]
    run.put(truths, "truth", "ground_truths")
    with run.store.read() as connection:
        assert evaluations.run_to_evaluate(connection) is None
    run.put(guesses, "guess")
    with run.store.read() as connection:
        assert evaluations.run_to_evaluate(connection) == run.id
        assert evaluations.evaluation_of(run.store, connection, run.id) is None
    made = evaluations.evaluate_run(run.store, run.id)
    assert made.state == "READY"
    assert made.is_current
    assert made.path is not None
    loaded = lm.load(made.path)
    theirs = lm.evaluate(truths, guesses, data_rows=[{"globalKey": key} for key in "abc"])
    assert lm.aggregate(loaded).to_dicts() == lm.aggregate(theirs).to_dicts()
    with run.store.read() as connection:
        assert evaluations.run_to_evaluate(connection) is None


def test_it_is_evaluated_again_when_its_annotations_change(run: Run) -> None:
    run.register("a")
    run.put([box("a", 0)], "truth", "ground_truths")
    run.put([box("a", 1)], "guess")
    first = evaluations.evaluate_run(run.store, run.id)
    run.put([box("a", 2)], "another guess")
    with run.store.read() as connection:
        known = evaluations.evaluation_of(run.store, connection, run.id)
        assert known is not None
        assert not known.is_current
        assert evaluations.run_to_evaluate(connection) == run.id
    second = evaluations.evaluate_run(run.store, run.id)
    assert first.path is not None
    assert second.path is not None
    assert not first.path.exists()
    assert second.path.exists()
    assert sorted(path.name for path in run.store.evaluations.iterdir()) == [second.path.name]


def test_rows_named_in_two_ways_are_evaluated_together(run: Run) -> None:
    run.register("a", ids=["r2"])
    with run.store.read() as connection:
        row = data_rows.rows_by_global_keys(connection, ["a"])["a"].id
    run.put([box("a", 0), {**box("a", 0), "dataRow": {"id": "r2"}}], "truth", "ground_truths")
    run.put([{**box("a", 0), "dataRow": {"id": row}}], "guess")
    made = evaluations.evaluate_run(run.store, run.id)
    assert made.path is not None
    rows = lm.aggregate(lm.load(made.path), metric="50pct_iou", feature="cat")
    assert [row.counts for row in rows] == [(1, 0, 0, 1)]


def test_what_cannot_be_evaluated_says_why(run: Run) -> None:
    run.register("a")
    run.put([box("a", 0)], "truth", "ground_truths")
    run.put([{"dataRow": {"globalKey": "a"}, "name": "breed", "answer": {"name": "cat"}}], "guess")
    made = evaluations.evaluate_run(run.store, run.id)
    assert (made.state, made.path) == ("FAILED", None)
    assert made.error is not None
    assert "cat" in made.error
    with run.store.read() as connection:
        assert evaluations.run_to_evaluate(connection) is None  # not again and again
    with pytest.raises(NotFoundError):
        evaluations.evaluate_run(run.store, "none")


def test_equal_lines_without_a_uuid_are_several_annotations(run: Run) -> None:
    run.register("a")
    run.put([box("a", 0), box("a", 0), box("a", 0, uuid="u")])
    run.put([box("a", 0), box("a", 0)], "the same again")
    (first, second) = run.put([box("a", 5, uuid="u"), box("a", 6, uuid="u")], "by uuid")
    assert first["status"] == "SUCCESS"
    assert second["errors"][0]["name"] == "duplicate-uuid"
    with run.store.read() as connection:
        number = models.run_number(connection, run.id)
        lines = b"".join(annotations.annotation_lines(connection, number, "prediction")).splitlines()
        assert annotations.count_annotations(connection, number) == {"ground_truth": 0, "prediction": 3}
    assert sorted(json.loads(line)["bbox"]["left"] for line in lines) == [0, 0, 5]


def test_metrics_are_no_ground_truths(run: Run) -> None:
    run.register("a")
    line = {"dataRow": {"globalKey": "a"}, "metricName": "m", "metricValue": 1, "aggregation": "SUM"}
    (status,) = run.put([line], kind="ground_truths")
    assert status["errors"][0]["message"] == "expected a ground truth, got a metric"


def test_an_export_says_all_of_each_row(run: Run) -> None:
    run.register("a", "b")
    run.put([box("a", 0)], "truth", "ground_truths")
    metric = {"dataRow": {"globalKey": "a"}, "metricName": "m", "metricValue": 1, "aggregation": "SUM"}
    run.put([box("a", 1, confidence=0.5), metric], "guess")
    with run.store.read() as connection:
        first, second = (json.loads(line) for line in b"".join(exports.export_lines(connection, run.id)).splitlines())
        short = json.loads(next(exports.export_lines(connection, run.id, predictions=False)).splitlines()[0])
        with pytest.raises(NotFoundError):
            next(exports.export_lines(connection, "none"))
    assert first["data_row"]["global_key"] == "a"
    ((model,),) = [first["experiments"].values()]
    about = model["runs"][run.id]
    assert [line["bbox"]["left"] for line in about["labels"][0]["annotations"]] == [0]
    assert [line.get("confidence", line.get("metricValue")) for line in about["predictions"][0]["annotations"]] == [
        0.5,
        1,
    ]
    assert next(iter(second["experiments"].values()))["runs"][run.id]["labels"] == []
    assert "predictions" not in next(iter(short["experiments"].values()))["runs"][run.id]
