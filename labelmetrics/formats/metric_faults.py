"""Rules across metric lines, each of which single lines keep: unique keys, one aggregation, one grid, the limits."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np

from labelmetrics.errors import Fault
from labelmetrics.formats.metric_lines import MetricShape, MetricValues
from labelmetrics.kernels.aggregation import grouped, repeated
from labelmetrics.kernels.batch import Ints
from labelmetrics.limits import Limits

__all__ = ["duplicate_keys", "too_many_metrics", "two_aggregations", "unlike_keys", "values_beyond_limits"]

NAMED = 5
"""Lines that a message names."""


def about(values: MetricValues, row: Ints) -> Ints:
    """Metric key of each metric: data row, and which metric name, feature and subclass; shape (n, 2)."""
    seen: dict[tuple[str | None, ...], int] = {}
    codes = np.array([seen.setdefault(shape[:3], len(seen)) for shape in values.shapes], np.int64)
    return np.column_stack([row, codes[values.shape]])


def duplicate_keys(values: MetricValues, row: Ints) -> Iterator[Fault]:
    """Metric keys that occur more than once: a fault for each time after the first.

    Parameters
    ----------
    values : MetricValues
        The metrics.
    row : ndarray of int64
        Index of the data row of each.
    """
    for first, *rest in repeated(about(values, row)):
        for index in rest:
            yield Fault(
                rule="duplicate-metric-key",
                message=f"the same metric key as {_where(values, first)}",
                remedy="keep one of them",
                **values.place(index),
            )


def two_aggregations(values: MetricValues) -> Iterator[Fault]:
    """Metric names with more than one aggregation: a fault for each aggregation after the first."""
    for shapes in _by_name(values).values():
        first: dict[str, int] = {}
        for shape, indices in shapes:
            first[shape.aggregation] = min(first.get(shape.aggregation, indices[0]), indices[0])
        known, *others = sorted(first, key=first.__getitem__)
        for aggregation in others:
            yield Fault(
                rule="aggregation",
                message=f"is aggregated by {aggregation} here and by {known} on {_where(values, first[known])}",
                remedy="give every metric name one aggregation",
                **values.place(first[aggregation]),
            )


def unlike_keys(values: MetricValues) -> Iterator[Fault]:
    """Metric names whose lines do not share one grid of confidence keys: a fault for each way to deviate.

    A confusion matrix has a value at every key. A scalar may be undefined at some: its keys may be some of those of
    the line with the most. Lines with keys and lines without never go together.
    """
    for shapes in _by_name(values).values():
        lines: dict[tuple[float, ...] | None, list[int]] = {}
        is_matrix = False
        for shape, indices in shapes:
            lines.setdefault(shape.keys, []).extend(indices)
            is_matrix |= shape.is_matrix
        # The grid is the longest one, of these the one of most lines, of these the first.
        grid = min(lines, key=lambda keys: (-len(keys or ()), -len(lines[keys]), min(lines[keys])))
        for keys, indices in lines.items():
            if keys == grid or (keys and grid and not is_matrix and set(keys) <= set(grid)):
                continue
            indices.sort()
            named = ", ".join(str(int(values.line[index])) for index in indices[:NAMED])
            more = f" and {len(indices) - NAMED} more" if len(indices) > NAMED else ""
            yield Fault(
                rule="unlike-keys",
                message=f"has {_keys(keys)} on line{'s' * (len(indices) > 1)} {named}{more}, "
                f"and {_keys(grid)} on {_where(values, min(lines[grid]))}",
                remedy="give all lines of a metric name the same confidence keys",
                **values.place(indices[0]),
            )


def values_beyond_limits(values: MetricValues, limits: Limits) -> Iterator[Fault]:
    """Metrics that the platform refuses, however few there are."""
    fewest, most = limits.confidence_keys
    for shape, indices in chain.from_iterable(_by_name(values).values()):
        if shape.keys is not None and not fewest <= len(shape.keys) <= most:
            message = f"a metric has {fewest} to {most} confidence keys, this one has {len(shape.keys)}"
            for index in indices:
                yield Fault(rule="confidence-keys", message=message, path="$.metricValue", **values.place(index))
        plain = (shape.name or "").lower().strip()
        if plain in limits.reserved_names:
            message = f"the platform computes {plain} itself; call yours {plain}_custom"
            for index in indices:
                yield Fault(rule="reserved-name", message=message, path="$.metricName", **values.place(index))
    is_matrix = np.array([shape.is_matrix for shape in values.shapes], bool)[values.shape]
    outside = (values.scalars < 0) | (values.scalars > limits.scalar_max)
    for index, position in _owners(values, np.flatnonzero(~is_matrix), np.flatnonzero(outside)):
        yield Fault(
            rule="scalar-range",
            message=f"scalars go from 0 to {limits.scalar_max:,g}, this one is {values.scalars[position]:g}",
            path=_path(values, index, position),
            **values.place(index),
        )
    large = values.counts > limits.count_max
    for index, position in _owners(values, np.flatnonzero(is_matrix), np.flatnonzero(large.any(axis=1))):
        column = int(large[position].argmax())
        yield Fault(
            rule="count-max",
            message=f"counts go up to {limits.count_max:,}, this one is {values.counts[position, column]:,}",
            path=f"{_path(values, index, position)}[{column}]",
            **values.place(index),
        )


def too_many_metrics(values: MetricValues, most: int) -> Iterator[Fault]:
    """Data rows with more metrics than the platform takes."""
    key = about(values, values.row)
    order, starts = grouped(key)
    distinct = np.sort(order[starts])  # the first metric of each key
    per_row = np.bincount(values.row[distinct], minlength=len(values.rows))
    over = np.flatnonzero(per_row > most)
    if not len(over):
        return
    distinct = distinct[np.argsort(values.row[distinct], kind="stable")]
    begins = np.cumsum(per_row) - per_row
    for row in over.tolist():
        index = distinct[begins[row] + most]
        yield Fault(
            rule="metrics-per-data-row",
            message=f"the data row has {per_row[row]} metrics, the platform takes {most}; this is the first too many",
            remedy="write fewer metrics or levels, or those of the features with the most ground truth "
            '(over_limit="fit", --over-limit fit)',
            **values.place(index),
        )


def _owners(values: MetricValues, indices: Ints, positions: Ints) -> Iterator[tuple[int, int]]:
    """The metric that each of some numbers belongs to; ``indices`` are the metrics of its kind."""
    owners = indices[np.searchsorted(values.offset[indices], positions, "right") - 1]
    yield from zip(owners.tolist(), positions.tolist(), strict=True)


def _path(values: MetricValues, index: int, position: int) -> str:
    keys = values.shapes[values.shape[index]].keys
    return "$.metricValue" if keys is None else f'$.metricValue["{keys[position - values.offset[index]]!r}"]'


def _by_name(values: MetricValues) -> dict[str | None, list[tuple[MetricShape, list[int]]]]:
    """Shapes of each metric name, and the metrics that have them, in their order."""
    order = np.argsort(values.shape, kind="stable")
    bounds = np.searchsorted(values.shape[order], np.arange(len(values.shapes) + 1)).tolist()
    found: dict[str | None, list[tuple[MetricShape, list[int]]]] = {}
    for code, shape in enumerate(values.shapes):
        indices = order[bounds[code] : bounds[code + 1]].tolist()
        if indices:
            found.setdefault(shape.name, []).append((shape, indices))
    return found


def _where(values: MetricValues, index: int) -> str:
    place = values.place(index)
    return f"line {place['line']}" + (f" of {place['file']}" if place["file"] else "")


def _keys(keys: Any) -> str:
    return "no confidence keys" if keys is None else f"the keys {', '.join(f'{key:g}' for key in keys)}"
