"""How far an upload is: a file that lets a killed one go on where it was."""

from __future__ import annotations

import base64
import os
import threading
import zlib
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from labelmetrics.formats.storage import appearing, is_url
from labelmetrics.kernels.batch import Bools

__all__ = ["Identity", "Journal", "journal_file"]

VERSION = 1


@dataclass(frozen=True, slots=True)
class Identity:
    """Which upload it is.

    Parameters
    ----------
    target, run_id : str
        The server and the run.
    kind : str
        What is sent.
    name : str or None
        The name that was asked for its import.
    """

    target: str
    run_id: str
    kind: str
    name: str | None

    @property
    def tag(self) -> str:
        """A short text that differs between uploads."""
        text = "\n".join((self.target, self.run_id, self.kind, self.name or ""))
        return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def journal_file(identity: Identity, path: str | None, folder: Path) -> Path:
    """Where the journal is: beside the input, or in ``folder`` where the input is no file or stands read-only.

    >>> one = Identity("https://host/graphql", "run", "predictions", "first")
    >>> journal_file(one, None, Path("uploads")).name
    '245774dae81f.upload-journal.json'
    """
    name = f"{identity.tag}.upload-journal.json"
    if path is not None and not is_url(path):
        file = Path(path).absolute()
        if os.access(file.parent, os.W_OK):
            return file.with_name(f"{file.name}.{name}")
    return folder / name


class Journal:
    """The state of one upload, written anew, as a whole, each time it changes.

    Parameters
    ----------
    file : Path
        The file.
    state : dict
        What it says.
    """

    def __init__(self, file: Path, state: dict[str, Any]) -> None:
        self._file, self._state = file, state
        self._lock = threading.Lock()

    @classmethod
    def begin(
        cls,
        file: Path,
        identity: Identity,
        name: str,
        digest: str,
        selected: Bools,
        plan: dict[str, Any],
        **settings: int,
    ) -> Journal:
        """Start a journal, in the place of whatever was there.

        Parameters
        ----------
        file, identity
            Where it is, and which upload it is of.
        name : str
            Name of the import.
        digest : str
            Digest of all lines of the input.
        selected : ndarray of bool
            Which of the lines are sent.
        plan : dict
            What was planned.
        **settings : int
            How lines are cut into parts.
        """
        packed = base64.b85encode(zlib.compress(np.packbits(selected).tobytes())).decode()
        state = {
            "version": VERSION,
            **_known(identity),
            "import": name,
            "digest": digest,
            "lines": len(selected),
            "selected": packed,
            "plan": plan,
            "settings": settings,
            "registered": False,
            "parts": {},
        }
        return cls(file, state)

    @classmethod
    def resume(cls, file: Path, identity: Identity, digest: str) -> Journal | None:
        """The journal of the same upload of the same lines, if there is one that can be read."""
        try:
            state = orjson.loads(file.read_bytes())
            expected = {"version": VERSION, **_known(identity), "digest": digest}
            if any(state[name] != value for name, value in expected.items()):
                return None
            journal = cls(file, state)
            sound = len(journal.selected) == state["lines"] and isinstance(state["parts"], dict) and bool(journal.name)
        except (OSError, ValueError, KeyError, TypeError, zlib.error):
            return None
        return journal if sound else None

    @property
    def name(self) -> str:
        """Name of the import."""
        return str(self._state["import"])

    @property
    def selected(self) -> Bools:
        """Which lines are sent."""
        packed = zlib.decompress(base64.b85decode(self._state["selected"]))
        bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=self._state["lines"])
        return bits.astype(bool)

    @property
    def plan(self) -> dict[str, Any]:
        """What was planned."""
        return dict(self._state["plan"])

    @property
    def settings(self) -> dict[str, int]:
        """How lines are cut into parts."""
        return dict(self._state["settings"])

    @property
    def is_registered(self) -> bool:
        """Whether the data rows are known to the server."""
        return bool(self._state["registered"])

    def note_registered(self) -> None:
        """Note that they are."""
        with self._lock:
            self._state["registered"] = True
            self._save()

    def sent(self, digest: str) -> dict[str, Any] | None:
        """What the server said of a part that was sent; ``None`` where none is noted."""
        said = self._state["parts"].get(digest)
        return said if isinstance(said, dict) else None

    def note(self, digest: str, said: dict[str, Any]) -> None:
        """Note that a part was sent."""
        with self._lock:
            self._state["parts"][digest] = said
            self._save()

    def save(self) -> None:
        """Write the file."""
        with self._lock:
            self._save()

    def _save(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with appearing(self._file) as temporary, temporary.open("xb") as stream:
            stream.write(orjson.dumps(self._state, option=orjson.OPT_INDENT_2) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())

    def remove(self) -> None:
        """Remove the file: the upload is done."""
        self._file.unlink(missing_ok=True)


def _known(identity: Identity) -> dict[str, str | None]:
    return {"target": identity.target, "run": identity.run_id, "kind": identity.kind, "name": identity.name}
