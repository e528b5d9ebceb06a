"""Model runs: metrics and predictions of one model on some data rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import quote

import orjson

from labelmetrics.errors import ApiError, ApiNotFoundError, SettingError, UploadError
from labelmetrics.formats.metric_columns import Level, OverLimit
from labelmetrics.formats.output import open_output
from labelmetrics.frame import html_table
from labelmetrics.limits import Limits
from labelmetrics.runs import documents
from labelmetrics.runs.connection import Connection, Json, told
from labelmetrics.runs.export import export_lines
from labelmetrics.runs.job import Import, ImportJob, Progress, shown_progress, wait_for_task, wait_while
from labelmetrics.runs.plan import UploadPlan
from labelmetrics.runs.upload import PART_BYTES, PART_LINES, Kind, Options, Upload, register_rows
from labelmetrics.summary import Summary

__all__ = ["ModelRun", "ModelRunDataRow", "Place", "Split", "get_run"]

Split = Literal["TRAINING", "VALIDATION", "TEST", "UNASSIGNED"]
Status = Literal["EXPORTING_DATA", "PREPARING_DATA", "TRAINING_MODEL", "COMPLETE", "FAILED"]


@dataclass(frozen=True, slots=True)
class Place:
    """A server, and where it is noted what was sent there."""

    connection: Connection
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRunDataRow:
    """A data row of a model run.

    Parameters
    ----------
    id : str
        Its id in the run.
    model_run_id : str
        The run.
    split : str
        ``"TRAINING"``, ``"VALIDATION"``, ``"TEST"`` or ``"UNASSIGNED"``.
    label_id : str or None
        The label that is its ground truth.
    data_row_id : str
        Id of the data row itself.
    global_key, external_id, row_data : str or None
        What else it is known by, and where its media is.
    media : dict
        What is known of its media, such as width and height.
    url : str
        The page where people look at it.

    Examples
    --------
    >>> ModelRunDataRow(id="x", model_run_id="r", split="TEST", label_id=None, data_row_id="d", global_key="a.jpg",
    ...                 external_id=None, row_data=None, url="http://127.0.0.1:8765/runs/r#x")
    <ModelRunDataRow a.jpg, TEST>
    """

    id: str
    model_run_id: str
    split: str
    label_id: str | None
    data_row_id: str
    global_key: str | None
    external_id: str | None
    row_data: str | None
    media: dict[str, Any] = field(default_factory=dict)
    url: str

    def __repr__(self) -> str:
        return f"<ModelRunDataRow {self.global_key or self.data_row_id}, {self.split}>"

    def _repr_html_(self) -> str:
        return f'<a href="{escape(self.url)}">{escape(self.global_key or self.data_row_id)}</a> ({escape(self.split)})'


class ModelRun:
    """A model run: what one model found on some data rows.

    Made by :meth:`Model.create_model_run`, :meth:`Client.get_model_run` and :meth:`Client.model_run`.

    Parameters
    ----------
    place : Place
        The server.
    found : Json
        What it tells of the run.

    Examples
    --------
    >>> import json
    >>> import labelmetrics as lm
    >>> from labelmetrics.runs.transport import Response
    >>> def transport(request):
    ...     run = {"id": "r1", "name": "first", "modelId": "m1", "trainingMetadata": {"epochs": 3}}
    ...     return Response(200, {}, [json.dumps({"data": {"modelRun": run}}).encode()])
    >>> run = lm.Client("secret", "http://127.0.0.1:8765", transport=transport).get_model_run("r1")
    >>> run, run.get_config()
    (<ModelRun 'first' (r1)>, {'epochs': 3})
    """

    def __init__(self, place: Place, found: Json) -> None:
        self._place = place
        self.id = found.text("id")
        self.name = found.text("name")
        self.model_id = found.text("modelId")
        self.created_at = _time(found.get("createdAt"))
        self.updated_at = _time(found.get("updatedAt"))
        self.created_by: str | None = found.get("createdBy")

    @property
    def _connection(self) -> Connection:
        return self._place.connection

    @property
    def url(self) -> str:
        """The page where people look at it."""
        target = self._connection.target
        own = f"/models/{quote(self.model_id)}/{quote(self.id)}" if target.is_platform else f"/runs/{quote(self.id)}"
        return target.pages + own

    # ------------------------------------------------------------------------------------------------------- uploads

    def add_predictions(
        self,
        name: str | None,
        predictions: Any,
        *,
        over_limit: OverLimit = "error",
        limits: Limits | None = None,
        metrics: Collection[str] | None = None,
        level: Collection[Level] | None = None,
        data_rows: Any = None,
        register_data_rows: bool = False,
        part_bytes: int = PART_BYTES,
        part_lines: int = PART_LINES,
        threads: int = 4,
        progress: Progress | None = None,
    ) -> ImportJob:
        """Send metrics and predictions.

        All lines are checked before anything is sent. Metrics that the run has as they are are not sent. An upload that
        was killed goes on where it was when it is started again with the same name and the same lines.

        Parameters
        ----------
        name : str or None
            Name of the import; ``None`` makes one of the name of the file and the time. An upload of several parts has
            one import each, with a digest of its content behind the name.
        predictions : Evaluation, RangedEvaluation, path, URL, or iterable of labels, lines and paths
            What is sent. Paths name evaluation files, NDJSON (also gzip and zstd) and folders of part files; what is at
            an http(s) URL is fetched by the server.
        over_limit : {"error", "fit", "keep"}
            Whether more metrics of a data row than the platform takes are an error, whole features are left out, or all
            are sent, also those with values out of range.
        limits : Limits, optional
            The platform's limits.
        metrics, level : collection of str, optional
            What is sent of an evaluation; see :meth:`Evaluation.lines`.
        data_rows : path, Arrow table, DataFrame or iterable of mappings, optional
            What is known of the data rows (media, size, split, ...), for a local server.
        register_data_rows : bool, default False
            Whether the platform is told that the data rows are part of the run, which it charges for; a local server is
            told in any case.
        part_bytes, part_lines : int
            Most bytes and lines of a part.
        threads : int
            Parts that are sent at the same time.
        progress : callable, optional
            Called with the name of a step and the share of it that is done.

        Returns
        -------
        ImportJob
            What the server works on.

        Raises
        ------
        InputError
            There are faults; the error has all of them, and nothing was sent.
        LimitError
            Only limits of the platform are in the way.
        ApiError
            The server refuses. What was sent is not sent again when the call is repeated.
        """
        options = Options(
            over_limit=over_limit,
            limits=limits or Limits(),
            metrics=metrics,
            level=level,
            data_rows=data_rows,
            register_data_rows=register_data_rows,
            part_bytes=part_bytes,
            part_lines=part_lines,
            threads=threads,
            progress=progress,
        )
        if isinstance(predictions, str) and predictions.startswith(("http://", "https://")):
            return self._add_url(name, predictions)
        return self._upload(options).send(name, predictions)

    def plan(
        self,
        predictions: Any,
        *,
        over_limit: OverLimit = "error",
        limits: Limits | None = None,
        metrics: Collection[str] | None = None,
        level: Collection[Level] | None = None,
        part_bytes: int = PART_BYTES,
        part_lines: int = PART_LINES,
        progress: Progress | None = None,
    ) -> UploadPlan:
        """What :meth:`add_predictions` would do with the same parameters; nothing is sent.

        A local server tells what the run holds. The platform does not: there, what was sent from here before counts.
        """
        options = Options(
            over_limit=over_limit,
            limits=limits or Limits(),
            metrics=metrics,
            level=level,
            part_bytes=part_bytes,
            part_lines=part_lines,
            progress=progress,
        )
        return self._upload(options).plan(predictions)

    def add_ground_truths(
        self,
        name: str | None,
        ground_truths: Any,
        *,
        data_rows: Any = None,
        part_bytes: int = PART_BYTES,
        part_lines: int = PART_LINES,
        threads: int = 4,
        progress: Progress | None = None,
    ) -> ImportJob:
        """Send ground truths to a local server, which then evaluates the run itself.

        Parameters
        ----------
        name : str or None
            Name of the import; ``None`` makes one of the name of the file and the time.
        ground_truths : path, or iterable of labels, lines and paths
            What is sent.
        data_rows, part_bytes, part_lines, threads, progress
            As for :meth:`add_predictions`.

        Raises
        ------
        UploadError
            The run is of the platform, where ground truths are labels: see :meth:`upsert_labels`.
        """
        if self._connection.target.is_platform:
            raise UploadError(
                "ground truths are sent to local servers (labelmetrics serve); on the platform they are labels of "
                "projects: upsert_labels"
            )
        options = Options(
            over_limit="keep",
            data_rows=data_rows,
            part_bytes=part_bytes,
            part_lines=part_lines,
            threads=threads,
            progress=progress,
        )
        return self._upload(options, "ground_truths").send(name, ground_truths)

    def _upload(self, options: Options, kind: Kind = "predictions") -> Upload:
        return Upload(self._connection, self.id, self._place.folder, options, kind)

    def wait_until_evaluated(self, progress: bool | Progress = True, timeout: float | None = None) -> Summary:
        """Wait until a local server has evaluated what the run holds of ground truths and predictions.

        Parameters
        ----------
        progress : bool or callable
            Whether a bar is shown; or what is called with the name of the step and the share that is done.
        timeout : float, optional
            Most seconds to wait.

        Returns
        -------
        Summary
            Counts, precision, recall, F1 and mean overlap, per feature and overall.

        Raises
        ------
        ApiNotFoundError
            The run has not both sides.
        UploadError
            They cannot be evaluated, the run is of the platform, or it takes longer than the timeout.
        """
        if self._connection.target.is_platform:
            raise UploadError("the platform does not give its evaluation of a run; a local server does")

        def ask() -> Json:
            return self._connection.api_json("GET", "runs/{}/evaluation", self.id)

        with shown_progress(progress) as tell:
            tell("evaluating", 0.0)
            found = wait_while(ask, lambda found: found.get("state") == "PENDING", "the evaluation", timeout)
            tell("evaluating", 1.0)
        if found.get("state") != "READY":
            raise UploadError(f"the server could not evaluate the run: {told(found.get('error'))}")
        try:
            return Summary.of_dict(found["summary"].value)
        except (KeyError, TypeError):
            raise ApiError("the answer has no summary of the evaluation", url=found.url) from None

    def _add_url(self, name: str | None, url: str) -> ImportJob:
        if name is None:
            raise SettingError("an import of a URL needs a name")
        if not self._connection.reachable(url):
            raise SettingError(f"there is nothing at {url}")
        variables = {"modelRunId": self.id, "name": name, "fileUrl": url}
        data = self._connection.execute(documents.IMPORT_URL, variables)
        found = Import.of(data["createModelErrorAnalysisPredictionImport"], "predictions")
        return ImportJob(self._connection, self.id, [found])

    # ----------------------------------------------------------------------------------------------------- data rows

    def upsert_data_rows(
        self,
        data_row_ids: Sequence[str] | None = None,
        global_keys: Sequence[str] | None = None,
        timeout_seconds: float | None = 3600,
    ) -> bool:
        """Make data rows part of the run, by id or by global key, and wait until they are.

        Raises
        ------
        UploadError
            It failed, or takes too long.
        """
        ids, keys = _listed(data_row_ids, "data_row_ids"), _listed(global_keys, "global_keys")
        if not ids and not keys:
            raise SettingError("name data rows: data_row_ids or global_keys")
        register_rows(self._connection, self.id, ids=ids, global_keys=keys, timeout=timeout_seconds)
        return True

    def upsert_labels(
        self,
        label_ids: Sequence[str] | None = None,
        project_id: str | None = None,
        timeout_seconds: float | None = 3600,
    ) -> bool:
        """Make labels of the platform, with their data rows, part of the run: some by id, or all of a project.

        Raises
        ------
        UploadError
            It failed, or takes too long.
        """
        ids = _listed(label_ids, "label_ids")
        if bool(ids) == bool(project_id):
            raise SettingError("name either labels (label_ids) or a project (project_id)")
        if ids:
            document, root = documents.REGISTER_LABELS, "createMEAModelRunLabelRegistrationTask"
            variables: dict[str, Any] = {"modelRunId": self.id, "labelIds": ids}
        else:
            document, root = documents.REGISTER_PROJECT_LABELS, "createMEAModelRunProjectLabelRegistrationTask"
            variables = {"projectId": project_id, "modelRunId": self.id}
        task = self._connection.execute(document, variables).text(root)
        where = {"where": {"id": task}}
        wait_for_task(
            lambda: self._connection.execute(documents.LABELS_STATUS, where)["MEALabelRegistrationTaskStatus"],
            "registering labels",
            timeout_seconds,
        )
        return True

    def assign_data_rows_to_split(
        self,
        data_row_ids: Sequence[str] | None = None,
        split: Split = "UNASSIGNED",
        global_keys: Sequence[str] | None = None,
        timeout_seconds: float | None = 120,
    ) -> None:
        """Assign data rows of the run to a split, and wait until it is done.

        Raises
        ------
        UploadError
            It failed, or takes too long.
        """
        name = getattr(split, "value", split)
        if name not in get_args(Split):
            raise SettingError(f"there are the splits {', '.join(get_args(Split))}, got {split!r}")
        ids, keys = _listed(data_row_ids, "data_row_ids"), _listed(global_keys, "global_keys")
        if not ids and not keys:
            raise SettingError("name data rows: data_row_ids or global_keys")
        assignments = [{"split": name, "dataRowIds": ids, "globalKeys": keys}]
        variables = {"modelRunId": self.id, "data": {"assignments": assignments}}
        done = self._connection.execute(documents.ASSIGN_SPLIT, variables, experimental=True)
        task = done.text("createAssignDataRowsToDataSplitTask")

        def ask() -> Json:
            found = self._connection.execute(documents.SPLIT_STATUS, {"id": task}, experimental=True)
            return found["assignDataRowsToDataSplitTaskStatus"]

        wait_for_task(ask, "assigning data rows", timeout_seconds)

    def data_rows(self) -> Iterator[ModelRunDataRow]:
        """Iterate over the data rows of the run, which are fetched page by page."""
        cursor = None
        while True:
            variables = {"modelRunId": self.id, "from": cursor, "first": documents.PAGE}
            found = self._connection.execute(documents.RUN_ROWS, variables)["annotationGroups"]
            nodes = found["nodes"].items()
            yield from map(self._data_row, nodes)
            cursor = found["pageInfo"].get("endCursor")
            if not nodes or not cursor:
                return

    def _data_row(self, found: Json) -> ModelRunDataRow:
        row, own = found["dataRow"], found.text("id")
        media = row.get("mediaAttributes")
        platform = self._connection.target.is_platform
        return ModelRunDataRow(
            id=own,
            model_run_id=self.id,
            split=found.text("dataSplit"),
            label_id=found.get("labelId"),
            data_row_id=row.text("id"),
            global_key=row.get("globalKey"),
            external_id=row.get("externalId"),
            row_data=row.get("rowData"),
            media=media if isinstance(media, dict) else {},
            url=f"{self.url}/AllDatarowsSlice/{own}?view=carousel" if platform else f"{self.url}#{quote(own)}",
        )

    def remove_data_rows(self, data_row_ids: Sequence[str]) -> None:
        """Take data rows out of the run."""
        variables = {"modelRunId": self.id, "dataRowIds": _listed(data_row_ids, "data_row_ids")}
        self._connection.execute(documents.REMOVE_ROWS, variables)

    # ---------------------------------------------------------------------------------------------- all that it holds

    def export(
        self,
        path: str | Path | None = None,
        *,
        params: Mapping[str, bool] | None = None,
        task_name: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """All that the run holds, a JSON object for each data row.

        Parameters
        ----------
        path : path, optional
            NDJSON file to write, packed if it ends in ``.gz`` or ``.zst``; without it, the objects are iterated over.
        params : mapping of str to bool, optional
            What is included, nothing unless told: ``attachments``, ``embeddings``, ``metadata_fields``,
            ``data_row_details``, ``predictions``, ``model_run_details``.
        task_name : str, optional
            What the server calls the task.
        timeout : float, optional
            Most seconds to wait for the server.

        Returns
        -------
        iterator of dict, or int
            The objects, or the number of them that were written.
        """
        lines = export_lines(self._connection, self.id, params or {}, task_name, timeout)
        return _given(lines, path)

    def metric_lines(self, path: str | Path | None = None) -> Any:
        """The metric lines that a run of a local server holds.

        Parameters
        ----------
        path : path, optional
            NDJSON file to write, packed if it ends in ``.gz`` or ``.zst``; without it, the lines are iterated over.

        Returns
        -------
        iterator of dict, or int
            The lines, or the number of them that were written.

        Raises
        ------
        UploadError
            The run is of the platform, which does not give metrics back.
        """
        if self._connection.target.is_platform:
            raise UploadError("the platform does not give metrics back; a local server does")
        return _given(self._connection.api("GET", "runs/{}/metrics", self.id).lines(), path)

    # ------------------------------------------------------------------------------------------------ configuration

    def get_config(self) -> dict[str, Any]:
        """What is remembered with the run."""
        found = self._connection.execute(documents.GET_CONFIG, {"modelRunId": self.id})["modelRun"]
        if found.value is None:
            raise ApiNotFoundError(f"there is no model run {self.id!r}", url=found.url)
        return _config(found)

    def update_config(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Remember something with the run; returns all that is remembered."""
        variables = {"modelRunId": self.id, "data": {"config": dict(config)}}
        return _config(self._connection.execute(documents.UPDATE_CONFIG, variables)["updateModelRunConfig"])

    def reset_config(self) -> dict[str, Any]:
        """Forget all that is remembered with the run."""
        found = self._connection.execute(documents.RESET_CONFIG, {"modelRunId": self.id})
        return _config(found["resetModelRunConfig"])

    def update_status(
        self, status: Status, metadata: Mapping[str, Any] | None = None, error_message: str | None = None
    ) -> None:
        """Say how far the training is.

        Parameters
        ----------
        status : str
            ``"EXPORTING_DATA"``, ``"PREPARING_DATA"``, ``"TRAINING_MODEL"``, ``"COMPLETE"`` or ``"FAILED"``.
        metadata : mapping, optional
            Anything to say with it.
        error_message : str, optional
            Why it failed.
        """
        if status not in get_args(Status):
            raise SettingError(f"there are the statuses {', '.join(get_args(Status))}, got {status!r}")
        data: dict[str, Any] = {"status": status}
        if error_message:
            data["errorMessage"] = error_message
        if metadata:
            data["metadata"] = dict(metadata)
        variables = {"modelRunId": self.id, "data": data}
        self._connection.execute(documents.UPDATE_STATUS, variables, experimental=True)

    def delete(self) -> None:
        """Delete the run with all it holds."""
        self._connection.execute(documents.DELETE_RUN, {"ids": self.id})
        self._upload(Options()).ledger.forget()

    def __repr__(self) -> str:
        return f"<ModelRun {self.name!r} ({self.id})>"

    def _repr_html_(self) -> str:
        link = f'<a href="{escape(self.url)}">{escape(self.url)}</a>'
        return html_table(["model run", "id", "model"], [[self.name, self.id, self.model_id]]) + link


def _given(lines: Iterator[bytes], path: str | Path | None) -> Any:
    """Lines as objects; or their number, when they are written."""
    if path is None:
        return map(orjson.loads, lines)
    count = 0
    with open_output(path) as stream:
        for line in lines:
            stream.write(line + b"\n")
            count += 1
    return count


def get_run(place: Place, run_id: str) -> ModelRun:
    """The run with an id.

    Raises
    ------
    ApiNotFoundError
        There is none.
    """
    found = place.connection.execute(documents.GET_RUN, {"param_0": run_id})["modelRun"]
    if found.value is None:
        raise ApiNotFoundError(f"there is no model run {run_id!r}", url=found.url)
    return ModelRun(place, found)


def _config(found: Json) -> dict[str, Any]:
    value = found["trainingMetadata"].value
    if value is not None and not isinstance(value, dict):
        raise ApiError("the configuration is no object", url=found.url)
    return value or {}


def _listed(names: Sequence[str] | None, what: str) -> list[str] | None:
    if names is None:
        return None
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise SettingError(f"{what} is a list of texts")
    return list(names)


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
