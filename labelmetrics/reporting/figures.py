"""The figures of a report as plain lists and numbers, for the page to draw."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from labelmetrics.comparing.outcomes import FN, FP, REASONS, TP
from labelmetrics.curves import Calibration, ConfidenceCurve, average_precision, calibration, precision_recall
from labelmetrics.errors import SettingError
from labelmetrics.kernels.batch import Ints
from labelmetrics.reporting.intervals import intervals
from labelmetrics.reporting.levels import Levels

if TYPE_CHECKING:
    from labelmetrics.evaluation import Evaluation

BINS = 20
"""Bins of the distributions."""
POINTS = 80
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
    runs = [one for one in (levels, baseline) if one is not None]
    summary = evaluation.summary(iou=iou)
    rows = {row.feature: row for row in summary.features}
    own = [rows.get(feature) for feature in levels.features]
    return {
        "truths": levels.ground_truths().tolist(),
        "miou": [None if row is None else _number(row.miou) for row in own],
        "overallMiou": _number(summary.overall.miou),
        "counts": levels.counts().tolist(),
        "before": None if baseline is None else baseline.counts().tolist(),
        "intervals": intervals(runs, n_rows, seed=seed),
        "ap": _of_each(evaluation, levels.features, partial(_average_precision, evaluation)),
        "curves": _of_each(
            evaluation, levels.features, lambda feature: _curve(precision_recall(evaluation, feature, iou=iou))
        ),
        "reliability": _of_each(
            evaluation, levels.features, lambda feature: _reliability(calibration(evaluation, feature, iou=iou))
        ),
        "bins": BINS,
        "overlaps": _sparse(levels.histogram(TP, levels.overlap, BINS)),
        "confidences": [_sparse(levels.histogram(one, levels.found.score, BINS)) for one in (TP, FP)],
        "reasons": {"names": REASONS, "fp": _sparse(levels.reasons(FP)), "fn": _sparse(levels.reasons(FN))},
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


def _average_precision(evaluation: Evaluation, feature: str | None) -> list[float | None] | None:
    """Over the overlaps .50:.05:.95, and at .50; ``None`` without ground truth."""
    found = average_precision(evaluation, feature=feature)
    return None if found["AP"] < 0 else _numbers([found["AP"], found["AP50"]])


def best_level(counts: Ints) -> int:
    """The level at which F1 over all features is highest; of equal ones the lowest."""
    tp, fp, fn = counts.sum(axis=-1)
    f1 = np.divide(2 * tp, 2 * tp + fp + fn, out=np.zeros(len(tp)), where=tp > 0)
    return int(f1.argmax())
