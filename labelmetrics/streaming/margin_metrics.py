"""Mean losses of scores that fall short of a margin."""

from __future__ import annotations

from typing import Any, Unpack

from labelmetrics.streaming import functional
from labelmetrics.streaming.means import MeanMetricWrapper
from labelmetrics.streaming.metric import SyncOptions

__all__ = [
    "CategoricalHinge",
    "Hinge",
    "SquaredHinge",
]


class Hinge(MeanMetricWrapper):
    """Mean hinge loss.

    Formula: mean of ``max(1 - y_true * y_pred, 0)``, where 0 among 0 and 1 counts as -1.
    Shapes: ``y_true`` and ``y_pred`` (n, ..., d); n samples where there is one axis.
    Source: ``keras.metrics.Hinge``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> round(streaming.Hinge()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]]), 4)
    1.3
    """

    higher_is_better = False

    def __init__(
        self,
        name: str = "hinge",
        dtype: Any = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(functional.hinge, name, dtype, **sync)


class SquaredHinge(MeanMetricWrapper):
    """Mean squared hinge loss.

    Formula: mean of ``max(1 - y_true * y_pred, 0)**2``, where 0 among 0 and 1 counts as -1.
    Shapes: ``y_true`` and ``y_pred`` (n, ..., d); n samples where there is one axis.
    Source: ``keras.metrics.SquaredHinge``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> round(streaming.SquaredHinge()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]]), 4)
    1.86
    """

    higher_is_better = False

    def __init__(
        self,
        name: str = "squared_hinge",
        dtype: Any = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(functional.squared_hinge, name, dtype, **sync)


class CategoricalHinge(MeanMetricWrapper):
    """Mean hinge loss of one-hot labels.

    Formula: mean of ``max(neg - pos + 1, 0)``, with ``pos`` the score of the label, ``neg`` the highest other one.
    Shapes: ``y_true`` and ``y_pred`` (n, ..., C).
    Source: ``keras.metrics.CategoricalHinge``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> round(streaming.CategoricalHinge()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]]), 4)
    1.4
    """

    higher_is_better = False

    def __init__(
        self,
        name: str = "categorical_hinge",
        dtype: Any = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(functional.categorical_hinge, name, dtype, **sync)
