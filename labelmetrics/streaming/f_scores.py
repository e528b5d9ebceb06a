"""The fourth statistic: counts of each class, and F-scores from them."""

from __future__ import annotations

from typing import Any, Literal, Unpack

import numpy as np

from labelmetrics.errors import InputError, SettingError
from labelmetrics.streaming.arrays import as_array
from labelmetrics.streaming.checks import as_binary, as_labels, check_no_nan, whole
from labelmetrics.streaming.metric import Metric, SyncOptions
from labelmetrics.streaming.shapes import Array, as_weight, broadcast_weight
from labelmetrics.streaming.state import State
from labelmetrics.streaming.thresholds import ratio

__all__ = ["F1Score", "FBetaScore"]

NOTHING = 1e-9
"""Where no score of a row is further from 0, no class is predicted, as in Keras."""


class FBetaScore(Metric):
    """Weighted harmonic mean of precision and recall.

    Formula: ``(1 + beta**2) TP / ((1 + beta**2) TP + beta**2 FN + FP)`` of each class; 0 where that is 0 / 0.
    Shapes: ``y_true`` (n, C) of 0 and 1, or class numbers (n,); ``y_pred`` (n, C). The result (C,), or a float.
    Source: ``keras.metrics.FBetaScore``; C. J. van Rijsbergen, Information Retrieval, 1979.

    Parameters
    ----------
    average : {"micro", "macro", "weighted"}, optional
        From summed counts; the plain mean over classes; the mean weighted by how often a class is true. Unless given,
        the value of each class.
    beta : float
        How many times recall weighs as much as precision.
    threshold : float, optional
        Scores above it are positive. Unless given, the class of the highest score is.
    name, dtype, **sync
        As in :class:`Metric`.
    num_classes : int, optional
        Number of classes; with it, ``y_pred`` may hold class numbers too.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.FBetaScore(average="micro", beta=2.0, threshold=0.5)([[1, 1], [1, 0]], [[0.2, 0.6], [0.7, 0.4]])
    0.7142857142857143
    >>> streaming.FBetaScore(num_classes=2)([0, 1, 1], [0, 0, 1])
    array([0.66666667, 0.66666667])
    """

    counts: State
    higher_is_better = True

    def __init__(
        self,
        average: Literal["micro", "macro", "weighted"] | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
        num_classes: int | None = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(name, dtype, **sync)
        if average not in (None, "micro", "macro", "weighted"):
            raise SettingError(f"average must be micro, macro, weighted or None, got {average!r}")
        if isinstance(beta, bool) or not isinstance(beta, int | float) or not beta > 0:
            raise SettingError(f"beta must be a number above 0, got {beta!r}")
        if threshold is not None and (not isinstance(threshold, int | float) or not 0 < threshold <= 1):
            raise SettingError(f"threshold must lie in (0, 1], got {threshold!r}")
        self._average, self._beta, self._threshold = average, float(beta), threshold
        self._n_classes = None if num_classes is None else whole("num_classes", num_classes)
        self.add_state("counts", None if num_classes is None else np.zeros((3, num_classes), np.int64))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch.

        Parameters
        ----------
        y_true : array-like, shape (n, C) or (n,)
            Labels of 0 and 1, or class numbers.
        y_pred : array-like, shape (n, C) or (n,)
            Scores of classes; class numbers where ``num_classes`` was given.
        sample_weight : array-like, shape (n,), optional
            What each row counts for.

        Raises
        ------
        InputError
            Shapes that do not fit, labels that are neither 0 and 1 nor classes, scores that are NaN, weights that are
            negative.
        """
        truth, guess = as_array(y_true), as_array(y_pred)
        n_classes = self._n_classes or (guess.shape[1] if guess.ndim == 2 else 0)
        if not n_classes or guess.ndim > 2 or (guess.ndim == 2 and guess.shape[1] != n_classes):
            wanted = "C" if self._n_classes is None else self._n_classes
            hint = "" if guess.ndim == 2 or self._n_classes else "; class numbers need num_classes"
            raise InputError(f"y_pred must have the shape (n, {wanted}), got {guess.shape}{hint}")
        if self.counts.is_built and self.counts.shape[1] != n_classes:
            raise InputError(f"y_pred has {n_classes} classes, and had {self.counts.shape[1]} before")
        weight = None
        if sample_weight is not None:
            weight = broadcast_weight(as_weight(sample_weight).reshape(-1), guess.shape[:1], "y_pred")
        truth = truth[:, 0] if truth.ndim == 2 and truth.shape[1] == 1 < n_classes else truth
        if truth.shape[:1] != guess.shape[:1] or truth.shape[1:] not in ((), (n_classes,)):
            raise InputError(f"y_true has the shape {truth.shape}, which does not fit y_pred of {guess.shape}")
        truth = as_binary(truth, guess) if truth.ndim == 2 else as_labels(truth, n_classes)
        if self._threshold is not None and guess.ndim == 2:
            check_no_nan(guess)
            found = _from_masks(truth, guess > self._threshold, weight)
        else:
            found = _from_classes(truth, guess, n_classes, weight)
        self.counts.add(found if weight is None or weight.dtype.kind == "f" else np.rint(found).astype(np.int64))

    def result(self) -> Any:
        """The score of each class, or their average; 0 without rows."""
        if not self.counts.is_built:
            return 0.0
        counts: Array = self.counts.value
        tp, predicted, true = counts.sum(axis=1) if self._average == "micro" else counts
        square = self._beta**2
        # What the denominator of the formula is: (1 + beta^2) TP + beta^2 FN + FP.
        scores = ratio(np.multiply(1 + square, tp), square * true + predicted)
        if self._average == "macro":
            return np.mean(scores)
        if self._average == "weighted":
            total = true.sum()
            return (scores * true).sum() / total if total else 0.0
        return scores

    def _shares(self) -> Any:
        return FBetaScore, self._threshold, self._n_classes


def _from_masks(truth: Array, predicted: Array, weight: Any) -> Array:
    """True positives, predicted and true of each class."""
    if truth.ndim == 1:
        truth = truth[:, None] == np.arange(predicted.shape[1])
    parts = [truth & predicted, predicted, truth]
    if weight is None:
        return np.stack([np.count_nonzero(part, axis=0) for part in parts])
    return np.stack([weight.astype(np.float64) @ part for part in parts])


def _from_classes(truth: Array, guess: Array, n: int, weight: Any) -> Array:
    """The same where one class of each row is predicted: that of the highest score, or the one that is given."""
    rows = np.arange(len(guess))
    if guess.ndim == 1:
        predicted, some = as_labels(guess, n, "y_pred"), None
    else:
        predicted = guess.argmax(axis=1)
        best = np.abs(guess[rows, predicted])
        if np.isnan(best).any():  # NaN counts as the highest, so that here is the place to look
            check_no_nan(guess)
        some = None if (best > NOTHING).all() else best > NOTHING
    right = truth == predicted if truth.ndim == 1 else truth[rows, predicted]
    if some is not None:
        right = right & some
    hit = np.bincount(predicted[right], None if weight is None else weight[right], minlength=n)
    if some is not None:
        predicted, by = predicted[some], None if weight is None else weight[some]
    else:
        by = weight
    if truth.ndim == 1:
        true = np.bincount(truth, weight, minlength=n)
    else:
        true = np.count_nonzero(truth, axis=0) if weight is None else weight.astype(np.float64) @ truth
    return np.stack([hit, np.bincount(predicted, by, minlength=n), true])


class F1Score(FBetaScore):
    """Harmonic mean of precision and recall.

    Formula: ``2 TP / (2 TP + FN + FP)`` of each class; 0 where that is 0 / 0.
    Shapes: ``y_true`` (n, C) of 0 and 1, or class numbers (n,); ``y_pred`` (n, C). The result (C,), or a float.
    Source: ``keras.metrics.F1Score``.

    Parameters
    ----------
    average : {"micro", "macro", "weighted"}, optional
        As in :class:`FBetaScore`.
    threshold : float, optional
        Scores above it are positive. Unless given, the class of the highest score is.
    name, dtype, **sync
        As in :class:`Metric`.
    num_classes : int, optional
        Number of classes; with it, ``y_pred`` may hold class numbers too.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.F1Score("macro")([0, 1, 1], [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    0.6666666666666666
    """

    def __init__(
        self,
        average: Literal["micro", "macro", "weighted"] | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
        num_classes: int | None = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype, num_classes, **sync)
