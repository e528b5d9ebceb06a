"""Outputs of an evaluation in ranges: what each range leaves in a folder of its own, and how that is put together."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from labelmetrics.formats.lmeval import TABLES, EvaluationWriter
from labelmetrics.formats.manifest import Manifest, PartFile
from labelmetrics.formats.output import Kind, TableWriter, open_output, put_tables
from labelmetrics.formats.parts import write_part
from labelmetrics.formats.provenance import LinesWriter, text_of
from labelmetrics.formats.storage import appearing, open_arrow

if TYPE_CHECKING:
    import pyarrow as pa


def write_part_table(file: Path, table: pa.Table) -> None:
    """Write what a range leaves for one output."""
    import pyarrow as pa

    options = pa.ipc.IpcWriteOptions(unify_dictionaries=True)
    with appearing(file) as temporary, pa.ipc.new_stream(str(temporary), table.schema, options=options) as writer:
        writer.write_table(table)


def read_part_table(file: Path) -> pa.Table:
    import pyarrow as pa

    with open_arrow(file) as stream:
        return pa.ipc.open_stream(stream).read_all()


def _chosen(table: pa.Table, kept: set[str] | None) -> pa.Table:
    """The metrics that are written, without the column that tells which."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if kept is not None:
        feature = table.column("feature").cast(pa.string())
        table = table.filter(pc.or_(pc.is_null(feature), pc.is_in(feature, pa.array(sorted(kept), pa.string()))))
    return table.drop_columns("feature")


def lines_of_part(part: Path, kept: set[str] | None) -> list[pa.Array]:
    """Lines of a range that are written."""
    chunks: list[pa.Array] = _chosen(read_part_table(part / "lines.arrow"), kept).column("line").chunks
    return chunks


def write_part_file(folder: Path, kind: Kind, part: Path, number: int, kept: set[str] | None) -> PartFile:
    """Write the metrics of one range to a file of their own."""

    def write(stream: IO[bytes]) -> int:
        if kind == "table":
            return put_tables(stream, [_chosen(read_part_table(part / "table.arrow"), kept)])
        blocks = lines_of_part(part, kept)
        for lines in blocks:
            stream.write(text_of(lines))
        return sum(map(len, blocks))

    return write_part(folder, number, write)


class Output:
    """An output that the parts of all ranges are added to, in their order; as a context it is whole or not there.

    Parameters
    ----------
    path : Path
        Where it is written.
    kind : {"evaluation", "lines", "table"}
        What it is.
    aside : Path, optional
        Folder where it is until it is complete; beside its place unless given.
    """

    def __init__(self, path: Path, kind: Kind, aside: Path | None = None) -> None:
        self._path, self._kind, self._aside = path, kind, aside
        self._stack = ExitStack()

    def __enter__(self) -> Output:
        self._writer: Any
        match self._kind:
            case "evaluation":
                self._writer = self._stack.enter_context(EvaluationWriter(self._path, self._aside))
            case "lines":
                self._writer = self._stack.enter_context(LinesWriter(self._path, self._aside))
            case _:
                stream = self._stack.enter_context(open_output(self._path, self._aside))
                self._writer = self._stack.enter_context(closing(TableWriter(stream)))
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def append(self, part: Path, kept: set[str] | None) -> None:
        """Add a range; of its metrics those of the features that are kept."""
        match self._kind:
            case "evaluation":
                tables = {file.stem: file for file in sorted(part.glob("*.arrow")) if file.stem in TABLES}
                self._writer.append({name: read_part_table(file) for name, file in tables.items()})
            case "lines":
                for lines in lines_of_part(part, kept):
                    self._writer.append(lines)
            case _:
                self._writer.append(_chosen(read_part_table(part / "table.arrow"), kept))

    def finish(self, manifest: Manifest, kept: set[str] | None) -> None:
        """Write what is left."""
        match self._kind:
            case "evaluation":
                self._writer.finish(manifest)
            case "lines":
                self._writer.finish(manifest, fitted=kept is not None)
            case _:
                self._writer.finish()
        self._stack.close()
