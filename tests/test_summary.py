"""Summaries of parts put together are the summary of the whole."""

from __future__ import annotations

from typing import Any

import datasets
import pytest
from hypothesis import given, settings, strategies as st

import labelmetrics as lm
from labelmetrics.summary import Sums


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.data())
def test_sums_of_shards_add_up(seed: int, data: Any) -> None:
    truths, guesses = datasets.dataset(seed, rows=6, scored=True)
    evaluation = lm.evaluate(truths, guesses, buffer=5.0, confidences=[0.2, 0.6], iou=[0.3, 0.6])
    results = evaluation.results
    shard = data.draw(st.lists(st.integers(0, 2), min_size=6, max_size=6))
    for threshold, confidence in ((0, None), (1, 0.6)):
        # Cut so that features and their numbering stay: shards of one evaluation share them.
        parts = [
            Sums.of(_only(results, [s == one for s in shard]), threshold=threshold, confidence=confidence)
            for one in range(3)
        ]
        whole = parts[2] + parts[0] + parts[1]
        assert whole.summary(f"IoU > {results.grid.thresholds[threshold]:g}") == evaluation.summary(
            iou=results.grid.thresholds[threshold], confidence=confidence
        )


def _only(results: Any, keep: list[bool]) -> Any:
    """Some data rows of results, with all features."""
    from dataclasses import replace

    import numpy as np

    chosen = np.array(keep)
    renumber = np.cumsum(chosen) - 1
    groups = results.by_feature.take(chosen[results.by_feature.row])
    rows = [row for row, stays in zip(results.rows, keep, strict=True) if stays]
    return replace(results, rows=rows, by_feature=replace(groups, row=renumber[groups.row]))


def test_nothing_is_no_number() -> None:
    overall = lm.evaluate([], []).summary().overall
    assert (overall.precision, overall.recall, overall.f1, overall.miou) == (None, None, None, None)
    assert (overall.ground_truths, overall.tp) == (0, 0)


def test_a_caption_says_what_the_numbers_are_about() -> None:
    box = {"top": 0, "left": 0, "height": 1, "width": 1}
    line = {"dataRow": {"id": "a"}, "name": "cat", "bbox": box, "confidence": 0.5}
    evaluation = lm.evaluate(
        [line], [line], matching="coco", confidences=[0.1, 0.5], data_rows=[{"id": i} for i in "ab"]
    )
    caption = evaluation.summary(confidence=0.5).caption
    assert caption == "2 data rows, IoU >= 0.5, confidence >= 0.5, 1 row where both sides are empty"
    with pytest.raises(lm.SettingError, match=r"its keys are: 0\.1, 0\.5"):
        evaluation.summary(confidence=0.2)
    assert evaluation.summary(confidence=0.2, nearest=True).confidence == 0.1
