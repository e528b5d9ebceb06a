"""What the page says is what the evaluation says, at every confidence."""

from __future__ import annotations

from typing import Any

import builders as b
import numpy as np
import pytest
from datasets import dataset, label
from hypothesis import given, settings, strategies as st

import labelmetrics as lm
from labelmetrics.reporting.intervals import intervals
from labelmetrics.reporting.levels import Levels, positions

KEYS = [0.0, 0.3, 0.55, 0.8]
RULES = st.sampled_from([{}, {"matching": "coco"}, {"include_subclasses": True}])


def evaluated(seed: int, rows: int = 5, **settings_: Any) -> lm.Evaluation:
    return lm.evaluate(
        *dataset(seed, coarse=True, scored=True, rows=rows), missing_ground_truth="empty", buffer=70.0, **settings_
    )


def levels_of(evaluation: lm.Evaluation, confidences: list[float]) -> Levels:
    results = evaluation.results
    iou = results.grid.thresholds[0]
    return Levels.of(evaluation, iou=iou, confidences=confidences, features=results.features, rows=results.rows)


@settings(max_examples=30)
@given(st.integers(0, 10_000), RULES)
def test_counts_are_those_of_the_evaluation_at_its_keys(seed: int, rule: dict[str, Any]) -> None:
    evaluation = evaluated(seed, confidences=KEYS, **rule)
    levels = levels_of(evaluation, KEYS)
    counts = levels.counts()
    names = evaluation.results.features
    for level, key in enumerate(KEYS):
        said = {row.feature: (row.tp, row.fp, row.fn) for row in evaluation.summary(confidence=key).features}
        assert {name: tuple(counts[:, level, place].tolist()) for place, name in enumerate(names)} == said
        by_row = levels.by_row(level, len(evaluation.results.rows))
        assert (by_row.sum(axis=0) == counts[:, level]).all()


@settings(max_examples=20)
@given(st.integers(0, 10_000), RULES)
def test_distributions_and_reasons_add_up_to_the_counts(seed: int, rule: dict[str, Any]) -> None:
    evaluation = evaluated(seed, **rule)
    levels = levels_of(evaluation, [0.0, 0.5, 1.0])
    tp, fp, fn = levels.counts()
    assert (levels.histogram("TP", levels.overlap, 20).sum(axis=2) == tp).all()
    assert (levels.histogram("TP", levels.found.score, 7).sum(axis=2) == tp).all()
    for outcome, counts in (("FP", fp), ("FN", fn)):
        with_reason = (levels.are(outcome) & (levels.reason >= 0)).sum(axis=1)
        assert (with_reason == counts.sum(axis=1)).all()


def test_the_slider_has_even_steps_and_the_keys_of_the_evaluation() -> None:
    found = positions([evaluated(1, confidences=[0.123, 0.3])])
    assert found[:4] == [0.0, 0.05, 0.1, 0.123]
    assert (len(found), found[-1]) == (22, 1.0)


def test_without_confidences_there_is_one_position() -> None:
    sides = [label("a", [b.square(0)])], [label("a", [b.square(1)])]
    assert positions([lm.evaluate(*sides)]) == [0.0]


def test_intervals_hold_the_value_and_vanish_where_rows_are_alike() -> None:
    counts = np.tile(np.array([[3.0], [1.0], [2.0]]), (50, 1, 1))
    found = intervals([lambda _: counts], 1, 50, seed=0)
    assert found["precision"] == [[[0.75, 0.75]]]
    varied = counts * np.random.default_rng(0).integers(0, 5, (50, 3, 1))
    tp, fp, fn = varied.sum(axis=(0, 2))
    low, high = intervals([lambda _: varied], 1, 50, seed=0)["f1"][0][0]
    assert low is not None
    assert high is not None
    assert low < 2 * tp / (2 * tp + fp + fn) < high


def test_a_run_has_not_changed_against_itself() -> None:
    counts = np.random.default_rng(0).integers(0, 5, (40, 3, 4)).astype(float)
    found = intervals([lambda _: counts, lambda _: counts], 1, 40, seed=0)
    assert found["change"] == [[[0.0, 0.0]]]
    assert found["feature_changes"] == [[[0.0, 0.0]] * 4]


def test_what_is_never_there_has_no_interval() -> None:
    assert intervals([lambda _: np.zeros((5, 3, 1))], 1, 5, seed=0)["features"] == [[[None, None]]]


def test_many_rows_are_grouped(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = np.random.default_rng(0).integers(0, 5, (300, 3, 2)).astype(float)
    whole = intervals([lambda _: counts], 1, 300, seed=0)["f1"][0][0]
    blocks = np.arange(300) % 100
    monkeypatch.setattr("labelmetrics.reporting.intervals.blocks_of", lambda n, seed: blocks)
    grouped = intervals([lambda _: counts], 1, 300, seed=0)["f1"][0][0]
    assert grouped == pytest.approx(whole, abs=0.03)
