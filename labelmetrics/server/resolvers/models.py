"""Models and model runs."""

from __future__ import annotations

from functools import partial
from typing import Any

from ariadne import MutationType, ObjectType, QueryType

from labelmetrics.errors import NotFoundError
from labelmetrics.server.intake import check_name
from labelmetrics.server.resolvers.scalars import Info, conditions, page_of, sliced
from labelmetrics.store import data_rows, models
from labelmetrics.store.models import Model, ModelRun

__all__ = ["BOUND"]

query, mutation, model_type, run_type = QueryType(), MutationType(), ObjectType("Model"), ObjectType("ModelRun")
BOUND = (query, mutation, model_type, run_type)

run_type.set_field("trainingMetadata", lambda run, _: run.config)


@mutation.field("createModel")
def create_model(_: Any, info: Info, data: dict[str, Any]) -> Model:
    context = info.context
    check_name(data["name"], context, "name of a model")
    with context.store.write() as connection:
        return models.create_model(connection, data["name"], data["ontology_id"])


@query.field("model")
def model(_: Any, info: Info, where: dict[str, Any]) -> Model:
    with info.context.store.read() as connection:
        found = models.model(connection, where["id"])
    if found is None:
        raise NotFoundError("model", where["id"])
    return found


@query.field("models")
def all_models(
    _: Any,
    info: Info,
    where: dict[str, Any] | None = None,
    skip: int | None = None,
    first: int | None = None,
) -> list[Model]:
    wanted = list(conditions(where))

    def fits(one: Model) -> bool:
        return all(one.name != value if name == "name_not" else getattr(one, name) == value for name, value in wanted)

    with info.context.store.read() as connection:
        return sliced(partial(models.models, connection), fits, **page_of(info, skip, first))


@mutation.field("deleteModels")
def delete_models(_: Any, info: Info, where: dict[str, Any]) -> bool:
    with info.context.store.write() as connection:
        return models.delete_models(connection, where["ids"]) > 0


@model_type.field("modelRuns")
def runs_of_model(parent: Model, info: Info, skip: int | None = None, first: int | None = None) -> list[ModelRun]:
    page = page_of(info, skip, first)
    with info.context.store.read() as connection:
        return models.runs(connection, model_id=parent.id, skip=page["skip"], first=page["first"])


@mutation.field("createModelRun")
def create_run(_: Any, info: Info, data: dict[str, Any]) -> ModelRun:
    context = info.context
    check_name(data["name"], context, "name of a model run")
    with context.store.write() as connection:
        return models.create_run(
            connection, data["model_id"], data["name"], data.get("training_metadata"), context.account.user_id
        )


@query.field("modelRun")
def run(_: Any, info: Info, where: dict[str, Any]) -> ModelRun:
    return _known(info, where["id"])


def _known(info: Info, id: str) -> ModelRun:
    with info.context.store.read() as connection:
        found = models.run(connection, id)
    if found is None:
        raise NotFoundError("model run", id)
    return found


@mutation.field("deleteModelRuns")
def delete_runs(_: Any, info: Info, where: dict[str, Any]) -> bool:
    with info.context.store.write() as connection:
        return models.delete_runs(connection, where["ids"]) > 0


@mutation.field("updateModelRunConfig")
def set_config(_: Any, info: Info, model_run: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    with info.context.store.write() as connection:
        return {"training_metadata": models.set_config(connection, model_run["id"], data.get("config")).config}


@mutation.field("resetModelRunConfig")
def reset_config(_: Any, info: Info, model_run: dict[str, Any]) -> dict[str, Any]:
    with info.context.store.write() as connection:
        return {"training_metadata": models.set_config(connection, model_run["id"], None).config}


@mutation.field("updateTrainingPipeline")
def set_status(_: Any, info: Info, model_run: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    with info.context.store.write() as connection:
        models.set_status(connection, model_run["id"], data["status"], data.get("error_message"), data.get("metadata"))
    return {"status": data["status"]}


@query.field("modelFoundryModelRunInfo")
def run_info(_: Any, info: Info, where: dict[str, Any]) -> dict[str, Any]:
    run = _known(info, where["model_run_id"])
    with info.context.store.read() as connection:
        return {"cost": 0.0, "status": run.status, "total_data_rows": data_rows.count_run_rows(connection, run.id)}
