"""How far predicted numbers are from true ones, sample by sample."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from labelmetrics.errors import InputError
from labelmetrics.kernels.batch import Floats
from labelmetrics.streaming.checks import check_no_nan
from labelmetrics.streaming.shapes import Array, paired

__all__ = [
    "cosine_similarity",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "squared_error",
]

EPSILON = 1e-7


def as_floats(truth: Array, guess: Array) -> tuple[Array, Array]:
    """Both as floats of one dtype, of at least 32 bits."""
    dtype = guess.dtype
    if dtype != truth.dtype or dtype.kind != "f" or dtype.itemsize < 4:
        dtype = np.result_type(truth.dtype, guess.dtype, np.float32)
        truth, guess = truth.astype(dtype, copy=False), guess.astype(dtype, copy=False)
    return truth, guess


def by_sample(values: Array, axis: int) -> Floats:
    """The mean over an axis; of values of one axis, which are one for each sample, the values."""
    if values.ndim < 2:
        return values
    found: Floats = np.mean(values, axis=axis, dtype=np.float64)
    return found


def _numbers(y_true: Any, y_pred: Any) -> tuple[Array, Array]:
    truth, guess = as_floats(*paired(y_true, y_pred))
    check_no_nan(truth, "y_true")
    check_no_nan(guess)
    return truth, guess


def squared_error(y_true: Any, y_pred: Any) -> Floats:
    """Squared differences, one by one: ``(y_true - y_pred)**2``.

    Parameters
    ----------
    y_true, y_pred : array-like, shape (n, ...)
        Numbers.

    Returns
    -------
    ndarray of float, shape (n, ...)

    Raises
    ------
    InputError
        Shapes that differ, NaN.

    Examples
    --------
    >>> squared_error([1, 2], [1, 4])
    array([0., 4.])
    """
    truth, guess = _numbers(y_true, y_pred)
    found: Floats = np.square(truth - guess)
    return found


def mean_squared_error(y_true: Any, y_pred: Any) -> Floats:
    """Mean of ``(y_true - y_pred)**2`` over the last axis.

    Parameters
    ----------
    y_true, y_pred : array-like, shape (n, ..., d)
        Numbers. Input of one axis is n samples, and not averaged.

    Returns
    -------
    ndarray of float, shape (n, ...)

    Raises
    ------
    InputError
        Shapes that differ, NaN.

    Examples
    --------
    >>> mean_squared_error([[0, 1], [0, 0]], [[1, 1], [0, 2]])
    array([0.5, 2. ])
    """
    truth, guess = _numbers(y_true, y_pred)
    return by_sample(np.square(truth - guess), -1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Floats:
    """Mean of ``|y_true - y_pred|`` over the last axis.

    Parameters
    ----------
    y_true, y_pred : array-like, shape (n, ..., d)
        Numbers. Input of one axis is n samples, and not averaged.

    Returns
    -------
    ndarray of float, shape (n, ...)

    Raises
    ------
    InputError
        Shapes that differ, NaN.

    Examples
    --------
    >>> mean_absolute_error([[0, 1], [0, 0]], [[1, 1], [0, 2]])
    array([0.5, 1. ])
    """
    truth, guess = _numbers(y_true, y_pred)
    return by_sample(np.abs(truth - guess), -1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Floats:
    """Mean of ``100 * |y_true - y_pred| / max(|y_true|, 1e-7)`` over the last axis.

    Parameters
    ----------
    y_true, y_pred : array-like, shape (n, ..., d)
        Numbers. Input of one axis is n samples, and not averaged.

    Returns
    -------
    ndarray of float, shape (n, ...)

    Raises
    ------
    InputError
        Shapes that differ, NaN.

    Examples
    --------
    >>> mean_absolute_percentage_error([[2, 4]], [[1, 4]])
    array([25.])
    """
    truth, guess = _numbers(y_true, y_pred)
    return by_sample(100 * np.abs((truth - guess) / np.maximum(np.abs(truth), EPSILON)), -1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Floats:
    """Mean of ``(log(1 + y_true) - log(1 + y_pred))**2`` over the last axis; values below 1e-7 count as 1e-7.

    Parameters
    ----------
    y_true, y_pred : array-like, shape (n, ..., d)
        Numbers. Input of one axis is n samples, and not averaged.

    Returns
    -------
    ndarray of float, shape (n, ...)

    Raises
    ------
    InputError
        Shapes that differ, NaN.

    Examples
    --------
    >>> mean_squared_logarithmic_error([[0, 1]], [[1, 1]]).round(4)
    array([0.2402])
    """
    truth, guess = _numbers(y_true, y_pred)
    difference = np.log1p(np.maximum(guess, EPSILON)) - np.log1p(np.maximum(truth, EPSILON))
    return by_sample(np.square(difference), -1)


def log_cosh(y_true: Any, y_pred: Any) -> Floats:
    """Mean of ``log(cosh(y_pred - y_true))`` over the last axis.

    Parameters
    ----------
    y_true, y_pred : array-like, shape (n, ..., d)
        Numbers. Input of one axis is n samples, and not averaged.

    Returns
    -------
    ndarray of float, shape (n, ...)

    Raises
    ------
    InputError
        Shapes that differ, NaN.

    Examples
    --------
    >>> log_cosh([[0, 1], [0, 0]], [[1, 1], [0, 0]]).round(4)
    array([0.2169, 0.    ])
    """
    truth, guess = _numbers(y_true, y_pred)
    size = np.abs(guess - truth)
    # log(cosh(x)) without overflow.
    return by_sample(size + np.log1p(np.exp(-2 * size)) - math.log(2), -1)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Floats:
    """Cosine of the angle between vectors: ``sum(y_true * y_pred) / (|y_true| |y_pred|)``; 0 where one is 0.

    Parameters
    ----------
    y_true, y_pred : array-like, shape (n, ..., d)
        Vectors.
    axis : int
        The axis along which they stand.

    Returns
    -------
    ndarray of float, shape (n, ...)

    Raises
    ------
    InputError
        Shapes that differ, NaN.

    Examples
    --------
    >>> cosine_similarity([[0, 1], [1, 1]], [[1, 0], [1, 1]]).round(3)
    array([0., 1.])
    """
    truth, guess = _numbers(y_true, y_pred)
    if not -truth.ndim <= axis < truth.ndim:
        raise InputError(f"vectors along axis {axis} are needed, y_pred has the shape {guess.shape}")
    norm = np.linalg.norm(truth, axis=axis) * np.linalg.norm(guess, axis=axis)
    product = np.sum(truth * guess, axis=axis)
    found: Floats = np.divide(product, norm, out=np.zeros_like(product), where=norm > 0)
    return found
