"""Imports as they are asked for: the file is kept, the import is noted, and small ones are waited for."""

from __future__ import annotations

import time
from typing import Any

from labelmetrics.server.context import Context
from labelmetrics.server.multipart import malformed
from labelmetrics.server.uploads import Upload
from labelmetrics.store import imports
from labelmetrics.store.depth import DEPTH, is_deep
from labelmetrics.store.imports import Import, Kind

__all__ = ["check_depth", "check_name", "take"]


def check_name(name: str, context: Context, what: str = "name") -> str:
    """A name that people give to something.

    Raises
    ------
    Refusal
        It is empty, or very long.
    """
    if not name.strip(" \t\r\n"):
        raise malformed(f"a {what} is not empty")
    if len(name) > context.settings.name_length:
        raise malformed(f"a {what} has at most {context.settings.name_length} characters, got {len(name)}")
    return name


def check_depth(value: Any) -> Any:
    """A value of JSON that is kept and given back within others.

    Raises
    ------
    Refusal
        It is nested too deeply.
    """
    if is_deep(value):
        raise malformed(f"lists and objects stand in each other at most {DEPTH} times")
    return value


def take(context: Context, upload: Upload, **what: Any) -> Import:
    """Note an import of what was sent; the same lines by the same name are the import that is there.

    Parameters
    ----------
    context : Context
        What answering needs.
    upload : Upload
        The lines.
    **what
        ``run_id``, ``name``, ``kind``: see :func:`labelmetrics.store.imports.create`.

    Raises
    ------
    Refusal, NotFoundError, NameTakenError
        The import cannot be.
    """
    return _settled(context, _noted(context, upload, **what))


def _noted(context: Context, upload: Upload, *, run_id: str, name: str, kind: Kind) -> Import:
    check_name(name, context, "name of an import")
    file = upload.keep()
    is_new = False
    try:
        with context.store.write() as connection:
            made, is_new = imports.create(
                connection, run_id, name, kind, file, upload.sha256, upload.size, context.account.user_id
            )
    finally:
        if not is_new:
            (context.store.files / file).unlink(missing_ok=True)
    if is_new:
        context.importer.wake()
    return made


def _settled(context: Context, import_: Import) -> Import:
    """The import when it is done, or when waiting for it would take too long."""
    if import_.size > context.settings.import_wait_bytes:
        return import_
    end, pause = time.monotonic() + context.settings.import_wait, 0.005
    while import_.state == "RUNNING" and time.monotonic() < end:
        time.sleep(pause)
        pause = min(2 * pause, 0.1)
        with context.store.read() as connection:
            import_ = imports.by_id(connection, import_.id) or import_
    return import_
