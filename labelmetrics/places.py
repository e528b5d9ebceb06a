"""Where this user's local server keeps its data, and how others find a running one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

__all__ = ["LocalServer", "forget_server", "home", "key_file", "note_server", "read_key", "running_server"]

PORT = 8765
"""Port of the local server unless told."""


class LocalServer(NamedTuple):
    """A server that runs on this machine.

    Parameters
    ----------
    url : str
        Where it answers, such as ``http://127.0.0.1:8765``.
    pid : int
        Its process.
    """

    url: str
    pid: int


def home(folder: str | Path | None = None) -> Path:
    """The folder of the local server's data: the given one, that of LABELMETRICS_HOME, or the user's data folder."""
    if folder is not None:
        return Path(folder).expanduser()
    named = os.environ.get("LABELMETRICS_HOME")
    if named:
        return Path(named).expanduser()
    from platformdirs import user_data_path

    return user_data_path("labelmetrics", appauthor=False)


def key_file(folder: Path) -> Path:
    """The file that holds the key of the local server; only its owner can read it."""
    return folder / "key"


def read_key(folder: Path) -> str | None:
    """The key of the local server; ``None`` where there is none yet."""
    try:
        return key_file(folder).read_text("ascii").strip() or None
    except (FileNotFoundError, NotADirectoryError):
        return None


def note_server(folder: Path, url: str) -> None:
    """Leave word that this process serves the folder."""
    file = _server_file(folder)
    draft = file.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps({"url": url, "pid": os.getpid()}) + "\n")
    draft.replace(file)


def forget_server(folder: Path) -> None:
    """Take that word back, unless another process has left its own since."""
    found = _noted(folder)
    if found is not None and found.pid == os.getpid():
        _server_file(folder).unlink(missing_ok=True)


def running_server(folder: Path) -> LocalServer | None:
    """The server that runs on the folder; ``None`` where there is none, or its process is gone."""
    found = _noted(folder)
    return found if found is not None and _is_alive(found.pid) else None


def _server_file(folder: Path) -> Path:
    return folder / "server.json"


def _noted(folder: Path) -> LocalServer | None:
    try:
        said = json.loads(_server_file(folder).read_text())
        return LocalServer(str(said["url"]), int(said["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
