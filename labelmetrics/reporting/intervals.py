"""Intervals of what the report shows: ratios of counts, resampled over data rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from labelmetrics.comparing.measures import OF_COUNTS
from labelmetrics.kernels.batch import Floats
from labelmetrics.kernels.resampling import blocks_of, resampled_sums

RESAMPLES = 1_000
LEVEL = 0.95
CountsOfRows = Callable[[int], Floats]
"""TP, FP and FN by data row and feature at a level, shape (R, 3, F)."""


def intervals(
    runs: Sequence[CountsOfRows], n_levels: int, n_rows: int, *, seed: int
) -> dict[str, list[list[list[float | None]]]]:
    """Percentile intervals of the first run, and of its change against a second one, by level.

    Data rows are drawn with replacement, for both runs together; ratios follow from the sums of each resample.

    Parameters
    ----------
    runs : sequence of callable
        One run, or a run and its baseline.
    n_levels, n_rows : int
        Number of levels and of data rows.
    seed : int
        The same seed gives the same intervals.

    Returns
    -------
    dict
        For ``precision``, ``recall`` and ``f1`` bounds by level; for ``features`` those of F1 by level and feature;
        with a baseline also ``change`` and ``feature_changes``, of F1.
    """
    block = blocks_of(n_rows, seed)
    n_blocks = int(block.max(initial=-1)) + 1
    found: dict[str, list[list[list[float | None]]]] = {}
    for level in range(n_levels):
        sums = [_resampled(_blocked(run(level), block, n_blocks), seed) for run in runs]
        whole = [one.sum(axis=-1) for one in sums]
        for name in ("precision", "recall", "f1"):
            found.setdefault(name, []).append(_bounds(OF_COUNTS[name](whole[0])))
        f1 = [OF_COUNTS["f1"](np.moveaxis(one, 1, -1)) for one in sums]
        found.setdefault("features", []).append(_bounds(f1[0]))
        if len(runs) > 1:
            change = OF_COUNTS["f1"](whole[0]) - OF_COUNTS["f1"](whole[1])
            found.setdefault("change", []).append(_bounds(change))
            found.setdefault("feature_changes", []).append(_bounds(f1[0] - f1[1]))
    return found


def _blocked(counts: Floats, block: np.ndarray[tuple[int], np.dtype[np.int64]], n_blocks: int) -> Floats:
    """Counts of rows added up by block."""
    if n_blocks == len(counts):
        return counts
    summed = np.zeros((n_blocks, *counts.shape[1:]))
    np.add.at(summed, block, counts)
    return summed


def _resampled(counts: Floats, seed: int) -> Floats:
    """Sums over resamples, shape (resamples, 3, F)."""
    n, _, width = counts.shape
    return resampled_sums(counts.reshape(n, 3 * width), resamples=RESAMPLES, seed=seed).reshape(RESAMPLES, 3, width)


def _bounds(values: Floats) -> list[list[float | None]]:
    """Lower and upper bound along the first axis: one pair, or one for each feature; none where nothing is defined."""
    values = values.reshape(len(values), -1)
    defined = ~np.isnan(values).all(axis=0)
    bounds = np.full((2, values.shape[1]), np.nan)
    bounds[:, defined] = np.nanquantile(values[:, defined], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return [[None if np.isnan(one) else round(float(one), 4) for one in pair] for pair in bounds.T]
