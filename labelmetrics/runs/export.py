"""Exports of model runs: a task of the server, whose result is fetched piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from labelmetrics.errors import ApiError, SettingError
from labelmetrics.runs import documents
from labelmetrics.runs.connection import Connection, Json
from labelmetrics.runs.job import wait_for_task

__all__ = ["export_lines"]

PARAMS = {
    "attachments": "includeAttachments",
    "embeddings": "includeEmbeddings",
    "metadata_fields": "includeMetadata",
    "data_row_details": "includeDataRowDetails",
    "predictions": "includePredictions",
    "model_run_details": "includeModelRunDetails",
}


def export_lines(
    connection: Connection,
    run_id: str,
    params: Mapping[str, bool],
    task_name: str | None = None,
    timeout: float | None = None,
) -> Iterator[bytes]:
    """Lines of JSON, one for each data row of a run.

    Raises
    ------
    SettingError
        A parameter that does not exist.
    UploadError
        The task failed.
    """
    unknown = sorted(set(params) - set(PARAMS))
    if unknown:
        raise SettingError(f"there are no parameters {', '.join(unknown)}; there are {', '.join(PARAMS)}")
    given = {
        "taskName": task_name,
        "filters": {"modelRunId": run_id},
        "isStreamableReady": True,
        "streamable": True,
        "params": {
            "mediaTypeOverride": None,
            **{name: bool(params.get(param, False)) for param, name in PARAMS.items()},
        },
    }
    task = connection.execute(documents.EXPORT, {"input": given})["exportDataRowsInModelRun"].text("taskId")
    user = connection.execute(documents.GET_USER, {})["user"].text("id")

    def ask() -> Json:
        found = connection.execute(documents.GET_TASK, {"param_0": task, "param_1": user})["user"]["createdTasks"]
        tasks = found.items()
        if len(tasks) != 1:
            raise ApiError(f"the server has {len(tasks)} tasks {task!r}", url=found.url)
        return tasks[0]

    wait_for_task(ask, "the export", timeout)
    yield from _lines(connection, task)


def _lines(connection: Connection, task: str) -> Iterator[bytes]:
    where = {"where": {"id": task}, "streamType": "RESULT"}
    found = connection.execute(documents.EXPORT_SIZE, where)["task"]["exportMetadataHeader"]
    if found.value is None:
        return
    size, offset, rest = found.number("totalSize"), 0, b""
    while offset < size:
        variables = {**where, "offset": str(offset)}
        piece = connection.execute(documents.EXPORT_FILE, variables)["task"]["exportFileFromOffset"]
        start, end = piece["offsets"].number("start"), piece["offsets"].number("end")
        content = connection.download(piece.text("file")).read()
        if len(content) != end - start + 1 or not start <= offset <= end:
            raise ApiError("a piece of the export has not the length that it should have", url=piece.url)
        *lines, rest = (rest + content[offset - start :]).split(b"\n")
        yield from (line for line in lines if line.strip())
        offset = end + 1
    if rest.strip():
        yield rest
