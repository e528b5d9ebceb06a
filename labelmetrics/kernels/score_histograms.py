"""Scores counted by label and by how many thresholds they exceed: all that curves and counts at thresholds need."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelmetrics.kernels.batch import Bools, Floats, Ints

BLOCK = 1 << 16
"""Scores that are counted at a time: what is made of a block stays in the processor's cache."""

FEW = 8
"""Up to so many thresholds, comparisons with each are faster than a search."""

HALF = 0x3F00
"""The upper 16 bits of .5 as float32."""

EXACT_BUCKETS = 2 * HALF + 1


def sigmoid(logits: NDArray[Any]) -> NDArray[Any]:
    """Probabilities of logits, in their dtype.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    small = np.exp(-np.abs(logits))
    found: NDArray[Any] = np.where(logits < 0, small, 1) / (1 + small)
    return found


def even_histogram(scores: NDArray[Any], positive: Bools, n: int, weight: NDArray[Any] | None = None) -> NDArray[Any]:
    """Scores from 0 to 1 by label and by how many of the thresholds 0, 1/(n-1), ..., 1 each exceeds.

    Parameters and result are those of :func:`histogram`, with ``n + 1`` buckets, of which the last stays empty.

    >>> even_histogram(np.array([0, 0.1, 0.5, 0.6, 1]), np.array([0, 0, 0, 1, 1], bool), 3).tolist()
    [[1, 2, 0, 0], [0, 0, 2, 0]]
    """
    as_type = scores.dtype.type
    code = np.multiply(scores, as_type(n - 1))
    np.ceil(code, out=code)
    # As floats, which are half as long as the integers that bincount wants; the fast way to those is by int32.
    label = positive.astype(scores.dtype)
    label *= as_type(n + 1)
    code += label
    return np.bincount(code.astype(np.int32), weight, minlength=2 * n + 2).reshape(2, n + 1)


def buckets(scores: NDArray[Any], thresholds: Floats) -> Ints:
    """How many of the rising thresholds each score exceeds.

    >>> buckets(np.array([0, 0.5, 0.6]), np.array([0.0, 0.5])).tolist()
    [0, 1, 2]
    """
    rising = thresholds.astype(scores.dtype)  # else .3 would exceed .3 where one of them has fewer bits
    if len(rising) > FEW:
        return np.searchsorted(rising, scores, "left")
    found: Ints = np.zeros(scores.shape, np.intp)
    for threshold in rising:
        found += scores > threshold
    return found


def exact_buckets(scores: NDArray[Any]) -> Ints:
    """Buckets of scores from 0 to 1 that are fine near 0 and near 1: the upper bits of the distance to the nearer end.

    There are ``EXACT_BUCKETS``; within one, distances differ by less than one part in 128.

    >>> exact_buckets(np.array([0, 1e-6, 0.5, 1 - 1e-6, 1])).tolist()
    [0, 13702, 16128, 18554, 32256]
    """
    nearer = np.minimum(scores, 1 - scores).astype(np.float32)
    code = (nearer.view(np.uint32) >> 16).astype(np.intp)
    code &= 0x7FFF  # the sign of -0.0
    found: Ints = np.where(scores > 0.5, 2 * HALF - code, code)
    return found


def histogram(bucket: Ints, positive: Bools, n_buckets: int, weight: Floats | None = None) -> NDArray[Any]:
    """Scores by label and bucket.

    Parameters
    ----------
    bucket : ndarray of int, shape (n,)
        Bucket of each score, from 0 to ``n_buckets - 1``; changed by the call.
    positive : ndarray of bool, shape (n,)
        Whether its label is 1.
    n_buckets : int
        Number of buckets.
    weight : ndarray of float64, shape (n,), optional
        What each counts for; 1 unless given.

    Returns
    -------
    ndarray of int64, or of float64 where there are weights, shape (2, n_buckets)
        Those of label 0, and those of label 1.

    Examples
    --------
    >>> histogram(np.array([0, 1, 1]), np.array([False, False, True]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    bucket += positive * np.intp(n_buckets)
    return np.bincount(bucket, weight, minlength=2 * n_buckets).reshape(2, n_buckets)


def histogram_of_one_threshold(above: Bools, positive: Bools) -> Ints:
    """The same for one threshold, without buckets.

    >>> histogram_of_one_threshold(np.array([False, True, True]), np.array([False, False, True])).tolist()
    [[1, 1], [0, 1]]
    """
    true_above = np.count_nonzero(above & positive)
    n_above, n_positive = np.count_nonzero(above), np.count_nonzero(positive)
    false_above = n_above - true_above
    return np.array(
        [[above.size - n_positive - false_above, false_above], [n_positive - true_above, true_above]], np.int64
    )


def at_least(counts: NDArray[Any]) -> NDArray[Any]:
    """Sums over each bucket and all that follow, along the last axis.

    >>> at_least(np.array([1, 2, 3])).tolist()
    [6, 5, 3]
    """
    return np.cumsum(counts[..., ::-1], axis=-1)[..., ::-1]
