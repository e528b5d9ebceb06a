"""What the page says is what the evaluation says, at every confidence."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import builders as b
import numpy as np
import pytest
from datasets import dataset, label
from hypothesis import given, settings, strategies as st

import labelmetrics as lm
from labelmetrics.reporting.intervals import intervals
from labelmetrics.reporting.levels import OTHER, Levels, positions
from labelmetrics.reporting.matrix import matrix

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
        assert [len(at) for at in levels.counted(level)] == counts[:, level].sum(axis=1).tolist()
        assert sum(row.ground_truths for row in evaluation.summary().features) == levels.ground_truths().sum()


@settings(max_examples=20)
@given(st.integers(0, 10_000), RULES)
def test_distributions_and_reasons_add_up_to_the_counts(seed: int, rule: dict[str, Any]) -> None:
    evaluation = evaluated(seed, **rule)
    levels = levels_of(evaluation, [0.0, 0.5, 1.0])
    tp, fp, fn = levels.counts()
    assert (levels.histogram("TP", levels.overlap, 20).sum(axis=2) == tp).all()
    assert (levels.histogram("TP", levels.found.score, 7).sum(axis=2) == tp).all()
    assert (levels.reasons("FP").sum(axis=2) == fp).all()
    assert (levels.reasons("FN").sum(axis=2) == fn).all()


@settings(max_examples=10)
@given(st.integers(0, 10_000), RULES)
def test_features_that_are_not_told_apart_are_counted_together(seed: int, rule: dict[str, Any]) -> None:
    evaluation = evaluated(seed, **rule)
    names = evaluation.results.features
    kept = names[:1]
    whole = levels_of(evaluation, [0.0, 0.5]).counts()
    folded = Levels.of(
        evaluation, iou=0.5, confidences=[0.0, 0.5], features=[*kept, OTHER], rows=evaluation.results.rows
    ).counts()
    assert (folded[..., 0] == whole[..., 0]).all()
    assert (folded[..., 1] == whole[..., 1:].sum(axis=-1)).all()


def test_the_slider_has_even_steps_the_keys_of_the_evaluation_and_quantiles() -> None:
    evaluation = evaluated(1, confidences=[0.123, 0.3])
    found = positions([evaluation])
    highest = np.nanmax(evaluation.objects.column("confidence").to_numpy())
    assert {0.0, 0.123, 0.3} | {step / 20 for step in range(21) if step / 20 <= highest} <= set(found)
    assert found == sorted(set(found))
    assert len(found) <= 21 + 23 + 2


def test_the_slider_is_finer_where_confidences_are() -> None:
    scores = np.linspace(0.9, 0.99, 40)
    guesses = [b.square(20 * index, confidence=float(score)) for index, score in enumerate(scores)]
    found = np.array(positions([lm.evaluate([label("a", [])], [label("a", guesses)])]))
    assert found.max() <= 0.99
    assert np.count_nonzero(found >= 0.9) > 20


def test_crowded_cells_have_only_the_keys_that_were_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluation = evaluated(1, confidences=[0.2, 0.7])
    thinned = replace(evaluation.detections, thinned=np.ones(len(evaluation.detections.score), bool))
    monkeypatch.setattr(lm.Evaluation, "detections", thinned)
    assert positions([evaluation]) == [0.0, 0.2, 0.7]


def test_without_confidences_there_is_one_position() -> None:
    sides = [label("a", [b.square(0)])], [label("a", [b.square(1)])]
    assert positions([lm.evaluate(*sides)]) == [0.0]


def of_counts(counts: Any) -> Levels:
    """Levels with one level, whose objects have these counts, shape (rows, 3, features)."""
    row, kind, feature = (np.repeat(at, counts.ravel()) for at in map(np.ravel, np.indices(counts.shape)))
    return Levels(
        found=SimpleNamespace(is_truth=kind == 2),
        features=[f"f{index}" for index in range(counts.shape[2])],
        feature=feature,
        row=row,
        outcome=kind.astype(np.int8)[None],
        overlap=np.zeros((1, len(kind)), np.float32),
        reason=np.zeros((1, len(kind)), np.int8),
    )


def varied(rows: int, features: int) -> Any:
    return np.random.default_rng(0).integers(0, 5, (rows, 3, features))


def test_intervals_hold_the_value_and_vanish_where_rows_are_alike() -> None:
    (found,) = intervals([of_counts(np.tile(np.array([[3], [1], [2]]), (50, 1, 1)))], 50, seed=0)
    assert found["precision"] == [[[0.75, 0.75]] * 2]
    counts = varied(50, 2)
    (found,) = intervals([of_counts(counts)], 50, seed=0)
    for (low, high), (tp, fp, fn) in zip(found["f1"][0], [*counts.sum(axis=0).T, counts.sum(axis=(0, 2))], strict=True):
        assert low < 2 * tp / (2 * tp + fp + fn) < high


def test_a_run_has_not_changed_against_itself() -> None:
    levels = of_counts(varied(40, 4))
    _, change = intervals([levels, levels], 40, seed=0)
    assert change == {name: [[[0.0, 0.0]] * 5] for name in ("precision", "recall", "f1")}


def test_what_is_on_few_data_rows_has_no_interval() -> None:
    counts = varied(60, 3) + 1
    counts[:, :, 0] = 0
    counts[2:, :, 1] = 0
    (found,) = intervals([of_counts(counts)], 60, seed=0)
    assert [one is None for one in found["f1"][0]] == [True, True, False, False]


def test_wide_runs_are_resampled_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    levels = of_counts(varied(30, 7))
    whole = intervals([levels], 30, seed=0)
    monkeypatch.setattr("labelmetrics.reporting.intervals.WIDTH", 3)
    assert intervals([levels], 30, seed=0) == whole


def test_many_rows_are_grouped(monkeypatch: pytest.MonkeyPatch) -> None:
    levels = of_counts(varied(300, 2))
    (whole,) = intervals([levels], 300, seed=0)
    monkeypatch.setattr("labelmetrics.reporting.intervals.blocks_of", lambda n, seed: np.arange(300) % 100)
    (grouped,) = intervals([levels], 300, seed=0)
    assert grouped["f1"][0][-1] == pytest.approx(whole["f1"][0][-1], abs=0.03)


@settings(max_examples=20)
@given(st.integers(0, 10_000), RULES)
def test_examples_are_all_that_is_counted_where_there_is_room(seed: int, rule: dict[str, Any]) -> None:
    evaluation = evaluated(seed, **rule)
    confidences = [0.0, 0.4, 0.8]
    levels = levels_of(evaluation, confidences)
    found = matrix(evaluation, levels, confidences, 0.5)
    if found is None:
        return
    n = len(found["names"])
    for level, flat in enumerate(found["counts"]):
        counts = dict(zip(flat[::2], flat[1::2], strict=True))
        behind = {
            cell: sum(start <= level < stop for *_, at in examples for start, stop in pairwise_of(at))
            for cell, examples in found["examples"].items()
        }
        wrong = {cell for cell in counts if cell // n != cell % n}
        assert {cell: behind[cell] for cell in wrong} == {cell: counts[cell] for cell in wrong}
        assert all(number <= counts.get(cell, 0) for cell, number in behind.items())


def pairwise_of(stretches: list[int]) -> list[tuple[int, int]]:
    """First level of each stretch and the one behind its last."""
    return list(zip(stretches[::2], stretches[1::2], strict=True))
