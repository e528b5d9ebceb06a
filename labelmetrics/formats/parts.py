"""Metric lines or a metric table as a folder of part files, each written on its own, and a manifest of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path, PurePath
from typing import IO

from labelmetrics.errors import InputError
from labelmetrics.formats.manifest import PartFile, PartsManifest
from labelmetrics.formats.output import PACKED, check_place, packed, write_chunks
from labelmetrics.formats.storage import appearing

MANIFEST = "manifest.json"


def part_name(folder: Path, number: int) -> str:
    """Name of a part file.

    >>> part_name(Path("all.metrics.ndjson.gz"), 7)
    'part-0007.ndjson.gz'
    """
    suffixes = PurePath(folder.name).suffixes
    return f"part-{number:04d}{''.join(suffixes[-2 if suffixes[-1] in PACKED else -1 :])}"


def check_folder(folder: Path) -> None:
    """Refuse a place where something else than part files is.

    Raises
    ------
    InputError
        There is a file, or the folder holds others.
    """
    check_place(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file, so it cannot be a folder of part files")
    foreign = sorted(file.name for file in _files(folder) if not _is_ours(file.name))
    if foreign:
        raise InputError(f"{folder}: also holds {', '.join(foreign[:5])}, so no part files are written there")


def _files(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _is_ours(name: str) -> bool:
    return name == MANIFEST or fnmatch(name, "part-[0-9][0-9][0-9][0-9].*")


def clear(folder: Path) -> None:
    """Make a folder for part files; those of another time are removed, their manifest first."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(_files(folder), key=lambda one: one.name != MANIFEST):
        file.unlink()


def write_part(folder: Path, number: int, write: Callable[[IO[bytes]], int]) -> PartFile:
    """Write one part file; ``write`` is given the open file, and returns the number of lines."""
    name = part_name(folder, number)
    with appearing(folder / name) as temporary:
        with temporary.open("xb") as raw, packed(raw, PurePath(name).suffix) as stream:
            lines = write(stream)
        with temporary.open("rb") as written:
            sha256 = hashlib.file_digest(written, "sha256")
        return PartFile(name=name, lines=lines, bytes=temporary.stat().st_size, sha256=sha256.hexdigest())


def write_manifest(folder: Path, manifest: PartsManifest) -> None:
    """Say that all parts are there."""
    write_chunks(folder / MANIFEST, [manifest.model_dump_json(indent=2).encode() + b"\n"])
