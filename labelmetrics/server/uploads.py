"""Files that are sent: written to disk as they come, in little memory, with their digest."""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from anyio import CapacityLimiter, to_thread

from labelmetrics.server.refusals import Refusal
from labelmetrics.store import Store

__all__ = ["Upload", "clear_incoming", "incoming"]

BLOCK = 1 << 20


class Upload:
    """A file that comes in; it is thrown away unless it is kept.

    Parameters
    ----------
    folder : Path
        The store's folder of files.
    limit : int
        Greatest length that is taken.
    name, media_type : str, optional
        What it is called, and what it is said to hold.
    """

    def __init__(self, folder: Path, limit: int, *, name: str | None = None, media_type: str | None = None) -> None:
        self.name, self.media_type = name, media_type
        self.size = 0
        self._folder, self._limit = folder, limit
        self._waiting, self._digest = bytearray(), hashlib.sha256()
        self._path: Path | None = incoming(folder) / secrets.token_hex(16)
        self._stream = self._path.open("xb")

    @property
    def sha256(self) -> str:
        """Digest of what was written."""
        return self._digest.hexdigest()

    async def write(self, data: bytes | memoryview, limiter: CapacityLimiter | None = None) -> None:
        """Add to the file.

        Raises
        ------
        Refusal
            It is too large.
        """
        self.size += len(data)
        if self.size > self._limit:
            raise Refusal("MALFORMED_REQUEST", f"a file holds at most {self._limit >> 20} MiB", status=413)
        self._waiting += data
        if len(self._waiting) >= BLOCK:
            await to_thread.run_sync(self._flush, limiter=limiter)

    async def close(self, limiter: CapacityLimiter | None = None) -> None:
        """Make sure that all of it is on the disk."""
        await to_thread.run_sync(self._close, limiter=limiter)

    def open(self) -> BinaryIO:
        """Read what was written."""
        assert self._path is not None
        return self._path.open("rb")

    def keep(self) -> str:
        """Keep the file, and say its name within the store's folder of files.

        Raises
        ------
        Refusal
            It was kept already.
        """
        if self._path is None:
            raise Refusal("MALFORMED_REQUEST", "one file is used twice")
        name = f"{self._path.name}.ndjson"
        self._path.replace(self._folder / name)
        self._path = None
        return name

    def discard(self) -> None:
        """Throw the file away, unless it was kept."""
        self._stream.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None

    def _flush(self) -> None:
        self._digest.update(self._waiting)
        self._stream.write(self._waiting)
        self._waiting.clear()

    def _close(self) -> None:
        self._flush()
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()


def incoming(folder: Path) -> Path:
    """Where files stand while they come in."""
    return folder / "incoming"


def clear_incoming(store: Store) -> None:
    """Make the folder for files that come in, and throw away what a server that was killed has left there."""
    place = incoming(store.files)
    place.mkdir(mode=0o700, exist_ok=True)
    for path in place.iterdir():
        with suppress(OSError):
            path.unlink()
