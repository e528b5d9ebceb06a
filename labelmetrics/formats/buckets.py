"""Files of any size cut by data row: what belongs together lies together in a folder, range after range of keys.

A *source* is a file or a stretch of one, read on its own. Its annotations are parsed once and go, as Arrow tables, into
the *bucket* of their data row: a range of keys, so that buckets follow each other in the order of the output. Lines
that are not regular (videos, masks as PNG) stay lines of text.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import numpy as np

from labelmetrics.errors import Fault, InputError
from labelmetrics.formats.annotation_lines import Piece, columns_of_pieces, pieces_of, read_table
from labelmetrics.formats.bad_lines import BadLines
from labelmetrics.formats.blocks import BLOCK_BYTES, BOM, LINE_BYTES, MAGIC, Block, read_blocks
from labelmetrics.formats.storage import is_url, path_of, paths_like, reason_of
from labelmetrics.kernels.batch import Columns, Floats, Ints
from labelmetrics.kernels.vocabulary import Names

if TYPE_CHECKING:
    import pyarrow as pa

SideName = Literal["ground_truth", "prediction"]

SOURCE_BYTES = 128 << 20
"""Most bytes of a file that are one source."""
SOURCES = 12
"""Sources that there are at least, unless they are small: so that several workers end at about the same time."""
BUCKET_BYTES = 24 << 20
"""Bytes of input for which there is one bucket."""
MOST_BUCKETS = 512
PACKED_RATE = 10
"""Bytes that a packed byte is taken for, to guess how many buckets are needed."""
WINDOWS, WINDOW_BYTES = 2048, 1 << 14
"""Places of a file at which a key of a data row is looked for, and how far."""

KEY_BYTES = 128
"""Longest key of a data row that is looked for in NumPy's way."""
GATHERED = 1 << 19
"""Lines that are put into buckets together."""

SUFFIXES = (".ndjson", ".jsonl", ".json", ".parquet")
KEY = re.compile(rb'"dataRow"\s*:\s*\{\s*"(?:id|globalKey)"\s*:\s*("(?:[^"\\]|\\.)*")')


@dataclass(frozen=True, slots=True)
class Source:
    """A file, or those of its lines that begin in a stretch of it.

    Parameters
    ----------
    side : {"ground_truth", "prediction"}
        Which side its annotations are of.
    path : str
        The file.
    start, stop : int, optional
        Bytes of the stretch; the whole file unless given.
    """

    side: SideName
    path: str
    start: int = 0
    stop: int | None = None

    def blocks(self) -> Iterator[Block]:
        """Its lines, a block at a time; numbers are counted from the beginning of the stretch."""
        if self.stop is None:
            yield from read_blocks(self.path)
            return
        with path_of(self.path).open("rb") as file:
            # The line that began before belongs to the stretch before.
            number, start = 1, self.start and _line_end(file, self.start)
            while start < self.stop:
                stop = _line_end(file, min(start + BLOCK_BYTES, self.stop))
                file.seek(start)
                text = file.read(stop - start)
                if stop - start > BLOCK_BYTES + LINE_BYTES:
                    message = f"a line is longer than {LINE_BYTES >> 20} MiB"
                    line = number + text.count(b"\n", 0, BLOCK_BYTES)
                    fault = Fault(rule="line-length", message=message, file=self.path, line=line)
                    raise InputError(f"{self.path}: a line is too long", [fault])
                block = Block(self.path, number, text if start else text.removeprefix(BOM))
                yield block
                number, start = number + block.n_newlines, stop


def _line_end(file: BinaryIO, place: int) -> int:
    """Where the line ends that holds the byte before a place; not much beyond the longest line that is read."""
    file.seek(place - 1)
    return place - 1 + len(file.readline(LINE_BYTES + 2))


