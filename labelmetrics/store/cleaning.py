"""Files that belong to nothing any more: those of deleted runs, and those that a killed process has left."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path

from sqlalchemy import select

from labelmetrics.store import schema
from labelmetrics.store.database import Store

__all__ = ["clean"]

AGE = 3600.0
"""Seconds that a file is left alone: it may be noted in the database a moment after it is there."""


def clean(store: Store, *, age: float = AGE) -> int:
    """Remove what the store's folders hold and its tables do not know, and say how much that was.

    Parameters
    ----------
    store : Store
        The store.
    age : float
        Seconds for which what is new is left alone.
    """
    # The folders first: what is noted meanwhile is known then.
    there = [*_old(store.files, age), *_old(store.evaluations, age)]
    with store.read() as connection:
        names = (schema.import_.c.file, schema.file.c.path, schema.evaluation.c.path)
        known = {name for column in names for name in connection.execute(select(column)).scalars() if name}
    lost = [path for path in there if path.name not in known]
    for path in lost:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return len(lost)


def _old(folder: Path, age: float) -> list[Path]:
    found = []
    for path in folder.iterdir():
        with suppress(OSError):
            if time.time() - path.stat().st_mtime >= age and path.name != "incoming":
                found.append(path)
    return found
