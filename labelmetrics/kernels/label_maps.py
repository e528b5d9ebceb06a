"""Label maps: how often each class of one map meets each class of another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelmetrics.kernels.batch import Ints

BLOCK = 1 << 16
"""Pixels that are counted at a time: codes of a block stay in the processor's cache."""


def joint_counts(truth: NDArray[Any], guess: NDArray[Any], n_classes: int) -> Ints:
    """Count pixels by (class in ``truth``, class in ``guess``).

    Parameters
    ----------
    truth, guess : ndarray of integers, shape (n,)
        Classes from 0 to ``n_classes - 1``.
    n_classes : int
        Number of classes.

    Returns
    -------
    ndarray of int64, shape (n_classes, n_classes)

    Examples
    --------
    >>> joint_counts(np.array([0, 1, 1]), np.array([0, 0, 1]), 2).tolist()
    [[1, 0], [1, 1]]
    """
    n_codes = n_classes * n_classes
    small: np.dtype[Any] = np.dtype(np.uint16 if n_codes <= 1 << 16 else np.intp)
    counts = np.zeros(n_codes, np.int64)
    for start in range(0, len(truth), BLOCK):
        block = slice(start, start + BLOCK)
        code = truth[block].astype(small)
        code *= n_classes
        code += guess[block].astype(small, copy=False)
        counts += np.bincount(code, minlength=n_codes)
    return counts.reshape(n_classes, n_classes)
