"""The paired bootstrap of the gate beside scipy's."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.measure import Disagreement, Report, Row, Time, best

FEATURES, RESAMPLES = 80, 10_000
PEER_RESAMPLES = 400
TOLERANCE = 0.25
AT_LEAST = 100.0


def run(*, rows: int | None = None, repeat: int = 3) -> Report:
    """Decide whether F1 of 80 features fell; scipy does one of them, with fewer resamples, and its time is scaled."""
    from scipy import stats

    from labelmetrics.comparing.measures import OF_COUNTS, Measured
    from labelmetrics.gate.bounds import Bound
    from labelmetrics.gate.significance import Question, decide

    n = rows or 100_000
    rng = np.random.default_rng(0)
    questions = []
    for _ in range(FEATURES):
        has = np.flatnonzero(rng.random(n) < 0.5) if n < 1_000 else np.flatnonzero(rng.random(n) < 0.09)
        before = rng.poisson(1, (len(has), 3)).astype(float)
        sides = [
            Measured(row=has, columns=columns, of_sums=OF_COUNTS["f1"], is_counts=True)
            for columns in (before + rng.binomial(1, 0.05, before.shape), before)
        ]
        bound = Bound("max_drop", 0.02)
        questions.append(Question(bound=bound, rate=0.05, members=np.ones(n, bool), sides=sides))
    ours, decisions = best(lambda: decide(questions, resamples=RESAMPLES, seed=0), repeat)
    # What one feature's counts are on every data row.
    counts = np.zeros((6, n))
    for side, one in enumerate(questions[0].sides):
        counts[3 * side : 3 * side + 3, one.row] = one.columns.T

    def change(*columns: Any, axis: int = -1) -> Any:
        tp, fp, fn, old_tp, old_fp, old_fn = (column.sum(axis=axis) for column in columns)
        return 2 * tp / (2 * tp + fp + fn) - 2 * old_tp / (2 * old_tp + old_fp + old_fn)

    peer, theirs = best(
        lambda: stats.bootstrap(
            tuple(counts),
            change,
            paired=True,
            vectorized=True,
            method="percentile",
            n_resamples=PEER_RESAMPLES,
            confidence_level=decisions[0].level,
            batch=10,
            rng=np.random.default_rng(1),
        ),
        1,
    )
    # An interval of few resamples is vague at its ends; the spread is not.
    alone = decide(questions[:1], resamples=RESAMPLES, seed=0)[0].interval
    spread = (alone[1] - alone[0]) / (2 * 1.96)
    if abs(spread / theirs.standard_error - 1) > TOLERANCE:
        raise Disagreement(f"the standard error is {spread}, by scipy {theirs.standard_error}")
    scale = FEATURES * RESAMPLES / PEER_RESAMPLES
    row = Row(
        f"paired bootstrap: {n:,} data rows, {FEATURES} features, {RESAMPLES:,} resamples",
        ours,
        "scipy, stats.bootstrap()",
        Time(*(value * scale for value in peer)),
        f"standard error {theirs.standard_error:.2g} of one feature, within {TOLERANCE:.0%}",
        AT_LEAST,
    )
    note = f"scipy resampled one feature {PEER_RESAMPLES} times; its time is scaled by {scale:,.0f}."
    return Report("paired bootstrap", [row], [note])
