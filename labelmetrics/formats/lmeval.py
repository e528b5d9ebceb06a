"""The evaluation file: a folder with a manifest and Parquet tables, written whole or not at all."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from labelmetrics.errors import Fault, InputError
from labelmetrics.formats.manifest import Manifest
from labelmetrics.formats.output import TableWriter
from labelmetrics.formats.storage import is_url, move, path_of, remove

if TYPE_CHECKING:
    import pyarrow as pa

TABLES = ("objects", "pairs", "counts", "iou", "data_rows", "metrics")
PLAIN = ("data_row", "question")
"""Columns whose dictionary is that of a part; the others are coded by what the whole evaluation has."""
NUMBERS = ("object", "nearest", "ground_truth", "prediction")
"""Columns that hold numbers of objects, besides ``partner_NAME``."""


class EvaluationWriter:
    """Writes an evaluation file part by part, each part the tables of the data rows that follow.

    Use it as a context manager; the folder gets its name when :meth:`finish` is called. However the data rows are cut
    into parts, the same bytes are written.

    Parameters
    ----------
    path : path
        The folder; an evaluation that is there already is replaced when the new one is complete.
    aside : path, optional
        Folder where it is written; beside its place unless given.

    Raises
    ------
    InputError
        Something that is no evaluation file, or one that holds other files, is in the way; or the folder cannot be
        written.
    """

    def __init__(self, path: str | Path, aside: Path | None = None) -> None:
        self._path, self._target = path, path_of(path)
        self._objects = 0
        self._tables: dict[str, TableWriter] = {}
        if self._target.exists() and not (self._target / "manifest.json").is_file():
            raise InputError(f"{path}: is there already and is no evaluation file, so it is not replaced")
        foreign = _foreign(self._target)
        if foreign:
            raise InputError(
                f"{path}: also holds {', '.join(foreign[:5])}{', ...' if len(foreign) > 5 else ''}, so it is not "
                "replaced; move what is not part of an evaluation file"
            )
        with self._reporting():
            self._target.parent.mkdir(parents=True, exist_ok=True)
            beside = aside or (None if is_url(self._target) else self._target.parent)
            self._folder = tempfile.TemporaryDirectory(prefix=f".{self._target.name}.", dir=beside)
            self._made = Path(self._folder.name) / "made"
            self._made.mkdir()

    def __enter__(self) -> EvaluationWriter:
        return self

    def __exit__(self, *error: object) -> None:
        for rows in self._tables.values():
            rows.close()
        self._folder.cleanup()

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(f"{self._path}: cannot be written: {error.strerror or error}") from error

    def append(self, tables: Mapping[str, pa.Table]) -> None:
        """Add the tables of more data rows, whose objects are numbered from 0."""
        with self._reporting():
            for name, table in tables.items():
                if name not in self._tables:
                    self._tables[name] = TableWriter(self._made / f"{name}.parquet")
                self._tables[name].append(_plain(_renumbered(table, self._objects)))
        self._objects += tables["objects"].num_rows

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest, and give the folder its name."""
        with self._reporting():
            for rows in self._tables.values():
                rows.finish()
            (self._made / "manifest.json").write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
            if is_url(self._target):
                # Files of shared storage cannot be renamed at one blow: an evaluation is there when its manifest is.
                remove(self._target)
                for file in sorted(self._made.iterdir(), key=lambda one: one.name == "manifest.json"):
                    move(file, self._target / file.name)
                return
            if self._target.exists():
                self._target.rename(Path(self._folder.name) / "old")
            self._made.rename(self._target)


def _foreign(folder: Path) -> list[str]:
    """What a folder holds that is not part of an evaluation file."""
    if not folder.exists():
        return []
    return sorted({one.name for one in folder.iterdir()} - {"manifest.json", *(f"{name}.parquet" for name in TABLES)})


def _plain(table: pa.Table) -> pa.Table:
    """The table with texts instead of codes where those are of a part only."""
    import pyarrow as pa

    for index, name in enumerate(table.column_names):
        if name in PLAIN:
            table = table.set_column(index, name, table.column(name).cast(pa.string()))
    return table


def _renumbered(table: pa.Table, start: int) -> pa.Table:
    """The table with the numbers of its objects from ``start`` on."""
    import pyarrow.compute as pc

    for index, name in enumerate(table.column_names if start else []):
        if name in NUMBERS or name.startswith("partner_"):
            table = table.set_column(index, name, pc.add(table.column(name), start))
    return table


def write_folder(path: str | Path, manifest: Manifest, tables: Mapping[str, pa.Table]) -> None:
    """Write an evaluation file; see :class:`EvaluationWriter`."""
    with EvaluationWriter(path) as writer:
        writer.append(tables)
        writer.finish(manifest)


def read_manifest(path: str | Path) -> Manifest:
    """Manifest of an evaluation file.

    Raises
    ------
    InputError
        There is no evaluation file, or one of another format.
    """
    file = path_of(path) / "manifest.json"
    try:
        text = file.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: is no evaluation file: {error.strerror or error}") from error
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        faults = [
            Fault(rule="manifest", message=one["msg"], file=str(file), path="$." + ".".join(map(str, one["loc"])))
            for one in error.errors(include_url=False)
        ]
        raise InputError(f"{path}: the manifest is not of this format", faults) from error


def read_table(path: str | Path, name: str, filters: list[tuple[str, str, Any]] | None = None) -> pa.Table:
    """One table of an evaluation file, or those of its rows that fit all ``filters``, as pyarrow takes them.

    Raises
    ------
    InputError
        The table is missing or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        dictionary = ["data_row"] if name in ("objects", "counts", "iou") else None
        file = path_of(path) / f"{name}.parquet"
        source: Any = file.open("rb") if is_url(file) else file
        return pq.read_table(source, filters=filters, read_dictionary=dictionary)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path}: the table {name} cannot be read: {error}") from error
