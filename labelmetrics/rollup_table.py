"""The result of a rollup: one row per group, metric, feature and subclass."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from labelmetrics.errors import SettingError
from labelmetrics.frame import SHOWN, html_table, plain_table, to_pandas
from labelmetrics.kernels.batch import Bools, Floats, Ints

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Level = Literal["data_row", "feature", "subclass"]
LEVELS: tuple[Level, ...] = ("data_row", "feature", "subclass")
HEADINGS = ("group", "metric", "feature", "subclass", "value", "TP", "FP", "TN", "FN", "precision", "recall", "F1", "n")


class MatrixCounts(NamedTuple):
    """True and false positives, true and false negatives."""

    tp: int
    fp: int
    tn: int
    fn: int


class Child(NamedTuple):
    """A value that took part in another: its name (feature, subclass or data row) and its number or counts."""

    name: str
    value: float | MatrixCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class RollupRow:
    """One value of a rollup.

    Parameters
    ----------
    group : str
        Data row, slice or split; ``"run"`` for the whole run.
    metric_name, feature_name, subclass_name : str or None
        What it is about.
    aggregation : str
        How it was put together.
    value : float or None
        The number; ``None`` for confusion matrices.
    counts : MatrixCounts or None
        The counts; ``None`` for scalars.
    data_rows : int
        How many data rows took part.
    children : tuple of Child or None
        What the value was made from, if that was asked for; nothing where the value was given.
    explicit : tuple of str or None
        Data rows where a given value won over what its children would have made, if that was asked for.

    Examples
    --------
    >>> row = RollupRow(group="run", metric_name="50pct_iou", aggregation="CONFUSION_MATRIX",
    ...                 counts=MatrixCounts(3, 1, 0, 0), data_rows=2)
    >>> row.precision, row.recall, row.level
    (0.75, 1.0, 'data_row')
    """

    group: str
    metric_name: str | None
    feature_name: str | None = None
    subclass_name: str | None = None
    aggregation: str
    value: float | None = None
    counts: MatrixCounts | None = None
    data_rows: int
    children: tuple[Child, ...] | None = None
    explicit: tuple[str, ...] | None = None

    @property
    def level(self) -> Level:
        """``"data_row"``, ``"feature"`` or ``"subclass"``."""
        return LEVELS[(self.feature_name is not None) + (self.subclass_name is not None)]

    @property
    def tp(self) -> int | None:
        """True positives."""
        return None if self.counts is None else self.counts.tp

    @property
    def fp(self) -> int | None:
        """False positives."""
        return None if self.counts is None else self.counts.fp

    @property
    def tn(self) -> int | None:
        """True negatives."""
        return None if self.counts is None else self.counts.tn

    @property
    def fn(self) -> int | None:
        """False negatives."""
        return None if self.counts is None else self.counts.fn

    @property
    def precision(self) -> float | None:
        """TP / (TP + FP); ``None`` for 0/0."""
        return None if self.counts is None else _ratio(self.counts.tp, self.counts.tp + self.counts.fp)

    @property
    def recall(self) -> float | None:
        """TP / (TP + FN); ``None`` for 0/0."""
        return None if self.counts is None else _ratio(self.counts.tp, self.counts.tp + self.counts.fn)

    @property
    def f1(self) -> float | None:
        """2 TP / (2 TP + FP + FN); ``None`` for 0/0."""
        if self.counts is None:
            return None
        tp, fp, _, fn = self.counts
        return _ratio(2 * tp, 2 * tp + fp + fn)

    def to_dict(self) -> dict[str, Any]:
        """The row with everything that follows from it, as JSON values."""
        plain = ("group", "metric_name", "level", "feature_name", "subclass_name", "aggregation", "value")
        counted = ("tp", "fp", "tn", "fn", "precision", "recall", "f1", "data_rows")
        result: dict[str, Any] = {name: getattr(self, name) for name in (*plain, *counted)}
        if self.children is not None:
            result["children"] = [
                {"name": name, "value": list(value) if isinstance(value, tuple) else value}
                for name, value in self.children
            ]
        if self.explicit is not None:
            result["explicit"] = list(self.explicit)
        return result


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def number(value: Any) -> float | MatrixCounts:
    """A value of an array as Python has it."""
    return float(value) if np.ndim(value) == 0 else MatrixCounts(*value.tolist())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rollup:
    """Values by group, metric name, level, feature and subclass, in that order; made by ``aggregate``.

    Iterate over it for its rows, or take them along as dicts, as an Arrow table or as a pandas DataFrame.

    Parameters
    ----------
    by : str
        What the groups are.
    confidence : float or None
        The confidence key that was asked for.
    groups, names, features, subclasses : sequence of str
        What the keys index.
    aggregations : sequence of str
        Aggregation of each metric name.
    key : ndarray of int64, shape (n, 4)
        Group, metric name, feature and subclass of each value.
    value : ndarray of float64, shape (n,)
        Scalars; NaN for confusion matrices.
    counts : ndarray of int64, shape (n, 4)
        Counts of confusion matrices.
    is_matrix : ndarray of bool, shape (n,)
        Which of the two each is.
    data_rows : ndarray of int64, shape (n,)
        How many data rows took part.
    explained : list or None
        Children and explicit parents of each value.

    Examples
    --------
    >>> from labelmetrics.rollup import aggregate
    >>> from labelmetrics.types import DataRow, ScalarMetric
    >>> metrics = [ScalarMetric(metric_name="blur", value=value, data_row=DataRow(id=row))
    ...            for row, value in [("r1", 0.25), ("r2", 0.75)]]
    >>> aggregate(metrics)
    rollup by run
    metric  value  n
    blur    0.500  2
    """

    by: str
    confidence: float | None
    groups: Sequence[str]
    names: Sequence[str | None]
    features: Sequence[str]
    subclasses: Sequence[str]
    aggregations: Sequence[str]
    key: Ints
    value: Floats
    counts: Ints
    is_matrix: Bools
    data_rows: Ints
    explained: list[tuple[tuple[Child, ...], tuple[str, ...]]] | None = None

    def __len__(self) -> int:
        return len(self.key)

    def __iter__(self) -> Iterator[RollupRow]:
        return map(self._row, range(len(self)))

    def __getitem__(self, index: int) -> RollupRow:
        return self._row(range(len(self))[index])

    def _row(self, index: int) -> RollupRow:
        group, name, feature, subclass = self.key[index].tolist()
        is_matrix = bool(self.is_matrix[index])
        children, explicit = self.explained[index] if self.explained is not None else (None, None)
        return RollupRow(
            group=self.groups[group],
            metric_name=self.names[name],
            feature_name=self.features[feature] if feature >= 0 else None,
            subclass_name=self.subclasses[subclass] if subclass >= 0 else None,
            aggregation=self.aggregations[name],
            value=None if is_matrix else float(self.value[index]),
            counts=MatrixCounts(*self.counts[index].tolist()) if is_matrix else None,
            data_rows=int(self.data_rows[index]),
            children=children,
            explicit=explicit,
        )

    def get(
        self, metric: str | None, feature: str | None = None, subclass: str | None = None, group: str | None = None
    ) -> RollupRow | None:
        """The row of one metric, or ``None`` where it has no value.

        Parameters
        ----------
        metric, feature, subclass : str or None
            Metric name, feature and subclass; without the latter two, the value of whole data rows.
        group : str, optional
            Data row, slice or split; needed only where there are several.

        Raises
        ------
        SettingError
            Several groups have such a row, and none was named.
        """
        wanted = (
            (self.groups, group),
            (self.names, metric),
            (self.features, feature),
            (self.subclasses, subclass),
        )
        found = np.ones(len(self), bool)
        for column, (values, value) in enumerate(wanted):
            if value is None and column != 1:
                if column:
                    found &= self.key[:, column] < 0
            elif value in values:
                found &= self.key[:, column] == values.index(value)
            else:
                return None
        positions = np.flatnonzero(found)
        if len(positions) > 1:
            listed = ", ".join(self.groups[code] for code in self.key[positions[:5], 0].tolist())
            raise SettingError(f"{len(positions):,} groups have such a value ({listed}, ...): name one with group=")
        return self._row(int(positions[0])) if len(positions) else None

    def to_dicts(self) -> list[dict[str, Any]]:
        """The rows as dicts of JSON values."""
        return [row.to_dict() for row in self]

    def to_arrow(self) -> pa.Table:
        """The rows as an Arrow table; children, where they were asked for, as JSON text."""
        import pyarrow as pa

        def texts(values: Sequence[Any], codes: Ints) -> pa.Array:
            return pa.array([*values, None], pa.string()).take(pa.array(np.where(codes < 0, len(values), codes)))

        def ratio(part: Ints, whole: Ints) -> pa.Array:
            undefined = ~self.is_matrix | (whole == 0)
            return pa.array(np.divide(part, np.where(undefined, 1, whole)), mask=undefined)

        tp, fp, tn, fn = self.counts.T
        level = (self.key[:, 2] >= 0).astype(np.int64) + (self.key[:, 3] >= 0)
        columns = {
            "group": texts(self.groups, self.key[:, 0]),
            "metric_name": texts(self.names, self.key[:, 1]),
            "level": texts(LEVELS, level),
            "feature_name": texts(self.features, self.key[:, 2]),
            "subclass_name": texts(self.subclasses, self.key[:, 3]),
            "aggregation": texts(self.aggregations, self.key[:, 1]),
            "value": pa.array(self.value, mask=self.is_matrix),
            **{
                name: pa.array(np.ascontiguousarray(count), mask=~self.is_matrix)
                for name, count in (("tp", tp), ("fp", fp), ("tn", tn), ("fn", fn))
            },
            "precision": ratio(tp, tp + fp),
            "recall": ratio(tp, tp + fn),
            "f1": ratio(2 * tp, 2 * tp + fp + fn),
            "data_rows": pa.array(self.data_rows),
        }
        if self.explained is not None:
            columns["children"] = pa.array([json.dumps(dict(one[0])) for one in self.explained], pa.string())
            columns["explicit"] = pa.array([list(one[1]) for one in self.explained], pa.list_(pa.string()))
        return pa.table(columns)

    def to_pandas(self) -> pd.DataFrame:
        """The rows as a pandas DataFrame; needs pandas (``pip install 'labelmetrics[pandas]'``)."""
        return to_pandas(self.to_arrow())

    def shown(self, most: int | None = None) -> tuple[list[str], list[list[Any]]]:
        """Headings and the first rows for people; what is empty throughout is left out.

        Parameters
        ----------
        most : int, optional
            Number of rows; all unless given.
        """
        rows = [self._cells(self._row(index)) for index in range(len(self) if most is None else min(most, len(self)))]
        used = [
            index
            for index in range(len(HEADINGS))
            if any(row[index] is not None for row in rows) and (index or self.by != "run")
        ]
        return [HEADINGS[index] for index in used], [[row[index] for index in used] for row in rows]

    @staticmethod
    def _cells(row: RollupRow) -> list[Any]:
        counts = row.counts or (None,) * 4
        names = (row.group, row.metric_name, row.feature_name, row.subclass_name)
        return [*names, row.value, *counts, row.precision, row.recall, row.f1, row.data_rows]

    def __repr__(self) -> str:
        return f"{self._caption()}\n{plain_table(*self.shown(SHOWN))}"

    def _repr_html_(self) -> str:
        return html_table(*self.shown(SHOWN), self._caption())

    def _caption(self) -> str:
        at = "" if self.confidence is None else f" at confidence {self.confidence:g}"
        more = f" (the first {SHOWN} of {len(self):,})" if len(self) > SHOWN else ""
        return f"rollup by {self.by.replace('_', ' ')}{at}{more}"
