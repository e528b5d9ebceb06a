"""What this user has sent to runs of a server that does not give metrics back: one small file a run."""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path

import numpy as np

from labelmetrics.formats.storage import appearing
from labelmetrics.runs.digests import HELD, Held, Records

__all__ = ["Ledger"]


class Ledger:
    """Digests of the metrics that were sent to one run.

    Where two uploads to a run end at the same moment, the notes of one may be lost: its lines count as new, and are
    sent once more, which changes nothing.

    Parameters
    ----------
    folder : Path
        Where such files are.
    target, run_id : str
        The server and the run.
    """

    def __init__(self, folder: Path, target: str, run_id: str) -> None:
        name = blake2b(f"{target}\n{run_id}".encode(), digest_size=12).hexdigest()
        self._file = folder / f"{name}.npy"

    def read(self) -> Held | None:
        """What was sent; ``None`` where nothing is known."""
        try:
            records = np.load(self._file, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return Held(records) if records.dtype == HELD else None

    def add(self, records: Records) -> None:
        """Note metrics that the server has taken."""
        held = self.read()
        merged = Held.of([*([] if held is None else [held.records]), records])
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with appearing(self._file) as temporary, temporary.open("xb") as stream:
            np.save(stream, merged.records, allow_pickle=False)
            stream.flush()
            os.fsync(stream.fileno())

    def forget(self) -> None:
        """Forget a run."""
        self._file.unlink(missing_ok=True)
