"""How far scores are on the right side of a margin, sample by sample."""

from __future__ import annotations

from typing import Any

import numpy as np

from labelmetrics.errors import InputError
from labelmetrics.kernels.batch import Floats
from labelmetrics.streaming.checks import check_no_nan
from labelmetrics.streaming.functional.regression import as_floats, by_sample
from labelmetrics.streaming.shapes import Array, paired

__all__ = ["categorical_hinge", "hinge", "squared_hinge"]


def hinge(y_true: Any, y_pred: Any) -> Floats:
    """Mean of ``max(1 - y_true * y_pred, 0)`` over the last axis.

    Parameters
    ----------
    y_true : array-like, shape (n, ..., d)
        Labels -1 and 1, or 0 and 1, of which 0 counts as -1.
    y_pred : array-like, shape (n, ..., d)
        Scores. Input of one axis is n samples, and not averaged.

    Returns
    -------
    ndarray of float, shape (n, ...)

    Raises
    ------
    InputError
        Shapes that differ, other labels, NaN.

    Examples
    --------
    >>> hinge([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]])
    array([1.1, 1.5])
    """
    return by_sample(_below_margin(y_true, y_pred), -1)


def squared_hinge(y_true: Any, y_pred: Any) -> Floats:
    """Mean of ``max(1 - y_true * y_pred, 0)**2`` over the last axis.

    Parameters
    ----------
    y_true : array-like, shape (n, ..., d)
        Labels -1 and 1, or 0 and 1, of which 0 counts as -1.
    y_pred : array-like, shape (n, ..., d)
        Scores. Input of one axis is n samples, and not averaged.

    Returns
    -------
    ndarray of float, shape (n, ...)

    Raises
    ------
    InputError
        Shapes that differ, other labels, NaN.

    Examples
    --------
    >>> squared_hinge([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]])
    array([1.46, 2.26])
    """
    return by_sample(np.square(_below_margin(y_true, y_pred)), -1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Floats:
    """``max(neg - pos + 1, 0)``, with ``pos = sum(y_true * y_pred)`` and ``neg = max((1 - y_true) * y_pred)``.

    Parameters
    ----------
    y_true, y_pred : array-like, shape (n, ..., C)
        One-hot labels and scores of C classes.

    Returns
    -------
    ndarray of float, shape (n, ...)

    Raises
    ------
    InputError
        Shapes that differ, NaN.

    Examples
    --------
    >>> categorical_hinge([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]])
    array([1.2, 1.6])
    """
    truth, guess = as_floats(*paired(y_true, y_pred))
    check_no_nan(guess)
    if not guess.ndim or not guess.shape[-1]:
        raise InputError(f"y_pred must have scores along its last axis, got the shape {guess.shape}")
    right = np.sum(truth * guess, axis=-1)
    wrong = np.max((1 - truth) * guess, axis=-1)
    found: Floats = np.maximum(wrong - right + 1, 0)
    return found


def _below_margin(y_true: Any, y_pred: Any) -> Array:
    truth, guess = as_floats(*paired(y_true, y_pred))
    check_no_nan(guess)
    ones = truth == 1
    # One pass more tells 0 and 1 from -1 and 1; what is neither is found by what is left.
    zeros = truth == 0
    if (ones | zeros).all():
        truth = np.where(ones, truth, -1)
    elif not (ones | (truth == -1)).all():
        wrong = truth[~ones & (truth != -1)].flat[0]
        raise InputError(f"labels must be -1 and 1, or 0 and 1, got {wrong:g} among others")
    found: Array = np.maximum(1 - truth * guess, 0)
    return found
