"""Datasets, data rows, and the data rows of a run."""

from __future__ import annotations

from functools import partial
from typing import Any

from ariadne import MutationType, ObjectType, QueryType

from labelmetrics.errors import NotFoundError
from labelmetrics.server.intake import check_name
from labelmetrics.server.refusals import Refusal
from labelmetrics.server.resolvers.scalars import Info, conditions, first_of, page_of, sliced
from labelmetrics.store import data_rows
from labelmetrics.store.data_rows import DataRow, Dataset
from labelmetrics.store.files import create_task, task_of

__all__ = ["BOUND"]

query, mutation, row_type = QueryType(), MutationType(), ObjectType("DataRow")
BOUND = (query, mutation, row_type)

row_type.set_field("mediaAttributes", lambda row, _: row.media or {})
row_type.set_field("metadataFields", lambda row, _: [])
row_type.set_field("customMetadata", lambda row, _: [])


# ---- datasets


@mutation.field("createDataset")
def create_dataset(_: Any, info: Info, data: dict[str, Any]) -> Dataset:
    context = info.context
    check_name(data["name"], context, "name of a dataset")
    with context.store.write() as connection:
        return data_rows.create_dataset(connection, data["name"], data.get("description"))


@mutation.field("updateDataset")
def update_dataset(_: Any, info: Info, where: dict[str, Any], data: dict[str, Any]) -> Dataset:
    with info.context.store.write() as connection:
        return data_rows.update_dataset(
            connection,
            where["id"],
            name=data.get("name"),
            description=data.get("description"),
            deleted=bool(data.get("deleted")),
        )


@query.field("dataset")
def dataset(_: Any, info: Info, where: dict[str, Any]) -> Dataset:
    with info.context.store.read() as connection:
        found = data_rows.dataset(connection, where["id"])
    if found is None:
        raise NotFoundError("dataset", where["id"])
    return found


@query.field("datasets")
def all_datasets(
    _: Any,
    info: Info,
    where: dict[str, Any] | None = None,
    skip: int | None = None,
    first: int | None = None,
) -> list[Dataset]:
    wanted = list(conditions(where))

    def fits(one: Dataset) -> bool:
        # What is deleted is gone.
        return all(not value if name == "deleted" else getattr(one, name) == value for name, value in wanted)

    with info.context.store.read() as connection:
        return sliced(partial(data_rows.datasets, connection), fits, **page_of(info, skip, first))


@query.field("datasetDataRows")
def dataset_rows(
    _: Any,
    info: Info,
    id: str,
    where: dict[str, Any] | None = None,
    first: int | None = None,
    **after: str | None,
) -> dict[str, Any]:
    page = first_of(info, first)
    with info.context.store.read() as connection:
        rows = data_rows.dataset_rows(connection, id, after=after.get("from"), first=page, **dict(conditions(where)))
    cursor = _cursor(rows, page)
    return {"nodes": rows, "page_info": {"has_next_page": cursor is not None, "start_cursor": cursor}}


def _cursor(rows: list[DataRow], page: int) -> str | None:
    """Where the next page begins; nowhere when this one is not full."""
    return rows[-1].id if rows and len(rows) == page else None


# ---- data rows


@query.field("dataRow")
def data_row(_: Any, info: Info, where: dict[str, Any]) -> DataRow:
    with info.context.store.read() as connection:
        found = data_rows.data_row(connection, where["id"])
    if found is None:
        raise NotFoundError("data row", where["id"])
    return found


@mutation.field("updateDataRow")
def update_row(_: Any, info: Info, where: dict[str, Any], data: dict[str, Any]) -> DataRow:
    with info.context.store.write() as connection:
        return data_rows.update_row(connection, where["id"], **data)


@mutation.field("deleteDataRows")
def delete_rows(_: Any, info: Info, where: dict[str, Any]) -> list[dict[str, str]]:
    with info.context.store.write() as connection:
        data_rows.delete_rows(connection, where["data_row_ids"])
    return [{"id": one} for one in where["data_row_ids"]]


