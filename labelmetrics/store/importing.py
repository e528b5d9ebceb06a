"""Lines of an import taken in part by part: each part is stored, told what became of it, and committed at once."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import orjson
from sqlalchemy import Connection, select

from labelmetrics.errors import Fault, InputError
from labelmetrics.formats.metric_columns import key_uuids
from labelmetrics.formats.metric_faults import values_beyond_limits
from labelmetrics.formats.metric_lines import MetricReader, MetricValues, is_metric, lines_of
from labelmetrics.formats.ndjson import parse_line
from labelmetrics.kernels.batch import Coded
from labelmetrics.limits import Limits
from labelmetrics.store import imports, schema
from labelmetrics.store.annotations import SIDES, AnnotationLine, upsert_annotations
from labelmetrics.store.data_rows import KnownRow, known_rows
from labelmetrics.store.database import Store
from labelmetrics.store.depth import is_deep
from labelmetrics.store.imports import Import
from labelmetrics.store.metrics import upsert_metrics
from labelmetrics.store.models import run_number, touch
from labelmetrics.store.packing import Packed, pack

__all__ = ["Part", "Understood", "input_lines", "read_part", "take_part", "understand"]

LINES = 2_500
"""Most lines of a part: its transaction has to be short, since others wait for it."""
PART_BYTES = 8 << 20
LINE_BYTES = 64 << 20
"""Longest line that is read."""

_BOM = b"\xef\xbb\xbf"
_KINDS = ("id", "globalKey")
_SAID = 1 << 20
"""Longest bad line that is looked at once more for what it names."""


_NO_ROW = KnownRow(-1, "", None)
"""Stands for data rows whose lines have been refused."""


class Part(NamedTuple):
    """Some lines of an import.

    Parameters
    ----------
    lines : list of bytes or None
        The lines; ``None`` for one that is too long.
    end : int
        Where in the file they end.
    is_last : bool
        Whether the file ends there.
    """

    lines: list[bytes | None]
    end: int
    is_last: bool


def read_part(stream: BinaryIO, start: int) -> Part:
    """The lines from a place of a file on: not many, and no blank ones; none at the end of the file."""
    stream.seek(start)
    lines: list[bytes | None] = []
    size = 0
    while len(lines) < LINES and size < PART_BYTES:
        line = stream.readline(LINE_BYTES + 1)
        if not line:
            return Part(lines, stream.tell(), is_last=True)
        is_long = len(line) > LINE_BYTES and not line.endswith(b"\n")
        while line and is_long and not line.endswith(b"\n"):
            line = stream.readline(LINE_BYTES)
        size += len(line)
        text = (line.removeprefix(_BOM) if start == 0 and not lines else line).strip(b" \t\r\n")
        if is_long or text:
            lines.append(None if is_long else text)
    return Part(lines, stream.tell(), is_last=False)


@dataclass(slots=True)
class Understood:
    """What some lines of an import say, before it is known which of it can be stored.

    Parameters
    ----------
    end, is_last : int, bool
        As those of the :class:`Part`.
    uuids : list of str or None
        Uuid that each line names.
    keys : list of (str, str) or None
        Kind and value of the data row that each line names.
    metric_lines : list of int
        Which lines are metrics.
    values : MetricValues
        The metrics, without their numbers.
    packed : Packed
        Their numbers.
    annotations : dict of int to object
        Lines that are annotations, parsed.
    faults : dict of int to list of Fault
        What is wrong with which lines.
    """

    end: int
    is_last: bool
    uuids: list[str | None]
    keys: list[tuple[str, str] | None]
    metric_lines: list[int]
    values: MetricValues
    packed: Packed
    annotations: dict[int, Any]
    faults: dict[int, list[Fault]]

    def __len__(self) -> int:
        return len(self.uuids)

    def after(self, import_: Import) -> Import:
        """The import when these lines are done, but for how many of them failed."""
        return replace(import_, bytes_done=self.end, lines=import_.lines + len(self))


def understand(
    import_: Import, part: Part, *, reader: MetricReader | None = None, limits: Limits | None = None
) -> Understood:
    """Read some lines of an import, and check what single lines have to keep.

    Parameters
    ----------
    import_ : Import
        The import as it is.
    part : Part
        The lines that follow those that are done.
    reader : MetricReader, optional
        Reads the metrics, and knows later parts better for having read earlier ones.
    limits : Limits, optional
        The platform's limits; those of single lines are applied.
    """
    reading = _Reading(import_, MetricReader() if reader is None else reader)
    reading.reader.restart()  # it may hold what is left of a part that could not be read
    named = [reading.add(place, text) for place, text in enumerate(part.lines)]
    values = reading.reader.values()
    reading.reader.restart()
    for fault in values_beyond_limits(values, limits or Limits()):
        assert fault.line is not None
        reading.refuse(fault.line - import_.lines - 1, fault)
    return Understood(
        end=part.end,
        is_last=part.is_last,
        uuids=[uuid for uuid, _ in named],
        keys=[key for _, key in named],
        metric_lines=reading.metric_lines,
        values=replace(values, scalars=values.scalars[:0], counts=values.counts[:0]),
        packed=pack(values),
        annotations=reading.annotations,
        faults=reading.faults,
    )


def take_part(connection: Connection, import_: Import, understood: Understood) -> None:
    """Store some lines of an import, and note what became of each.

    A line that cannot be read, breaks a rule of single lines, or is about a data row that is not in the run is not
    stored; its status says why.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        A transaction that writes.
    import_ : Import
        The import as it was when the lines were understood.
    understood : Understood
        The lines.
    """
    run = run_number(connection, import_.run_id)
    taking = _Taking(connection, run, import_, understood)
    metrics, annotations = taking.metrics(), taking.annotations()
    statuses, failures = taking.statuses()
    imports.add_part(
        connection,
        import_,
        bytes_done=understood.end,
        statuses=statuses,
        failures=failures,
        lines=len(understood),
        failed=len(understood.faults),
    )
    if metrics or annotations:
        touch(connection, run, metrics=metrics > 0, annotations=annotations > 0)


class _Reading:
    """Reads the lines of one part."""

    def __init__(self, import_: Import, reader: MetricReader) -> None:
        self.import_, self.reader = import_, reader
        self.faults: dict[int, list[Fault]] = {}
        self.metric_lines: list[int] = []
        self.annotations: dict[int, Any] = {}

    def add(self, place: int, text: bytes | None) -> tuple[str | None, tuple[str, str] | None]:
        """Take in a line, and say which uuid and data row it names."""
        if text is None:
            self.refuse(place, Fault(rule="line-length", message=f"a line is longer than {LINE_BYTES >> 20} MiB"))
            return None, None
        number = self.import_.lines + place + 1
        line = None
        try:
            if self.import_.kind == "predictions":
                about = self.reader.add_text(text, None, number)
                if about is not None:
                    self.metric_lines.append(place)
                    return about
            (line,) = lines_of(text)
            if self.import_.kind == "predictions" and is_metric(line):
                self.reader.add(line, None, number)
                self.metric_lines.append(place)
            else:
                _check_annotation(line)
                self.annotations[place] = line
        except InputError as error:
            self.refuse(place, *error.faults)
        return _named(_said(text) if line is None else line)

    def refuse(self, place: int, *faults: Fault) -> None:
        self.faults.setdefault(place, []).extend(faults)


def _check_annotation(line: Any) -> None:
    parse_line(line)
    if is_deep(line):
        message = "answers are nested too deeply"
        raise InputError(message, [Fault(rule="depth", message=message, path="$")])
    if is_metric(line):
        message = "expected a ground truth, got a metric"
        raise InputError(message, [Fault(rule="kind", message=message, path="$")])


class _Taking:
    """The lines of one part on their way into the database."""

    def __init__(self, connection: Connection, run: int, import_: Import, understood: Understood) -> None:
        self.connection, self.run, self.import_, self.said = connection, run, import_, understood
        self.rows = known_rows(connection, run, {key for key in understood.keys if key is not None})

    def _refuse(self, place: int, *faults: Fault) -> None:
        self.said.faults.setdefault(place, []).extend(faults)

    def _row(self, place: int) -> KnownRow | None:
        """The data row of a line that can be stored; otherwise it is refused."""
        key = self.said.keys[place]
        row = None if key is None else self.rows.get(key)
        if row is None:
            name = "" if key is None else f"{key[0]}:{key[1]}"
            message = f"data row {name} is not in this model run"
            self._refuse(place, Fault(rule="unknown-data-row", message=message, remedy="add it to the run first"))
        return row

    def metrics(self) -> int:
        """Store the metrics, and say how many."""
        lines, values = self.said.metric_lines, self.said.values
        if not self.rows.keys() >= set(self.said.keys):
            for place in lines:
                self._row(place)
        kept = [n for n, place in enumerate(lines) if place not in self.said.faults]
        if not kept:
            return 0
        index = np.array(kept, np.int64)
        values, packed = values.take(index), self.said.packed.take(index)
        places = [lines[n] for n in kept]
        rows = [self.rows.get((key.kind, key.value), _NO_ROW) for key in values.rows]
        refused = upsert_metrics(
            self.connection,
            self.run,
            values,
            packed,
            np.array([row.number for row in rows], np.int64)[values.row],
            self._uuids(values, rows, places),
            self.import_.number,
        )
        for n, fault in refused.items():
            self._refuse(places[n], fault)
        return len(kept) - len(refused)

    def _uuids(self, values: MetricValues, rows: list[KnownRow], places: list[int]) -> list[str | None]:
        """Given uuids; none where the uuid follows from the metric key."""
        keys = Coded.of(f"id:{row.id}" if row.global_key is None else f"globalKey:{row.global_key}" for row in rows)
        names = [Coded.of(shape[part] for shape in values.shapes).take(values.shape) for part in range(3)]
        made = key_uuids(keys.take(values.row), *names).to_pylist()
        given = [self.said.uuids[place] for place in places]
        return [None if one == other else one for one, other in zip(given, made, strict=True)]

    def annotations(self) -> int:
        """Store the ground truths or predictions, and say how many."""
        side = SIDES[0 if self.import_.kind == "ground_truths" else 1]
        columns = schema.annotation.c
        named: list[tuple[int, KnownRow, str, str | None]] = []
        for place, line in self.said.annotations.items():
            row = self._row(place)
            if row is not None:
                named.append((place, row, orjson.dumps(line).decode(), self.said.uuids[place]))
        names = [
            blake2b(text.encode(), digest_size=16).hexdigest() if uuid is None else uuid for *_, text, uuid in named
        ]
        before: set[tuple[int, str]] = set()
        for start in range(0, len(names), LINES):
            query = select(columns.data_row, columns.uuid).where(
                columns.run == self.run,
                columns.side == SIDES.index(side),
                columns.data_row.in_({row.number for _, row, *_ in named[start : start + LINES]}),
                columns["import"] == self.import_.number,
            )
            before.update((row[0], row[1]) for row in self.connection.execute(query))
        lines = []
        for (place, row, text, uuid), name in zip(named, names, strict=True):
            key = (row.number, name)
            if uuid is None:
                # The same line again is the same annotation again: they are told apart by how often it was there.
                times = Counter[str]()
                while key in before:
                    times[name] += 1
                    key = (row.number, f"{name}-{times[name]}")
            elif key in before:
                message = "an earlier line of this import has the same data row and uuid"
                self._refuse(place, Fault(rule="duplicate-uuid", message=message, path="$.uuid"))
                continue
            before.add(key)
            lines.append(AnnotationLine(row.number, key[1], text))
        upsert_annotations(self.connection, self.run, side, lines, self.import_.number)
        return len(lines)

    def statuses(self) -> tuple[bytes, bytes]:
        """What became of each line, and of those that failed: lines of ASCII JSON."""
        keys, faults = self.said.keys, self.said.faults
        rows = self._named_rows()
        lines = [
            f'{{"uuid": {uuid}{rows[key]}{_DONE}' for uuid, key in zip(_quoted(self.said.uuids), keys, strict=True)
        ]
        for place, found in faults.items():
            errors = json.dumps([_error(fault) for fault in found])
            lines[place] = f'{lines[place].removesuffix(_DONE)}"FAILURE", "errors": {errors}}}\n'
        return "".join(lines).encode(), "".join(lines[place] for place in sorted(faults)).encode()

    def _named_rows(self) -> dict[tuple[str, str] | None, str]:
        """What statuses say of data rows, by their keys."""
        keys = [*dict.fromkeys(key for key in self.said.keys if key is not None)]
        told: dict[tuple[str, str] | None, str] = {None: ', "dataRow": null, "status": '}
        for key, value in zip(keys, _quoted([value for _, value in keys]), strict=True):
            row = self.rows.get(key)
            before = "" if row is None or key[0] == "id" else f'"id": "{row.id}", '
            told[key] = f', "dataRow": {{{before}"{key[0]}": {value}}}, "status": '
        return told


_DONE = '"SUCCESS", "errors": []}\n'
_PLAIN = re.compile(r"[ !#-\[\]-~]*")


def _quoted(texts: Sequence[str | None]) -> list[str]:
    """Texts as ASCII JSON."""
    # Nearly all are plain, which takes one look at all of them.
    if _PLAIN.fullmatch("".join(filter(None, texts))):
        return ["null" if text is None else f'"{text}"' for text in texts]
    return [json.dumps(text) for text in texts]


def _error(fault: Fault) -> dict[str, Any]:
    message = fault.message if fault.remedy is None else f"{fault.message} ({fault.remedy})"
    where = {} if fault.path is None else {"additional_info": fault.path}
    return {"name": fault.rule, "message": message, **where}


def _said(text: bytes) -> Any:
    """What a line that is not quite JSON says, as far as it can be told."""
    if len(text) > _SAID:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _named(line: Any) -> tuple[str | None, tuple[str, str] | None]:
    """The uuid of a line, and kind and value of the data row that it is about."""
    if not isinstance(line, Mapping):
        return None, None
    uuid, row = line.get("uuid"), line.get("dataRow")
    key = None
    if isinstance(row, Mapping) and len(row) == 1:
        ((kind, value),) = row.items()
        key = (kind, value) if kind in _KINDS and _is_text(value) else None
    return uuid if _is_text(uuid) else None, key


def _is_text(value: Any) -> bool:
    """Whether this is a text that databases take: halves of characters are none."""
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


def input_lines(store: Store, import_: Import) -> Iterator[bytes]:
    """The lines of an import as ASCII JSON, some at a time; what is no JSON is told as a text."""
    with (store.files / import_.file).open("rb") as stream:
        part = Part([], 0, is_last=False)
        while not part.is_last:
            part = read_part(stream, part.end)
            yield b"".join(map(_as_json, part.lines))


def _as_json(text: bytes | None) -> bytes:
    if text is None:
        return json.dumps(f"a line longer than {LINE_BYTES >> 20} MiB").encode() + b"\n"
    try:
        line = orjson.loads(text)
    except orjson.JSONDecodeError:
        line = _said(text)
        if line is None:
            return json.dumps(text.decode(errors="replace")).encode() + b"\n"
    else:
        if text.isascii():
            return text + b"\n"
    return json.dumps(line).encode() + b"\n"
