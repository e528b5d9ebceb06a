"""What a rollup starts from: the values of an evaluation or of metric lines at one confidence key."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from labelmetrics.errors import DataRowError, Fault, InputError, LabelmetricsWarning, SettingError
from labelmetrics.formats.custom_metrics import values_of
from labelmetrics.formats.data_rows import read_data_rows
from labelmetrics.formats.known import Uses, mixed_kinds
from labelmetrics.formats.metric_columns import CLASSIFICATION, MATRIX, MEAN, MIOU, built_in_names, names_of
from labelmetrics.formats.metric_faults import duplicate_keys, two_aggregations
from labelmetrics.formats.metric_lines import KEPT, MetricReader, MetricShape, MetricValues, each_line, is_metric
from labelmetrics.formats.provenance import read_provenance
from labelmetrics.kernels.aggregation import Method, Values, repeated
from labelmetrics.kernels.batch import DataRowKey, Ints
from labelmetrics.kernels.thresholds import nearest_key, threshold_name
from labelmetrics.words import counted, near

if TYPE_CHECKING:
    import pyarrow as pa

    from labelmetrics.evaluation import Evaluation
    from labelmetrics.kernels.results import Results

SAME = 1e-12
"""Keys that are no farther apart are one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Given values at one confidence key.

    Parameters
    ----------
    rows, names, features, subclasses : list
        What the keys of the values index.
    methods : ndarray of int64
        Method of each metric name.
    scalars, matrices : Values
        The values.
    keys : dict of DataRowKey to int
        Data row of each key that names one.
    table : pyarrow.Table or None
        Table of data rows.
    position : ndarray of int64
        Where in the table each data row is.
    """

    rows: list[str]
    names: list[str | None]
    features: list[str]
    subclasses: list[str]
    methods: Ints
    scalars: Values
    matrices: Values
    keys: dict[DataRowKey, int]
    table: pa.Table | None
    position: Ints

    def splits(self) -> list[str]:
        """Split of each data row.

        Raises
        ------
        SettingError
            There is no table of data rows.
        """
        if self.table is None:
            raise SettingError("splits stand in a table of data rows: give one with data_rows=, --data-rows")
        column = self.table.column("split").to_pylist()
        return [column[position] or "UNASSIGNED" for position in self.position.tolist()]

    def members(self, name: str, keys: Collection[str]) -> Ints:
        """Data rows of a slice; keys of data rows that have no values are passed over.

        Raises
        ------
        SettingError
            The slice names data rows that are not in the table of data rows.
        """
        if not isinstance(keys, Collection):
            raise SettingError(f"slice {name!r} is a list of data rows, got {keys!r}")
        places = {} if self.table is None else _places(self.table)
        found: set[int] = set()
        absent = []
        for key in keys:
            forms = _forms(key)
            row = next((self.keys[one] for one in forms if one in self.keys), None)
            if row is not None:
                found.add(row)
            elif places.keys().isdisjoint(forms):
                absent.append(key)
        if absent and self.table is not None:
            named = counted(len(absent), "data row")
            more = ", ..." if len(absent) > 1 else ""
            raise SettingError(f"slice {name!r} names {named} not in the table of data rows: {absent[0]!r}{more}")
        if absent and not found:
            warnings.warn(f"slice {name!r}: no line is about any of its data rows", LabelmetricsWarning, stacklevel=4)
        return np.array(sorted(found), np.int64)


@runtime_checkable
class Source(Protocol):
    """Something that gives its values at a confidence by itself."""

    def gathered(self, choice: Choice) -> Gathered:
        """The values of the metrics that are wanted, at the confidence that is wanted."""


def _forms(key: Any) -> tuple[DataRowKey, ...]:
    """The data rows that a key of a slice may name."""
    if isinstance(key, tuple):
        return (DataRowKey(*key),)
    kind, _, value = str(key).partition(":")
    return DataRowKey("id", str(key)), DataRowKey("globalKey", str(key)), DataRowKey(kind, value)


def listed(names: Iterable[Any]) -> str:
    """The first few names, for a message."""
    texts = [str(name) for name in names]
    return f"there are {', '.join(texts[:10])}{', ...' if len(texts) > 10 else ''}" if texts else "there are none"


def gather(
    source: Evaluation | Any,
    *,
    metric: str | Collection[str] | None,
    feature: str | None,
    confidence: float | None,
    nearest: bool,
    data_rows: Any,
) -> Gathered:
    """Values of an evaluation, or of whatever holds metric lines; parameters as those of ``aggregate``."""
    wanted = names_of(metric, "metric")
    if isinstance(source, Source):
        return source.gathered(Choice(wanted, confidence, nearest))
    if hasattr(source, "results") and hasattr(source, "custom"):
        if data_rows is not None:
            raise SettingError("an evaluation has its own table of data rows")
        return _of_evaluation(source, Choice(wanted, confidence, nearest))
    lines, choice = MetricLines(source, data_rows), Choice(wanted, confidence, nearest)
    if feature is None and any(shape.feature is not None and choice.wants(shape.name) for shape in lines.values.shapes):
        _check_fitted(source)
    return lines.gathered(choice)


class MetricLines:
    """Metric lines, read once, of which values can be had several times.

    Parameters
    ----------
    source : path, or iterable of lines, metric annotations or labels
        The lines.
    data_rows : path, Arrow table, DataFrame or iterable of mappings, optional
        Table of data rows.
    """

    def __init__(self, source: Any, data_rows: Any = None) -> None:
        self.table = None if data_rows is None else read_data_rows(data_rows)
        self.values = _read(source)

    def gathered(self, choice: Choice) -> Gathered:
        """The values of the metrics that are wanted, at the confidence that is wanted."""
        return _of_lines(self.values, self.table, choice)


def _check_fitted(source: Any) -> None:
    """Refuse to put features together where some have been left out of the lines."""
    for path in [source] if isinstance(source, str | Path) else source if isinstance(source, list | tuple) else []:
        provenance = read_provenance(path) if isinstance(path, str | Path) else None
        if provenance is not None and provenance.fitted:
            raise SettingError(
                f"{path}: features were left out of these lines to respect a limit, so what is put together from "
                "features is not the whole. Aggregate the evaluation file, one feature (feature=, --feature), or "
                "metrics that are given for data rows (metric=, --metric)"
            )


def _read(source: Any) -> MetricValues:
    reader = MetricReader()
    each_line(
        source,
        lambda line, file, number: reader.add(line, file, number) if is_metric(line) else None,
        lambda text, file, number: reader.add_text(text, file, number) is not None,
    )
    if not len(reader) and isinstance(source, str | Path):
        warnings.warn(f"{source}: holds no metric lines", LabelmetricsWarning, stacklevel=4)
    return reader.values()


@dataclass(frozen=True, slots=True)
class Choice:
    """Which metrics are wanted, and at which confidence."""

    metrics: set[str] | None
    confidence: float | None
    nearest: bool

    def wants(self, name: str | None) -> bool:
        return self.metrics is None or name in self.metrics

    def check_names(self, names: Iterable[str | None]) -> None:
        known = set(names)
        unknown = sorted(self.metrics - known) if self.metrics else []
        if unknown:
            there = sorted(filter(None, known))
            hint = near(unknown[0], there) or f"; {listed(there)}"
            raise SettingError(f"there is no metric {', '.join(unknown)}{hint}")

    def keys(self, grids: Mapping[str | None, set[float]], *, plain: bool = False) -> dict[str | None, float]:
        """The key of each metric that has keys.

        Parameters
        ----------
        grids : mapping
            Keys of each metric that has any.
        plain : bool
            Whether it is fine that there are none.
        """
        shown = "; ".join(
            f"{'(no name)' if name is None else name}: {', '.join(f'{key:g}' for key in sorted(grids[name]))}"
            for name in sorted(grids, key=str)
        )
        if self.confidence is None:
            if grids:
                raise SettingError(f"these metrics have a value for each confidence key; choose one of {shown}")
            return {}
        if not grids and not plain:
            raise SettingError(f"confidence {self.confidence} is not a key: these metrics have no confidence keys")
        chosen = {}
        for name, grid in grids.items():
            keys = sorted(grid)
            try:
                chosen[name] = keys[nearest_key(keys, self.confidence, nearest=self.nearest)]
            except SettingError:
                message = f"confidence {self.confidence} is not a key of every metric; the keys are {shown}"
                raise SettingError(message) from None
        return chosen


class Collector:
    """Collects values under common indices."""

    def __init__(self, features: Iterable[str] = (), subclasses: Iterable[str] = ()) -> None:
        self.names: dict[str | None, int] = {}
        self.methods: dict[str | None, str] = {}
        self.features = {name: code for code, name in enumerate(features)}
        self.subclasses = {name: code for code, name in enumerate(subclasses)}
        self.scalars = [Values(np.empty((0, 4), np.int32), np.empty(0))]
        self.matrices = [Values(np.empty((0, 4), np.int32), np.empty((0, 4), np.uint8))]

    def name(self, name: str | None, aggregation: str) -> int:
        """Index of a metric name.

        Raises
        ------
        InputError
            It has another aggregation elsewhere.
        """
        known = self.methods.setdefault(name, aggregation)
        if known != aggregation:
            message = f"metric {name} has two aggregations: {known} and {aggregation}"
            raise InputError(message, [Fault(rule="aggregation", message=message, metric_key=name)])
        return self.names.setdefault(name, len(self.names))

    def about(self, row: Ints, name: int, feature: Ints | int, subclass: Ints | int, value: Any) -> None:
        """Add values of one metric name."""
        key = np.empty((len(row), 4), np.int32)
        for column, codes in enumerate((row, name, feature, subclass)):
            key[:, column] = codes
        (self.scalars if value.ndim == 1 else self.matrices).append(Values(key, value))

    def metrics(self, values: MetricValues, row: Ints, choice: Choice, *, plain: bool = False) -> None:
        """Add metrics that were read, at their key.

        Parameters
        ----------
        values : MetricValues
            The metrics.
        row : ndarray of int64
            Index of the data row of each.
        choice : Choice
            What is wanted.
        plain : bool
            Whether it is fine that no metric has keys.
        """
        _raise("a metric key occurs more than once", duplicate_keys(values, row))
        wanted = [choice.wants(shape.name) for shape in values.shapes]
        grids = grids_of(values.shapes)
        names = {shape.name for shape, is_wanted in zip(values.shapes, wanted, strict=True) if is_wanted}
        chosen = choice.keys({name: grid for name, grid in grids.items() if name in names}, plain=plain)
        _raise("a metric name has two aggregations", two_aggregations(values))
        codes = np.empty((len(values.shapes), 3), np.int32)
        place = np.full(len(values.shapes), -1)
        for code, (shape, is_wanted) in enumerate(zip(values.shapes, wanted, strict=True)):
            if is_wanted:
                codes[code] = self._codes(shape)
                place[code] = place_of(shape, chosen.get(shape.name))
        at = place[values.shape]
        is_matrix = np.array([shape.is_matrix for shape in values.shapes], bool)[values.shape]
        key = np.column_stack([row.astype(np.int32), codes[values.shape]])
        for stored, parts, of_kind in (
            (values.scalars, self.scalars, ~is_matrix),
            (values.counts, self.matrices, is_matrix),
        ):
            keep = np.flatnonzero(of_kind & (at >= 0))
            taken = stored[values.offset[keep] + at[keep]]
            if taken.ndim == 1:
                _check_signs(values, keep, taken)
            parts.append(Values(key[keep], taken))

    def _codes(self, shape: MetricShape) -> tuple[int, int, int]:
        def code(codes: dict[str, int], name: str | None) -> int:
            return -1 if name is None else codes.setdefault(name, len(codes))

        return (
            self.name(shape.name, shape.aggregation),
            code(self.features, shape.feature),
            code(self.subclasses, shape.subclass),
        )

    def gathered(
        self, rows: Sequence[str], keys: dict[DataRowKey, int], table: pa.Table | None, position: Ints
    ) -> Gathered:
        return Gathered(
            rows=list(rows),
            names=list(self.names),
            features=list(self.features),
            subclasses=list(self.subclasses),
            methods=np.array([Method[self.methods[name]] for name in self.names], np.int64),
            scalars=Values.concat(self.scalars),
            matrices=Values.concat(self.matrices),
            keys=keys,
            table=table,
            position=position,
        )


def grids_of(shapes: Sequence[MetricShape]) -> dict[str | None, set[float]]:
    """Confidence keys of each metric that has any.

    A matrix always holds every key, but a scalar is left off a line where it is undefined: it has the keys of the
    matrices, where all of its own are among them.
    """
    found: dict[str | None, set[float]] = {}
    for shape in shapes:
        if shape.keys:
            found.setdefault(shape.name, set()).update(shape.keys)
    matrices = {shape.name for shape in shapes if shape.is_matrix} & found.keys()

    def whole(grid: set[float]) -> set[float]:
        return min((found[name] for name in matrices if grid <= found[name]), key=len, default=grid)

    return {name: grid if name in matrices else whole(grid) for name, grid in found.items()}


def _raise(message: str, faults: Iterator[Fault]) -> None:
    found = list(islice(faults, KEPT))
    if found:
        raise InputError(message, found)


def place_of(shape: MetricShape, chosen: float | None) -> int:
    """Which of the numbers of a metric is the one at the chosen key; -1 where it is not defined there."""
    if shape.keys is None:
        return 0
    assert chosen is not None
    return next((index for index, key in enumerate(shape.keys) if abs(key - chosen) <= SAME), -1)


def _check_signs(values: MetricValues, index: Ints, taken: Any) -> None:
    no_negative = np.array([shape.aggregation in ("GEOMETRIC_MEAN", "HARMONIC_MEAN") for shape in values.shapes], bool)
    negative = index[(taken < 0) & no_negative[values.shape[index]]]
    if len(negative):
        message = "a negative value has no geometric or harmonic mean"
        faults = [Fault(rule="scalar-range", message=message, **values.place(one)) for one in negative[:KEPT]]
        raise InputError("values have no mean", faults)


def _of_lines(values: MetricValues, table: pa.Table | None, choice: Choice) -> Gathered:
    choice.check_names(shape.name for shape in values.shapes)
    keys = {key: code for code, key in enumerate(values.rows)}
    codes = position = np.arange(len(values.rows))
    rows = values.rows
    if table is None:
        faults = mixed_kinds({key: Uses() for key in values.rows})
        if faults:
            raise DataRowError("data rows are named by id and by globalKey, so they cannot be told apart", faults)
    else:
        places = _places(table)
        unknown = [key for key in values.rows if key not in places]
        if unknown:
            faults = [
                Fault(rule="unknown-data-row", message=f"no row has this {key.kind}", data_row=str(key))
                for key in unknown[:KEPT]
            ]
            raise DataRowError(f"{counted(len(unknown), 'data row')} not in the table of data rows", faults)
        # A data row that is named in two ways is one.
        places_used, first, codes = np.unique(
            np.array([places[key] for key in values.rows], np.int64), return_index=True, return_inverse=True
        )
        position = places_used
        rows = [values.rows[index] for index in first.tolist()]
        known = {place: code for code, place in enumerate(places_used.tolist())}
        keys = {key: known[place] for key, place in places.items() if place in known}
    collector = Collector()
    collector.metrics(values, codes[values.row], choice)
    return collector.gathered([str(key) for key in rows], keys, table, position)


def _places(table: pa.Table) -> dict[DataRowKey, int]:
    return {
        DataRowKey(kind, key): place
        for kind in ("id", "globalKey")
        for place, key in enumerate(table.column(kind).to_pylist())
        if key is not None
    }


def _of_evaluation(evaluation: Evaluation, choice: Choice) -> Gathered:
    results, kind = evaluation.results, evaluation.key_kind
    grid = results.grid
    choice.check_names([*built_in_names(grid), *(metric.metric_name for _, metric in evaluation.custom)])
    level = 0
    if grid.keys and choice.confidence is not None:
        level = 1 + nearest_key(grid.keys, choice.confidence, nearest=choice.nearest)
    collector = Collector(results.features, results.subclasses)
    _built_in(collector, results, level, choice)
    values = values_of(evaluation.custom, kind)
    codes = {row: code for code, row in enumerate(results.rows)}
    rows = np.array([codes[key.value] for key in values.rows], np.int64)
    collector.metrics(values, rows[values.row], choice, plain=bool(grid.keys))
    found = collector.gathered(
        [f"{kind}:{row}" for row in results.rows],
        _places(evaluation.data_rows),
        evaluation.data_rows,
        np.arange(len(results.rows)),
    )
    for about in (found.scalars.key, found.matrices.key):
        for first, *_ in repeated(about):
            row_code, name_code = about[first, :2].tolist()
            message = "a custom metric has the metric key of a built-in one"
            fault = Fault(
                rule="duplicate-metric-key",
                message=message,
                data_row=found.rows[row_code],
                metric_key=found.names[name_code],
            )
            raise InputError(message, [fault])
    return found


def _built_in(collector: Collector, results: Results, level: int, choice: Choice) -> None:
    """Counts and mean overlaps of features and subclasses at one level; data rows follow from them."""
    for groups in (results.by_feature, results.by_subclass):
        if choice.wants(MIOU):
            defined = groups.take(~np.isnan(groups.iou[level]))
            name = collector.name(MIOU, MEAN)
            collector.about(defined.row, name, defined.feature, defined.subclass, defined.iou[level])
        for is_class in (False, True):
            part = groups.take(results.is_classification[groups.feature] == is_class)
            # Answers overlap fully or not at all, so one threshold says it all.
            for index, threshold in enumerate(results.grid.thresholds[: 1 if is_class else None]):
                text = CLASSIFICATION if is_class else threshold_name(threshold)
                if choice.wants(text):
                    name = collector.name(text, MATRIX)
                    collector.about(part.row, name, part.feature, part.subclass, part.counts(index)[level])
