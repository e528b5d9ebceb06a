"""What answers the JSON API."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection

from labelmetrics.errors import Fault, NotFoundError, UnknownRowsError
from labelmetrics.server import figures
from labelmetrics.server.api import forms
from labelmetrics.server.api.call import Call
from labelmetrics.server.intake import check_name, take
from labelmetrics.server.multipart import malformed
from labelmetrics.server.refusals import Refusal
from labelmetrics.store import data_rows, imports, models
from labelmetrics.store.annotations import annotation_lines
from labelmetrics.store.data_rows import register_table
from labelmetrics.store.depth import is_deep
from labelmetrics.store.exports import export_lines, metric_lines
from labelmetrics.store.imports import Import, Kind

# ---- models and runs


def list_models(call: Call) -> forms.Models:
    query = call.query
    with call.context.store.read() as connection:
        found = models.models(connection, name=query.name, skip=query.skip, first=query.first)
    return forms.Models(models=[forms.Model.model_validate(one) for one in found])


def get_model(call: Call) -> forms.Model:
    with call.context.store.read() as connection:
        return forms.Model.model_validate(_model(connection, call.path["id"]))


def delete_model(call: Call) -> forms.Deleted:
    with call.context.store.write() as connection:
        if not models.delete_models(connection, [call.path["id"]]):
            raise NotFoundError("model", call.path["id"])
    return forms.Deleted()


def list_runs_of_model(call: Call) -> forms.Runs:
    with call.context.store.read() as connection:
        return _runs(call, connection, _model(connection, call.path["id"]).id)


def list_runs(call: Call) -> forms.Runs:
    with call.context.store.read() as connection:
        return _runs(call, connection, None)


def _runs(call: Call, connection: Connection, model_id: str | None) -> forms.Runs:
    query = call.query
    found = models.runs(connection, model_id=model_id, name=query.name, skip=query.skip, first=query.first)
    return forms.Runs(runs=[forms.Run.model_validate(one) for one in found])


def create_run(call: Call) -> forms.ModelAndRun:
    asked: forms.NewRun = call.body
    check_name(asked.model, call.context, "name of a model")
    check_name(asked.run, call.context, "name of a model run")
    with call.context.store.write() as connection:
        known = models.models(connection, name=asked.model, first=1)
        model = known[0] if known else models.create_model(connection, asked.model, asked.ontology_id)
        there = models.runs(connection, model_id=model.id, name=asked.run, first=1)
        run = (
            there[0]
            if there
            else models.create_run(connection, model.id, asked.run, created_by=call.context.account.user_id)
        )
    return forms.ModelAndRun(
        model=forms.Model.model_validate(model), run=forms.Run.model_validate(run), created=not there
    )


def get_run(call: Call) -> forms.RunDetails:
    with call.context.store.read() as connection:
        run = _run(connection, call.path["id"])
        found = call.context.summaries.of(connection, run)
        sent = imports.count_imports(connection, run.id)
        evaluation = figures.evaluation_of(call.context.store, connection, run.id)
    return forms.RunDetails(
        **forms.Run.model_validate(run).model_dump(),
        data_rows=found.data_rows,
        metrics=found.metrics,
        ground_truths=found.ground_truths,
        predictions=found.predictions,
        imports=sent,
        evaluation=None if evaluation is None else evaluation.state,
    )


def delete_run(call: Call) -> forms.Deleted:
    with call.context.store.write() as connection:
        if not models.delete_runs(connection, [call.path["id"]]):
            raise NotFoundError("model run", call.path["id"])
    return forms.Deleted()


def _model(connection: Connection, id: str) -> models.Model:
    found = models.model(connection, id)
    if found is None:
        raise NotFoundError("model", id)
    return found


def _run(connection: Connection, id: str) -> models.ModelRun:
    found = models.run(connection, id)
    if found is None:
        raise NotFoundError("model run", id)
    return found


# ---- data rows and slices


def list_data_rows(call: Call) -> forms.DataRows:
    query = call.query
    with call.context.store.read() as connection:
        found = data_rows.run_rows(connection, call.path["id"], after=query.after, first=query.first, split=query.split)
    rows = [
        forms.DataRow(
            id=one.data_row.id,
            global_key=one.data_row.global_key,
            external_id=one.data_row.external_id,
            row_data=one.data_row.row_data,
            media=one.data_row.media,
            metadata=one.data_row.metadata,
            split=one.split,
            label_id=one.label_id,
        )
        for one in found
    ]
    return forms.DataRows(data_rows=rows, after=rows[-1].id if len(rows) == query.first else None)


AT_ONCE = 5_000
"""Data rows of one transaction, for which others wait."""

ROW_FIELDS: dict[str, type] = {
    "id": str,
    "globalKey": str,
    "media_path": str,
    "width": int,
    "height": int,
    "split": str,
    "metadata": dict,
}
MEDIA = ("media", "mediaPath")
"""Other names of ``media_path``."""


def register_data_rows(call: Call) -> forms.Registered:
    store, run_id = call.context.store, call.path["id"]
    with store.read() as connection:
        _run(connection, run_id)
    registered = created = 0
    rows = _table(call)
    while some := list(islice(rows, AT_ONCE)):
        with store.write() as connection:
            newest = data_rows.newest_row(connection)
            registered += register_table(connection, run_id, some)
            created += data_rows.count_newer_rows(connection, newest)
    return forms.Registered(registered=registered, created=created)


def _table(call: Call) -> Iterator[dict[str, Any]]:
    assert call.upload is not None
    with call.upload.open() as stream:
        for number, line in enumerate(iter(lambda: stream.readline(LINE_BYTES + 1), b""), 1):
            if len(line) > LINE_BYTES:
                raise _bad_row(number, f"a line is longer than {LINE_BYTES >> 20} MiB")
            if line.strip():
                yield _row(number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)


LINE_BYTES = 1 << 20


def _row(number: int, line: bytes) -> dict[str, Any]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise _bad_row(number, error.msg) from None
    if not isinstance(row, dict):
        raise _bad_row(number, "expected an object")
    row = {"media_path" if name in MEDIA else name: value for name, value in row.items() if value is not None}
    for name, value in row.items():
        if name not in ROW_FIELDS:
            raise _bad_row(number, f"there is no field {name!r}; there are {', '.join(ROW_FIELDS)}")
        if not isinstance(value, ROW_FIELDS[name]) or isinstance(value, bool):
            raise _bad_row(number, f"{name!r} has the wrong type")
    if not {"id", "globalKey"} & {*row}:
        raise _bad_row(number, "a data row has an id or a globalKey")
    if is_deep(row):
        raise _bad_row(number, "its metadata is nested too deeply")
    if row.get("split", data_rows.SPLITS[0]) not in data_rows.SPLITS:
        raise _bad_row(number, f"a split is one of {', '.join(data_rows.SPLITS)}")
    return row


def _bad_row(number: int, message: str) -> Refusal:
    fault = Fault(rule="data-row", message=message, line=number)
    return Refusal(
        "MALFORMED_REQUEST", "a data row cannot be read; those of earlier lines may be there", faults=[fault]
    )


def list_slices(call: Call) -> forms.Slices:
    with call.context.store.read() as connection:
        return forms.Slices(slices=data_rows.slices(connection, call.path["id"]))


def set_slice(call: Call) -> forms.Slice:
    name = check_name(call.path["name"], call.context, "name of a slice")
    try:
        with call.context.store.write() as connection:
            members = data_rows.set_slice(connection, call.path["id"], name, call.body.data_rows)
    except UnknownRowsError as error:
        raise Refusal("RESOURCE_NOT_FOUND", f"{error} (a slice has data rows of the run)") from None
    return forms.Slice(name=name, data_rows=members)


# ---- imports


def import_ground_truths(call: Call) -> forms.Import:
    return _take(call, "ground_truths")


def import_predictions(call: Call) -> forms.Import:
    return _take(call, "predictions")


def _take(call: Call, kind: Kind) -> forms.Import:
    assert call.upload is not None
    if not call.upload.size:
        raise malformed("the body is empty: send lines of NDJSON")
    return _told(call, take(call.context, call.upload, run_id=call.path["id"], name=call.query.name, kind=kind))


def list_imports(call: Call) -> forms.Imports:
    with call.context.store.read() as connection:
        _run(connection, call.path["id"])
        found = imports.imports(connection, call.path["id"], skip=call.query.skip, first=call.query.first)
    return forms.Imports(imports=[_told(call, one) for one in found])


def get_import(call: Call) -> forms.Import:
    with call.context.store.read() as connection:
        found = imports.by_id(connection, call.path["id"])
    if found is None:
        raise NotFoundError("import", call.path["id"])
    return _told(call, found)


def _told(call: Call, found: Import) -> forms.Import:
    url, is_final = call.context.file_url, found.state != "RUNNING"
    return forms.Import(
        **{name: getattr(found, name) for name in forms.Import.model_fields if hasattr(found, name)},
        input_url=url(found.input_token),
        status_url=url(found.status_token) if is_final else None,
        error_url=url(found.error_token) if is_final else None,
    )


# ---- what a run holds


def get_metrics(call: Call) -> Iterator[bytes]:
    with call.context.store.read() as connection:
        yield from metric_lines(connection, call.path["id"], by_id=call.query.by == "id")


def get_annotations(call: Call) -> Iterator[bytes]:
    with call.context.store.read() as connection:
        yield from annotation_lines(connection, models.run_number(connection, call.path["id"]), call.query.side)


def export_run(call: Call) -> Iterator[bytes]:
    with call.context.store.read() as connection:
        yield from export_lines(connection, call.path["id"])


def aggregate(call: Call) -> forms.Aggregate:
    rollup = call.context.aggregates.of(call.path["id"], **call.query.model_dump())
    return forms.Aggregate(rows=rollup.to_dicts())


def get_evaluation(call: Call) -> forms.Evaluation:
    store = call.context.store
    with store.read() as connection:
        _run(connection, call.path["id"])
        found = figures.evaluation_of(store, connection, call.path["id"])
    if found is None:
        raise Refusal("RESOURCE_NOT_FOUND", "the run has no evaluation: it needs ground truth and predictions")
    return forms.Evaluation(
        state=found.state,
        error=found.error,
        created_at=found.created_at,
        summary=found.summary,
        manifest=_manifest(found.path),
    )


def _manifest(path: Path | None) -> dict[str, Any] | None:
    try:
        manifest: dict[str, Any] | None = None if path is None else orjson.loads((path / "manifest.json").read_bytes())
    except FileNotFoundError:
        return None  # it is being replaced
    return manifest
