"""The evaluation file: a folder with a manifest and Parquet tables, written whole or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from labelmetrics.errors import Fault, InputError
from labelmetrics.formats.manifest import Manifest

if TYPE_CHECKING:
    import pyarrow as pa

TABLES = ("objects", "pairs", "counts", "iou", "data_rows", "metrics")


def write_folder(path: str | Path, manifest: Manifest, tables: Mapping[str, pa.Table]) -> None:
    """Write an evaluation file; an evaluation that is there already is replaced when the new one is complete.

    Raises
    ------
    InputError
        Something that is no evaluation file is in the way, or the folder cannot be written.
    """
    import pyarrow.parquet as pq

    target = Path(path)
    if target.exists() and not (target / "manifest.json").is_file():
        raise InputError(f"{path}: is there already and is no evaluation file, so it is not replaced")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as temporary:
            made = Path(temporary) / "made"
            made.mkdir()
            for name, table in tables.items():
                pq.write_table(table, made / f"{name}.parquet", compression="zstd")
            (made / "manifest.json").write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
            if target.exists():
                target.rename(Path(temporary) / "old")
            made.rename(target)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error


def read_manifest(path: str | Path) -> Manifest:
    """Manifest of an evaluation file.

    Raises
    ------
    InputError
        There is no evaluation file, or one of another format.
    """
    file = Path(path) / "manifest.json"
    try:
        text = file.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: is no evaluation file: {error.strerror or error}") from error
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        faults = [
            Fault(rule="manifest", message=one["msg"], file=str(file), path="$." + ".".join(map(str, one["loc"])))
            for one in error.errors(include_url=False)
        ]
        raise InputError(f"{path}: the manifest is not of this format", faults) from error


def read_table(path: str | Path, name: str, filters: list[tuple[str, str, Any]] | None = None) -> pa.Table:
    """One table of an evaluation file, or those of its rows that fit all ``filters``, as pyarrow takes them.

    Raises
    ------
    InputError
        The table is missing or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(Path(path) / f"{name}.parquet", filters=filters)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path}: the table {name} cannot be read: {error}") from error
