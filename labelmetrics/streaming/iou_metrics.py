"""Intersection over union, from the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from labelmetrics.errors import SettingError
from labelmetrics.streaming.arrays import as_array
from labelmetrics.streaming.checks import as_binary, check_no_nan, whole
from labelmetrics.streaming.confusion import Confusion, OnInvalid
from labelmetrics.streaming.metric import SyncOptions
from labelmetrics.streaming.shapes import Array

__all__ = ["BinaryIoU", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"]


class IoU(Confusion):
    """Mean intersection over union of some classes.

    Formula: mean over the classes that occur of ``TP / (TP + FP + FN)``; 0 where none does.
    Shapes: class numbers (n, ...), or scores with ``num_classes`` along ``axis``.
    Source: ``keras.metrics.IoU``; Everingham et al., The Pascal Visual Object Classes Challenge, 2010.

    Parameters
    ----------
    num_classes : int
        Number of classes.
    target_class_ids : sequence of int
        Classes that are averaged.
    name, dtype, **sync
        As in :class:`Metric`.
    ignore_class : int, optional
        What has this true class does not count; it need not be one of the classes.
    sparse_y_true, sparse_y_pred : bool
        Whether the side holds class numbers, and not scores.
    axis : int
        The axis of scores.
    on_invalid : {"error", "ignore"}
        What to do with numbers that are no classes; ignored ones are counted in the state ``invalid``.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> round(streaming.IoU(2, target_class_ids=[0])([0, 0, 1, 1], [0, 1, 0, 1]), 4)
    0.3333
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
        on_invalid: OnInvalid = "error",
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(
            num_classes,
            name,
            dtype,
            ignore_class=ignore_class,
            sparse_y_true=sparse_y_true,
            sparse_y_pred=sparse_y_pred,
            axis=axis,
            on_invalid=on_invalid,
            **sync,
        )
        self.target_class_ids = [whole("target_class_ids", one, 0) for one in target_class_ids]
        if max(self.target_class_ids, default=num_classes) >= num_classes:
            raise SettingError(f"target_class_ids must be from 0 to {num_classes - 1}, got {target_class_ids!r}")

    def result(self) -> Any:
        """The mean; 0 where none of the classes occurs."""
        matrix: Array = self.matrix.value
        both = matrix.diagonal()
        either = matrix.sum(axis=0) + matrix.sum(axis=1) - both
        both, either = both[self.target_class_ids], either[self.target_class_ids]
        occurs = either > 0
        return np.mean(both[occurs] / either[occurs]) if occurs.any() else 0.0


class BinaryIoU(IoU):
    """Mean intersection over union of 0 and 1, where scores from a threshold up are 1.

    Formula: mean over the classes that occur of ``TP / (TP + FP + FN)``, with ``y_pred >= threshold``.
    Shapes: ``y_true`` of 0 and 1 and ``y_pred`` (n, ...).
    Source: ``keras.metrics.BinaryIoU``.

    Parameters
    ----------
    target_class_ids : sequence of int
        Classes that are averaged: 0, 1 or both.
    threshold : float
        Scores of at least this are 1.
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> round(streaming.BinaryIoU(threshold=0.3)([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7]), 4)
    0.3333
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype, **sync)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch.

        Parameters
        ----------
        y_true : array-like of 0 and 1, shape (n, ...)
            Labels.
        y_pred : array-like, shape (n, ...)
            Scores.
        sample_weight : array-like, optional
            What each counts for: of the shape of the labels, or one for all.

        Raises
        ------
        InputError
            Shapes that do not fit, labels other than 0 and 1, scores that are NaN, weights that are negative.
        """
        scores = as_array(y_pred)
        check_no_nan(scores)
        super().update_state(as_binary(as_array(y_true), scores), scores >= self.threshold, sample_weight)


class MeanIoU(IoU):
    """Mean intersection over union of all classes.

    Formula: mean over the classes that occur of ``TP / (TP + FP + FN)``; 0 where none does.
    Shapes: class numbers (n, ...), or scores with ``num_classes`` along ``axis``.
    Source: ``keras.metrics.MeanIoU``.

    Parameters
    ----------
    num_classes : int
        Number of classes.
    name, dtype, **sync
        As in :class:`Metric`.
    ignore_class : int, optional
        What has this true class does not count; it need not be one of the classes.
    sparse_y_true, sparse_y_pred : bool
        Whether the side holds class numbers, and not scores.
    axis : int
        The axis of scores.
    on_invalid : {"error", "ignore"}
        What to do with numbers that are no classes; ignored ones are counted in the state ``invalid``.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> round(streaming.MeanIoU(2)([0, 0, 1, 1], [0, 1, 0, 1]), 4)
    0.3333
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
        on_invalid: OnInvalid = "error",
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(
            num_classes,
            range(whole("num_classes", num_classes)),
            name,
            dtype,
            ignore_class,
            sparse_y_true,
            sparse_y_pred,
            axis,
            on_invalid,
            **sync,
        )


class OneHotIoU(IoU):
    """Mean intersection over union of some classes, of one-hot labels.

    Formula: mean over the classes that occur of ``TP / (TP + FP + FN)``; 0 where none does.
    Shapes: ``y_true`` with ``num_classes`` along ``axis``, ``y_pred`` alike or class numbers.
    Source: ``keras.metrics.OneHotIoU``.

    Parameters
    ----------
    num_classes : int
        Number of classes.
    target_class_ids : sequence of int
        Classes that are averaged.
    name, dtype, **sync
        As in :class:`Metric`.
    ignore_class : int, optional
        What has this true class does not count.
    sparse_y_pred : bool
        Whether ``y_pred`` holds class numbers, and not scores.
    axis : int
        The axis of scores and one-hot labels.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.OneHotIoU(2, [0])([[1, 0], [0, 1], [1, 0]], [[0.7, 0.3], [0.6, 0.4], [0.2, 0.8]]) == 1 / 3
    True
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis, **sync)


class OneHotMeanIoU(MeanIoU):
    """Mean intersection over union of all classes, of one-hot labels.

    Formula: mean over the classes that occur of ``TP / (TP + FP + FN)``; 0 where none does.
    Shapes: ``y_true`` with ``num_classes`` along ``axis``, ``y_pred`` alike or class numbers.
    Source: ``keras.metrics.OneHotMeanIoU``.

    Parameters
    ----------
    num_classes : int
        Number of classes.
    name, dtype, **sync
        As in :class:`Metric`.
    ignore_class : int, optional
        What has this true class does not count.
    sparse_y_pred : bool
        Whether ``y_pred`` holds class numbers, and not scores.
    axis : int
        The axis of scores and one-hot labels.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> round(streaming.OneHotMeanIoU(2)([[1, 0], [0, 1], [1, 0]], [[0.7, 0.3], [0.6, 0.4], [0.2, 0.8]]), 4)
    0.1667
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis, **sync)
