"""Whether predictions are right, sample by sample."""

from __future__ import annotations

from typing import Any

import numpy as np

from labelmetrics.errors import InputError
from labelmetrics.kernels.batch import Bools
from labelmetrics.streaming.arrays import as_array
from labelmetrics.streaming.checks import as_binary, as_labels, check_no_nan, whole
from labelmetrics.streaming.shapes import Array, paired

__all__ = [
    "accuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]


def accuracy(y_true: Any, y_pred: Any) -> Bools:
    """Whether predicted labels equal the true ones: ``y_true == y_pred``.

    Parameters
    ----------
    y_true, y_pred : array-like of int, shape (n, ...)
        Labels.

    Returns
    -------
    ndarray of bool, shape (n, ...)

    Raises
    ------
    InputError
        Shapes that differ, or predictions that are scores and no labels.

    Examples
    --------
    >>> accuracy([0, 1, 2], [0, 1, 1])
    array([ True,  True, False])
    """
    truth, guess = as_array(y_true), as_array(y_pred)
    if guess.ndim == truth.ndim + 1 and guess.shape[-1] > 1:
        raise InputError(
            f"y_pred has scores of {guess.shape[-1]} classes and y_true labels; Accuracy compares labels with labels: "
            "take SparseCategoricalAccuracy, or the argmax"
        )
    truth, guess = paired(truth, guess)
    if guess.dtype.kind == "f" and not (np.rint(guess) == guess).all():
        check_no_nan(guess)
        raise InputError(
            "y_pred holds scores; Accuracy compares labels with labels: take BinaryAccuracy, CategoricalAccuracy or "
            "SparseCategoricalAccuracy"
        )
    same: Bools = truth == guess
    return same


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Bools:
    """Whether scores fall on the side of the threshold where their label is: ``y_true == (y_pred > threshold)``.

    Parameters
    ----------
    y_true : array-like of 0 and 1, shape (n, ...)
        Labels.
    y_pred : array-like, shape (n, ...)
        Scores.
    threshold : float
        Scores above it are positive.

    Returns
    -------
    ndarray of bool, shape (n, ...)

    Raises
    ------
    InputError
        Shapes that differ, scores that are NaN, labels other than 0 and 1.

    Examples
    --------
    >>> binary_accuracy([1, 1, 0, 0], [0.98, 0.5, 0.1, 0.6])
    array([ True, False,  True, False])
    """
    truth, guess = paired(y_true, y_pred)
    check_no_nan(guess)
    right: Bools = (guess > threshold) == as_binary(truth, guess)
    return right


def categorical_accuracy(y_true: Any, y_pred: Any) -> Bools:
    """Whether the class of the highest score is that of the one-hot label: ``argmax(y_true) == argmax(y_pred)``.

    Parameters
    ----------
    y_true, y_pred : array-like, shape (n, ..., C)
        One-hot (or soft) labels and scores of C classes; of equal scores, the first is the highest.

    Returns
    -------
    ndarray of bool, shape (n, ...)

    Raises
    ------
    InputError
        Shapes that differ, labels that are class numbers, a single class, NaN.

    Examples
    --------
    >>> categorical_accuracy([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]])
    array([False,  True])
    """
    truth, guess = _one_hot(y_true, y_pred, "Sparse")
    right: Bools = truth.argmax(axis=-1) == guess.argmax(axis=-1)
    return right


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Bools:
    """Whether the class of the highest score is the label: ``y_true == argmax(y_pred)``.

    Parameters
    ----------
    y_true : array-like of int, shape (n, ...) or (n, ..., 1)
        Class numbers.
    y_pred : array-like, shape (n, ..., C)
        Scores of C classes; of equal scores, the first is the highest.

    Returns
    -------
    ndarray of bool, shape (n, ...)

    Raises
    ------
    InputError
        Shapes that do not fit, labels that are one-hot or no class numbers, NaN.

    Examples
    --------
    >>> sparse_categorical_accuracy([2, 1], [[0.1, 0.6, 0.3], [0.05, 0.95, 0]])
    array([False,  True])
    """
    labels, guess = _class_numbers(y_true, y_pred)
    right: Bools = labels == guess.argmax(axis=-1)
    return right[..., 0] if right.ndim > 1 and right.shape[-1] == 1 else right


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Bools:
    """Whether the class of the one-hot label is among the k highest scores.

    Parameters
    ----------
    y_true, y_pred : array-like, shape (n, ..., C)
        One-hot labels and scores of C classes.
    k : int
        A label counts where fewer than k scores are higher than its own.

    Returns
    -------
    ndarray of bool, shape (n, ...)

    Raises
    ------
    InputError
        Shapes that differ, labels that are class numbers, a single class, NaN.

    Examples
    --------
    >>> top_k_categorical_accuracy([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]], k=2)
    array([ True,  True])
    """
    truth, guess = _one_hot(y_true, y_pred, "Sparse")
    return _in_top_k(truth.argmax(axis=-1), guess, whole("k", k))


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> Bools:
    """Whether the label is among the k highest scores.

    Parameters
    ----------
    y_true : array-like of int, shape (n, ...) or (n, ..., 1)
        Class numbers.
    y_pred : array-like, shape (n, ..., C)
        Scores of C classes, or with ``from_sorted_ids`` class numbers, that of the highest score first.
    k : int
        A label counts where fewer than k scores are higher than its own, or where it is among the first k.
    from_sorted_ids : bool
        Whether ``y_pred`` holds class numbers.

    Returns
    -------
    ndarray of bool, of the shape of ``y_true``

    Raises
    ------
    InputError
        Shapes that do not fit, labels that are one-hot or no class numbers, NaN.

    Examples
    --------
    >>> sparse_top_k_categorical_accuracy([2, 1], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]], k=2)
    array([ True,  True])
    """
    k = whole("k", k)
    if from_sorted_ids:
        truth, ids = as_array(y_true), as_array(y_pred)
        found: Bools = (_beside(truth, ids)[..., None] == ids[..., :k]).any(axis=-1)
    else:
        labels, guess = _class_numbers(y_true, y_pred)
        found = _in_top_k(labels, guess, k)
    shape = np.shape(y_true)
    return found.reshape(shape)


def _in_top_k(labels: Array, scores: Array, k: int) -> Bools:
    own = np.take_along_axis(scores, labels[..., None], axis=-1)
    higher = scores > own
    # Bits are counted eight at a time; adding up booleans takes several times as long.
    packed = np.bitwise_count(np.packbits(higher, axis=-1))
    found: Bools = np.add.reduce(packed, axis=-1, dtype=np.int64) < k
    return found


def _one_hot(y_true: Any, y_pred: Any, other: str) -> tuple[Array, Array]:
    truth, guess = as_array(y_true), as_array(y_pred)
    if truth.shape != guess.shape:
        if truth.ndim == guess.ndim - 1 or (truth.ndim == guess.ndim and truth.shape[-1] == 1):
            raise InputError(
                f"y_true has the shape {truth.shape} and y_pred {guess.shape}: labels are class numbers where one-hot "
                f"ones are meant; take the metric whose name begins with {other}"
            )
        raise InputError(f"y_true has the shape {truth.shape} and y_pred {guess.shape}; they must be the same")
    if not guess.ndim or guess.shape[-1] < 2:
        raise InputError(
            f"scores of several classes are needed, y_pred has the shape {guess.shape}; take BinaryAccuracy for one"
        )
    check_no_nan(guess)
    return truth, guess


def _beside(labels: Array, scores: Array) -> Array:
    """Labels in the shape of the scores without their last axis."""
    shape = scores.shape[:-1]
    if labels.shape == shape or labels.shape == (*shape, 1):
        return labels.reshape(shape)
    if labels.shape == scores.shape and scores.ndim:
        raise InputError(
            f"y_true has the shape {labels.shape} of y_pred: labels are one-hot where class numbers are meant; take "
            "the metric whose name lacks Sparse"
        )
    raise InputError(f"y_true has the shape {labels.shape}, which does not fit y_pred of {scores.shape}")


def _class_numbers(y_true: Any, y_pred: Any) -> tuple[Array, Array]:
    truth, guess = as_array(y_true), as_array(y_pred)
    if not guess.ndim or not guess.shape[-1]:
        raise InputError(f"y_pred must have scores along its last axis, got the shape {guess.shape}")
    labels = as_labels(_beside(truth, guess), guess.shape[-1])
    check_no_nan(guess)
    return labels, guess
