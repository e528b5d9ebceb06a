"""Files that are sent, and tasks: data rows that are made, exports that are written."""

from __future__ import annotations

from functools import partial
from typing import Any

from ariadne import MutationType, ObjectType, QueryType

from labelmetrics.errors import NotFoundError
from labelmetrics.server.exporting import Export, write_export
from labelmetrics.server.resolvers.imports import upload_of
from labelmetrics.server.resolvers.scalars import Info, first_of
from labelmetrics.server.row_files import upsert
from labelmetrics.server.uploads import Upload
from labelmetrics.store import models
from labelmetrics.store.files import Task, add_file, task_of

__all__ = ["BOUND"]

query, mutation, task_type = QueryType(), MutationType(), ObjectType("Task")
BOUND = (query, mutation, task_type)

UPSERT, EXPORT = "adv-upsert-data-rows", "export-data-rows"
# The client takes both for URLs; it asks for them in other ways.
task_type.set_field("result", lambda task, _: None)
task_type.set_field("errors", lambda task, _: None)
task_type.set_field("completionPercentage", lambda task, _: task.completion)


@mutation.field("uploadFile")
def keep_file(_: Any, info: Info, file: Upload, content_length: int, sign: bool | None = None) -> dict[str, Any]:
    context = info.context
    kept = upload_of(file, content_length).keep()
    try:
        with context.store.write() as connection:
            added = add_file(connection, kept, file.size, name=file.name, media_type="application/octet-stream")
    except BaseException:
        (context.store.files / kept).unlink(missing_ok=True)
        raise
    return {"url": context.file_url(added.token), "filename": file.name}


@mutation.field("upsertDataRows")
def upsert_rows(_: Any, info: Info, data: dict[str, Any]) -> Task:
    context = info.context
    return context.jobs.do(
        UPSERT, partial(upsert, context.store, data["manifest_uri"]), wait=context.settings.import_wait
    )


@query.field("successesfulDataRowImports")
def made_rows(_: Any, info: Info, data: dict[str, Any]) -> dict[str, Any]:
    rows = (_known(info, data["task_id"]).result or {}).get("data_rows", [])
    page, cursor = _page(info, rows, data)
    return {"nodes": page, "after": cursor, "total": len(rows)}


@query.field("failedDataRowImports")
def failed_rows(_: Any, info: Info, data: dict[str, Any]) -> dict[str, Any]:
    task = _known(info, data["task_id"])
    found = task.errors or []
    if isinstance(found, dict):  # it failed as a whole
        found = [found | {"spec": {}}]
    page, cursor = _page(info, found, data)
    return {"results": page, "after": cursor, "total": len(found)}


def _page(info: Info, items: list[Any], data: dict[str, Any]) -> tuple[list[Any], str | None]:
    cursor = data.get("from") or "0"
    start = int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) < 12 else len(items)
    end = start + first_of(info, data.get("first"))
    return items[start:end], str(end) if end < len(items) else None


@query.field("task")
def task(_: Any, info: Info, where: dict[str, Any] | None = None) -> Task | None:
    return None if where is None else _known(info, where["id"])


def _known(info: Info, id: str) -> Task:
    with info.context.store.read() as connection:
        found = task_of(connection, id)
    if found is None:
        raise NotFoundError("task", id)
    return found


@mutation.field("exportDataRowsInModelRun")
def export(_: Any, info: Info, input: dict[str, Any]) -> dict[str, Any]:
    context, run_id = info.context, input["filters"]["model_run_id"]
    with context.store.read() as connection:
        if models.run(connection, run_id) is None:
            raise NotFoundError("model run", run_id)
    with_predictions = bool((input.get("params") or {}).get("include_predictions"))
    work = partial(write_export, context.store, run_id, predictions=with_predictions)
    made = context.jobs.do(EXPORT, work, name=input.get("task_name"), wait=context.settings.import_wait)
    return {"task_id": made.id, "is_streamable": True}


def _export(task: Task, stream_type: str) -> Export | None:
    is_there = task.type == EXPORT and task.status == "COMPLETE" and stream_type == "RESULT"
    found = Export(**task.result) if is_there else None
    return found if found is not None and found.size else None


@task_type.field("exportMetadataHeader")
def export_header(task: Task, info: Info, stream_type: str) -> dict[str, int] | None:
    found = _export(task, stream_type)
    return None if found is None else {"total_size": found.size, "total_lines": found.lines}


@task_type.field("exportFileFromOffset")
def export_piece(task: Task, info: Info, stream_type: str, offset: int) -> dict[str, Any] | None:
    found = _export(task, stream_type)
    piece = found.piece(offset) if found is not None else None
    if found is None or piece is None:
        return None
    # Both ends are part of what the client is told.
    return {
        "offsets": {"start": piece.start, "end": piece.end - 1},
        "lines": {"start": piece.first_line, "end": piece.end_line - 1},
        "file": f"{info.context.file_url(found.token)}?start={piece.start}&end={piece.end}",
    }
