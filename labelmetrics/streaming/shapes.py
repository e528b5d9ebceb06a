"""Shapes that belong together: labels beside predictions, weights beside values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelmetrics.errors import InputError
from labelmetrics.streaming.arrays import as_array

__all__ = ["Array", "as_weight", "broadcast_weight", "paired", "same_rank", "totals"]

Array = NDArray[Any]


def same_rank(one: Array, two: Array, *, expand: bool = True) -> tuple[Array, Array]:
    """Drop, or add to the one of rank 1, a last axis of length 1 where ranks differ by one, as Keras does."""
    if one.ndim == two.ndim + 1 and one.shape[-1] == 1:
        return (one, two[:, None]) if two.ndim == 1 and expand else (one[..., 0], two)
    if two.ndim == one.ndim + 1 and two.shape[-1] == 1:
        return (one[:, None], two) if one.ndim == 1 and expand else (one, two[..., 0])
    return one, two


def paired(y_true: Any, y_pred: Any) -> tuple[Array, Array]:
    """Labels and predictions as arrays of one shape.

    Raises
    ------
    InputError
        They hold no numbers, or their shapes do not fit.
    """
    truth, guess = as_array(y_true), as_array(y_pred)
    if truth.shape != guess.shape:
        truth, guess = same_rank(truth, guess)
        if truth.shape != guess.shape:
            raise InputError(f"y_true has the shape {truth.shape} and y_pred {guess.shape}; they must be the same")
    return truth, guess


def as_weight(sample_weight: Any) -> Array:
    """Weights as an array of int64 or float64.

    Raises
    ------
    InputError
        A weight is negative or NaN.
    """
    weight = as_array(sample_weight)
    weight = weight.astype(np.float64 if weight.dtype.kind == "f" else np.int64, copy=False)
    if weight.size and not np.minimum.reduce(weight, axis=None) >= 0:
        wrong = "NaN" if np.isnan(weight).any() else f"{weight.min():g}"
        raise InputError(f"sample_weight must not be negative or NaN, got {wrong}")
    return weight


def broadcast_weight(weight: Array, shape: tuple[int, ...], what: str = "values") -> Array:
    """Weights spread over ``shape``.

    Raises
    ------
    InputError
        They do not fit.
    """
    try:
        return np.broadcast_to(weight, shape)
    except ValueError:
        raise InputError(f"sample_weight has the shape {weight.shape}, which does not fit {what} of {shape}") from None


def totals(values: Array, sample_weight: Any = None, *, mean: bool = True) -> tuple[Any, Any]:
    """Sum and count of values, weighted as Keras does it.

    Weights are broadcast after a last axis of length 1 is dropped or added. Axes of the values beyond the rank of the
    weights are averaged first (summed, without ``mean``), and a sample is what stands at one index of the first axis.

    Parameters
    ----------
    values : ndarray, shape (n, ...)
        Values, of any dtype.
    sample_weight : array-like, shape (n,) or (n, ...), optional
        Their weights.
    mean : bool
        Whether further axes are averaged or summed.

    Returns
    -------
    total, count : int or float
        Integers where all that was added are booleans or integers.

    Examples
    --------
    >>> totals(np.array([1.0, 2.0, 6.0])), totals(np.array([[True, False], [True, True]]))
    ((9.0, 3), (1.5, 2))
    >>> totals(np.array([1.0, 2.0, 6.0]), [1, 1, 0.5])
    (6.0, 2.5)
    """
    if sample_weight is None:
        total = _sum(values)
        count = values.shape[0] if values.ndim else 1
        if mean and values.ndim > 1:
            total = total / math.prod(values.shape[1:]) if values.size else 0.0
        return total, count
    values, weight = same_rank(values, as_weight(sample_weight))
    if values.ndim > weight.ndim:
        axes = tuple(range(weight.ndim, values.ndim))
        if not values.size:
            values = np.zeros(values.shape[: weight.ndim])
        else:
            values = np.asarray((np.mean if mean else np.sum)(values, axis=axes, dtype=np.float64))
    weight = broadcast_weight(weight, values.shape)
    if values.dtype.kind == "b":
        total = _sum(weight[values]) if values.ndim == 1 else _sum(weight * values)
    else:
        total = _sum(values * weight)
    count = _sum(weight)
    if mean and values.ndim > 1:
        inner = math.prod(values.shape[1:])
        total, count = (total / inner, count / inner) if inner else (0.0, 0.0)
    return total, count


def _sum(values: Array) -> Any:
    kind = values.dtype.kind
    if kind == "b":
        return int(np.count_nonzero(values))
    if kind == "f":
        return float(np.add.reduce(values, axis=None, dtype=np.float64))
    return int(np.add.reduce(values, axis=None, dtype=np.int64))
