"""Bytes of an input file, and the table of data rows that readers return beside the annotations."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelmetrics.errors import Fault, InputError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["data_row_table", "read_bytes"]

_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_BOM = b"\xef\xbb\xbf"
_CHUNK = 1 << 24
# Text of annotations shrinks 5 to 30 times; only what is made to blow up goes beyond both of these.
_BOMB_SIZE = 1 << 30
_BOMB_RATIO = 200


def read_bytes(path: str | Path) -> bytes:
    """All bytes of a file, decompressed where they are gzip or zstd, without a byte order mark.

    Parameters
    ----------
    path : str or Path
        File name; ``"-"`` is standard input.

    Returns
    -------
    bytes

    Raises
    ------
    InputError
        If the file cannot be read or decompressed, expands beyond reason, or is empty.
    """
    name = str(path)
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror or error}") from None
    for magic, codec in _MAGIC.items():
        if data.startswith(magic):
            data = _decompress(data, codec, name)
            break
    data = data.removeprefix(_BOM)
    if not data.strip():
        raise InputError(f"{name}: the file is empty", [Fault(rule="empty", message="nothing to read", file=name)])
    return data


def _decompress(data: bytes, codec: str, name: str) -> bytes:
    import pyarrow as pa

    parts: list[bytes] = []
    size = 0
    try:
        with pa.CompressedInputStream(pa.BufferReader(data), codec) as stream:
            while part := stream.read(_CHUNK):
                parts.append(part)
                size += len(part)
                if size > max(_BOMB_SIZE, _BOMB_RATIO * len(data)):
                    message = f"{len(data):,} bytes of {codec} expand to more than {size:,}"
                    raise InputError(f"{name}: refused", [Fault(rule="decompression", message=message, file=name)])
    except (OSError, EOFError) as error:
        fault = Fault(rule="decompression", message=f"damaged {codec} data: {error}", file=name)
        raise InputError(f"{name}: cannot be decompressed", [fault]) from None
    return b"".join(parts)


def data_row_table(n: int, columns: dict[str, list[Any]], schema_metadata: dict[str, str] | None = None) -> pa.Table:
    """Table of ``n`` data rows; columns that are not given are null.

    Its columns are ``id``, ``globalKey``, ``media_path``, ``width``, ``height``, ``split`` and ``metadata`` (JSON).
    """
    import pyarrow as pa

    types = {
        "id": pa.string(),
        "globalKey": pa.string(),
        "media_path": pa.string(),
        "width": pa.int64(),
        "height": pa.int64(),
        "split": pa.string(),
        "metadata": pa.string(),
    }
    arrays = [pa.array(columns[name], kind) if name in columns else pa.nulls(n, kind) for name, kind in types.items()]
    return pa.table(arrays, schema=pa.schema(list(types.items()), schema_metadata))
