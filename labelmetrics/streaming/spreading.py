"""The two steps of work that is spread over workers: each takes in its batches, and what they found is merged."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any, TypeVar

from labelmetrics.errors import SettingError
from labelmetrics.streaming.collection import MetricCollection
from labelmetrics.streaming.metric import Metric

__all__ = ["merged", "updated"]

Some = TypeVar("Some", Metric, MetricCollection)


def updated(metric: Some, batches: Iterable[Any]) -> Some:
    """A copy of a metric that has taken in batches: what one of several workers does.

    Parameters
    ----------
    metric : Metric or MetricCollection
        The metric, which stays as it is.
    batches : iterable
        Arguments of ``update_state``: a tuple or a dict for each batch.

    Returns
    -------
    Metric or MetricCollection

    Raises
    ------
    InputError
        A batch that the metric refuses.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> updated(streaming.Sum(), [([1, 2],), {"values": [3]}]).result()
    6.0
    """
    metric = copy.deepcopy(metric)
    for batch in batches:
        if isinstance(batch, dict):
            metric.update_state(**batch)
        else:
            metric.update_state(*batch)
    return metric


def merged(metrics: Iterable[Some]) -> Some:
    """One metric that has seen what several have seen.

    Parameters
    ----------
    metrics : iterable of Metric or MetricCollection
        Metrics of the same class and configuration; they stay as they are.

    Returns
    -------
    Metric or MetricCollection

    Raises
    ------
    SettingError
        There is no metric.
    SettingMismatchError
        Metrics that differ.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> merged(updated(streaming.Mean(), [(batch,)]) for batch in ([1, 2], [9])).result()
    4.0
    """
    found = list(metrics)
    if not found:
        raise SettingError("there is no metric to merge")
    first = copy.deepcopy(found[0])
    first.merge_state(found[1:])
    return first
