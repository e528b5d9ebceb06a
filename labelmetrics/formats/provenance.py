"""Files of metric lines with a sidecar that tells where they come from."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from labelmetrics import __version__
from labelmetrics.errors import LabelmetricsWarning
from labelmetrics.formats.blocks import BLOCK_BYTES, open_bytes
from labelmetrics.formats.manifest import Manifest, Provenance
from labelmetrics.formats.output import open_output, write_chunks
from labelmetrics.formats.storage import path_of

if TYPE_CHECKING:
    import pyarrow as pa


def sidecar(path: str | Path) -> Path:
    """The file that tells where the lines of ``path`` come from.

    >>> sidecar("metrics.ndjson").name
    'metrics.ndjson.provenance.json'
    """
    return path_of(f"{path}.provenance.json")


def write_metric_lines(path: str | Path, blocks: Iterable[pa.Array], manifest: Manifest, *, fitted: bool) -> Provenance:
    """Write lines, and beside them what evaluation they are of; standard output (``"-"``) has no sidecar.

    Parameters
    ----------
    path : path
        The file.
    blocks : iterable of pyarrow.Array
        The lines, each with its newline.
    manifest : Manifest
        The evaluation.
    fitted : bool
        Whether metrics were left out to keep to a limit.
    """
    sha256, n = hashlib.sha256(), 0
    with open_output(path) as stream, ThreadPoolExecutor(1) as thread:

        def put(text: memoryview) -> None:
            sha256.update(text)
            stream.write(text)

        # The next lines are made while these are written.
        written: Future[None] | None = None
        for lines in blocks:
            if written is not None:
                written.result()
            written = thread.submit(put, text_of(lines))
            n += len(lines)
        if written is not None:
            written.result()
    provenance = Provenance(**origin_of(manifest, n, fitted=fitted), digest_of_lines=sha256.hexdigest())
    if str(path) != "-":
        write_chunks(sidecar(path), [provenance.model_dump_json(indent=2).encode() + b"\n"])
    return provenance


def origin_of(manifest: Manifest, lines: int, *, fitted: bool) -> dict[str, Any]:
    """What tells where lines of an evaluation come from."""
    return {
        "labelmetrics": __version__,
        "settings": manifest.settings,
        "confidence_keys": manifest.confidence_keys,
        "digests": manifest.digests,
        "fitted": fitted,
        "lines": lines,
    }


def text_of(lines: pa.Array) -> memoryview:
    """The text of all lines: their values lie behind one another in memory."""
    if not len(lines):
        return memoryview(b"")
    _, offsets, data = lines.buffers()
    first, last = np.frombuffer(offsets, np.int32)[[lines.offset, lines.offset + len(lines)]].tolist()
    return memoryview(data)[first:last]


def read_provenance(path: str | Path) -> Provenance | None:
    """What the sidecar of a file of lines says; ``None`` where there is none, or it does not fit (with a warning)."""
    file = sidecar(path)
    if str(path) == "-" or not file.is_file():
        return None
    try:
        provenance = Provenance.model_validate_json(file.read_bytes())
    except ValidationError:
        provenance = None
    if provenance is None or provenance.digest_of_lines != _digest(path):
        warnings.warn(
            f"{file} does not belong to the lines beside it, so where they come from is unknown",
            LabelmetricsWarning,
            stacklevel=2,
        )
        return None
    return provenance


def _digest(path: str | Path) -> str:
    sha256 = hashlib.sha256()
    with open_bytes(path) as stream:
        while chunk := stream.read(BLOCK_BYTES):
            sha256.update(chunk)
    return sha256.hexdigest()