@query.field("externalIdsToDataRowIds")
def by_external_ids(_: Any, info: Info, **given: list[str]) -> list[dict[str, Any]]:
    (ids,) = given.values()
    with info.context.store.read() as connection:
        found = data_rows.rows_by_external_ids(connection, ids)
    return [{"data_row_id": row.id, "external_id": one} for one in ids for row in found.get(one, ())]


@query.field("dataRowsForGlobalKeys")
def look_up(_: Any, info: Info, where: dict[str, Any]) -> dict[str, str]:
    with info.context.store.write() as connection:
        task = create_task(connection, "data-rows-for-global-keys", metadata=where["ids"])
    return {"job_id": task.id}


@query.field("dataRowsForGlobalKeysResult")
def looked_up(_: Any, info: Info, job_id: dict[str, Any]) -> dict[str, Any]:
    with info.context.store.read() as connection:
        task = task_of(connection, job_id["id"])
        if task is None or task.type != "data-rows-for-global-keys":
            raise NotFoundError("job", job_id["id"])
        found = data_rows.rows_by_global_keys(connection, task.metadata)
    return {
        "job_status": "COMPLETE",
        "data": {
            "fetched_data_rows": [{"id": found[key].id if key in found else ""} for key in task.metadata],
            "not_found_global_keys": [key for key in task.metadata if key not in found],
            "access_denied_global_keys": [],
        },
    }


# ---- data rows of a run


@query.field("annotationGroups")
def run_rows(
    _: Any, info: Info, where: dict[str, Any], after: str | None = None, first: int | None = None
) -> dict[str, Any]:
    page, run_id = first_of(info, first), where["model_run_id"]["id"]
    with info.context.store.read() as connection:
        rows = data_rows.run_rows(connection, run_id, after=after, first=page)
    nodes = [
        {
            "id": row.data_row.id,
            "model_run_id": run_id,
            "label_id": row.label_id,
            "data_split": row.split,
            "data_row": row.data_row,
        }
        for row in rows
    ]
    return {"nodes": nodes, "page_info": {"end_cursor": _cursor([row.data_row for row in rows], page)}}


@mutation.field("createMEAModelRunDataRowRegistrationTask")
def register(_: Any, info: Info, where: dict[str, Any], data: dict[str, Any]) -> str:
    with info.context.store.write() as connection:
        data_rows.register(
            connection, where["id"], ids=data.get("data_row_ids") or (), global_keys=data.get("global_keys") or ()
        )
        return create_task(connection, "register-data-rows").id


@mutation.field("createMEAModelRunLabelRegistrationTask")
@mutation.field("createMEAModelRunProjectLabelRegistrationTask")
def register_labels(_: Any, info: Info, **given: Any) -> str:
    raise Refusal(
        "OPERATION_NOT_ALLOWED",
        "this server has neither projects nor labels: register data rows (upsert_data_rows), and send ground truth "
        "with labelmetrics.ModelRun.add_ground_truths or 'labelmetrics push'",
    )


@mutation.field("deleteModelRunDataRows")
def unregister(_: Any, info: Info, where: dict[str, Any]) -> bool:
    with info.context.store.write() as connection:
        return data_rows.unregister(connection, where["model_run_id"], where["data_row_ids"]) > 0


@mutation.field("createAssignDataRowsToDataSplitTask")
def assign(_: Any, info: Info, model_run: dict[str, Any], data: dict[str, Any]) -> str:
    with info.context.store.write() as connection:
        for one in data["assignments"]:
            data_rows.assign(
                connection,
                model_run["id"],
                one["split"],
                ids=one.get("data_row_ids") or (),
                global_keys=one.get("global_keys") or (),
            )
        return create_task(connection, "assign-data-rows-to-split").id


@query.field("MEADataRowRegistrationTaskStatus")
@query.field("MEALabelRegistrationTaskStatus")
@query.field("assignDataRowsToDataSplitTaskStatus")
def state_of(_: Any, info: Info, where: dict[str, Any]) -> dict[str, Any]:
    with info.context.store.read() as connection:
        task = task_of(connection, where["id"])
    if task is None:
        raise NotFoundError("task", where["id"])
    return {"status": task.status}
