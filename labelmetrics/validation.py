"""Validation: every fault of metric and prediction lines at once, each with its place and how to mend it."""

from __future__ import annotations

import warnings
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from labelmetrics.errors import Fault, InputError, LabelmetricsWarning
from labelmetrics.formats.data_rows import read_data_rows
from labelmetrics.formats.known import Known, Names, Uses, mixed_kinds
from labelmetrics.formats.metric_columns import names_of
from labelmetrics.formats.metric_faults import (
    duplicate_keys,
    too_many_metrics,
    two_aggregations,
    unlike_keys,
    values_beyond_limits,
)
from labelmetrics.formats.metric_lines import Entry, MetricReader, MetricValues, entries, is_metric, lines_of
from labelmetrics.formats.ndjson import Parsed, parse_line
from labelmetrics.frame import SHOWN, html_table
from labelmetrics.kernels.aggregation import repeated
from labelmetrics.kernels.batch import DataRowKey
from labelmetrics.limits import Limits
from labelmetrics.types import ClassificationAnnotation, VideoMaskAnnotation
from labelmetrics.words import counted

__all__ = ["Report", "validate"]

KEPT = 10_000
"""Faults that a report holds; beyond them they are counted."""

HELD = 1 << 15
"""Metrics whose numbers are held at a time."""

