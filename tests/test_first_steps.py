"""What people meet first: how results show themselves, and what is said to those who take a wrong step."""

from __future__ import annotations

from typing import Any

import builders as b
import pytest

import labelmetrics as lm


def label(key: str, *annotations: Any) -> lm.Label:
    return lm.Label(data=lm.ImageData(global_key=key), annotations=list(annotations))


@pytest.fixture
def evaluation() -> lm.Evaluation:
    truths = [label("a", b.box(0, 0, 4, 4)), label("b", b.box(0, 0, 4, 4))]
    return lm.evaluate(truths, [label("a", b.box(1, 0, 5, 4)), label("b", b.box(9, 0, 12, 4))])


def test_matches_are_shown_without_geometry_and_empty_columns(evaluation: lm.Evaluation) -> None:
    first = repr(evaluation.matches).splitlines()[1].split()
    names = ["object", "side", "data_row", "feature", "outcome", "partner", "overlap", "reason"]
    assert first == [*names, "nearest", "nearest_overlap"]
    assert "geometry" not in evaluation.matches._repr_html_()
    assert "geometry" in evaluation.matches.to_pandas()


def test_many_rows_are_not_all_shown() -> None:
    many = [label(f"row {n:03d}", b.box(0, 0, 4, 4)) for n in range(60)]
    shown = repr(lm.evaluate(many, many).matches)
    assert shown.startswith("matches at 50pct_iou (the first 50 of 120)")
    assert len(shown.splitlines()) == 52


def test_report_shows_itself() -> None:
    report = lm.validate([{"dataRow": {"id": "r1"}, "metricName": "iou", "metricValue": 1}])
    assert repr(report) == str(report)
    assert str(report).startswith("1 fault in 1 line:")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (label("a"), "got a Label: pass label.annotations"),
        (b.box(0, 0, 4, 4), "got one ObjectAnnotation: put it into a list"),
    ],
    ids=["label", "annotation"],
)
def test_metric_functions_take_annotations(given: Any, told: str) -> None:
    with pytest.raises(lm.AnnotationError, match=told):
        lm.miou_metric(given, given)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (label("a"), "a list of labels or lines, not Label"),
        ([b.box(0, 0, 4, 4)], "not as ObjectAnnotation; put annotations of a data row into a Label"),
    ],
    ids=["label", "annotations"],
)
def test_evaluate_takes_labels(given: Any, told: str) -> None:
    with pytest.raises(lm.InputError, match=told):
        lm.evaluate(given, given)


def test_swapped_sides_are_suspected() -> None:
    truths, guesses = [label("a", b.box(0, 0, 4, 4))], [label("a", b.box(0, 0, 4, 4, confidence=0.5))]
    lm.evaluate(truths, guesses)
    with pytest.warns(lm.LabelmetricsWarning, match="are the two sides swapped"):
        lm.evaluate(guesses, truths)
