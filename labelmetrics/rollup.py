"""Rollup: values of metrics put together by data row, slice, split or run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from labelmetrics.errors import SettingError
from labelmetrics.kernels.aggregation import (
    FEATURE,
    GROUP,
    NAME,
    SUBCLASS,
    Codes,
    Combined,
    Method,
    Values,
    combine,
    parents,
)
from labelmetrics.kernels.batch import Bools, Coded, Ints
from labelmetrics.rollup_input import Gathered, gather, listed
from labelmetrics.rollup_table import Child, MatrixCounts, Rollup, RollupRow, number
from labelmetrics.words import near

__all__ = ["Child", "MatrixCounts", "Rollup", "RollupRow", "aggregate"]

By = Literal["run", "data_row", "slice", "split"]
Explained = tuple[tuple[Child, ...], tuple[str, ...]]


def aggregate(
    source: Any,
    *,
    by: By = "run",
    metric: str | Collection[str] | None = None,
    feature: str | None = None,
    subclass: str | None = None,
    confidence: float | None = None,
    nearest: bool = False,
    slices: Mapping[str, Collection[str]] | None = None,
    data_rows: Any = None,
    explain: bool = False,
) -> Rollup:
    """Roll metric annotations up: subclasses into features, features into data rows, data rows into groups.

    A feature or data row without a value of its own gets what its children make, by the metric's aggregation; a given
    value wins, on its own data row only. Groups put their data rows together in the same way. With confidence keys,
    only the values that are defined at the one asked for take part; plain values are defined at every one.

    Parameters
    ----------
    source : Evaluation, path, or iterable of lines, metric annotations or labels
        Paths name NDJSON (also gzip and zstd); annotation lines in it are passed over. Where the sidecar of a file
        says that features were left out of it, they are not put together.
    by : {"run", "data_row", "slice", "split"}
        What the groups are.
    metric : str or collection of str, optional
        Metric names; all unless given.
    feature, subclass : str, optional
        Keep only the rows of this feature or subclass.
    confidence : float, optional
        One of the confidence keys. An evaluation has values without one too: those of all predictions.
    nearest : bool, default False
        Whether a confidence between two keys takes the lower one instead of being an error.
    slices : mapping of str to collection of str, optional
        Data rows of each slice: keys, also as ``"id:..."`` and ``"globalKey:..."``.
    data_rows : path, Arrow table, DataFrame or iterable of mappings, optional
        Table of data rows, with splits; an evaluation has its own.
    explain : bool, default False
        Whether the rows say which children made them, and where a given value won over children.

    Returns
    -------
    Rollup
        One row per group, metric name, feature and subclass.

    Raises
    ------
    InputError
        Lines that cannot be read, a metric key twice, or one metric name with two aggregations.
    SettingError
        A parameter that cannot be used, such as a confidence that is no key (the message lists the keys).

    Examples
    --------
    >>> def line(row, feature, value):
    ...     return {"dataRow": {"id": row}, "metricName": "count", "aggregation": "SUM",
    ...             "featureName": feature, "metricValue": value}
    >>> lines = [line("a", "cat", 3), line("a", "dog", 4), line("b", "cat", 1)]
    >>> aggregate(lines, by="data_row").get("count", group="id:a").value
    7.0
    >>> [(row.feature_name, row.value, row.data_rows) for row in aggregate(lines)]
    [(None, 8.0, 2), ('cat', 4.0, 2), ('dog', 4.0, 1)]
    """
    if by not in get_args(By):
        raise SettingError(f"by must be one of {', '.join(get_args(By))}, got {by!r}")
    if (slices is None) != (by != "slice"):
        raise SettingError('slices= and by="slice" (--slices and --by slice) belong together')
    found = gather(source, metric=metric, feature=feature, confidence=confidence, nearest=nearest, data_rows=data_rows)
    groups = _groups(found, by, slices)
    wanted = {
        FEATURE: _code(found.features, feature, "feature"),
        SUBCLASS: _code(found.subclasses, subclass, "subclass"),
    }
    parts = []
    for values in (found.scalars, found.matrices):
        for level in _levels(values, found.methods):
            for column, code in wanted.items():
                if code is not None:
                    level = level.take(level.values.key[:, column] == code)
            parts.append(_by_group(level, groups, found, explain=explain) if groups else _by_row(level, found, explain))
    return _sorted(parts, found, by, groups, confidence, explain=explain)


@dataclass(frozen=True, slots=True)
class _Level:
    """The values of one level, where each comes from, and the values of the level below."""

    values: Values
    source: Ints
    overruled: Bools
    made: Combined | None = None
    children: Values | None = None

    def take(self, keep: Bools) -> _Level:
        return replace(self, values=self.values.take(keep), source=self.source[keep], overruled=self.overruled[keep])

    def made_of(self, index: int) -> list[tuple[Ints, float | MatrixCounts]]:
        """Keys and values of the children that made one value."""
        if self.made is None or self.children is None or self.source[index] < 0:
            return []
        members = self.made.members(int(self.source[index]))
        return [(self.children.key[one], number(self.children.value[one])) for one in members]


def _levels(values: Values, methods: Ints) -> list[_Level]:
    depth = (values.key[:, FEATURE] >= 0).astype(np.int64) + (values.key[:, SUBCLASS] >= 0)
    subclasses = values.take(depth == 2)
    features = parents(subclasses, values.take(depth == 1), SUBCLASS, methods)
    rows = parents(features.values, values.take(depth == 0), FEATURE, methods)
    return [
        _Level(rows.values, rows.source, rows.overruled, rows.made, features.values),
        _Level(features.values, features.source, features.overruled, features.made, subclasses),
        _Level(subclasses, np.full(len(subclasses), -1), np.zeros(len(subclasses), bool)),
    ]


@dataclass(frozen=True, slots=True)
class _Groups:
    """Groups of data rows: pairs of a group and a data row, sorted by data row; or one that is the whole."""

    names: list[str]
    group: Ints
    row: Ints
    is_whole: bool = False

    @classmethod
    def of(cls, names: list[str], group: Ints, row: Ints) -> _Groups:
        order = np.lexsort((group, row))
        return cls(names, group[order], row[order])

    def spread(self, row: Codes) -> tuple[Ints, Ints]:
        """For values of these data rows: each as often as there are groups that hold it, and the groups."""
        if self.is_whole:
            return np.arange(len(row)), np.zeros(len(row), np.int64)
        first, end = np.searchsorted(self.row, row, "left"), np.searchsorted(self.row, row, "right")
        n = end - first
        index = np.repeat(np.arange(len(row)), n)
        within = np.arange(len(index)) - np.repeat(np.cumsum(n) - n, n)
        return index, self.group[first[index] + within]


def _groups(found: Gathered, by: By, slices: Mapping[str, Collection[str]] | None) -> _Groups | None:
    """Which data rows each group holds; ``None`` where every data row is a group."""
    every = np.arange(len(found.rows))
    if by == "data_row":
        return None
    if by == "run":
        return _Groups(["run"], np.zeros_like(every), every, is_whole=True)
    if by == "split":
        splits = Coded.of(found.splits())
        return _Groups(list(splits.values), splits.codes, every)
    names, group, row = [], [], []
    for code, (name, keys) in enumerate((slices or {}).items()):
        members = found.members(name, keys)
        names.append(name)
        group.append(np.full(len(members), code, np.int64))
        row.append(members)
    empty = np.empty(0, np.int64)
    return _Groups.of(names, np.concatenate([empty, *group]), np.concatenate([empty, *row]))


def _code(names: list[str], name: str | None, what: str) -> int | None:
    if name is None:
        return None
    if name not in names:
        raise SettingError(f"there is no {what} {name!r}{near(name, names) or f'; {listed(names)}'}")
    return names.index(name)


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of the result that come from one level."""

    values: Values
    data_rows: Ints
    explained: list[Explained]


