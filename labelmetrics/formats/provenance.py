"""Files of metric lines with a sidecar that tells where they come from."""

from __future__ import annotations

import hashlib
import warnings
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
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


class LinesWriter:
    """Writes lines, and beside them what evaluation they are of; standard output (``"-"``) has no such sidecar.

    The file is there when it is finished: it is a context that otherwise leaves nothing.

    Parameters
    ----------
    path : path
        The file.
    aside : Path, optional
        Folder where it is written; beside its place unless given.
    """

    def __init__(self, path: str | Path, aside: Path | None = None) -> None:
        self._path, self._aside = path, aside
        self._sha256, self._n = hashlib.sha256(), 0
        self._written: Future[None] | None = None

    def __enter__(self) -> LinesWriter:
        with ExitStack() as stack:
            self._stream = stack.enter_context(open_output(self._path, self._aside))
            # The next lines are made while these are written.
            self._thread = stack.enter_context(ThreadPoolExecutor(1))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def append(self, lines: pa.Array) -> None:
        """Add lines, each with its newline."""
        self._wait()
        self._written = self._thread.submit(self._put, text_of(lines))
        self._n += len(lines)

    def _put(self, text: memoryview) -> None:
        self._sha256.update(text)
        self._stream.write(text)

    def _wait(self) -> None:
        if self._written is not None:
            self._written.result()

    def finish(self, manifest: Manifest, *, fitted: bool) -> Provenance:
        """Give the file its name, and write the sidecar.

        Parameters
        ----------
        manifest : Manifest
            The evaluation.
        fitted : bool
            Whether metrics were left out to keep to a limit.
        """
        self._wait()
        self._stack.close()
        origin = origin_of(manifest, self._n, fitted=fitted)
        provenance = Provenance(**origin, digest_of_lines=self._sha256.hexdigest())
        if str(self._path) != "-":
            write_chunks(sidecar(self._path), [provenance.model_dump_json(indent=2).encode() + b"\n"])
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
