"""Lines on their way to a model run: compared, cut into parts, sent, and gone on with after an interruption."""

from __future__ import annotations

import json
import secrets
from array import array
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import orjson

from labelmetrics.errors import (
    ApiConflictError,
    ApiNotFoundError,
    InputError,
    LabelmetricsError,
    SettingError,
    UploadError,
)
from labelmetrics.formats.data_rows import read_data_rows
from labelmetrics.formats.metric_columns import Level, OverLimit, check_over_limit, uuid_texts
from labelmetrics.formats.metric_lines import MetricReader
from labelmetrics.kernels.batch import Bools, DataRowKey
from labelmetrics.limits import Limits
from labelmetrics.runs import documents
from labelmetrics.runs.connection import Connection, File, Json
from labelmetrics.runs.digests import Digester, Held, Records
from labelmetrics.runs.job import Import, ImportJob, Progress, find, wait_for_task
from labelmetrics.runs.journal import Identity, Journal, journal_file
from labelmetrics.runs.ledger import Ledger
from labelmetrics.runs.plan import UploadPlan, planned
from labelmetrics.runs.source import Source, opened
from labelmetrics.runs.survey import Survey, survey
from labelmetrics.words import counted

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Kind", "Options", "Upload"]

Kind = Literal["predictions", "ground_truths"]

PART_BYTES = 20 << 20
PART_LINES = 100_000
ROWS_AT_ONCE = 10_000
"""Data rows that are made known with one request."""

