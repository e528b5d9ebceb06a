"""Lists of objects for people and programs: a CSV table, or a JSON object a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from labelmetrics.errors import SettingError
from labelmetrics.formats.output import open_output, write_chunks

if TYPE_CHECKING:
    import pyarrow as pa


def write_listing(path: str | Path, table: pa.Table, what: str) -> None:
    """Write rows that have a ``data_row``.

    Parameters
    ----------
    path : path
        Ends in ``.csv``, ``.ndjson`` or ``.jsonl``, also with ``.gz`` or ``.zst`` behind; ``"-"`` is NDJSON on standard
        output.
    table : pyarrow.Table
        The rows; its metadata may tell the kind of their keys (``key_kind``).
    what : str
        What the list is, for messages.

    Raises
    ------
    SettingError
        The ending is another one.
    InputError
        The file cannot be written.
    """
    name = Path(path).name.removesuffix(".gz").removesuffix(".zst")
    if name.endswith(".csv"):
        import pyarrow.csv as csv

        with open_output(path) as stream:
            csv.write_csv(table, stream)
    elif str(path) == "-" or name.endswith((".ndjson", ".jsonl")):
        write_chunks(path, _lines(table))
    else:
        raise SettingError(f"{path}: {what} ends in .csv, .ndjson or .jsonl, or is - (NDJSON)")


def _lines(table: pa.Table) -> Iterator[bytes]:
    import orjson

    kind = (table.schema.metadata or {}).get(b"key_kind", b"globalKey").decode()
    for batch in table.to_batches():
        for row in batch.to_pylist():
            key = {"dataRow": {kind: row.pop("data_row")}}
            yield orjson.dumps(key | {name: value for name, value in row.items() if value is not None}) + b"\n"
