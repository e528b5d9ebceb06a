"""The third statistic: the confusion matrix of class numbers."""

from __future__ import annotations

import operator
from typing import Any, Literal, Unpack

import numpy as np

from labelmetrics.errors import InputError, SettingError
from labelmetrics.kernels.label_maps import BLOCK, all_are_classes, joint_counts
from labelmetrics.streaming.annotations import counts_annotation
from labelmetrics.streaming.arrays import as_array
from labelmetrics.streaming.checks import check_no_nan, whole
from labelmetrics.streaming.metric import Metric, SyncOptions
from labelmetrics.streaming.shapes import Array, as_weight, broadcast_weight
from labelmetrics.streaming.state import State
from labelmetrics.streaming.thresholds import ratio

__all__ = ["Confusion", "ConfusionMatrix", "OnInvalid"]

OnInvalid = Literal["error", "ignore"]


class Confusion(Metric):
    """Base of metrics that are made of a confusion matrix: true classes in rows, predicted ones in columns."""

    matrix: State
    invalid: State
    higher_is_better = True

    def __init__(
        self,
        num_classes: int,
        name: str | None,
        dtype: Any,
        *,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
        on_invalid: OnInvalid = "error",
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(name, dtype, **sync)
        self.num_classes = whole("num_classes", num_classes)
        if on_invalid not in ("error", "ignore"):
            raise SettingError(f'on_invalid must be "error" or "ignore", got {on_invalid!r}')
        self._ignore_class = None if ignore_class is None else operator.index(ignore_class)
        self._sparse = sparse_y_true, sparse_y_pred
        self._axis = axis
        self._on_invalid = on_invalid
        self.add_state("matrix", np.zeros((self.num_classes, self.num_classes), np.int64))
        self.add_state("invalid", 0)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch.

        Parameters
        ----------
        y_true, y_pred : array-like
            Class numbers from 0 to ``num_classes - 1``, or scores of ``num_classes`` classes along ``axis`` on the
            sides that are not sparse.
        sample_weight : array-like, optional
            What each counts for: of the shape of the class numbers, or one for all.

        Raises
        ------
        InputError
            Shapes that do not fit, numbers that are no classes, weights that are negative.
        """
        truth = self._classes(as_array(y_true), 0)
        guess = self._classes(as_array(y_pred), 1)
        if truth.size != guess.size:
            raise InputError(f"y_true has {truth.size} class numbers and y_pred {guess.size}; they must be as many")
        weight = None
        if sample_weight is not None:
            weight = as_weight(sample_weight)
            if weight.size != truth.size:
                weight = broadcast_weight(weight, truth.shape, "y_true")
            weight = weight.ravel()
        self._count(truth.ravel(), guess.ravel(), weight)

    def _classes(self, values: Array, side: int) -> Array:
        """Class numbers as integers or booleans, in their own dtype where it is one."""
        name = ("y_true", "y_pred")[side]
        if not self._sparse[side]:
            if not values.ndim or values.shape[self._axis] != self.num_classes:
                raise InputError(
                    f"{name} has the shape {values.shape}, not {self.num_classes} classes along axis {self._axis}; "
                    f"class numbers need sparse_{name}=True"
                )
            check_no_nan(values, name)
            highest: Array = values.argmax(axis=self._axis)
            return highest
        if values.dtype.kind != "f":
            return values
        numbers = np.rint(values)
        if not (numbers == values).all():
            check_no_nan(values, name)
            raise InputError(
                f"{name} holds class numbers, got {values[numbers != values].flat[0]:g}; scores need "
                f"sparse_{name}=False"
            )
        return numbers.astype(np.int64)

    def _count(self, truth: Array, guess: Array, weight: Any) -> None:
        n = self.num_classes
        matrix = np.zeros((n, n), np.int64 if weight is None or weight.dtype.kind != "f" else np.float64)
        invalid = 0
        for start in range(0, len(truth), BLOCK):
            part = slice(start, start + BLOCK)
            one, two, by = truth[part], guess[part], None if weight is None else weight[part]
            if self._ignore_class is not None:
                kept = one != self._ignore_class
                if not kept.all():
                    one, two, by = one[kept], two[kept], None if by is None else by[kept]
            if not (all_are_classes(one, n) and all_are_classes(two, n)):
                if self._on_invalid == "error":
                    self._refuse(one, two)
                valid = (one >= 0) & (one < n) & (two >= 0) & (two < n)
                invalid += len(one) - int(np.count_nonzero(valid))
                one, two, by = one[valid], two[valid], None if by is None else by[valid]
            counts = joint_counts(one, two, n, by)
            matrix += counts if counts.dtype == matrix.dtype else np.rint(counts).astype(np.int64)
        self.matrix.add(matrix)
        self.invalid.add(invalid)

    def _refuse(self, truth: Array, guess: Array) -> None:
        for name, values in (("y_true", truth), ("y_pred", guess)):
            wrong = values[(values < 0) | (values >= self.num_classes)]
            if wrong.size:
                hint = "; ignore_class leaves such out" if name == "y_true" else ""
                raise InputError(
                    f"{name} holds {wrong[0]}, classes are 0 to {self.num_classes - 1}{hint}; "
                    'on_invalid="ignore" counts them as invalid'
                )

    def _shares(self) -> Any:
        settings = self._ignore_class, self._sparse, self._axis, self._on_invalid
        return Confusion, self.num_classes, settings, getattr(self, "threshold", None)


class ConfusionMatrix(Confusion):
    """How often each class is predicted as each.

    Formula: the sum of the weights where ``y_true`` is the class of the row and ``y_pred`` that of the column.
    Shapes: class numbers (n, ...), or scores with ``num_classes`` along ``axis``; the result is square.
    Source: ``tf.math.confusion_matrix``; ``normalize`` as in ``sklearn.metrics.confusion_matrix``.

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
    normalize : {"true", "pred", "all"}, optional
        Divide by the sums of rows, of columns, or of all.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.ConfusionMatrix(2)([0, 1, 1], [0, 0, 1])
    array([[1, 0],
           [1, 1]])
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
        normalize: Literal["true", "pred", "all"] | None = None,
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
        if normalize not in (None, "true", "pred", "all"):
            raise SettingError(f"normalize must be true, pred, all or None, got {normalize!r}")
        self._normalize = normalize

    def to_annotation(self, metric_name: str | None = None, *, class_id: int | None = None, **fields: Any) -> Any:
        """The counts of one class as a metric annotation.

        Parameters
        ----------
        metric_name : str, optional
            Name of the annotation; that of the metric unless given.
        class_id : int
            The class.
        **fields
            Further fields of the annotation: ``feature_name``, ``subclass_name``, ``data_row``.

        Returns
        -------
        ConfusionMatrixMetric

        Raises
        ------
        SettingError
            There is no such class, or the counts are weighted by fractions.
        """
        if class_id is None or not 0 <= class_id < self.num_classes:
            raise SettingError(f"class_id must be a class from 0 to {self.num_classes - 1}, got {class_id!r}")
        matrix = self.matrix.value
        tp = matrix[class_id, class_id]
        fp, fn = matrix[:, class_id].sum() - tp, matrix[class_id].sum() - tp
        counts = tp, fp, matrix.sum() - tp - fp - fn, fn
        return counts_annotation(counts, self.name, metric_name, fields)

    def result(self) -> Any:
        """The matrix."""
        matrix: Array = self.matrix.value
        if self._normalize is None:
            return matrix
        axes = {"true": 1, "pred": 0, "all": None}
        return ratio(matrix, np.broadcast_to(matrix.sum(axis=axes[self._normalize], keepdims=True), matrix.shape))
