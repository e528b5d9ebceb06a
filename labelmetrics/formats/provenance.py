"""Where a file of metric lines comes from: its sidecar, where that is there and fits."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

from pydantic import ValidationError

from labelmetrics.errors import LabelmetricsWarning
from labelmetrics.formats.blocks import BLOCK_BYTES, open_bytes
from labelmetrics.formats.manifest import Provenance


def sidecar(path: str | Path) -> Path:
    """The file that tells where the lines of ``path`` come from.

    >>> sidecar("metrics.ndjson").name
    'metrics.ndjson.provenance.json'
    """
    return Path(f"{path}.provenance.json")


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
