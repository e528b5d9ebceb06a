"""Metrics of the user's own beside the built-in ones: what they may be called, and what may be written of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from labelmetrics.errors import Fault, InputError, LimitError
from labelmetrics.formats.metric_columns import BUILT_IN, LEVELS, built_in_names, metric_columns
from labelmetrics.formats.metric_faults import values_beyond_limits
from labelmetrics.formats.metric_lines import MetricReader, MetricValues
from labelmetrics.kernels.results import Results
from labelmetrics.limits import Limits
from labelmetrics.types import ConfusionMatrixMetric, ScalarMetric

__all__ = ["CustomMetrics", "check_custom", "check_values", "key_of", "place_of", "values_of"]

CustomMetrics = Sequence[tuple[str, ScalarMetric | ConfusionMatrixMetric]]
"""Metrics with the key of their data row."""

KEPT = 1000
"""Faults that an error holds."""


def key_of(row: str, metric: ScalarMetric | ConfusionMatrixMetric) -> tuple[str, ...]:
    """Metric key; what an upsert replaces."""
    return (row, metric.metric_name or "", metric.feature_name or "", metric.subclass_name or "")


def values_of(custom: CustomMetrics, kind: str) -> MetricValues:
    """The metrics as columns; ``kind`` is that of the data-row keys."""
    reader = MetricReader()
    for number, (row, metric) in enumerate(custom, 1):
        reader.add(metric.to_line() | {"dataRow": {kind: row}}, None, number)
    return reader.values()


def check_custom(custom: CustomMetrics, results: Results, kind: str) -> None:
    """Refuse metrics that would be taken for others.

    Raises
    ------
    InputError
        A metric name has two aggregations, or a metric has the metric key of a built-in one.
    """
    built_in = built_in_names(results.grid)
    aggregations: dict[str | None, str] = dict(built_in.items())
    for row, metric in custom:
        aggregation = metric.aggregation.value
        known = aggregations.setdefault(metric.metric_name, aggregation)
        if known != aggregation:
            fault = Fault(
                rule="aggregation",
                message=f"is aggregated by {aggregation} here and by {known} elsewhere",
                remedy="give every metric name one aggregation",
                **place_of(row, metric, kind),
            )
            raise InputError("a metric name has two aggregations", [fault])
    named_alike = [(row, metric) for row, metric in custom if metric.metric_name in built_in]
    if not named_alike:
        return
    columns = metric_columns(results, kind, metrics=BUILT_IN, level=LEVELS)
    parts = (columns.row, columns.name, columns.feature, columns.subclass)
    taken = {tuple(part or "" for part in key) for key in zip(*(part.decode() for part in parts), strict=True)}
    faults = [
        Fault(
            rule="duplicate-metric-key",
            message="there is a built-in metric of this name",
            remedy="give it another name",
            **place_of(row, metric, kind),
        )
        for row, metric in named_alike
        if key_of(row, metric) in taken
    ]
    if faults:
        raise InputError("a custom metric has the metric key of a built-in one", faults[:KEPT])


def check_values(custom: CustomMetrics, kind: str, limits: Limits) -> None:
    """Refuse to write values that the platform refuses.

    Raises
    ------
    LimitError
        A value is out of range, or there are too few or too many confidence keys.
    """
    found = values_beyond_limits(values_of(custom, kind), limits)
    faults = [replace(fault, line=None) for fault in islice(found, KEPT)]
    if faults:
        raise LimitError(
            "a custom metric is beyond the platform's limits; write it for other readers with "
            'over_limit="keep", --over-limit keep',
            faults,
        )


def place_of(row: str, metric: ScalarMetric | ConfusionMatrixMetric, kind: str) -> dict[str, Any]:
    """Data row and metric key, as faults have them."""
    return {"data_row": f"{kind}:{row}", "metric_key": " / ".join(filter(None, key_of(row, metric)[1:]))}
