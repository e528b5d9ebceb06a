"""The figures of a report as plain lists and numbers, for the page to draw."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from labelmetrics.comparing.outcomes import FN, FP, TP
from labelmetrics.curves import Calibration, ConfidenceCurve, calibration, precision_recall
from labelmetrics.errors import SettingError
from labelmetrics.kernels.batch import Ints
from labelmetrics.reporting.intervals import intervals
from labelmetrics.reporting.levels import Levels

if TYPE_CHECKING:
    from labelmetrics.evaluation import Evaluation

BINS = 20
"""Bins of the distributions."""
POINTS = 120
"""Most points of a curve: more cannot be told apart on a page."""


def figures(
    evaluation: Evaluation, levels: Levels, baseline: Levels | None, *, iou: float, seed: int
) -> dict[str, Any]:
    """All that the page shows in numbers.

    Parameters
    ----------
    evaluation : Evaluation
        The run.
    levels, baseline : Levels
        Its objects at each confidence, and those of the baseline for the same features and data rows.
    iou : float
        Overlap of a match.
    seed : int
        Seed of the intervals.
    """
    n_rows = len(evaluation.results.rows)
    runs = [partial(one.by_row, n_rows=n_rows) for one in (levels, baseline) if one is not None]
    summary = evaluation.summary(iou=iou)
    rows = {row.feature: row for row in summary.features}
    own = [rows.get(feature) for feature in levels.features]
    return {
        "truths": [0 if row is None else row.ground_truths for row in own],
        "miou": [None if row is None else _number(row.miou) for row in own],
        "overallMiou": _number(summary.overall.miou),
        "counts": levels.counts().tolist(),
        "before": None if baseline is None else baseline.counts().tolist(),
        "intervals": intervals(runs, len(levels.outcome), n_rows, seed=seed),
        "curves": _of_each(
            evaluation, levels.features, lambda feature: _curve(precision_recall(evaluation, feature, iou=iou))
        ),
        "reliability": _of_each(
            evaluation, levels.features, lambda feature: _reliability(calibration(evaluation, feature, iou=iou))
        ),
        "overlaps": _sparse(levels.histogram(TP, levels.overlap, BINS)),
        "confidences": [_sparse(levels.histogram(one, levels.found.score, BINS)[:1]) for one in (TP, FP)],
        "reasons": _reasons(levels),
    }


def _number(value: float | None, digits: int = 4) -> float | None:
    return None if value is None or np.isnan(value) else round(float(value), digits)


def _numbers(values: Iterable[float]) -> list[float | None]:
    return [_number(value) for value in values]


def _sparse(counts: np.ndarray[Any, np.dtype[np.int64]]) -> list[list[Any]]:
    """By level, of each feature that has any: its index and its counts."""
    return [[[feature, row.tolist()] for feature, row in enumerate(level) if row.any()] for level in counts]


def _of_each(evaluation: Evaluation, features: list[str], make: Callable[[str | None], Any]) -> list[Any]:
    """What a function gives for each feature, and for all together at the end; nothing where it cannot be told."""
    known = set(evaluation.results.features)
    found = []
    for feature in [*features, None]:
        try:
            found.append(make(feature) if feature is None or feature in known else None)
        except SettingError:  # a cell so crowded that not all of its pairs are kept
            found.append(None)
    return found


def _curve(curve: ConfidenceCurve) -> list[list[float | None]]:
    """Confidence, precision and recall of so many points as can be told apart."""
    n = len(curve.confidence)
    at = np.unique(np.linspace(0, n - 1, min(n, POINTS)).round().astype(np.int64)) if n else np.empty(0, np.int64)
    return [_numbers(values[at]) for values in (curve.confidence, curve.precision, curve.recall)]


def _reliability(found: Calibration) -> dict[str, Any]:
    return {
        "count": found.count.tolist(),
        "confidence": _numbers(found.confidence),
        "precision": _numbers(found.precision),
        "ece": _number(found.ece),
    }


def _reasons(levels: Levels) -> dict[str, Any]:
    """How often each reason is that of a false positive and of a ground truth that was not found, by level."""
    n = len(levels.reasons)
    found: dict[str, Any] = {"names": levels.reasons}
    width = len(levels.features)
    for name, outcome in (("fp", FP), ("fn", FN)):
        level, at = np.nonzero(levels.are(outcome) & (levels.reason >= 0))
        code = (level * width + levels.feature[at]) * n + levels.reason[level, at]
        counts = np.bincount(code, minlength=len(levels.outcome) * width * n)
        found[name] = _sparse(counts.reshape(len(levels.outcome), width, n))
    return found


def best_level(counts: Ints) -> int:
    """The level at which F1 over all features is highest; of equal ones the lowest."""
    tp, fp, fn = counts.sum(axis=-1)
    f1 = np.divide(2 * tp, 2 * tp + fp + fn, out=np.zeros(len(tp)), where=tp > 0)
    return int(f1.argmax())
