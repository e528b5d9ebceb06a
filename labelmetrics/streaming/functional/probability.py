"""How far predicted probabilities are from labels, sample by sample.

Logarithms are taken of values that are at least 1e-7, as in Keras.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from labelmetrics.errors import InputError, SettingError
from labelmetrics.kernels.batch import Floats
from labelmetrics.streaming.arrays import as_array
from labelmetrics.streaming.checks import as_labels, check_no_nan, check_probabilities
from labelmetrics.streaming.functional.regression import as_floats, by_sample
from labelmetrics.streaming.shapes import Array, paired

__all__ = [
    "binary_crossentropy",
    "categorical_crossentropy",
    "kl_divergence",
    "poisson",
    "sparse_categorical_crossentropy",
]

EPSILON = 1e-7
LOGITS = "; scores before sigmoid or softmax need from_logits=True"


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Floats:
    """Crossentropy of 0 and 1: mean of ``-(y_true * log(y_pred) + (1 - y_true) * log(1 - y_pred))`` over an axis.

    Parameters
    ----------
    y_true : array-like, shape (n, ..., d)
        Labels from 0 to 1.
    y_pred : array-like, shape (n, ..., d)
        Probabilities of 1.
    from_logits : bool
        Whether they are logits.
    label_smoothing : float
        Labels are moved towards .5 by this share.
    axis : int
        The axis that is averaged. Input of one axis is n samples, and not averaged.

    Returns
    -------
    ndarray of float, shape (n, ...)

    Raises
    ------
    InputError
        Shapes that differ, probabilities that are NaN or outside [0, 1].

    Examples
    --------
    >>> binary_crossentropy([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]]).round(3)
    array([0.916, 0.714])
    """
    truth, guess = _as_probabilities(*paired(y_true, y_pred))
    smoothing = _smoothing(label_smoothing)
    if smoothing:
        truth = truth * (1 - smoothing) + 0.5 * smoothing
    if from_logits:
        check_no_nan(guess)
        # max(x, 0) - x z + log(1 + exp(-|x|)): the same without overflow.
        loss = np.maximum(guess, 0) - guess * truth + np.log1p(np.exp(-np.abs(guess)))
    else:
        check_probabilities(guess, LOGITS)
        guess = np.clip(guess, EPSILON, 1 - EPSILON)
        loss = -(truth * np.log(guess) + (1 - truth) * np.log1p(-guess))
    return by_sample(loss, axis)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Floats:
    """Crossentropy of classes: ``-sum(y_true * log(y_pred / sum(y_pred)))`` over an axis.

    Parameters
    ----------
    y_true : array-like, shape (n, ..., C)
        One-hot or soft labels.
    y_pred : array-like, shape (n, ..., C)
        Probabilities of C classes.
    from_logits : bool
        Whether they are logits.
    label_smoothing : float
        Labels are moved towards 1 / C by this share.
    axis : int
        The axis of the classes.

    Returns
    -------
    ndarray of float, shape (n, ...)

    Raises
    ------
    InputError
        Shapes that differ, probabilities that are NaN, negative or all 0.

    Examples
    --------
    >>> categorical_crossentropy([[0, 1, 0], [0, 0, 1]], [[0.05, 0.95, 0], [0.1, 0.8, 0.1]]).round(3)
    array([0.051, 2.303])
    """
    truth, guess = as_array(y_true), as_array(y_pred)
    if truth.shape != guess.shape:
        hint = "; for class numbers take SparseCategoricalCrossentropy" if truth.ndim < guess.ndim else ""
        raise InputError(f"y_true has the shape {truth.shape} and y_pred {guess.shape}; they must be the same{hint}")
    truth, guess = _as_probabilities(truth, guess)
    smoothing = _smoothing(label_smoothing)
    if smoothing:
        truth = truth * (1 - smoothing) + smoothing / truth.shape[axis]
    loss: Floats = -np.sum(truth * _log_probabilities(guess, from_logits, axis), axis=axis)
    return loss


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Floats:
    """Crossentropy of class numbers: ``-log(y_pred[y_true] / sum(y_pred))``.

    Parameters
    ----------
    y_true : array-like of int, shape (n, ...) or (n, ..., 1)
        Class numbers.
    y_pred : array-like, shape (n, ..., C)
        Probabilities of C classes.
    from_logits : bool
        Whether they are logits.
    ignore_class : int, optional
        Samples of this label get 0; it need not be one of the classes. The metric does not count them.
    axis : int
        The axis of the classes in ``y_pred``.

    Returns
    -------
    ndarray of float, shape (n, ...)

    Raises
    ------
    InputError
        Shapes that do not fit, labels that are no class numbers, probabilities that are NaN, negative or all 0.

    Examples
    --------
    >>> sparse_categorical_crossentropy([1, 2], [[0.05, 0.95, 0], [0.1, 0.8, 0.1]]).round(3)
    array([0.051, 2.303])
    """
    labels, guess = as_array(y_true), as_array(y_pred)
    if not guess.ndim:
        raise InputError("y_pred has no axis of classes")
    guess = np.moveaxis(guess, axis, -1)
    guess, _ = as_floats(guess, guess)
    labels = class_axis_dropped(labels, guess.shape)
    kept = None if ignore_class is None else labels != ignore_class
    if kept is not None:
        labels = np.where(kept, labels, 0)
        guess = np.where(kept[..., None], guess, 1)
    labels = as_labels(labels, guess.shape[-1])
    chosen = np.take_along_axis(_log_probabilities(guess, from_logits, -1), labels[..., None], axis=-1)[..., 0]
    return -chosen if kept is None else np.where(kept, -chosen, 0)


def class_axis_dropped(labels: Array, shape: tuple[int, ...]) -> Array:
    """Labels in the shape of scores of ``shape`` without the axis of their classes, which is the last."""
    if labels.shape in (shape[:-1], (*shape[:-1], 1)):
        return labels.reshape(shape[:-1])
    hint = "; for one-hot labels take CategoricalCrossentropy" if labels.ndim == len(shape) else ""
    raise InputError(f"y_true has the shape {labels.shape}, which does not fit y_pred of {shape}{hint}")


def kl_divergence(y_true: Any, y_pred: Any) -> Floats:
    """Kullback-Leibler divergence: ``sum(y_true * log(y_true / y_pred))`` over the last axis.

    Parameters
    ----------
    y_true, y_pred : array-like, shape (n, ..., C)
        Probabilities.

    Returns
    -------
    ndarray of float, shape (n, ...)

    Raises
    ------
    InputError
        Shapes that differ, probabilities that are NaN or outside [0, 1].

    Examples
    --------
    >>> kl_divergence([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]]).round(3)
    array([ 0.916, -0.   ])
    """
    truth, guess = _as_probabilities(*paired(y_true, y_pred))
    check_probabilities(truth, what="y_true")
    check_probabilities(guess)
    truth, guess = np.clip(truth, EPSILON, 1), np.clip(guess, EPSILON, 1)
    found: Floats = np.sum(truth * np.log(truth / guess), axis=-1)
    return found


def poisson(y_true: Any, y_pred: Any) -> Floats:
    """Loss of Poisson's distribution: mean of ``y_pred - y_true * log(y_pred)`` over the last axis.

    Parameters
    ----------
    y_true, y_pred : array-like, shape (n, ..., d)
        Counts, and expected counts of at least 0. Input of one axis is n samples, and not averaged.

    Returns
    -------
    ndarray of float, shape (n, ...)

    Raises
    ------
    InputError
        Shapes that differ, expected counts that are NaN or negative.

    Examples
    --------
    >>> poisson([[0, 1], [0, 0]], [[1, 1], [0, 0]])
    array([0.99999995, 0.        ])
    """
    truth, guess = _as_probabilities(*paired(y_true, y_pred))
    _check_not_negative(guess)
    return by_sample(guess - truth * np.log(guess + EPSILON), -1)


def _as_probabilities(truth: Array, guess: Array) -> tuple[Array, Array]:
    """Floats of at least 32 bits; labels have the dtype of the scores, where 1e-7 is what that makes of it."""
    guess, _ = as_floats(guess, guess)
    return truth.astype(guess.dtype, copy=False), guess


def _log_probabilities(scores: Array, from_logits: bool, axis: int) -> Array:
    if from_logits:
        check_no_nan(scores)
        shifted = scores - scores.max(axis=axis, keepdims=True)
        found: Array = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
        return found
    _check_not_negative(scores, LOGITS)
    total = scores.sum(axis=axis, keepdims=True)
    if not total.all():
        raise InputError("y_pred has a sample whose probabilities are all 0")
    logarithms: Array = np.log(np.clip(scores / total, EPSILON, 1 - EPSILON))
    return logarithms


def _check_not_negative(values: Array, remedy: str = "") -> None:
    check_no_nan(values)
    if values.size and values.min() < 0:
        raise InputError(f"y_pred must not be negative, got {values.min():g}{remedy}")


def _smoothing(label_smoothing: float) -> float:
    if not 0 <= label_smoothing <= 1:
        raise SettingError(f"label_smoothing must lie in [0, 1], got {label_smoothing!r}")
    return label_smoothing
