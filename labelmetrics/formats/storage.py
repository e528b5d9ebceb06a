"""Where files are: paths of this machine, or URLs of storage that several machines share (``s3://``, ``gs://``, ...).

A URL is a path of universal_pathlib, which has the methods of ``pathlib.Path``. What differs stands here.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from labelmetrics.errors import SettingError

if TYPE_CHECKING:
    import pyarrow as pa


def is_url(path: Any) -> bool:
    """Whether a path is a URL.

    >>> is_url("s3://bucket/gt.ndjson"), is_url("gt.ndjson"), is_url(Path("gt.ndjson"))
    (True, False, False)
    """
    return "://" in str(path)


def path_of(path: str | Path) -> Path:
    """A path of this machine, or of shared storage where it is a URL.

    Raises
    ------
    SettingError
        What the URL needs is not installed.
    """
    if not is_url(path):
        return Path(path)
    try:
        from upath import UPath
    except ImportError as error:
        raise SettingError(f"{path}: URLs need universal_pathlib: pip install 'labelmetrics[dask]'") from error
    try:
        found: Any = UPath(path)
        found.fs  # noqa: B018 - looks for what the protocol needs
    except (ImportError, ValueError) as error:
        raise SettingError(f"{path}: {error}") from error
    return found  # type: ignore[no-any-return]


def reason_of(error: OSError) -> str:
    """Why a file cannot be read; shared storage often tells no more than its name."""
    return (
        "No such file" if isinstance(error, FileNotFoundError) and not error.strerror else error.strerror or str(error)
    )


def paths_like(pattern: str | Path) -> list[Path]:
    """Files that a pattern names, sorted."""
    if is_url(pattern):
        text = str(pattern)
        start = min(text.find(mark) for mark in "*?[" if mark in text)
        folder, _, rest = text[:start].rpartition("/")
        return sorted(path_of(folder).glob(rest + text[start:]))
    path = Path(pattern)
    return sorted(Path(path.anchor or ".").glob(str(path.relative_to(path.anchor) if path.anchor else path)))


@contextmanager
def appearing(target: Path, aside: Path | None = None) -> Iterator[Path]:
    """A path to write to, which becomes ``target`` when the block ends without an error.

    So a file is whole or not there, even where two write it at the same time. Until then it is beside the target, or
    in the folder ``aside`` of the same file system.
    """
    if is_url(target):
        with tempfile.TemporaryDirectory() as folder:
            temporary = Path(folder) / "file"
            yield temporary
            move(temporary, target)
        return
    temporary = (aside or target.parent) / f".{target.name}.{uuid4().hex}"
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def staging(folder: Path, prefix: str) -> Iterator[Path]:
    """A folder of this machine for files that are moved into ``folder`` when they are complete."""
    with tempfile.TemporaryDirectory(prefix=prefix, dir=None if is_url(folder) else folder) as own:
        yield Path(own)


def move(file: Path, target: Path) -> None:
    """Give a complete file of this machine its place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if is_url(target):
        storage: Any = target
        storage.fs.put_file(str(file), storage.path)
    else:
        file.replace(target)


def remove(folder: Path) -> None:
    """Remove a folder, if it is there."""
    if not is_url(folder):
        shutil.rmtree(folder, ignore_errors=True)
    elif folder.exists():
        storage: Any = folder
        storage.fs.rm(storage.path, recursive=True)


@contextmanager
def at_hand(folder: Path, parts: Iterable[str]) -> Iterator[Path]:
    """Some folders within a folder as folders of this machine: a copy of them where they are elsewhere."""
    if not is_url(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory() as copy:
        for part in parts:
            (Path(copy) / part).mkdir(parents=True)
            for file in (folder / part).iterdir() if (folder / part).is_dir() else ():
                (Path(copy) / part / file.name).write_bytes(file.read_bytes())
        yield Path(copy)


def is_movable(folder: Path, target: Path) -> bool:
    """Whether a file of a folder can be given its place by a mere renaming."""
    return not is_url(folder) and not is_url(target) and folder.stat().st_dev == target.parent.stat().st_dev


def open_arrow(file: Path) -> pa.NativeFile:
    """Open a file of Arrow: mapped into memory where it is of this machine."""
    import pyarrow as pa

    return pa.BufferReader(file.read_bytes()) if is_url(file) else pa.memory_map(str(file))
