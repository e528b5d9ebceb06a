"""The bootstrap over data rows: sums of their columns in resamples, and what follows for an interval and a test."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from labelmetrics.kernels.batch import Bools, Floats, Ints

MOST_BLOCKS = 20_000
"""Rows beyond this number are grouped, so that the cost stays flat."""
CHUNK = 200
"""Resamples that are made at once."""
THREADS = 2
"""Chunks in work at once; each needs twice their weights in memory."""
EXACT = 2.0**24
"""Sums of whole numbers below this one are exact in single precision."""


def blocks_of(n: int, seed: int, most: int = MOST_BLOCKS) -> Ints:
    """Group rows at random into at most ``most`` blocks of nearly one size.

    Parameters
    ----------
    n : int
        Number of rows.
    seed : int
        The same seed gives the same blocks.
    most : int
        Most blocks.

    Returns
    -------
    ndarray of int64, shape (n,)
        Block of each row; every row has its own where they are few enough.

    Examples
    --------
    >>> blocks_of(3, 0).tolist(), np.bincount(blocks_of(10, 0, most=4)).tolist()
    ([0, 1, 2], [3, 3, 2, 2])
    """
    if n <= most:
        return np.arange(n)
    # A stream of its own: the resamples take the numbered children of the seed.
    shuffled = np.random.default_rng([seed, 1]).permutation(n)
    return shuffled % most


def streams(resamples: int, seed: int) -> list[np.random.SeedSequence]:
    """One random stream per chunk of resamples, so that neither their number nor that of threads changes the first."""
    return np.random.SeedSequence(seed).spawn(-(-resamples // CHUNK))


def weights(n: int, stream: np.random.SeedSequence) -> NDArray[np.float32]:
    """How often each of ``n`` blocks is drawn in each resample of a chunk.

    Examples
    --------
    >>> made = weights(5, streams(1, 0)[0])
    >>> made.shape, set(made.sum(axis=1).tolist())
    ((200, 5), {5.0})
    """
    drawn = np.random.default_rng(stream).integers(0, n, (CHUNK, n), np.int32)
    made = np.empty((CHUNK, n), np.float32)
    for one, row in zip(made, drawn, strict=True):
        one[:] = np.bincount(row, minlength=n)
    return made


def resampled_sums(columns: Floats, *, resamples: int, seed: int) -> Floats:
    """Sums of columns over resamples of their rows; all columns see the same resamples.

    Parameters
    ----------
    columns : ndarray of float64, shape (n, k)
        One row per block.
    resamples : int
        Number of resamples.
    seed : int
        The same seed gives the same sums.

    Returns
    -------
    ndarray of float64, shape (resamples, k)
        The sums; exact where the columns are counts.

    Examples
    --------
    >>> resampled_sums(np.array([[1.0, 2.0], [1.0, 4.0]]), resamples=3, seed=0)[:, 0].tolist()
    [2.0, 2.0, 2.0]
    """
    n, k = columns.shape
    sums = np.zeros((resamples, k))
    if not n:
        return sums
    is_exact = bool((columns == np.floor(columns)).all() and np.abs(columns).max(initial=0.0) * n < EXACT)
    values = columns.astype(np.float32 if is_exact else np.float64)

    def fill(start: int, stream: np.random.SeedSequence) -> None:
        part = sums[start : start + CHUNK]
        part[:] = (weights(n, stream).astype(values.dtype, copy=False) @ values)[: len(part)]

    # Chunks share the processors better than the threads of one multiplication do: those wait for each other.
    with _blas().limit(limits=1), ThreadPoolExecutor(THREADS) as threads:
        deque(threads.map(fill, range(0, resamples, CHUNK), streams(resamples, seed)), maxlen=0)
    return sums


@cache
def _blas() -> ThreadpoolController:
    """The library that multiplies, looked for once: that takes longer than the resamples of few rows."""
    return ThreadpoolController().select(user_api="blas")


def percentile_interval(values: Floats, level: float) -> tuple[float, float]:
    """Percentile interval of resampled values; NaN where too few of them are defined.

    Parameters
    ----------
    values : ndarray of float64, shape (resamples,)
        NaN where a resample has no value.
    level : float
        Share of the values that lie within.

    Examples
    --------
    >>> percentile_interval(np.arange(101.0), 0.5)
    (25.0, 75.0)
    """
    defined = values[~np.isnan(values)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def two_sided(kept: Bools) -> float:
    """Two-sided p value of a limit: twice the smaller share of the resamples on either of its sides.

    Examples
    --------
    >>> two_sided(np.array([True] * 99 + [False]))
    0.02
    """
    if not len(kept):
        return 1.0
    inside = int(np.count_nonzero(kept))
    return min(1.0, 2 * min(inside, len(kept) - inside) / len(kept))


def holm(p: Floats, rates: Floats) -> tuple[Floats, Ints]:
    """Correct p values of several tests at once (Holm 1979).

    Parameters
    ----------
    p : ndarray of float64, shape (m,)
        The p values.
    rates : ndarray of float64, shape (m,)
        Rate of wrong decisions that each test allows for all of them together.

    Returns
    -------
    adjusted : ndarray of float64, shape (m,)
        A test decides where its value is at most its rate.
    factor : ndarray of int64, shape (m,)
        What each rate is divided by for the interval that says the same as the test.

    Examples
    --------
    >>> adjusted, factor = holm(np.array([0.04, 0.01, 0.03]), np.full(3, 0.05))
    >>> adjusted.round(2).tolist(), factor.tolist()
    ([0.06, 0.03, 0.06], [2, 3, 2])
    """
    m = len(p)
    order = np.argsort(p, kind="stable")
    steps = np.arange(m, 0, -1)
    scaled = p[order] * steps
    highest = np.maximum.accumulate(scaled)
    # A test that stands behind one that does not decide has the interval of that one.
    deciding = np.maximum.accumulate(np.where(scaled == highest, np.arange(m), 0))
    adjusted, factor = np.empty(m), np.empty(m, np.int64)
    adjusted[order] = np.minimum(highest, 1.0)
    factor[order] = np.where(highest <= rates[order], steps, steps[deciding])
    return adjusted, factor
