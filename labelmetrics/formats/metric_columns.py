"""Metric annotations as columns: made from results, checked against limits, and written as lines.

Nothing per line runs in Python: a text is made once per distinct data row, name and matrix, and lines are joined from
such texts by pyarrow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from labelmetrics.errors import Fault, InputError, LimitError, SettingError
from labelmetrics.kernels.batch import Bools, Coded, Floats, Ints
from labelmetrics.kernels.matching import stable_order
from labelmetrics.kernels.results import Matrices, Results
from labelmetrics.kernels.thresholds import Grid, threshold_name
from labelmetrics.limits import Limits
from labelmetrics.types import ConfusionMatrixMetric, ScalarMetric
from labelmetrics.types.metric import key_digests
from labelmetrics.words import counted

if TYPE_CHECKING:
    import pyarrow as pa

Level = Literal["data_row", "feature", "subclass"]
OverLimit = Literal["error", "fit", "keep"]

LEVELS: tuple[Level, ...] = ("data_row", "feature", "subclass")
BUILT_IN = ("confusion_matrix", "miou")
MIOU, CLASSIFICATION = "custom_iou", "classification"
MATRIX, MEAN = "CONFUSION_MATRIX", "ARITHMETIC_MEAN"

LINES = 1 << 14
"""Lines that are made at once."""


@dataclass(frozen=True, slots=True)
class ValueTexts:
    """Values as JSON, held as codes into texts: most metrics have the value of others.

    Parameters
    ----------
    codes : ndarray of int64, shape (n,)
        Index into ``texts``.
    texts : pyarrow.Array of string
        The texts.
    """

    codes: Ints
    texts: pa.Array

    @classmethod
    def of(cls, texts: pa.Array) -> ValueTexts:
        """One text for each value."""
        return cls(np.arange(len(texts)), texts)

    @classmethod
    def concat(cls, parts: Sequence[ValueTexts]) -> ValueTexts:
        """All parts, one below the other."""
        import pyarrow as pa

        starts = np.cumsum([0, *(len(part.texts) for part in parts)])
        codes = [part.codes + start for part, start in zip(parts, starts.tolist(), strict=False)]
        texts = pa.concat_arrays([*(part.texts for part in parts), pa.array([], pa.string())])
        return cls(np.concatenate([np.empty(0, np.int64), *codes]), texts)

    def take(self, index: NDArray[Any] | slice) -> ValueTexts:
        """The values at ``index``."""
        return ValueTexts(self.codes[index], self.texts)

    def array(self) -> pa.Array:
        """The texts, one for each value."""
        import pyarrow as pa

        return self.texts.take(pa.array(self.codes))


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricColumns:
    """Metric annotations, sorted by data row, level, metric name, feature and subclass.

    Parameters
    ----------
    kind : str
        Kind of the data-row keys.
    row : Coded of str
        Data row of each metric.
    name, feature, subclass, aggregation : Coded of str
        Metric name, feature and subclass (null where there is none), and aggregation.
    value : ValueTexts
        The value as JSON.
    uuid : Coded of str
        Given uuids; null where the uuid follows from the metric key.
    undefined : int
        Metrics that are left out, since fewer than two of their confidence keys have a value.
    fitted : bool
        Whether features have been left out to respect a limit.
    """

    kind: str
    row: Coded
    name: Coded
    feature: Coded
    subclass: Coded
    aggregation: Coded
    value: ValueTexts
    uuid: Coded
    undefined: int = 0
    fitted: bool = False

    def __len__(self) -> int:
        return len(self.row)

    def take(self, index: NDArray[Any]) -> MetricColumns:
        """The metrics at ``index`` (integers or a boolean mask)."""
        positions = np.flatnonzero(index) if index.dtype == bool else index
        coded = ("row", "name", "feature", "subclass", "aggregation", "value", "uuid")
        return replace(self, **{column: getattr(self, column).take(positions) for column in coded})

    def blocks(self) -> Iterator[MetricColumns]:
        """The metrics, so many at a time as lines are made of at once."""
        coded = ("name", "feature", "subclass", "aggregation", "uuid")
        for start in range(0, max(len(self), 1), LINES):
            span = slice(start, start + LINES)
            used, codes = np.unique(self.row.codes[span], return_inverse=True)
            yield replace(
                self,
                row=Coded(codes, [self.row.values[code] for code in used.tolist()]),
                **{name: replace(column := getattr(self, name), codes=column.codes[span]) for name in coded},
                value=self.value.take(span),
            )

    def table(self) -> pa.Table:
        """The metrics as an Arrow table."""
        import pyarrow as pa

        names = {"data_row": self.row, "metric_name": self.name, "feature_name": self.feature}
        names |= {"subclass_name": self.subclass, "aggregation": self.aggregation}
        texts = {name: pa.array(column.decode(), pa.string()) for name, column in names.items()}
        aggregation = texts.pop("aggregation")
        return pa.table({"uuid": uuids_of(self), **texts, "value": self.value.array(), "aggregation": aggregation})


def built_in_names(grid: Grid) -> dict[str, str]:
    """Names that the built-in metrics are written by, with their aggregations.

    >>> built_in_names(Grid((0.5,)))
    {'50pct_iou': 'CONFUSION_MATRIX', 'classification': 'CONFUSION_MATRIX', 'custom_iou': 'ARITHMETIC_MEAN'}
    """
    matrices = [*map(threshold_name, grid.thresholds), CLASSIFICATION]
    return {**dict.fromkeys(matrices, MATRIX), MIOU: MEAN}


def names_of(names: Any, what: str) -> set[str] | None:
    """Names that are given as one text or several; ``None`` where they are not given.

    Raises
    ------
    SettingError
        They are anything else.
    """
    if names is None:
        return None
    found = {names} if isinstance(names, str) else set(names) if isinstance(names, Collection) else None
    if found is None or not all(isinstance(name, str) for name in found):
        raise SettingError(f"{what} is a name or a list of names, got {names!r}")
    return found


def metric_columns(
    results: Results,
    kind: str,
    *,
    metrics: Collection[str],
    level: Collection[str] | None = None,
    custom: Sequence[tuple[str, ScalarMetric | ConfusionMatrixMetric]] = (),
) -> MetricColumns:
    """Metric annotations of results.

    Parameters
    ----------
    results : Results
        What was counted.
    kind : str
        Kind of the data-row keys.
    metrics : collection of str
        ``"confusion_matrix"``, ``"miou"``, the names they are written by, and names of custom metrics.
    level : collection of {"data_row", "feature", "subclass"}, optional
        Levels that are written; by default matrices by feature and mean overlaps by data row.
    custom : sequence of (data row, metric)
        Custom metrics; those named in ``metrics`` are written, whatever their level.

    Raises
    ------
    SettingError
        A level that does not exist.
    InputError
        A custom metric has the metric key of a built-in one.
    """
    unknown = sorted(set(level or ()) - set(LEVELS))
    if unknown:
        raise SettingError(f"unknown levels {', '.join(unknown)}; there are {', '.join(LEVELS)}")
    parts = _Parts(results)
    for one in LEVELS if level is None else [one for one in LEVELS if one in level]:
        if level is not None or one == "feature":
            parts.matrices(one, metrics)
        if not {"miou", MIOU}.isdisjoint(metrics) and (level is not None or one == "data_row"):
            parts.overlaps(one)
    parts.custom([(row, metric) for row, metric in custom if metric.metric_name in metrics])
    columns = _sorted(parts.columns(kind))
    if custom:
        _check_keys(columns)
    return columns


def _check_keys(columns: MetricColumns) -> None:
    """No metric key twice; metrics of one key lie together."""
    key = np.column_stack([column.codes for column in (columns.row, columns.name, columns.feature, columns.subclass)])
    twice = np.flatnonzero((key[1:] == key[:-1]).all(axis=1))
    if len(twice):
        row, *names = (
            column.take(twice[:1]).decode()[0]
            for column in (columns.row, columns.name, columns.feature, columns.subclass)
        )
        fault = Fault(
            rule="duplicate-metric-key",
            message="a custom metric has the metric key of a built-in one",
            remedy="give it another name, or leave the built-in one out (metrics=)",
            data_row=f"{columns.kind}:{row}",
            metric_key="/".join(filter(None, names)),
        )
        raise InputError("a metric key occurs more than once", [fault])


class _Parts:
    """Collects columns piece by piece."""

    def __init__(self, results: Results) -> None:
        self.results = results
        self.undefined = 0
        self.pieces: list[tuple[Coded, Coded, Coded, Coded, Coded, Any, Coded]] = []

    def matrices(self, level: Level, metrics: Collection[str]) -> None:
        results = self.results
        for is_class in (False, True):
            # Answers overlap fully or not at all, so one threshold says it all.
            for index, threshold in enumerate(results.grid.thresholds[: 1 if is_class else None]):
                name = CLASSIFICATION if is_class else threshold_name(threshold)
                if {"confusion_matrix", name}.isdisjoint(metrics):
                    continue
                if level == "data_row":
                    row, counts = results.row_counts(index, classification=is_class)
                    self._add(row, None, None, name, MATRIX, matrix_texts(counts, results.grid.keys))
                else:
                    groups = results.by_feature if level == "feature" else results.by_subclass
                    part = groups.take(results.is_classification[groups.feature] == is_class)
                    texts = matrix_texts(part.matrices(index), results.grid.keys)
                    self._add(part.row, part.feature, part.subclass, name, MATRIX, texts)

    def overlaps(self, level: Level) -> None:
        results = self.results
        feature = subclass = None
        if level == "data_row":
            row, values = results.row_iou()
        else:
            groups = results.by_feature if level == "feature" else results.by_subclass
            row, feature, subclass, values = groups.row, groups.feature, groups.subclass, groups.iou
        texts, keep = scalar_texts(values, results.grid.keys)
        self.undefined += len(keep) - int(keep.sum())
        self._add(
            row[keep],
            None if feature is None else feature[keep],
            None if subclass is None else subclass[keep],
            MIOU,
            MEAN,
            texts,
        )

    def custom(self, metrics: Sequence[tuple[str, ScalarMetric | ConfusionMatrixMetric]]) -> None:
        import orjson
        import pyarrow as pa

        if not metrics:
            return
        lines = [metric.to_line() for _, metric in metrics]
        values = [orjson.dumps(line["metricValue"]).decode() for line in lines]
        self.pieces.append(
            (
                Coded.of(row for row, _ in metrics),
                Coded.of(line.get("metricName") for line in lines),
                Coded.of(line.get("featureName") for line in lines),
                Coded.of(line.get("subclassName") for line in lines),
                Coded.of(line["aggregation"] for line in lines),
                ValueTexts.of(pa.array(values, pa.string())),
                Coded.of(line.get("uuid") for line in lines),
            )
        )

    def _add(
        self, row: Ints, feature: Ints | None, subclass: Ints | None, name: str, aggregation: str, texts: ValueTexts
    ) -> None:
        n = len(row)
        none = Coded.constant(None, n)
        self.pieces.append(
            (
                Coded(row, self.results.rows),
                Coded.constant(name, n),
                none if feature is None else Coded(feature, self.results.features),
                none if subclass is None else Coded(subclass, self.results.subclasses),
                Coded.constant(aggregation, n),
                texts,
                none,
            )
        )

    def columns(self, kind: str) -> MetricColumns:

        columns = list(zip(*self.pieces, strict=True)) or [()] * 7
        row, name, feature, subclass, aggregation, uuid = (Coded.concat(columns[i]) for i in (0, 1, 2, 3, 4, 6))
        return MetricColumns(
            kind=kind,
            row=row,
            name=name,
            feature=feature,
            subclass=subclass,
            aggregation=aggregation,
            value=ValueTexts.concat(columns[5]),
            uuid=uuid,
            undefined=self.undefined,
        )


def _ranked(column: Coded) -> tuple[Ints, int]:
    """Rank of each value by its bytes, 0 for null, and the number of ranks."""
    order = sorted(range(len(column.values)), key=column.values.__getitem__)
    rank = np.zeros(len(column.values) + 1, np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    return rank[column.codes], len(order) + 1


def _sorted(columns: MetricColumns) -> MetricColumns:
    level = (columns.feature.codes >= 0).astype(np.int64) + (columns.subclass.codes >= 0)
    key, _ = _ranked(columns.row)
    for rank, size in ((level, 3), *(_ranked(c) for c in (columns.name, columns.feature, columns.subclass))):
        key = key * size + rank
    return columns.take(stable_order(key))


def matrix_texts(counts: Matrices, keys: Sequence[float]) -> ValueTexts:
    """JSON of confusion matrices: of level 0, or of the keyed levels where there are keys."""
    import pyarrow as pa
    import pyarrow.compute as pc

    tp, fp, fn = (part[1:] if keys else part[:1] for part in counts)
    if max(int(part.max(initial=0)) for part in (tp, fp, fn)) < 1 << 21:
        # Most data rows and features have the counts of others: each distinct one is written once, in two steps.
        packed = tp << 42 | fp << 21 | fn
        position, code = _distinct_columns(packed)
        cells = pa.array(packed[:, position].ravel()).dictionary_encode()
        distinct = cells.dictionary.to_numpy()
        parts = (distinct >> 42, distinct >> 21 & (1 << 21) - 1, distinct & (1 << 21) - 1)
        texts = _matrices(*parts).take(cells.indices)
    else:
        code = np.arange(tp.shape[1])
        texts = _matrices(tp.ravel(), fp.ravel(), fn.ravel())
    if keys:
        n = len(texts) // len(keys)
        pieces: list[Any] = []
        for index, key in enumerate(keys):
            pieces += [f'{"," if index else "{"}"{key!r}":', texts.slice(index * n, n)]
        texts = pc.binary_join_element_wise(*pieces, "}", "")
    return ValueTexts(code, texts)


def _matrices(tp: Ints, fp: Ints, fn: Ints) -> pa.Array:
    import pyarrow as pa

    rows = zip(tp.tolist(), fp.tolist(), fn.tolist(), strict=True)
    return pa.array([f"[{tp},{fp},0,{fn}]" for tp, fp, fn in rows], pa.string())


def scalar_texts(values: Floats, keys: Sequence[float]) -> tuple[ValueTexts, Bools]:
    """JSON of scalars, shape (L, n), and which of the n have a value: with keys, at least two of them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not keys:
        keep = ~np.isnan(values[0])
        return ValueTexts.of(_numbers(values[0][keep])), keep
    defined = ~np.isnan(values[1:])
    keep = defined.sum(axis=0) >= 2
    kept = values[1:, keep]
    # A value stays the same from key to key until a prediction leaves: it is written where it changes.
    is_new = np.ones(kept.shape, bool)
    is_new[1:] = kept.view(np.int64)[1:] != kept.view(np.int64)[:-1]
    number = np.maximum.accumulate(np.where(is_new, np.cumsum(is_new).reshape(kept.shape) - 1, 0), axis=0)
    texts = _numbers(np.nan_to_num(kept[is_new]))
    code = np.empty(kept.shape[1], np.int64)
    joined, n = [pa.array([], pa.string())], 0
    # Nearly all have a value at each key; others up to the key beyond which nothing is left to compare.
    present = (defined[:, keep] << np.arange(len(keys))[:, None]).sum(axis=0)
    for bits in np.unique(present).tolist():
        alike = np.flatnonzero(present == bits)
        pieces: list[Any] = []
        for index, key in enumerate(keys):
            if bits >> index & 1:
                pieces += [f'{"," if pieces else "{"}"{key!r}":', texts.take(pa.array(number[index, alike]))]
        joined.append(pc.binary_join_element_wise(*pieces, "}", ""))
        code[alike] = np.arange(n, n + len(alike))
        n += len(alike)
    return ValueTexts(code, pa.concat_arrays(joined)), keep


