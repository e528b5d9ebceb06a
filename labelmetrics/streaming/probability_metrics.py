"""Mean distances of predicted probabilities from labels."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from labelmetrics.streaming import functional
from labelmetrics.streaming.arrays import as_array
from labelmetrics.streaming.means import MeanMetricWrapper
from labelmetrics.streaming.metric import SyncOptions
from labelmetrics.streaming.shapes import as_weight, broadcast_weight, same_rank

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "KLDivergence",
    "Poisson",
    "SparseCategoricalCrossentropy",
]


class BinaryCrossentropy(MeanMetricWrapper):
    """Mean crossentropy of labels of 0 and 1.

    Formula: mean of ``-(y_true * log(y_pred) + (1 - y_true) * log(1 - y_pred))``.
    Shapes: ``y_true`` and ``y_pred`` (n, ..., d).
    Source: ``keras.metrics.BinaryCrossentropy``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.
    from_logits : bool
        Whether ``y_pred`` holds logits.
    label_smoothing : float
        Share by which labels are moved towards the middle, from 0 to 1.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> round(streaming.BinaryCrossentropy()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]]), 4)
    0.8149
    """

    higher_is_better = False

    def __init__(
        self,
        name: str = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(
            functional.binary_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            **sync,
        )


class CategoricalCrossentropy(MeanMetricWrapper):
    """Mean crossentropy of one-hot labels.

    Formula: mean of ``-sum(y_true * log(y_pred / sum(y_pred)))``.
    Shapes: ``y_true`` and ``y_pred`` (n, ..., C).
    Source: ``keras.metrics.CategoricalCrossentropy``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.
    from_logits : bool
        Whether ``y_pred`` holds logits.
    label_smoothing : float
        Share by which labels are moved towards the middle, from 0 to 1.
    axis : int
        The axis of the classes.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> round(streaming.CategoricalCrossentropy()([[0, 1, 0], [0, 0, 1]], [[0.05, 0.95, 0], [0.1, 0.8, 0.1]]), 4)
    1.1769
    """

    higher_is_better = False

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(
            functional.categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
            **sync,
        )


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """Mean crossentropy of class numbers.

    Formula: mean of ``-log(y_pred[y_true] / sum(y_pred))`` over samples that are not ignored.
    Shapes: ``y_true`` (n, ...) of class numbers, ``y_pred`` (n, ..., C).
    Source: ``keras.metrics.SparseCategoricalCrossentropy``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.
    from_logits : bool
        Whether ``y_pred`` holds logits.
    ignore_class : int, optional
        Samples of this label do not count; it need not be one of the classes.
    axis : int
        The axis of the classes.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> round(streaming.SparseCategoricalCrossentropy()([1, 2], [[0.05, 0.95, 0], [0.1, 0.8, 0.1]]), 4)
    1.1769
    """

    higher_is_better = False

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(
            functional.sparse_categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
            **sync,
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add the values of a batch; parameters as in :class:`MeanMetricWrapper`."""
        values = functional.sparse_categorical_crossentropy(y_true, y_pred, **self._options)
        ignored = self._options["ignore_class"]
        if ignored is not None:
            kept = (as_array(y_true) != ignored).reshape(values.shape)
            if sample_weight is None:
                sample_weight = kept.astype(np.int64)
            else:
                weight = same_rank(values, as_weight(sample_weight))[1]
                # A weight of fewer axes is one for each of the values that it covers.
                weight = weight.reshape(weight.shape + (1,) * (kept.ndim - weight.ndim))
                sample_weight = broadcast_weight(weight, kept.shape) * kept
        self._take(values, sample_weight)


class KLDivergence(MeanMetricWrapper):
    """Mean Kullback-Leibler divergence of probabilities.

    Formula: mean of ``sum(y_true * log(y_true / y_pred))``.
    Shapes: ``y_true`` and ``y_pred`` (n, ..., C).
    Source: ``keras.metrics.KLDivergence``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> round(streaming.KLDivergence()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]]), 4)
    0.4581
    """

    higher_is_better = False

    def __init__(
        self,
        name: str = "kl_divergence",
        dtype: Any = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(functional.kl_divergence, name, dtype, **sync)


class Poisson(MeanMetricWrapper):
    """Mean loss of Poisson's distribution.

    Formula: mean of ``y_pred - y_true * log(y_pred)``.
    Shapes: ``y_true`` and ``y_pred`` (n, ..., d).
    Source: ``keras.metrics.Poisson``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> round(streaming.Poisson()([[0, 1], [0, 0]], [[1, 1], [0, 0]]), 4)
    0.5
    """

    higher_is_better = False

    def __init__(
        self,
        name: str = "poisson",
        dtype: Any = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(functional.poisson, name, dtype, **sync)
