"""Label maps: how often each class of one map meets each class of another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 16
"""Pixels that are counted at a time: codes of a block stay in the processor's cache."""


def all_are_classes(numbers: NDArray[Any], n_classes: int) -> bool:
    """Whether integers or booleans all lie between 0 and ``n_classes - 1``.

    >>> all_are_classes(np.array([0, 2]), 3), all_are_classes(np.array([-1]), 3)
    (True, False)
    """
    if not numbers.size:
        return True
    # Seen as unsigned, negative numbers are large too, so one pass is enough.
    return bool(np.maximum.reduce(numbers.view(f"u{numbers.itemsize}"), axis=None) < n_classes)


def joint_counts(
    truth: NDArray[Any], guess: NDArray[Any], n_classes: int, weight: NDArray[Any] | None = None
) -> NDArray[Any]:
    """Count pixels by (class in ``truth``, class in ``guess``).

    Parameters
    ----------
    truth, guess : ndarray of integers, shape (n,)
        Classes from 0 to ``n_classes - 1``.
    n_classes : int
        Number of classes.
    weight : ndarray of float64, shape (n,), optional
        What each pixel counts for; 1 unless given.

    Returns
    -------
    ndarray of int64, or of float64 where there are weights, shape (n_classes, n_classes)

    Examples
    --------
    >>> joint_counts(np.array([0, 1, 1]), np.array([0, 0, 1]), 2).tolist()
    [[1, 0], [1, 1]]
    """
    n_codes = n_classes * n_classes
    small: np.dtype[Any] = np.dtype(np.uint16 if n_codes <= 1 << 16 else np.intp)
    counts = np.zeros(n_codes, np.int64 if weight is None else np.float64)
    for start in range(0, len(truth), BLOCK):
        block = slice(start, start + BLOCK)
        code = truth[block].astype(small)
        code *= n_classes
        code += guess[block].astype(small, copy=False)
        counts += np.bincount(code, None if weight is None else weight[block], minlength=n_codes)
    return counts.reshape(n_classes, n_classes)