READ_AT_ONCE = 1 << 16
"""Metrics of a run that are read before they are made into digests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How something is uploaded; the parameters are those of :meth:`ModelRun.add_predictions`."""

    over_limit: OverLimit = "error"
    limits: Limits = field(default_factory=Limits)
    metrics: Collection[str] | None = None
    level: Collection[Level] | None = None
    data_rows: Any = None
    register_data_rows: bool = False
    part_bytes: int = PART_BYTES
    part_lines: int = PART_LINES
    threads: int = 4
    progress: Progress | None = None

    def __post_init__(self) -> None:
        check_over_limit(self.over_limit)
        for name in ("part_bytes", "part_lines", "threads"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise SettingError(f"{name} must be a whole number of at least 1, got {value!r}")

    def tell(self, step: str, share: float) -> None:
        """Tell how far it is."""
        if self.progress is not None:
            self.progress(step, share)


@dataclass(frozen=True, slots=True)
class Part:
    """Lines that are sent at once."""

    content: bytes
    lines: int
    digest: str


class Upload:
    """An upload to one run.

    Parameters
    ----------
    connection : Connection
        The server.
    run_id : str
        The run; empty for one that is yet to be made, of which there is only a plan.
    folder : Path
        Where it is noted what was sent.
    options : Options
        How.
    kind : {"predictions", "ground_truths"}
        What is sent.
    """

    def __init__(
        self, connection: Connection, run_id: str, folder: Path, options: Options, kind: Kind = "predictions"
    ) -> None:
        self._stop = Event()
        self.connection, self.run_id, self.folder = connection.until(self._stop), run_id, folder
        self.options, self.kind = options, kind
        self.ledger = Ledger(folder, connection.target.endpoint, run_id)

    # ------------------------------------------------------------------------------------------------------ planning

    def plan(self, given: Any) -> UploadPlan:
        """What would be done."""
        with self._opened(given) as source:
            return self._planned(self._survey(source))[0]

    def _opened(self, given: Any) -> Any:
        options = self.options
        return opened(
            given,
            metrics=options.metrics,
            level=options.level,
            over_limit=options.over_limit,
            limits=options.limits,
        )

    def _survey(self, source: Source) -> Survey:
        self.options.tell("checking", 0.0)
        found = survey(source, self.options.limits, self.options.over_limit)
        self.options.tell("checking", 1.0)
        return found

    def _planned(self, found: Survey) -> tuple[UploadPlan, Bools]:
        options = self.options
        held = self._held(found.rows) if self.kind == "predictions" and len(found.records) else Held.of([])
        return planned(
            found,
            held,
            target=self.connection.target.endpoint,
            run_id=self.run_id,
            limits=None if options.over_limit == "keep" else options.limits,
            part_bytes=options.part_bytes,
            part_lines=options.part_lines,
        )

    def _held(self, rows: Sequence[DataRowKey]) -> Held | None:
        """What the run holds of some data rows: our own server tells, for the platform it was noted."""
        if not self.run_id:
            return Held.of([])
        if self.connection.target.is_platform:
            return self.ledger.read()
        self.options.tell("reading what the run holds", 0.0)
        # Lines are compared by the keys of their data rows, so the server is asked for keys of their kind.
        by = "id" if rows and all(row.kind == "id" for row in rows) else "globalKey"
        answer = self.connection.api("GET", "runs/{}/metrics", self.run_id, query={"by": by})
        reader, digester, parts = MetricReader(), Digester(), list[Records]()
        for number, line in enumerate(answer.lines(), 1):
            try:
                if reader.add_text(line, None, number) is None:
                    reader.add(orjson.loads(line), None, number)
            except (ValueError, LabelmetricsError):
                raise answer.error(f"line {number} is no metric") from None
            if not number % READ_AT_ONCE:
                parts.append(digester(reader.drain()))
        parts.append(digester(reader.drain()))
        self.options.tell("reading what the run holds", 1.0)
        return Held.of(parts)

    # ------------------------------------------------------------------------------------------------------- sending

    def send(self, name: str | None, given: Any) -> ImportJob:
        """Send what is not there yet, or go on with what was begun."""
        if name is not None and not (name and isinstance(name, str)):
            raise SettingError(f"an import needs a name, got {name!r}")
        table = None if self.options.data_rows is None else read_data_rows(self.options.data_rows)
        with self._opened(given) as source:
            found = self._survey(source)
            identity = Identity(self.connection.target.endpoint, self.run_id, self.kind, name)
            file = journal_file(identity, source.path, self.folder)
            journal = Journal.resume(file, identity, found.digest)
            if journal is None:
                if not found.report.lines:
                    raise InputError("there are no lines to send")
                plan, selected = self._planned(found)
                plan.raise_for_faults()
                cut = {"part_bytes": self.options.part_bytes, "part_lines": self.options.part_lines}
                name = name or _name(source.path)
                journal = Journal.begin(file, identity, name, found.digest, selected, plan.to_dict(), **cut)
            else:
                name, plan, selected = journal.name, UploadPlan.of_dict(journal.plan), journal.selected
            if not plan.to_send:
                return ImportJob(self.connection, self.run_id, self._before(name), plan=plan)
            journal.save()
            if not journal.is_registered:
                self._register(found.rows, source.data_rows if table is None else table)
                journal.note_registered()
            imports = self._send_parts(name, source, found, selected, journal)
        settle = _Settle(self, found, selected, journal)
        return ImportJob(self.connection, self.run_id, imports, plan=plan, sent=plan.to_send, settle=settle)

    def _before(self, name: str) -> list[Import]:
        """The import that brought what the run already holds, if it has this name."""
        if self.kind != "predictions":
            return []
        try:
            return [find(self.connection, self.run_id, name)]
        except ApiNotFoundError:
            return []

    def _register(self, rows: Sequence[DataRowKey], table: pa.Table | None) -> None:
        """Make data rows known: always to our own server, to the platform only if asked, since it charges for them."""
        platform = self.connection.target.is_platform
        if platform and not self.options.register_data_rows:
            return
        step = f"registering {counted(len(rows), 'data row')}"
        if platform:
            step += ", which the platform charges for"
        self.options.tell(step, 0.0)
        if platform:
            for some in _some([row.value for row in rows if row.kind == "id"], ROWS_AT_ONCE):
                register_rows(self.connection, self.run_id, ids=some)
            for some in _some([row.value for row in rows if row.kind == "globalKey"], ROWS_AT_ONCE):
                register_rows(self.connection, self.run_id, global_keys=some)
        else:
            for some in _some(_described(rows, table), ROWS_AT_ONCE):
                text = b"".join(orjson.dumps(row) + b"\n" for row in some)
                self.connection.api("POST", "runs/{}/data-rows", self.run_id, lines=text)
        self.options.tell(step, 1.0)

    def _send_parts(self, name: str, source: Source, found: Survey, selected: Bools, journal: Journal) -> list[Import]:
        """Send all parts, some at a time."""
        total = int(selected.sum())
        settings = journal.settings
        parts = _parts(source, found, selected, settings["part_bytes"], settings["part_lines"])
        first = [*islice(parts, 2)]
        running: dict[Future[Import], int] = {}
        futures: list[Future[Import]] = []
        step, sent = f"sending {counted(total, 'line')}", 0
        self.options.tell(step, 0.0)
        with ThreadPoolExecutor(self.options.threads) as pool:
            try:
                for part in chain(first, parts):
                    named = name if len(first) == 1 else f"{name}-{part.digest[:12]}"
                    futures.append(pool.submit(self._send, part, named, journal))
                    running[futures[-1]] = part.lines
                    # One more part is cut while the others are sent.
                    sent += self._wait(running, self.options.threads)
                    self.options.tell(step, sent / total)
                sent += self._wait(running, 0)
            except BaseException:
                self._stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        if sent != total:
            raise UploadError("the input has changed while it was sent; send it again")
        self.options.tell(step, 1.0)
        return [future.result() for future in futures]

    @staticmethod
    def _wait(running: dict[Future[Import], int], most: int) -> int:
        """Wait until no more than so many parts are on their way; returns the lines of those that came through."""
        lines = 0
        while len(running) > most:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                future.result()
                lines += running.pop(future)
        return lines

    def _send(self, part: Part, name: str, journal: Journal) -> Import:
        """Send one part, unless the journal says that it was."""
        noted = journal.sent(part.digest)
        if noted is not None:
            return Import.of(Json(noted, self.connection.target.endpoint), self.kind)
        try:
            one = self._create(part, name)
        except ApiConflictError:
            if self.kind != "predictions" or not self._is_there(part, name):
                raise
            one = find(self.connection, self.run_id, name)
        journal.note(part.digest, one.to_dict())
        return one

    def _create(self, part: Part, name: str) -> Import:
        if self.kind == "ground_truths":
            found = self.connection.api_json(
                "POST", "runs/{}/ground-truths", self.run_id, query={"name": name}, lines=part.content
            )
            return Import.of(found, self.kind)
        file = File("file", f"{self.run_id}__{name}.ndjson", part.content)
        variables = {"file": None, "contentLength": len(part.content), "modelRunId": self.run_id, "name": name}
        data = self.connection.execute(documents.IMPORT_FILE, variables, file=file)
        return Import.of(data["createModelErrorAnalysisPredictionImport"], self.kind)

    def _is_there(self, part: Part, name: str) -> bool:
        """Whether the import that has the name holds just these lines: an earlier attempt came through after all."""
        url = find(self.connection, self.run_id, name).urls.get("inputs")
        if url is None:
            return False
        there = self.connection.download(url).lines()
        ours = (line for line in part.content.split(b"\n") if line)
        try:
            return all(orjson.loads(one) == orjson.loads(other) for one, other in zip(there, ours, strict=True))
        except ValueError:
            return False


class _Settle:
    """What is done when all lines have been worked through: notes are made and the journal goes."""

    def __init__(self, upload: Upload, found: Survey, selected: Bools, journal: Journal) -> None:
        self._upload, self._journal = upload, journal
        # Records of the metrics that were sent, and the place of each among all lines that were.
        is_sent = selected[found.line]
        self._records = found.records[is_sent]
        self._place = (np.cumsum(selected) - 1)[found.line[is_sent]]
        self._lines = int(selected.sum())

    @property
    def needs_statuses(self) -> bool:
        """Only what the platform has taken is noted: our own server tells itself what it has."""
        return self._upload.kind == "predictions" and self._upload.connection.target.is_platform

    def __call__(self, taken: array[int]) -> None:
        # A server may give no status, or not one for each line: then they are sent once more another time.
        if self.needs_statuses and len(taken) == self._lines:
            self._upload.ledger.add(self._records[np.array(taken, bool)[self._place]])
        self._journal.remove()


def register_rows(
    connection: Connection,
    run_id: str,
    *,
    ids: Sequence[str] | None = None,
    global_keys: Sequence[str] | None = None,
    timeout: float | None = 3600,
) -> None:
    """Register data rows that the server has in a run, and wait until it is done."""
    variables = {"modelRunId": run_id, "dataRowIds": ids, "globalKeys": global_keys}
    root = "createMEAModelRunDataRowRegistrationTask"
    task = connection.execute(documents.REGISTER_ROWS, variables).text(root)
    wait_for_task(
        lambda: connection.execute(documents.ROWS_STATUS, {"where": {"id": task}})["MEADataRowRegistrationTaskStatus"],
        "registering data rows",
        timeout,
    )


def _name(path: str | None) -> str:
    """A name for an import: what it is of, and when it was sent.

    A digest of the lines would not do: they may be sent again after others have replaced them.
    """
    of = "lines" if path is None or path == "-" else Path(path).name.partition(".")[0] or "lines"
    return f"{of}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def _some(items: Any, most: int) -> Iterator[list[Any]]:
    """The items, so many at a time."""
    remaining = iter(items)
    while some := list(islice(remaining, most)):
        yield some


def _described(rows: Sequence[DataRowKey], table: pa.Table | None) -> Iterator[dict[str, Any]]:
    """Data rows as our own server takes them: those of the table, and others that the lines name."""
    named: set[tuple[str, str]] = set()
    for batch in [] if table is None else table.to_batches():
        for row in batch.to_pylist():
            named.update((kind, row[kind]) for kind in ("id", "globalKey") if row.get(kind) is not None)
            told = {("media" if name == "media_path" else name): value for name, value in row.items()}
            if isinstance(told.get("metadata"), str):
                told["metadata"] = json.loads(told["metadata"])
            yield {name: value for name, value in told.items() if value is not None}
    yield from ({row.kind: row.value} for row in rows if tuple(row) not in named)


def _parts(source: Source, found: Survey, selected: Bools, most_bytes: int, most_lines: int) -> Iterator[Part]:
    """The selected lines as they are sent, cut into parts; the same input is always cut in the same way."""
    texts: list[bytes] = []
    size = 0
    for entry, is_sent, uuid in zip(source.entries(), selected.tolist(), _uuids(found), strict=False):
        if not is_sent:
            continue
        text = _sent(entry.item, uuid)
        if texts and (size + len(text) + 1 > most_bytes or len(texts) >= most_lines):
            yield _part(texts)
            texts, size = [], 0
        texts.append(text)
        size += len(text) + 1
    if texts:
        yield _part(texts)


def _part(texts: list[bytes]) -> Part:
    content = b"\n".join(texts)
    return Part(content, len(texts), blake2b(content, digest_size=16).hexdigest())


def _uuids(found: Survey) -> Iterator[str | None]:
    """What each line gets as uuid: metrics without one get the one that follows from their key."""
    for start in range(0, found.report.lines, READ_AT_ONCE):
        first, last = np.searchsorted(found.line, [start, start + READ_AT_ONCE])
        lacking = first + np.flatnonzero(found.named[first:last] < 2)
        uuids: list[str | None] = [None] * min(READ_AT_ONCE, found.report.lines - start)
        made = uuid_texts(found.records["high"][lacking], found.records["low"][lacking]).to_pylist()
        for line, uuid in zip((found.line[lacking] - start).tolist(), made, strict=True):
            uuids[line] = uuid
        yield from uuids


def _sent(text: bytes, uuid: str | None) -> bytes:
    """A line as it is sent: a metric has a uuid, and there are only ASCII characters, as no server can misread them."""
    if text.isascii() and (uuid is None or b'"uuid"' not in text):
        return text if uuid is None else b'{"uuid":"%b",%b' % (uuid.encode(), text[1:])
    line = orjson.loads(text)
    return json.dumps(line if uuid is None else {**line, "uuid": uuid}, separators=(",", ":")).encode()