def find_files(side: Any, name: str) -> list[Path]:
    """Files that a path, a pattern, a folder or a list of them names, sorted.

    Raises
    ------
    InputError
        There is none, or one of them cannot be read.
    """
    listed = [side] if isinstance(side, str | Path) else list(side)
    found: list[Path] = []
    for one in listed:
        path = path_of(one)
        if path.suffix == ".lmeval" and path.is_dir():
            raise InputError(f"{path}: is an evaluation file, not a folder of {name}")
        if path.is_dir():
            endings = tuple(f"{suffix}{packed}" for suffix in SUFFIXES for packed in ("", ".gz", ".zst"))
            found += sorted(file for file in path.iterdir() if file.name.endswith(endings))
        elif is_several(path):
            found += paths_like(one)
        else:
            _begin(path)
            found.append(path)
    if not found:
        raise InputError(f"{side}: there are no files of {name}")
    return found


def is_several(path: Path) -> bool:
    """Whether a path is a folder or a pattern."""
    return path.is_dir() or (not path.exists() and any(mark in str(path) for mark in "*?["))


def sources_of(side: SideName, files: Sequence[Path], total: int) -> list[Source]:
    """Sources of some files; large files of plain lines are several.

    ``total`` is the size of all files of both sides.
    """
    found = []
    length = min(SOURCE_BYTES, max(BLOCK_BYTES, -(-total // SOURCES)))
    for file in files:
        size, head = _begin(file)
        if file.suffix == ".parquet" or head.removeprefix(BOM).lstrip()[:1] == b"[" or _is_packed(head):
            found.append(Source(side, str(file)))
        else:
            starts = range(0, max(size, 1), length)
            found += [Source(side, str(file), start, min(start + length, size)) for start in starts]
    return found


def _begin(file: Path) -> tuple[int, bytes]:
    try:
        with file.open("rb") as stream:
            return file.stat().st_size, stream.read(4096)
    except OSError as error:
        raise InputError(f"{file}: {reason_of(error)}") from error


def _is_packed(head: bytes) -> bool:
    return any(head.startswith(magic) for magic in MAGIC)


def size_of(files: Sequence[Path]) -> int:
    """Bytes of some files, about as many as they unpack to."""
    total = 0
    for file in files:
        size, head = _begin(file)
        total += size * (PACKED_RATE if _is_packed(head) or file.suffix == ".parquet" else 1)
    return total


def cut_points(files: Sequence[Path], n: int, keys: Sequence[str] = ()) -> list[str]:
    """Keys at which data rows are cut into at most ``n`` ranges of about the same size.

    ``keys`` are all data rows, where they are known; otherwise keys are looked for at even distances in the files.
    """
    found = sorted(keys) if keys else sorted(key for file in files for key in _sample(file))
    places = [len(found) * index // n for index in range(1, n)]
    return sorted({found[place] for place in places}) if found else []


def _sample(file: Path) -> Iterator[str]:
    size, head = _begin(file)
    if file.suffix == ".parquet":
        for batch in _batches(file, ["dataRow"]):
            yield from dict.fromkeys(_keys_of_table(batch).to_pylist()[:: max(batch.num_rows // 16, 1)])
        return
    windows: Iterator[bytes]
    if _is_packed(head) or head.removeprefix(BOM).lstrip()[:1] == b"[":
        windows = (block.text[:WINDOW_BYTES] for block in read_blocks(file))
    else:
        windows = _windows(file, size)
    # In a large file one of each place: neighbours are often of the same data row, or of the next.
    most = 1 if size > WINDOWS * WINDOW_BYTES else None
    for window in windows:
        for text in dict.fromkeys(found[1] for found in islice(KEY.finditer(window), most)):
            yield json.loads(text)


def _windows(file: Path, size: int) -> Iterator[bytes]:
    with file.open("rb") as stream:
        for place in range(0, size, max(size // WINDOWS, WINDOW_BYTES)):
            stream.seek(place)
            yield stream.read(WINDOW_BYTES)


def _batches(file: Path, columns: list[str] | None = None) -> Iterator[pa.Table]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file.open("rb") if is_url(file) else file) as parquet:
            for batch in parquet.iter_batches(columns=columns):
                yield pa.Table.from_batches([batch])
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{file}: cannot be read: {error}") from error


def _keys_of_table(table: pa.Table) -> pa.StringArray:
    """Key of the data row of each line."""
    import pyarrow.compute as pc

    rows = table.column("dataRow").combine_chunks()
    names = [field.name for field in rows.type]
    keys = [rows.field(name) for name in ("id", "globalKey") if name in names]
    return keys[0] if len(keys) == 1 else pc.coalesce(*keys)


def buckets_of(keys: pa.StringArray, cuts: Sequence[str]) -> Ints:
    """Bucket of each key.

    >>> import pyarrow as pa
    >>> buckets_of(pa.array(["b", "ab", "d"]), ["b", "c"]).tolist()
    [1, 0, 2]
    """
    _, offsets, data = keys.buffers()
    bounds = np.frombuffer(offsets, np.int32)[keys.offset : keys.offset + len(keys) + 1]
    characters = np.frombuffer(data or b"", np.uint8)[bounds[0] : bounds[-1]]
    lengths = np.diff(bounds)
    width = int(lengths.max(initial=1))
    if width > KEY_BYTES or not characters.all() or "\0" in "".join(cuts):
        # Text of NumPy has one width for all, and ends at the first zero.
        return np.array([bisect_right(cuts, key) for key in keys.to_pylist()], np.int64)
    texts = np.zeros((len(keys), width), np.uint8)
    texts[np.arange(width) < lengths[:, None]] = characters
    # The order of texts is that of their UTF-8.
    sought = np.array([cut.encode() for cut in cuts], f"S{max([1, *(len(cut.encode()) for cut in cuts)])}")
    return np.searchsorted(sought, texts.view(f"S{width}")[:, 0], "right")


@dataclass(slots=True)
class SplitReport:
    """What was seen of one source.

    Parameters
    ----------
    source : Source
        The source.
    names : Names
        What features and nested answers there are.
    kinds : set of str
        Kinds of data-row keys.
    annotations, without_confidence : int
        Annotations, and those of them without a confidence.
    confidences : list of ndarray
        The confidences, where they are wanted.
    lines : int
        Lines of the stretch.
    log : BadLines
        Lines that cannot be read.
    """

    source: Source
    names: Names = field(default_factory=Names)
    kinds: set[str] = field(default_factory=set)
    annotations: int = 0
    without_confidence: int = 0
    confidences: list[Floats] = field(default_factory=list)
    lines: int = 0
    log: BadLines = field(default_factory=BadLines)

    def note(self, columns: Columns, *, keep_confidences: bool) -> None:
        """Take notice of some annotations."""
        self.names.update(Names.of((columns,)))
        self.kinds |= columns.key_kinds
        self.annotations += len(columns)
        self.without_confidence += int(np.isnan(columns.confidence).sum())
        if keep_confidences:
            self.confidences.append(columns.confidence)


def split(
    source: Source,
    cuts: Sequence[str],
    folder: Path,
    number: int,
    *,
    keep_refused: bool,
    keep_confidences: bool,
    keep_uuids: bool,
) -> SplitReport:
    """Read one source and put its annotations into buckets.

    Parameters
    ----------
    source : Source
        What is read.
    cuts : sequence of str
        Keys at which buckets begin, rising; the first bucket begins before them.
    folder : path
        Where the buckets are.
    number : int
        Number of the source: no two sources write the same files.
    keep_refused : bool
        Whether the text of lines that cannot be read is kept.
    keep_confidences : bool
        Whether all confidences are told.
    keep_uuids : bool
        Whether buckets hold uuids.

    Raises
    ------
    InputError
        The source as a whole cannot be read.
    """
    report = SplitReport(source, log=BadLines(file="kept" if keep_refused else None))
    with ExitStack() as stack:
        writers = _Writers(folder / source.side, number, stack)
        for piece in _pieces(source, report):
            report.note(piece.columns, keep_confidences=keep_confidences)
            if piece.table is not None:
                dropped = [name for name in piece.table.column_names if name == "uuid" and not keep_uuids]
                writers.add_table(piece.table.drop_columns(dropped), cuts)
            for line in piece.lines:
                writers.add_line(line, cuts)
        writers.put(cuts)
    return report


def _pieces(source: Source, report: SplitReport) -> Iterator[Piece]:
    if source.path.endswith(".parquet"):
        for table in _batches(path_of(source.path)):
            yield read_table(table)
        return
    for block in source.blocks():
        report.lines = block.first_line + block.n_newlines - 1
        yield from pieces_of(block, report.log, brief=True)


class _Writers:
    """Files of one source in the buckets of a side."""

    def __init__(self, folder: Path, number: int, stack: ExitStack) -> None:
        self._folder, self._number, self._stack = folder, number, stack
        self._tables: dict[tuple[int, Any], Any] = {}
        self._texts: dict[int, Any] = {}
        self._schemas: dict[Any, int] = {}
        self._waiting: dict[str, list[pa.Table]] = {}
        self._n = 0

    def add_table(self, table: pa.Table, cuts: Sequence[str]) -> None:
        self._waiting.setdefault(table.schema.to_string(), []).append(table)
        self._n += table.num_rows
        if self._n >= GATHERED:
            self.put(cuts)

    def put(self, cuts: Sequence[str]) -> None:
        """Put the tables that wait into their buckets: few large pieces are written faster than many small ones."""
        import pyarrow as pa

        for tables in self._waiting.values():
            table = pa.concat_tables(tables)
            of_row = buckets_of(_keys_of_table(table), cuts)
            order = np.argsort(of_row.astype(np.uint16), kind="stable")  # small integers are sorted by their digits
            arranged = table.take(pa.array(order)).combine_chunks()
            bounds = np.searchsorted(of_row[order], np.arange(len(cuts) + 2))
            for bucket in np.flatnonzero(np.diff(bounds)).tolist():
                part = arranged.slice(bounds[bucket], bounds[bucket + 1] - bounds[bucket])
                self._writer(bucket, table.schema).write_table(part)
        self._waiting, self._n = {}, 0

    def _writer(self, bucket: int, schema: pa.Schema) -> Any:
        import pyarrow as pa

        key = (bucket, schema.to_string())
        if key not in self._tables:
            shape = self._schemas.setdefault(key[1], len(self._schemas))
            file = self._file(bucket, f"{self._number:06d}-{shape}.arrow")
            self._tables[key] = self._stack.enter_context(pa.ipc.new_stream(str(file), schema))
        return self._tables[key]

    def add_line(self, line: bytes, cuts: Sequence[str]) -> None:
        data_row = json.loads(line)["dataRow"]
        bucket = bisect_right(cuts, next(data_row[kind] for kind in ("id", "globalKey") if kind in data_row))
        if bucket not in self._texts:
            file = self._file(bucket, f"{self._number:06d}.ndjson").open("wb")
            self._texts[bucket] = self._stack.enter_context(file)
        self._texts[bucket].write(line + b"\n")

    def _file(self, bucket: int, name: str) -> Path:
        folder = self._folder / f"{bucket:04d}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / name


def read_bucket(folder: Path, side: SideName, bucket: int) -> Columns:
    """All annotations of one side and bucket."""
    import pyarrow as pa

    place = folder / side / f"{bucket:04d}"
    files = sorted(place.iterdir()) if place.is_dir() else []
    tables: dict[str, list[pa.Table]] = {}
    for file in files:
        if file.suffix == ".arrow":
            with pa.memory_map(str(file)) as stream:
                table = pa.ipc.open_stream(stream).read_all()
            tables.setdefault(table.schema.to_string(), []).append(table)
    whole = [pa.concat_tables(parts).combine_chunks() for parts in tables.values()]
    lines = (line for file in files if file.suffix == ".ndjson" for line in file.read_bytes().splitlines())
    return columns_of_pieces(whole, lines)


def gathered(reports: Sequence[SplitReport], log: BadLines) -> Names:
    """All names of some sources, in order; ``log`` is told of their bad lines, by their numbers in the files."""
    names = Names()
    before: dict[str, int] = {}
    for report in reports:
        start = before.get(report.source.path, 0)
        log.extend(report.log.shifted(start))
        before[report.source.path] = start + report.lines
        names.update(report.names)
    # Messages name data rows as they do where everything is in memory.
    names.features = {occurrence: key.value for occurrence, key in names.features.items()}
    return names


def kinds_of(reports: Sequence[SplitReport]) -> set[str]:
    """Kinds of data-row keys that occur."""
    return set().union(*(report.kinds for report in reports))