def _by_row(level: _Level, found: Gathered, explain: bool) -> _Part:
    def one(index: int) -> Explained:
        column, names = (
            (FEATURE, found.features) if level.values.key[index, FEATURE] < 0 else (SUBCLASS, found.subclasses)
        )
        children = tuple(Child(names[key[column]], value) for key, value in level.made_of(index))
        row = found.rows[level.values.key[index, GROUP]]
        return children, (row,) if level.overruled[index] else ()

    n = len(level.values)
    return _Part(level.values, np.ones(n, np.int64), [one(index) for index in range(n)] if explain else [])


def _by_group(level: _Level, groups: _Groups, found: Gathered, *, explain: bool) -> _Part:
    index, group = groups.spread(level.values.key[:, GROUP])
    spread = level.values.take(index)
    key = spread.key.copy()
    key[:, GROUP] = group
    combined = combine(spread, key, found.methods)

    def one(position: int) -> Explained:
        members = combined.members(position)
        rows = [found.rows[code] for code in spread.key[members, GROUP]]
        children = (Child(row, number(spread.value[member])) for row, member in zip(rows, members, strict=True))
        overruled = level.overruled[index[members]].tolist()
        return tuple(children), tuple(row for row, won in zip(rows, overruled, strict=True) if won)

    n = len(combined.values)
    return _Part(combined.values, combined.sizes, [one(position) for position in range(n)] if explain else [])


def _sorted(
    parts: list[_Part], found: Gathered, by: str, groups: _Groups | None, confidence: float | None, *, explain: bool
) -> Rollup:
    names = found.rows if groups is None else groups.names
    key = np.concatenate([part.values.key for part in parts])
    is_matrix = np.concatenate([np.full(len(part.values), part.values.value.ndim == 2) for part in parts])
    value, counts = np.full(len(key), np.nan), np.zeros((len(key), 4), np.int64)
    value[~is_matrix] = np.concatenate([part.values.value for part in parts if part.values.value.ndim == 1])
    counts[is_matrix] = np.concatenate([part.values.value for part in parts if part.values.value.ndim == 2])
    ranks = [
        _rank(key[:, GROUP], names),
        _rank(key[:, NAME], found.names),
        (key[:, FEATURE] >= 0).astype(np.int64) + (key[:, SUBCLASS] >= 0),
        _rank(key[:, FEATURE], found.features),
        _rank(key[:, SUBCLASS], found.subclasses),
    ]
    order = np.lexsort(ranks[::-1])
    explained = [one for part in parts for one in part.explained]
    return Rollup(
        by=by,
        confidence=confidence,
        groups=names,
        names=found.names,
        features=found.features,
        subclasses=found.subclasses,
        aggregations=[Method(method).name for method in found.methods.tolist()],
        key=key[order],
        value=value[order],
        counts=counts[order],
        is_matrix=is_matrix[order],
        data_rows=np.concatenate([part.data_rows for part in parts])[order],
        explained=[explained[position] for position in order.tolist()] if explain else None,
    )


def _rank(codes: Ints, names: Sequence[str | None]) -> Ints:
    """Rank of each code by its name; -1 for none."""
    order = sorted(range(len(names)), key=lambda code: (names[code] is not None, names[code] or ""))
    rank = np.full(len(names) + 1, -1)
    rank[order] = np.arange(len(order))
    return rank[codes]
