"""Shares of predictions that are right."""

from __future__ import annotations

from typing import Any, Unpack

from labelmetrics.streaming import functional
from labelmetrics.streaming.means import MeanMetricWrapper
from labelmetrics.streaming.metric import SyncOptions

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
]


class Accuracy(MeanMetricWrapper):
    """Share of labels that are predicted rightly.

    Formula: mean of ``y_true == y_pred``.
    Shapes: ``y_true`` and ``y_pred`` (n, ...), both labels.
    Source: ``keras.metrics.Accuracy``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.Accuracy()([1, 2, 3, 4], [0, 2, 3, 4])
    0.75
    """

    higher_is_better = True

    def __init__(
        self,
        name: str = "accuracy",
        dtype: Any = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(functional.accuracy, name, dtype, **sync)


class BinaryAccuracy(MeanMetricWrapper):
    """Share of scores that fall on the right side of a threshold.

    Formula: mean of ``y_true == (y_pred > threshold)``.
    Shapes: ``y_true`` and ``y_pred`` (n, ...), labels of 0 and 1.
    Source: ``keras.metrics.BinaryAccuracy``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.
    threshold : float
        Scores above it are positive.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.BinaryAccuracy()([1, 1, 0, 0], [0.98, 0.5, 0.1, 0.6])
    0.5
    """

    higher_is_better = True

    def __init__(
        self,
        name: str = "binary_accuracy",
        dtype: Any = None,
        threshold: float = 0.5,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(functional.binary_accuracy, name, dtype, threshold=threshold, **sync)


class CategoricalAccuracy(MeanMetricWrapper):
    """Share of samples whose highest score is that of their one-hot label.

    Formula: mean of ``argmax(y_true) == argmax(y_pred)``.
    Shapes: ``y_true`` and ``y_pred`` (n, ..., C).
    Source: ``keras.metrics.CategoricalAccuracy``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.CategoricalAccuracy()([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]])
    0.5
    """

    higher_is_better = True

    def __init__(
        self,
        name: str = "categorical_accuracy",
        dtype: Any = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(functional.categorical_accuracy, name, dtype, **sync)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """Share of samples whose highest score is that of their class number.

    Formula: mean of ``y_true == argmax(y_pred)``.
    Shapes: ``y_true`` (n, ...) of class numbers, ``y_pred`` (n, ..., C).
    Source: ``keras.metrics.SparseCategoricalAccuracy``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.SparseCategoricalAccuracy()([2, 1], [[0.1, 0.6, 0.3], [0.05, 0.95, 0]])
    0.5
    """

    higher_is_better = True

    def __init__(
        self,
        name: str = "sparse_categorical_accuracy",
        dtype: Any = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(functional.sparse_categorical_accuracy, name, dtype, **sync)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """Share of samples whose one-hot label is among the k highest scores.

    Formula: mean of whether fewer than k scores are higher than that of the label.
    Shapes: ``y_true`` and ``y_pred`` (n, ..., C).
    Source: ``keras.metrics.TopKCategoricalAccuracy``.

    Parameters
    ----------
    k : int
        How many of the highest scores count.
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.TopKCategoricalAccuracy(k=1)([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]])
    0.5
    """

    higher_is_better = True

    def __init__(
        self,
        k: int = 5,
        name: str = "top_k_categorical_accuracy",
        dtype: Any = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(functional.top_k_categorical_accuracy, name, dtype, k=k, **sync)


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """Share of samples whose class number is among the k highest scores.

    Formula: mean of whether fewer than k scores are higher than that of the label.
    Shapes: ``y_true`` (n, ...) of class numbers, ``y_pred`` (n, ..., C).
    Source: ``keras.metrics.SparseTopKCategoricalAccuracy``.

    Parameters
    ----------
    k : int
        How many of the highest scores count.
    name, dtype, **sync
        As in :class:`Metric`.
    from_sorted_ids : bool
        Whether ``y_pred`` holds class numbers, that of the highest score first.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.SparseTopKCategoricalAccuracy(k=2)([2, 0], [[0.1, 0.9, 0.8], [0.05, 0.95, 0.1]])
    0.5
    """

    higher_is_better = True

    def __init__(
        self,
        k: int = 5,
        name: str = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(
            functional.sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids, **sync
        )