REMEDIES = {
    "encoding": "write the file in UTF-8",
    "kind": "give it a metricValue, an answer or a geometry",
    "missing": "add it",
    "syntax": "write one JSON object a line",
    "type": "write numbers as numbers, texts as texts",
    "unknown-field": "leave it out",
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Report:
    """What :func:`validate` found.

    Parameters
    ----------
    faults : tuple of Fault
        The faults by file and line, at most 10,000 of them.
    rules : mapping of str to int
        How many faults there are by rule, those that are not held included.
    lines : int
        Lines that were read, blank ones aside.
    metrics, annotations : int
        Lines that are metrics and other annotations, without those that cannot be read.
    data_rows : int
        Data rows that they name.

    Examples
    --------
    >>> report = validate([{"dataRow": {"id": "r1"}, "metricName": "iou", "metricValue": 0.5}])
    >>> report.ok, report.by_rule()
    (False, {'reserved-name': 1})
    """

    faults: tuple[Fault, ...]
    rules: Mapping[str, int]
    lines: int
    metrics: int
    annotations: int
    data_rows: int

    @property
    def ok(self) -> bool:
        """Whether there is no fault."""
        return not self.rules

    @property
    def fault_count(self) -> int:
        """How many faults there are, those that are not held included."""
        return sum(self.rules.values())

    def by_rule(self) -> dict[str, int]:
        """How many faults there are by rule, the most frequent first."""
        return dict(sorted(self.rules.items(), key=lambda pair: (-pair[1], pair[0])))

    def raise_for_faults(self) -> None:
        """Raise if there is any fault.

        Raises
        ------
        InputError
            With the faults.
        """
        if not self.ok:
            raise InputError(self._title(), self.faults)

    def to_dicts(self) -> list[dict[str, Any]]:
        """The faults as dicts, without what they do not say."""
        return [{name: value for name, value in asdict(fault).items() if value is not None} for fault in self.faults]

    def __repr__(self) -> str:
        more = self.fault_count - len(self.faults)
        return "\n".join([self._title(), *map(str, self.faults), *([f"... and {more:,} more"] if more else [])])

    def _repr_html_(self) -> str:
        names = ("file", "line", "path", "data row", "metric", "message", "remedy", "rule")
        rows = (
            (f.file, f.line, f.path, f.data_row, f.metric_key, f.message, f.remedy, f.rule)
            for f in islice(self.faults, SHOWN)
        )
        more = f"; the first {SHOWN}:" if self.fault_count > SHOWN else ""
        return html_table(names, ([value or "" for value in row] for row in rows), self._title() + more)

    def _title(self) -> str:
        found = "no faults" if self.ok else counted(self.fault_count, "fault")
        return (
            f"{found} in {counted(self.lines, 'line')}: {counted(self.metrics, 'metric')}, "
            f"{counted(self.annotations, 'other annotation')}, {counted(self.data_rows, 'data row')}"
        )


def validate(
    source: Any,
    *,
    limits: Limits | None = None,
    ground_truth: Any = None,
    known_features: Collection[str] | None = None,
    data_rows: Any = None,
) -> Report:
    """Check metric lines, which may stand among prediction lines, against every rule.

    The rules: the types; the platform's limits; every metric key and uuid once; one aggregation and one set of
    confidence keys per metric name (a scalar may be undefined at some keys, a confusion matrix not); data rows named
    in one way; and if the ground truth is given, no data row and no feature that it does not have.

    Parameters
    ----------
    source : path, or iterable of paths, lines, annotations and labels
        All of it is one input. Paths name NDJSON (also gzip and zstd); ``"-"`` is standard input.
    limits : Limits, optional
        The platform's limits.
    ground_truth : path, Arrow table, or iterable of labels or of annotation lines, optional
        What data rows and features are known; also an ``Evaluation``.
    known_features : collection of str, optional
        Features that are known, besides those of the ground truth.
    data_rows : path, Arrow table, DataFrame or iterable of mappings, optional
        Table of data rows that are known, besides those of the ground truth. With it, they may be named by id and by
        globalKey.

    Returns
    -------
    Report
        All faults.

    Raises
    ------
    InputError
        The source cannot be opened, or the ground truth or the table of data rows cannot be read.

    Examples
    --------
    >>> line = {"dataRow": {"id": "r1"}, "metricName": "m", "metricValue": 1}
    >>> validate([line]).ok
    True
    >>> print(validate([line, line | {"metricValue": -1}]).faults[0])
    line 2: data row id:r1: metric m: the same metric key as line 1 (keep one of them) [duplicate-metric-key]
    """
    limits = limits or Limits()
    table = None if data_rows is None else read_data_rows(data_rows)
    known = Known.of(ground_truth, names_of(known_features, "known_features"), table)
    check = Check(limits)
    for entry in entries(source, lambda error: check.log.extend(error.faults)):
        check.add(entry)
    named = source if isinstance(source, list) else [source]
    if not check.lines and any(isinstance(one, str | Path) for one in named):
        warnings.warn("there are no lines to check", LabelmetricsWarning, stacklevel=2)
    check.finish(known, is_one_kind=table is None)
    return check.report()


@dataclass(slots=True)
class _Log:
    """Faults, up to a number in full."""

    faults: list[Fault] = field(default_factory=list)
    rules: Counter[str] = field(default_factory=Counter)
    files: dict[str | None, int] = field(default_factory=dict)

    def extend(self, faults: Iterable[Fault]) -> None:
        for fault in faults:
            self.rules[fault.rule] += 1
            if len(self.faults) < KEPT:
                self.faults.append(fault)

    def add(self, other: _Log) -> None:
        self.rules += other.rules
        self.faults += other.faults[: KEPT - len(self.faults)]

    def sorted(self) -> tuple[Fault, ...]:
        last = len(self.files)
        return tuple(sorted(self.faults, key=lambda f: (self.files.get(f.file, last), f.line is None, f.line or 0)))


class Check:
    """One run over an input.

    Parameters
    ----------
    limits : Limits
        The platform's limits.
    use : callable, optional
        Given the metrics, some at a time, with their numbers: these are not held.
    """

    def __init__(self, limits: Limits, use: Callable[[MetricValues], object] | None = None) -> None:
        self.limits, self.use = limits, use
        self.log, self._of_numbers = _Log(), _Log()
        self.reader = MetricReader()
        self.lines = self.annotations = 0
        self.named = array("b")
        """Of each metric 0, 1 or 2: it has no uuid, null as uuid, or one."""
        # Of each line with a uuid its digest, and file, line and data row (those of annotations count from -1 down).
        self._uuids, self._places = bytearray(), array("q")
        self._annotated: dict[DataRowKey, int] = {}
        # What the other annotations name.
        self.rows: dict[DataRowKey, Uses] = {}
        self.features: dict[Names, Uses] = {}

    def add(self, entry: Entry) -> None:
        """Check all that one entry says by itself."""
        self.log.files.setdefault(entry.file, len(self.log.files))
        if isinstance(entry.item, bytes) and self._add_text(entry, entry.item):
            return
        try:
            lines = lines_of(entry.item)
        except InputError as error:
            self.lines += 1
            self._refuse(entry, None, error)
            return
        for line in lines:
            self.lines += 1
            try:
                if is_metric(line):
                    self.reader.add(line, entry.file, entry.line)
                    row = self._added(0 if "uuid" not in line else 1 if line["uuid"] is None else 2)
                else:
                    row = -1 - self._annotation(entry, parse_line(line))
            except InputError as error:
                self._refuse(entry, line, error)
            else:
                self._uuid(entry, line.get("uuid"), row)

    def _add_text(self, entry: Entry, text: bytes) -> bool:
        """Add the metric of a line that is written as most are; ``False`` where it has to be looked at closely."""
        try:
            about = self.reader.add_text(text, entry.file, entry.line)
        except InputError:
            return False
        if about is None:
            return False
        self.lines += 1
        self._uuid(entry, about.uuid, self._added(0 if about.uuid is None else 2))
        return True

    def _added(self, named: int) -> int:
        """Note that a metric was added; returns the number of its data row."""
        self.named.append(named)
        row = self.reader.last_row
        if not len(self.reader) % HELD:
            self._drain()
        return row

    def _refuse(self, entry: Entry, line: Any, error: InputError) -> None:
        names = (
            [line.get(name) for name in ("metricName", "featureName", "subclassName")]
            if isinstance(line, Mapping)
            else []
        )
        key = " / ".join(name for name in names if isinstance(name, str)) or None
        self.log.extend(
            replace(
                fault,
                file=entry.file,
                line=entry.line,
                metric_key=fault.metric_key or key,
                remedy=fault.remedy or REMEDIES.get(fault.rule),
            )
            for fault in error.faults or [Fault(rule="line", message=str(error))]
        )

    def _uuid(self, entry: Entry, uuid: str | None, row: int) -> None:
        if uuid is not None:
            self._uuids += blake2b(uuid.encode("utf-8", "surrogatepass"), digest_size=16).digest()
            self._places.extend((self.log.files[entry.file], entry.line, row))

    def _repeated_uuids(self) -> Iterator[Fault]:
        files, rows = list(self.log.files), list(self._annotated)
        places = np.array(self._places, np.int64).reshape(-1, 3)
        for first, *rest in repeated(np.frombuffer(self._uuids, np.int64).reshape(-1, 2)):
            file, number, _ = places[first].tolist()
            where = f"line {number}" + (f" of {files[file]}" if files[file] is not None else "")
            for index in rest:
                file, number, row = places[index].tolist()
                yield Fault(
                    rule="duplicate-uuid",
                    message=f"the same uuid as {where}",
                    remedy="give every line a uuid of its own, or none",
                    file=files[file],
                    line=number,
                    path="$.uuid",
                    data_row=str(self.reader.row(row) if row >= 0 else rows[-1 - row]),
                )

    def _annotation(self, entry: Entry, parsed: list[Parsed]) -> int:
        """Note what an annotation names; returns the number of its data row."""
        self.annotations += 1
        self._use(self.rows, parsed[0].data_row, entry)
        for names in dict.fromkeys(names for one in parsed for names in _features(one.annotation)):
            self._use(self.features, names, entry)
        return self._annotated.setdefault(parsed[0].data_row, len(self._annotated))

    @staticmethod
    def _use(uses: dict[Any, Uses], what: Any, entry: Entry) -> None:
        uses.setdefault(what, Uses(entry.file, entry.line)).count += 1

    def _drain(self) -> None:
        values = self.reader.drain()
        self._of_numbers.extend(values_beyond_limits(values, self.limits))
        if self.use is not None:
            self.use(values)

    def finish(self, known: Known, *, is_one_kind: bool) -> None:
        """Check what only all lines together say."""
        self._drain()
        limits, values = self.limits, self.reader.values()
        for faults in (
            duplicate_keys(values, values.row),
            two_aggregations(values),
            unlike_keys(values),
            too_many_metrics(values, limits.metrics_per_data_row),
            self._repeated_uuids(),
        ):
            self.log.extend(faults)
        self.log.add(self._of_numbers)
        self._of_metrics(values)
        if is_one_kind:
            self.log.extend(mixed_kinds(self.rows))
        if len(self.rows) > limits.data_rows_per_run:
            message = f"{len(self.rows):,} data rows, a model run takes {limits.data_rows_per_run:,}"
            self.log.extend([Fault(rule="data-rows-per-run", message=message, remedy="divide them among runs")])
        self.log.extend(known.unknown_rows(self.rows))
        self.log.extend(known.unknown_features(self.features))

    def _of_metrics(self, values: MetricValues) -> None:
        """Note what metrics name."""

        def note(uses: dict[Any, Uses], what: Any, first: int, count: int) -> None:
            place = values.place(first)
            use = Uses(place["file"], place["line"], count)
            uses.setdefault(what, Uses(use.file, use.line)).add(use)

        for code, first, count in zip(*np.unique(values.row, return_index=True, return_counts=True), strict=True):
            note(self.rows, values.rows[code], first, int(count))
        for code, first, count in zip(*np.unique(values.shape, return_index=True, return_counts=True), strict=True):
            if values.shapes[code].feature is not None:
                note(self.features, (values.shapes[code].feature,), first, int(count))

    def report(self) -> Report:
        return Report(
            faults=self.log.sorted(),
            rules=dict(self.log.rules),
            lines=self.lines,
            metrics=len(self.reader),
            annotations=self.annotations,
            data_rows=len(self.rows),
        )


def _features(annotation: Any) -> Iterator[Names]:
    """Features that an annotation names: of objects, or of the answers to a question."""
    if isinstance(annotation, VideoMaskAnnotation):
        yield from map(_names, annotation.instances)
    elif isinstance(annotation, ClassificationAnnotation):
        answer = annotation.value.answer
        options: list[Any] = answer if isinstance(answer, list) else [] if isinstance(answer, str) else [answer]
        yield from map(_names, options or [annotation])
    else:
        yield _names(annotation)


def _names(named: Any) -> Names:
    return tuple(name for name in (named.name, named.feature_schema_id) if name is not None)