ODD = 0x9E3779B97F4A7C15
"""Odd multiplier that spreads the bits of what it is multiplied with."""


def _distinct_columns(rows: Ints) -> tuple[Ints, Ints]:
    """Where one of each of the distinct columns of a matrix stands, and which of those each column equals."""
    import pyarrow as pa

    mixed = np.zeros(rows.shape[1], np.uint64)
    for row in rows.view(np.uint64):
        mixed = (mixed ^ row) * np.uint64(ODD)
        mixed ^= mixed >> np.uint64(32)
    encoded = pa.array(mixed).dictionary_encode()
    code = encoded.indices.to_numpy().astype(np.int64)
    position = np.empty(len(encoded.dictionary), np.int64)
    position[code[::-1]] = np.arange(len(code))[::-1]
    if (rows != rows[:, position[code]]).any():  # two unlike columns were mixed to the same number
        return np.arange(len(code)), np.arange(len(code))
    return position, code


def _numbers(values: Floats) -> pa.Array:
    """JSON of finite numbers: all made at once, and cut apart at the commas."""
    import orjson
    import pyarrow as pa

    if not len(values):
        return pa.array([], pa.string())
    text = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)
    characters = np.frombuffer(text, np.uint8)
    commas = np.flatnonzero(characters == ord(","))
    # Each number keeps the comma before it (the first one the bracket) until it is cut off.
    lengths = np.diff(np.concatenate([[0], commas, [len(text) - 1]])) - 1
    stays = np.ones(len(text), bool)
    stays[commas] = stays[0] = stays[-1] = False
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(characters[stays].tobytes())]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How many metrics data rows have, and of which features; that of other data rows can be added.

    Parameters
    ----------
    rows : int
        Data rows.
    with_metrics, over : int
        Data rows that have any metrics, and those that have more than the platform takes.
    most : int
        Metrics of the data row that has the most.
    worst : str
        Its key.
    row, feature : ndarray of int32, shape (n,)
        Data row and feature of each metric, as indices; feature is -1 for those of a data row.
    features : list of str
        The features.
    """

    rows: int = 0
    with_metrics: int = 0
    over: int = 0
    most: int = 0
    worst: str = ""
    row: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    feature: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    features: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, columns: MetricColumns, limit: int, *, by_feature: bool) -> Usage:
        """Usage of some metrics; by feature only where something may have to be left out."""
        per_row = np.bincount(columns.row.codes, minlength=len(columns.row.values))
        most = int(per_row.max(initial=0))
        found = cls(
            rows=len(per_row),
            with_metrics=int(np.count_nonzero(per_row)),
            over=int((per_row > limit).sum()),
            most=most,
            worst=f"{columns.kind}:{columns.row.values[int(per_row.argmax())]}" if most else "",
        )
        if not by_feature:
            return found
        row, feature = (column.codes.astype(np.int32) for column in (columns.row, columns.feature))
        return replace(found, row=row, feature=feature, features=list(columns.feature.values))

    @classmethod
    def sum(cls, parts: Sequence[Usage]) -> Usage:
        """Usage of all data rows together; the parts have none in common."""
        features = list(Coded.of(name for part in parts for name in part.features).values)
        codes = {name: code for code, name in enumerate(features)}
        starts = np.cumsum([0, *(part.rows for part in parts)])
        lookups = [np.array([*(codes[name] for name in part.features), -1], np.int32) for part in parts]
        worst = max(parts, key=lambda part: part.most, default=cls())
        return cls(
            rows=sum(part.rows for part in parts),
            with_metrics=sum(part.with_metrics for part in parts),
            over=sum(part.over for part in parts),
            most=worst.most,
            worst=worst.worst,
            row=np.concatenate([cls().row, *(part.row + at for part, at in zip(parts, starts.tolist(), strict=False))]),
            feature=np.concatenate(
                [cls().feature, *(lookup[part.feature] for part, lookup in zip(parts, lookups, strict=True))]
            ),
            features=features,
        )

    def kept(self, limit: int, over_limit: OverLimit, support: Mapping[str, int]) -> set[str] | None:
        """Features whose metrics are written; ``None`` where all are.

        Parameters
        ----------
        limit : int
            Most metrics of a data row.
        over_limit : {"error", "fit", "keep"}
            Whether more metrics are an error, whole features are left out, or all are kept.
        support : mapping of str to int
            Ground truths of each feature; ``"fit"`` keeps the features with most of them.

        Raises
        ------
        LimitError
            A data row has too many metrics; the error names the worst one and the ways on.
        """
        if not self.over or over_limit == "keep":
            return None
        if over_limit == "error":
            rows = counted(self.with_metrics, "data row")
            raise LimitError(
                f"{self.over:,} of {rows} {'has' if self.over == 1 else 'have'} more than {limit} metrics, which the "
                'platform refuses. Keep the features with the most ground truth (over_limit="fit", --over-limit fit), '
                "write fewer metrics (metrics=, level=; --metrics, --level), or write all of them for other readers "
                '(over_limit="keep", --over-limit keep)',
                [Fault(rule="metrics-per-data-row", message=f"{self.most} metrics", data_row=self.worst)],
            )
        room = limit - np.bincount(self.row[self.feature < 0], minlength=self.rows)
        order = np.argsort(self.feature, kind="stable")
        bounds = np.searchsorted(self.feature[order], np.arange(len(self.features) + 1))
        kept = set()
        for code in sorted(
            range(len(self.features)), key=lambda n: (-support.get(self.features[n], 0), self.features[n])
        ):
            used = np.bincount(self.row[order[bounds[code] : bounds[code + 1]]], minlength=self.rows)
            if (used <= room).all():
                room -= used
                kept.add(self.features[code])
        # Metrics of the data row alone may be too many; no feature can make room for them.
        if (room < 0).any():
            raise LimitError(f"a data row has more than {limit} metrics of its own, besides those of its features")
        return kept


def check_limit(
    columns: MetricColumns, limits: Limits, over_limit: OverLimit, support: Mapping[str, int]
) -> MetricColumns:
    """Hold the metrics of a data row to the platform's limit; see :meth:`Usage.kept`."""
    check_over_limit(over_limit)
    usage = Usage.of(columns, limits.metrics_per_data_row, by_feature=over_limit == "fit")
    kept = usage.kept(limits.metrics_per_data_row, over_limit, support)
    if kept is None:
        return columns
    stays = np.array([*(name in kept for name in columns.feature.values), True])
    return replace(columns.take(stays[columns.feature.codes]), fitted=True)


