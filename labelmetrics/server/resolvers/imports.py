"""Imports of predictions, which metrics are."""

from __future__ import annotations

from typing import Any

from ariadne import MutationType, ObjectType, QueryType

from labelmetrics.errors import NotFoundError
from labelmetrics.server.intake import take
from labelmetrics.server.multipart import malformed
from labelmetrics.server.refusals import Refusal
from labelmetrics.server.resolvers.accounts import user_of
from labelmetrics.server.resolvers.scalars import Info
from labelmetrics.server.uploads import Upload
from labelmetrics.store import imports
from labelmetrics.store.imports import Import

__all__ = ["BOUND", "upload_of"]

query, mutation, import_type = QueryType(), MutationType(), ObjectType("MEAPredictionImport")
BOUND = (query, mutation, import_type)

import_type.set_field("modelRunId", lambda found, _: found.run_id)


@mutation.field("createModelErrorAnalysisPredictionImport")
def create(_: Any, info: Info, data: dict[str, Any]) -> Import:
    if data.get("file_url") is not None:
        raise Refusal(
            "OPERATION_NOT_ALLOWED",
            "this server fetches nothing from URLs: download the file, and send it by its path",
        )
    payload = data.get("file_payload")
    if payload is None:
        raise malformed("an import needs a file")
    upload = upload_of(payload["file"], payload["content_length"])
    return take(info.context, upload, run_id=data["model_run_id"], name=data["name"], kind="predictions")


def upload_of(upload: Upload, content_length: int) -> Upload:
    """The file, unless it was lost.

    Raises
    ------
    Refusal
        It is empty, and was not to be: the client sends a file that it has read already so when it tries again. The
        length is right in no other case, since the client states that of something else.
    """
    if not upload.size and content_length > 0:
        raise malformed(f"the file is empty, and {content_length} bytes were announced: send it again")
    return upload


@query.field("modelErrorAnalysisPredictionImport")
def by_name(_: Any, info: Info, where: dict[str, Any]) -> Import:
    with info.context.store.read() as connection:
        found = imports.find(connection, where["model_run_id"], where["name"])
    if found is None:
        raise NotFoundError("import", where["name"])
    return found


@query.field("mEAPredictionImport")
def by_id(_: Any, info: Info, where: dict[str, Any]) -> Import:
    with info.context.store.read() as connection:
        found = imports.by_id(connection, where["id"])
    if found is None:
        raise NotFoundError("import", where["id"])
    return found


@import_type.field("inputFileUrl")
def input_url(found: Import, info: Info) -> str:
    return info.context.file_url(found.input_token)


@import_type.field("statusFileUrl")
def status_url(found: Import, info: Info) -> str | None:
    return _when_final(found, info, found.status_token)


@import_type.field("errorFileUrl")
def error_url(found: Import, info: Info) -> str | None:
    return _when_final(found, info, found.error_token)


def _when_final(found: Import, info: Info, token: str) -> str | None:
    """Clients keep what they read from a URL, so it is told when nothing will change there."""
    return None if found.state == "RUNNING" else info.context.file_url(token)


@import_type.field("createdBy")
def created_by(found: Import, info: Info) -> dict[str, Any]:
    return user_of(info.context)
