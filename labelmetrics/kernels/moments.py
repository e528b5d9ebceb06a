"""Mean and variance of columns, in a form that is merged without loss of digits.

T. F. Chan, G. H. Golub and R. J. LeVeque, Updating Formulae and a Pairwise Algorithm for Computing Sample Variances,
1979.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelmetrics.kernels.batch import Floats

COUNT, MEAN, SQUARES = range(3)
"""Rows of moments: sum of weights, mean, and weighted sum of squared differences from it."""


def moments(values: NDArray[Any], weight: NDArray[Any]) -> Floats:
    """Moments of columns.

    Parameters
    ----------
    values : ndarray of float64, shape (n, k)
        Columns.
    weight : ndarray, shape (n, k)
        What each value counts for.

    Returns
    -------
    ndarray of float64, shape (3, k)
        Rows as ``COUNT``, ``MEAN`` and ``SQUARES`` say.

    Examples
    --------
    >>> moments(np.array([[1.0], [3.0]]), np.ones((2, 1))).tolist()
    [[2.0], [2.0], [2.0]]
    """
    count = weight.sum(axis=0, dtype=np.float64)
    mean = np.divide((values * weight).sum(axis=0), count, out=np.zeros_like(count), where=count > 0)
    return np.stack([count, mean, (np.square(values - mean) * weight).sum(axis=0)])


def merged(parts: NDArray[Any]) -> Floats:
    """Moments of all rows from those of parts of them.

    Parameters
    ----------
    parts : ndarray of float64, shape (p, 3, k)
        Moments of each part.

    Returns
    -------
    ndarray of float64, shape (3, k)

    Examples
    --------
    >>> merged(np.stack([moments(np.array([[one]]), np.ones((1, 1))) for one in (1.0, 3.0)])).tolist()
    [[2.0], [2.0], [2.0]]
    """
    counts, means = parts[:, COUNT], parts[:, MEAN]
    count = counts.sum(axis=0)
    mean = np.divide((counts * means).sum(axis=0), count, out=np.zeros_like(count), where=count > 0)
    squares = (parts[:, SQUARES] + counts * np.square(means - mean)).sum(axis=0)
    return np.stack([count, mean, squares])