def check_over_limit(over_limit: OverLimit) -> None:
    """Refuse ways to take too many metrics that do not exist."""
    if over_limit not in get_args(OverLimit):
        raise SettingError(f"over_limit must be error, fit or keep, got {over_limit!r}")


def lines_of(columns: MetricColumns) -> pa.Array:
    """One line of NDJSON per metric, with its newline."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(
        '{"uuid":"',
        uuids_of(columns),
        f'","dataRow":{{"{columns.kind}":',
        _written(columns.row),
        "}",
        _written(columns.name, ',"metricName":'),
        _written(columns.feature, ',"featureName":'),
        _written(columns.subclass, ',"subclassName":'),
        ',"metricValue":',
        columns.value.array(),
        _written(columns.aggregation, ',"aggregation":'),
        "}\n",
        pa.scalar(""),
    )


def _written(column: Coded, before: str = "") -> pa.Array:
    """JSON of each value, with what stands before it; nothing for null."""
    import orjson

    values = list(column.values)
    if b"\\" in orjson.dumps(values):
        texts = [before + orjson.dumps(value).decode() for value in values]
    else:
        texts = [f'{before}"{value}"' for value in values]  # nothing in them is escaped
    return _taken(column.codes, texts)


def _taken(codes: Ints, texts: Sequence[str]) -> pa.Array:
    """A text for each code; an empty one for null."""
    import pyarrow as pa

    return pa.array([*texts, ""], pa.string()).take(pa.array(np.where(codes < 0, len(texts), codes)))


def uuids_of(columns: MetricColumns) -> pa.Array:
    """Uuid of each metric: the given one, else the one that follows from its key."""
    import pyarrow as pa
    import pyarrow.compute as pc

    row = Coded(columns.row.codes, [f"{columns.kind}:{value}" for value in columns.row.values])
    made = key_uuids(row, columns.name, columns.feature, columns.subclass)
    if (columns.uuid.codes < 0).all():
        return made
    given = _taken(columns.uuid.codes, columns.uuid.values)
    return pc.if_else(pa.array(columns.uuid.codes >= 0), given, made)


def key_uuids(data_row: Coded, name: Coded, feature: Coded, subclass: Coded) -> pa.Array:
    """Uuids that follow from metric keys; a data row is its kind, a colon and its value.

    The same as :func:`labelmetrics.types.metric.metric_uuid`, in columns: one digest per distinct part of the keys.
    """
    n = len(data_row)
    high, low = np.zeros(n, np.uint64), np.zeros(n, np.uint64)
    parts = {"data_row": data_row, "metric": name, "feature": feature, "subclass": subclass}
    for part, column in parts.items():
        table = np.append(
            np.frombuffer(key_digests(part, column.values), ">u8").astype(np.uint64), np.zeros(2, np.uint64)
        ).reshape(-1, 2)
        high ^= table[column.codes, 0]
        low ^= table[column.codes, 1]
    return uuid_texts(high, low)


def uuid_texts(high: NDArray[np.uint64], low: NDArray[np.uint64]) -> pa.Array:
    """Text of the uuids that digests of metric keys make, given as two words of 64 bits each."""
    import pyarrow as pa

    high = high & np.uint64(0xFFFF_FFFF_FFFF_0FFF) | np.uint64(0x8000)
    low = low & np.uint64(0x3FFF_FFFF_FFFF_FFFF) | np.uint64(0x8000_0000_0000_0000)
    words = np.column_stack([high, low])
    n = len(words)
    digits = HEX[words.astype(">u8").view(np.uint8)].view(np.uint8).reshape(n, 32)
    text = np.full((n, 36), ord("-"), np.uint8)
    for start, length, place in ((0, 8, 0), (8, 4, 9), (12, 4, 14), (16, 4, 19), (20, 12, 24)):
        text[:, place : place + length] = digits[:, start : start + length]
    offsets = pa.py_buffer(np.arange(0, 36 * (n + 1), 36, dtype=np.int32))
    return pa.Array.from_buffers(pa.string(), n, [None, offsets, pa.py_buffer(text)])


HEX = np.frombuffer(bytes(range(256)).hex().encode(), np.uint16)
"""The two hexadecimal digits of each octet."""
