"""The data rows that had most part in what failed, with what is wrong there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from labelmetrics.comparing.measures import Measured
from labelmetrics.evaluation import Evaluation
from labelmetrics.gate.verdict import WorstRow
from labelmetrics.kernels.batch import Floats

FINDINGS = 5
"""Findings that are told of each data row."""


def worst_rows(
    evaluation: Evaluation | None,
    rows: Sequence[str],
    failed: Sequence[tuple[str | None, Sequence[Measured]]],
    most: int,
) -> list[WorstRow]:
    """Data rows with most errors more than in the baseline, or with most errors where there is none.

    Parameters
    ----------
    evaluation : Evaluation or None
        The run; without it, nothing is told of what is wrong.
    rows : sequence of str
        Keys of the data rows.
    failed : sequence of (str or None, sequence of Measured)
        What failed: the feature (``None`` is all together), and the metric of the run and of the baseline.
    most : int
        How many there are at most.
    """
    counting = [(feature, sides) for feature, sides in failed if sides[0].is_counts]
    if not counting:
        return []
    errors = _errors(counting, 0, len(rows))
    before = _errors(counting, 1, len(rows)) if len(counting[0][1]) > 1 else None
    more = errors if before is None else errors - before
    if not (more > 0).any():
        more = errors  # nothing is worse than it was, and yet not good enough
    features = {feature for feature, _ in counting}
    order = np.argsort(-more, kind="stable")[:most]
    return [
        WorstRow(
            data_row=rows[row],
            errors=int(errors[row]),
            baseline_errors=None if before is None else int(before[row]),
            findings=_findings(evaluation, rows[row], features),
        )
        for row in order[more[order] > 0].tolist()
    ]


def _errors(failed: Sequence[tuple[str | None, Sequence[Measured]]], side: int, n: int) -> Floats:
    """Errors of each data row, each counted once however many checks are about it."""
    found: dict[str | None, Floats] = {}
    for feature, sides in failed:
        errors = found.setdefault(feature, np.zeros(n))
        one = sides[side]
        errors[one.row] = np.maximum(errors[one.row], one.errors)
    return found[None] if None in found else np.sum([*found.values()], axis=0)


def _findings(evaluation: Evaluation | None, row: str, features: Collection[str | None]) -> list[dict[str, Any]]:
    if evaluation is None:
        return []
    wrong = [
        {
            "outcome": one.outcome,
            "feature": one.feature,
            "place": one.place,
            "confidence": one.confidence,
            "overlap": one.overlap,
            "why": one.why,
        }
        for one in evaluation.explain(row)
        if one.outcome in ("FP", "FN") and (None in features or one.feature in features)
    ]
    return wrong[:FINDINGS]
