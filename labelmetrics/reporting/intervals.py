"""Intervals of what the report shows: ratios of counts, resampled over data rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from labelmetrics.comparing.measures import OF_COUNTS, RATIOS
from labelmetrics.kernels.batch import Floats, Ints
from labelmetrics.kernels.resampling import blocks_of, resampled_sums
from labelmetrics.reporting.levels import Levels

RESAMPLES = 1_000
LEVEL = 0.95
WIDTH = 400
"""Ratios that are resampled at once: memory stays within bounds."""

Bounds = list[list[Any]]
"""By level and feature, a lower and an upper bound; ``None`` where too few data rows have anything to say."""


def intervals(runs: Sequence[Levels], n_rows: int, *, seed: int) -> list[dict[str, Bounds]]:
    """Percentile intervals of the first run, and of its change against a second one.

    Data rows are drawn with replacement, for both runs together; ratios follow from the sums of each resample.

    Parameters
    ----------
    runs : sequence of Levels
        One run, or a run and its baseline, of the same features and data rows.
    n_rows : int
        Number of data rows.
    seed : int
        The same seed gives the same intervals.

    Returns
    -------
    list of dict
        Of the run, and of the change where there are two: for ``precision``, ``recall`` and ``f1`` the bounds by level
        and feature, those of all features together last.
    """
    n_levels, n_features = len(runs[0].outcome), len(runs[0].features)
    block = blocks_of(n_rows, seed)
    bounds = np.full((len(runs), len(RATIOS), n_levels, n_features + 1, 2), np.nan)
    for levels, features in _batches(n_levels, n_features + 1):
        sums = []
        for run in runs:
            columns = np.concatenate([_columns(run, level, features, block) for level in levels], axis=1)
            sums.append(resampled_sums(columns, resamples=RESAMPLES, seed=seed).reshape(RESAMPLES, -1, 3))
        for index, name in enumerate(RATIOS):
            values = [OF_COUNTS[name](one) for one in sums]
            for kind, asked in enumerate([values[0], values[0] - values[-1]][: len(runs)]):
                bounds[kind, index, levels, features] = _bounds(asked).reshape(len(levels), -1, 2)
    return [dict(zip(RATIOS, map(_plain, kind), strict=True)) for kind in bounds]


def _batches(n_levels: int, width: int) -> Iterator[tuple[range, slice]]:
    """Levels and features that are resampled together."""
    step = max(1, WIDTH // width)
    for first in range(0, n_levels, step):
        for start in range(0, width, WIDTH):
            yield range(first, min(first + step, n_levels)), slice(start, min(start + WIDTH, width))


def _columns(run: Levels, level: int, features: slice, block: Ints) -> Floats:
    """TP, FP and FN of features side by side, by block."""
    n, width = int(block.max(initial=-1)) + 1, features.stop - features.start
    found = np.zeros((3, n, width))
    for counts, at in zip(found, run.counted(level), strict=True):
        place = run.feature[at] - features.start
        own = at[(place >= 0) & (place < width)]
        code = block[run.row[own]] * width + run.feature[own] - features.start
        counts += np.bincount(code, minlength=n * width).reshape(n, width)
        if features.stop > len(run.features):  # the last one is all of them
            counts[:, -1] = np.bincount(block[run.row[at]], minlength=n)
    return np.moveaxis(found, 0, -1).reshape(n, 3 * width)


def _bounds(values: Floats) -> Floats:
    """Lower and upper bound of each column, shape (n, 2).

    NaN where more resamples have no value than an interval leaves out: too few data rows have anything to say.
    """
    found = np.full((values.shape[1], 2), np.nan)
    undefined = np.isnan(values).sum(axis=0)
    shares = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    whole, some = undefined == 0, (undefined > 0) & (undefined <= (1 - LEVEL) * len(values))
    found[whole] = np.quantile(values[:, whole], shares, axis=0).T
    if some.any():
        found[some] = np.nanquantile(values[:, some], shares, axis=0).T
    return found


def _plain(bounds: Floats) -> Bounds:
    return [
        [None if np.isnan(low) else [round(low, 4), round(high, 4)] for low, high in level] for level in bounds.tolist()
    ]
