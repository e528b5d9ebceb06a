"""What is uploaded, brought to files of lines: they can be read twice, and need not fit into memory."""

from __future__ import annotations

import shutil
import tempfile
from array import array
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from uuid import UUID

import orjson

from labelmetrics.errors import Fault, InputError, SettingError
from labelmetrics.evaluation import Evaluation, load
from labelmetrics.formats.blocks import open_bytes, read_blocks
from labelmetrics.formats.metric_columns import Level, OverLimit, lines_of as text_lines
from labelmetrics.formats.metric_lines import KEPT, Entry, entries, is_metric, lines_of
from labelmetrics.formats.output import kind_of
from labelmetrics.formats.parts import MANIFEST
from labelmetrics.formats.provenance import text_of
from labelmetrics.formats.storage import is_url, path_of
from labelmetrics.limits import Limits
from labelmetrics.ranged import RangedEvaluation
from labelmetrics.types import Label
from labelmetrics.words import counted

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Source", "opened"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Files of lines.

    Parameters
    ----------
    files : list of path
        NDJSON, also packed.
    path : str, optional
        The path that was given, if one was.
    origin : array of int, optional
        Where lines that were made here come from: the position, counted from 1, in what was given.
    data_rows : pyarrow.Table, optional
        What is known of the data rows.
    """

    files: list[Path]
    path: str | None = None
    origin: array[int] | None = None
    data_rows: pa.Table | None = field(default=None, repr=False)

    def entries(self) -> Iterator[Entry]:
        """All lines, as text, with their places."""
        for file in self.files:
            for block in read_blocks(file):
                for number, text in block.lines():
                    if self.origin is not None:
                        yield Entry(None, self.origin[number - 1], text)
                    else:
                        yield Entry(block.file if self.path is not None else None, number, text)


@contextmanager
def opened(
    given: Any,
    *,
    metrics: Collection[str] | None = None,
    level: Collection[Level] | None = None,
    over_limit: OverLimit = "error",
    limits: Limits | None = None,
) -> Iterator[Source]:
    """Bring what is given to files; those that are made here are gone when the block ends.

    Parameters
    ----------
    given : path, Evaluation, RangedEvaluation, or iterable of lines, labels and paths
        Paths name NDJSON (also gzip and zstd), a folder of part files, or an evaluation file.
    metrics, level, over_limit, limits : optional
        What lines are made of an evaluation.

    Raises
    ------
    InputError
        It cannot be read, or made into lines.
    SettingError
        ``metrics`` or ``level`` are given for what is no evaluation.
    """
    path = None
    if isinstance(given, RangedEvaluation):
        given = _output_of(given)
    if isinstance(given, str | Path):
        path = str(given)
        folder = path_of(given)
        if kind_of(given) == "evaluation" or _is_evaluation(folder):
            given = load(given)
    if isinstance(given, Evaluation):
        with tempfile.TemporaryDirectory(prefix="labelmetrics-") as own:
            columns = given.metric_columns(metrics=metrics, level=level, over_limit=over_limit, limits=limits)
            file = Path(own) / "metrics.ndjson"
            with file.open("wb") as stream:
                for block in columns.blocks():
                    stream.write(text_of(text_lines(block)))
            yield Source(files=[file], data_rows=given.data_rows)
        return
    if metrics is not None or level is not None:
        raise SettingError("metrics and level choose from an evaluation; lines are sent as they are")
    if path is not None and path != "-":
        yield Source(files=_files(path_of(path)), path=path)
        return
    with tempfile.TemporaryDirectory(prefix="labelmetrics-") as own:
        file = Path(own) / "lines.ndjson"
        origin = None
        with file.open("wb") as stream:
            if path == "-":
                with open_bytes(path) as standard:
                    shutil.copyfileobj(standard, stream)
            else:
                origin = _write(given, stream)
        yield Source(files=[file], origin=origin)


def _is_evaluation(folder: Path) -> bool:
    return not is_url(folder) and folder.is_dir() and (folder / "data_rows.parquet").exists()


def _files(path: Path) -> list[Path]:
    """A file, or the part files of a folder, which are complete when their manifest is there."""
    if is_url(path) or not path.is_dir():
        return [path]
    if not (path / MANIFEST).exists():
        raise InputError(f"{path}: is no evaluation file and no complete folder of part files")
    files = sorted(file for file in path.glob("part-*") if kind_of(file) == "lines")
    if not files:
        raise InputError(f"{path}: there are no lines in this folder")
    return files


def _output_of(evaluation: RangedEvaluation) -> Path:
    """What an evaluation of files has written, as lines or with all there is."""
    for kind in ("evaluation", "lines"):
        for output in evaluation.outputs:
            if str(output) != "-" and kind_of(output) == kind:
                return output
    raise SettingError("this evaluation of files has written no lines: give it an output (.lmeval or .ndjson)")


def _write(given: Any, stream: IO[bytes]) -> array[int]:
    """Write lines, labels and what paths name; returns the origin of each line."""
    origin, faults, bad = array("q"), list[Fault](), 0
    seen: Counter[bytes] = Counter()
    for file, number, item in entries(given):
        try:
            for line in [item] if isinstance(item, bytes) else lines_of(item):
                stream.write(_text(_steady(line, item, seen)).replace(b"\n", b" ") + b"\n")
                origin.append(number)
        except InputError as error:
            bad += 1
            if len(faults) < KEPT:
                faults += [replace(fault, file=file, line=number) for fault in error.faults]
    if bad:
        raise InputError(f"{counted(bad, 'line')} cannot be sent", faults)
    return origin


def _text(line: Any) -> bytes:
    if isinstance(line, bytes):
        return line
    try:
        return orjson.dumps(line, option=orjson.OPT_SERIALIZE_NUMPY)
    except (TypeError, ValueError) as error:
        raise InputError("a line is no JSON", [Fault(rule="type", message=f"cannot be written: {error}")]) from None


def _steady(line: Any, item: Any, seen: Counter[bytes]) -> Any:
    """A line of a label with a uuid that is the same each time, in place of a random one."""
    if not isinstance(item, Label) or is_metric(line):
        return line
    given = {str(one.uuid or one.extra.get("uuid")) for one in item.annotations}
    if line["uuid"] in given:
        return line
    text = orjson.dumps({**line, "uuid": None}, option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY)
    digest = blake2b(text, digest_size=16).digest()
    seen[digest] += 1
    mixed = blake2b(digest + seen[digest].to_bytes(8), digest_size=16).digest()
    return {**line, "uuid": str(UUID(bytes=mixed, version=5))}
