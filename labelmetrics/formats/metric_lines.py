"""Metric annotations read into columns, from files, lines or models.

What a line says besides its data row and its numbers (metric name, feature, subclass, aggregation, confidence keys)
is its *shape*. There are few shapes and many lines: a shape is checked by the models once, and of the lines that share
it only the numbers are looked at. Whatever is not quite as expected goes to the models, which say what is wrong.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson

from labelmetrics.errors import Fault, InputError, LabelmetricsError
from labelmetrics.formats.ndjson import parse_json, parse_line, read_lines, to_lines
from labelmetrics.kernels.batch import DataRowKey, Ints
from labelmetrics.types import ConfusionMatrixMetric, Label, ScalarMetric
from labelmetrics.types.annotation import GEOMETRY_KEYS
from labelmetrics.types.base import Annotation, kind_of_value
from labelmetrics.words import counted

__all__ = ["Entry", "MetricReader", "MetricShape", "MetricValues", "each_line", "entries", "is_metric", "lines_of"]

GREATEST_COUNT = 2**62
KEPT = 1000
"""Faults that an error holds; beyond them they are counted."""
_FIELDS = frozenset(
    {"uuid", "dataRow", "metricName", "metricValue", "featureName", "subclassName", "aggregation"},
)
_METRIC = frozenset({"metricName", "metricValue", "featureName", "subclassName", "aggregation"})
_ANNOTATION = GEOMETRY_KEYS | {"answer", "segments", "masks"}
_KINDS = ("id", "globalKey")
_NUMBERS = frozenset({int, float})
_PLAIN = frozenset({int, float, list, dict})


class Entry(NamedTuple):
    """One line, annotation or label of an input, and where it stands."""

    file: str | None
    line: int
    item: Any


def entries(source: Any, on_error: Callable[[InputError], object] | None = None) -> Iterator[Entry]:
    """Everything that an input holds, one by one.

    Parameters
    ----------
    source : path, open file, or iterable of paths, lines, annotations and labels
        Paths name NDJSON (also gzip and zstd) or a JSON array of lines; ``"-"`` is standard input. Lines are mappings,
        or bytes of JSON.
    on_error : callable, optional
        Called where a file cannot be read to its end, which without it is an error; a file that cannot be opened is
        one in any case.

    Yields
    ------
    Entry
        Bytes, mappings, annotations and labels, as they are.

    Raises
    ------
    InputError
        A file cannot be read, or the source is nothing of the above.
    """
    if isinstance(source, Label | Annotation):
        raise InputError(f"expected a path or a list, got one {type(source).__name__}: put it into a list")
    if isinstance(source, str | Path) or hasattr(source, "read"):
        name = str(source) if isinstance(source, str | Path) else getattr(source, "name", None)
        try:
            for number, text in read_lines(source):
                yield Entry(None if name is None else str(name), number, text)
        except InputError as error:
            if on_error is None or not error.faults:
                raise
            on_error(error)
    elif isinstance(source, Iterable) and not isinstance(source, Mapping | bytes):
        for number, item in enumerate(source, 1):
            if isinstance(item, str | Path):
                yield from entries(item, on_error)
            else:
                yield Entry(None, number, item)
    else:
        raise InputError(f"expected a path or lines, got {kind_of_value(source)}")


def each_line(
    source: Any,
    use: Callable[[Any, str | None, int], object],
    use_text: Callable[[bytes, str | None, int], bool] | None = None,
) -> None:
    """Use every line of an input, with its file and number.

    Parameters
    ----------
    source : path, open file, or iterable of paths, lines, annotations and labels
        As for :func:`entries`.
    use : callable
        Raises InputError where a line cannot be used.
    use_text : callable, optional
        Given lines of files as they are written; those that it does not use (``False``) are parsed and used.

    Raises
    ------
    InputError
        With the faults of all lines that cannot be used.
    """
    faults: list[Fault] = []
    bad = 0
    for file, number, item in entries(source):
        try:
            if use_text is not None and isinstance(item, bytes) and use_text(item, file, number):
                continue
            for line in lines_of(item):
                use(line, file, number)
        except InputError as error:
            bad += 1
            if len(faults) < KEPT:
                faults += [replace(fault, file=file, line=number) for fault in error.faults]
    if bad:
        raise InputError(f"{counted(bad, 'line')} cannot be read", faults)


def lines_of(item: Any) -> list[Any]:
    """The lines that an item of an input is: parsed if it is text, several if it is a label.

    Raises
    ------
    InputError
        It is no JSON, or a label or annotation that cannot be written as lines.
    """
    if isinstance(item, bytes):
        try:
            return [orjson.loads(item)]
        except orjson.JSONDecodeError:
            return [parse_json(item)]  # raises, and says where
    try:
        if isinstance(item, Label):
            return list(to_lines(item))
        return [item.to_line() if isinstance(item, Annotation) else item]
    except LabelmetricsError as error:
        faults = getattr(error, "faults", ()) or [Fault(rule="annotation", message=str(error))]
        raise InputError("an annotation cannot be read", faults) from None


def is_metric(line: Any) -> bool:
    """Whether a line is, or is meant to be, a metric and no other annotation."""
    return not isinstance(line, Mapping) or not _METRIC.isdisjoint(line) or _ANNOTATION.isdisjoint(line)


class MetricShape(NamedTuple):
    """What metric lines have in common; ``keys`` are the rising confidence keys, ``None`` for a plain value."""

    name: str | None
    feature: str | None
    subclass: str | None
    aggregation: str
    keys: tuple[float, ...] | None

    @property
    def is_matrix(self) -> bool:
        return self.aggregation == "CONFUSION_MATRIX"

    def __str__(self) -> str:
        name = "(no name)" if self.name is None else self.name
        return " / ".join(part for part in (name, self.feature, self.subclass) if part is not None)


@dataclass(frozen=True, slots=True)
class MetricValues:
    """Metric annotations as columns; ``n`` of them.

    Parameters
    ----------
    rows : list of DataRowKey
        Data rows, in the order in which they first occur.
    shapes : list of MetricShape
        Shapes, likewise.
    files : list of str or None
        Files.
    row, shape, file, line : ndarray of int64, shape (n,)
        Data row, shape and place of each metric.
    offset : ndarray of int64, shape (n,)
        Where its numbers begin in ``scalars`` or ``counts``: one for each confidence key, or one alone.
    scalars : ndarray of float64
        Numbers of scalar metrics.
    counts : ndarray of int64, shape (m, 4)
        Counts of confusion matrices.
    """

    rows: list[DataRowKey]
    shapes: list[MetricShape]
    files: list[str | None]
    row: Ints
    shape: Ints
    file: Ints
    line: Ints
    offset: Ints
    scalars: np.ndarray[tuple[int], np.dtype[np.float64]]
    counts: np.ndarray[tuple[int, int], np.dtype[np.int64]]

    def __len__(self) -> int:
        return len(self.row)

    def take(self, index: Ints) -> MetricValues:
        """The metrics at ``index``; their numbers stay where they are."""
        columns = ("row", "shape", "file", "line", "offset")
        return replace(self, **{name: getattr(self, name)[index] for name in columns})

    def place(self, index: int) -> dict[str, Any]:
        """File, line, data row and metric key of one metric, as faults have them."""
        return {
            "file": self.files[self.file[index]],
            "line": int(self.line[index]),
            "data_row": str(self.rows[self.row[index]]),
            "metric_key": str(self.shapes[self.shape[index]]),
        }


class About(NamedTuple):
    """What a line of a metric names: its uuid, and its data row."""

    uuid: str | None
    row: DataRowKey


# The beginning of a line as most writers make it: nothing in it is escaped. What follows is told apart by its value.
_BEGINNING = re.compile(
    rb'\{(?:"uuid": ?"([^"\\\x00-\x1f]*+)", ?)?+"dataRow": ?\{("(id|globalKey)": ?"([^"\\\x00-\x1f]++)")\}, ?'
)
_VALUE = b'"metricValue":'
_ENDS = {ord("{"): b"}", ord("["): b"]"}
_ONLY_ONCE = (b'"uuid"', b'"dataRow"', b'"metricValue"')
VALUES_KEPT = 50_000
"""Texts of values that are remembered."""
VALUE_BYTES = 4_000
"""Longest text of a value that is remembered."""


class _Value(NamedTuple):
    """Numbers that a text of a value holds: which sort it is (keys, and whether it is a matrix), and their bytes."""

    sort: int
    is_matrix: bool
    numbers: bytes


class MetricReader:
    """Collects metric annotations; :meth:`values` gives them as columns.

    Examples
    --------
    >>> reader = MetricReader()
    >>> reader.add({"dataRow": {"id": "r1"}, "metricName": "count", "metricValue": 3, "aggregation": "SUM"}, None, 1)
    >>> reader.values().scalars.tolist()
    [3.0]
    """

    def __init__(self) -> None:
        self._shapes: dict[MetricShape, int] = {}
        self._shapes_by_code: dict[int, MetricShape] = {}
        # What lines have in common as it is written, its shape, and where the numbers of the rising keys stand.
        self._known: dict[Any, tuple[int, list[int] | None]] = {}
        # The same for lines as texts: what stands around the value and which sort it is, the sorts, and the values.
        self._around: dict[tuple[bytes, bytes, int], int] = {}
        self._sorts: dict[tuple[tuple[float, ...] | None, bool], int] = {}
        self._written: dict[tuple[tuple[str, ...] | None, bool], tuple[int, list[int] | None]] = {}
        self._numbers: dict[bytes, _Value] = {}
        # Lines of one data row mostly follow each other: how the last one is written, and which it is.
        self._last_row = b"", DataRowKey("", "")
        self.restart()

    def restart(self) -> None:
        """Forget what was added, but not what was learnt of how lines are written."""
        self._rows: dict[tuple[str, str], int] = {}
        self._files: dict[str | None, int] = {}
        self._keys: list[DataRowKey] = []
        self._row, self._shape, self._file, self._line = (array("q") for _ in range(4))
        self._forget()

    def _forget(self) -> None:
        self._drained = len(self._row)
        self._offset, self._scalars, self._counts = array("q"), array("d"), array("q")

    def __len__(self) -> int:
        return len(self._row)

    def add(self, line: Any, file: str | None, number: int) -> None:
        """Add the metric of one line.

        Raises
        ------
        InputError
            The line is not that of a metric; nothing has been added.
        """
        try:
            added = self._add_known(line)
        except (AttributeError, KeyError, OverflowError, StopIteration, TypeError, ValueError):
            added = False  # not as expected, so not as known
        if not added:
            self._add_checked(line)
        self._file.append(self._files.setdefault(file, len(self._files)))
        self._line.append(number)

    def add_text(self, text: bytes, file: str | None, number: int) -> About | None:
        """Add the metric of one line of NDJSON.

        Values are the longest part of most lines, and most lines have the value of another one: what its text says is
        remembered.

        Returns
        -------
        About or None
            What it names; ``None`` where the line is not written as most are, and has not been added: read it, and
            :meth:`add` what it says.
        """
        beginning = _BEGINNING.match(text)
        if beginning is None:
            return None
        middle = beginning.end()
        name = text.find(_VALUE, middle)
        start = name + len(_VALUE) + (text[name + len(_VALUE) : name + len(_VALUE) + 1] == b" ")
        if name < 0 or start >= len(text):
            return None
        closing = _ENDS.get(text[start])
        end = text.find(b",", start) if closing is None else text.find(closing, start) + 1
        if end <= start:
            return None
        value = text[start:end]
        around = text[middle:name], text[end:]
        uuid, row = beginning.group(1, 2)
        try:
            if row != self._last_row[0]:
                self._last_row = row, DataRowKey(beginning[3].decode(), beginning[4].decode())
            about = About(None if uuid is None else uuid.decode(), self._last_row[1])
        except UnicodeDecodeError:
            return None
        known = self._numbers.get(value) or self._parsed(value)
        shape = None if known is None else self._around.get((*around, known.sort))
        if known is None or shape is None:
            return about if self._learn(text, file, number, around, value) else None
        self._row.append(self._code(about.row))
        self._shape.append(shape)
        if known.is_matrix:
            self._offset.append(len(self._counts) // 4)
            self._counts.frombytes(known.numbers)
        else:
            self._offset.append(len(self._scalars))
            self._scalars.frombytes(known.numbers)
        self._file.append(self._files.setdefault(file, len(self._files)))
        self._line.append(number)
        return about

    def _parsed(self, text: bytes) -> _Value | None:
        """What the text of a value says, where other values are written alike; ``None`` where it may not be sound."""
        try:
            value = orjson.loads(text)
            is_matrix = _is_matrix(value)
            sort, order = self._written[tuple(value) if type(value) is dict else None, is_matrix]
            numbers = _numbers_of(value, is_matrix, order)
        except (AttributeError, KeyError, OverflowError, StopIteration, TypeError, ValueError):
            return None
        if numbers is None:
            return None
        return self._remember(text, _Value(sort, is_matrix, array("q" if is_matrix else "d", numbers).tobytes()))

    def _remember(self, text: bytes, value: _Value) -> _Value:
        if len(text) <= VALUE_BYTES:
            if len(self._numbers) >= VALUES_KEPT:
                self._numbers.clear()
            self._numbers[text] = value
        return value

    def _learn(self, text: bytes, file: str | None, number: int, around: tuple[bytes, bytes], value: bytes) -> bool:
        """Add a line whose value or surroundings are new, and remember them; ``False`` where it is no plain line."""
        before, behind = around
        if any(name in before or name in behind for name in _ONLY_ONCE):
            return False
        try:
            line = orjson.loads(text)
        except orjson.JSONDecodeError:
            return False
        self.add(line, file, number)
        shape = self._shape[-1]
        found = self._shapes_by_code[shape]
        sort = self._sorts.setdefault((found.keys, found.is_matrix), len(self._sorts))
        self._around[(*around, sort)] = shape
        written = line["metricValue"]
        self._written[tuple(written) if type(written) is dict else None, found.is_matrix] = sort, _order(written)
        stored = self._counts if found.is_matrix else self._scalars
        first = self._offset[-1] * (4 if found.is_matrix else 1)
        self._remember(value, _Value(sort, found.is_matrix, stored[first:].tobytes()))
        return True

    def _add_known(self, line: Any) -> bool:
        """Add a line whose shape is known; ``False``, or any error of the kinds above, where it may not be sound."""
        row = line["dataRow"]
        ((kind, key),) = row.items()
        value = line["metricValue"]
        is_matrix = _is_matrix(value)
        shape, order = self._known[_common(line, is_matrix)]
        if not (type(key) is str and kind in _KINDS and line.keys() <= _FIELDS and type(line.get("uuid", "")) is str):
            return False
        numbers = _numbers_of(value, is_matrix, order)
        if numbers is None:
            return False
        self._append((kind, key), shape, is_matrix, numbers)
        return True

    def _add_checked(self, line: Any) -> None:
        parsed = parse_line(line)
        (data_row, metric), *_ = parsed
        if not isinstance(metric, ScalarMetric | ConfusionMatrixMetric):
            raise InputError(
                "a line cannot be read",
                [Fault(rule="kind", message="expected a metric", path="$", data_row=str(data_row))],
            )
        value: Any = metric.value
        keys = tuple(value) if isinstance(value, dict) else None
        numbers = [*value.values()] if isinstance(value, dict) else [value]
        is_matrix = isinstance(metric, ConfusionMatrixMetric)
        if is_matrix:
            numbers = [*chain.from_iterable(numbers)]
            if max(numbers) > GREATEST_COUNT:
                message = f"counts of more than {GREATEST_COUNT:,} cannot be added up"
                raise InputError(
                    "a line cannot be read",
                    [Fault(rule="count-max", message=message, path="$.metricValue", data_row=str(data_row))],
                )
        shape = MetricShape(
            metric.metric_name, metric.feature_name, metric.subclass_name, metric.aggregation.value, keys
        )
        code = self._shapes.setdefault(shape, len(self._shapes))
        self._shapes_by_code[code] = shape
        self._append(data_row, code, is_matrix, numbers)
        written = line["metricValue"]
        if type(written) in _PLAIN:
            self._known[_common(line, is_matrix)] = code, _order(written)

    def _append(self, row: tuple[str, str], shape: int, is_matrix: bool, numbers: list[Any]) -> None:
        self._row.append(self._code(row))
        self._shape.append(shape)
        if is_matrix:
            self._offset.append(len(self._counts) // 4)
            self._counts.extend(numbers)
        else:
            self._offset.append(len(self._scalars))
            self._scalars.extend(numbers)

    def _code(self, row: tuple[str, str]) -> int:
        code = self._rows.setdefault(row, len(self._rows))
        if code == len(self._keys):
            self._keys.append(DataRowKey(*row))
        return code

    @property
    def last_row(self) -> int:
        """Number of the data row of the metric that was added last."""
        return self._row[-1]

    def row(self, number: int) -> DataRowKey:
        """The data row with a number."""
        return self._keys[number]

    def values(self) -> MetricValues:
        """All metrics that were added; without their numbers where some have been drained."""
        return self._values(0)

    def drain(self) -> MetricValues:
        """The metrics that were added since the last time, with their numbers, which are forgotten."""
        drained = self._values(self._drained)
        self._forget()
        return drained

    def _values(self, start: int) -> MetricValues:
        return MetricValues(
            rows=self._keys,
            shapes=list(self._shapes),
            files=list(self._files),
            row=np.array(self._row[start:], np.int64),
            shape=np.array(self._shape[start:], np.int64),
            file=np.array(self._file[start:], np.int64),
            line=np.array(self._line[start:], np.int64),
            offset=np.array(self._offset, np.int64),
            scalars=np.array(self._scalars, np.float64),
            counts=np.array(self._counts, np.int64).reshape(-1, 4),
        )


def _order(value: Any) -> list[int] | None:
    """Where the numbers of the rising keys of a value stand; ``None`` where they stand in their order."""
    if type(value) is not dict:
        return None
    order = sorted(range(len(value)), key=[float(key) for key in value].__getitem__)
    return None if order == [*range(len(value))] else order


def _is_matrix(value: Any) -> bool:
    """Whether a value is a confusion matrix, or holds some; any error where it holds nothing."""
    return type(next(iter(value.values())) if type(value) is dict else value) is list


def _numbers_of(value: Any, is_matrix: bool, order: list[int] | None) -> list[Any] | None:
    """Numbers of a value by rising keys, ``order`` being where they stand; ``None`` where they may not be sound."""
    numbers: Any = [*value.values()] if type(value) is dict else [value]
    if order is not None:
        numbers = [numbers[i] for i in order]
    if is_matrix:
        if {*map(type, numbers)} != {list} or {*map(len, numbers)} != {4}:
            return None
        numbers = [*chain.from_iterable(numbers)]
        if {*map(type, numbers)} != {int} or min(numbers) < 0 or max(numbers) > GREATEST_COUNT:
            return None
    elif not ({*map(type, numbers)} <= _NUMBERS and all(map(math.isfinite, numbers))):
        return None
    return numbers  # type: ignore[no-any-return]


def _common(line: Any, is_matrix: bool) -> tuple[Any, ...]:
    """All that a line says besides its data row, its uuid and its numbers, as it is written."""
    value = line["metricValue"]
    get = line.get
    return (
        get("metricName"),
        get("featureName"),
        get("subclassName"),
        get("aggregation"),
        is_matrix,
        tuple(value) if isinstance(value, dict) else None,
    )
