"""What the JSON API can be asked: one table, from which requests are answered and the OpenAPI document is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from labelmetrics.server.api import answers, forms
from labelmetrics.server.api.call import Call
from labelmetrics.server.api.forms import Answer, Asked, NoParameters

__all__ = ["OPERATIONS", "Operation"]

Method = Literal["GET", "POST", "PUT", "DELETE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that can be asked.

    Parameters
    ----------
    name, summary : str
        What it is called, and what it does.
    method, path : str
        How it is asked for.
    answer : callable
        Does it.
    gives : type of Answer, or "lines"
        What it answers with; lines are NDJSON.
    query : type of Asked
        Its parameters.
    takes : type of Asked, or "lines", optional
        What the body holds.
    refusals : tuple of int
        Statuses that it may answer with besides those that all have.
    """

    name: str
    summary: str
    method: Method
    path: str
    answer: Callable[[Call], BaseModel | Iterator[bytes]]
    gives: type[Answer] | Literal["lines"]
    query: type[Asked] = NoParameters
    takes: type[Asked] | Literal["lines"] | None = None
    refusals: tuple[int, ...] = ()

    @property
    def path_parameters(self) -> tuple[str, ...]:
        """Names within the path."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))


def _run(path: str = "") -> str:
    return "/api/runs/{id}" + path


OPERATIONS = (
    Operation(
        name="listModels",
        summary="Models, the newest first",
        method="GET",
        path="/api/models",
        query=forms.NamedPage,
        answer=answers.list_models,
        gives=forms.Models,
    ),
    Operation(
        name="getModel",
        summary="A model",
        method="GET",
        path="/api/models/{id}",
        answer=answers.get_model,
        gives=forms.Model,
        refusals=(404,),
    ),
    Operation(
        name="deleteModel",
        summary="Delete a model with its runs",
        method="DELETE",
        path="/api/models/{id}",
        answer=answers.delete_model,
        gives=forms.Deleted,
        refusals=(404,),
    ),
    Operation(
        name="listRunsOfModel",
        summary="Runs of a model, the newest first",
        method="GET",
        path="/api/models/{id}/runs",
        query=forms.NamedPage,
        answer=answers.list_runs_of_model,
        gives=forms.Runs,
        refusals=(404,),
    ),
    Operation(
        name="listRuns",
        summary="Runs of all models, the newest first",
        method="GET",
        path="/api/runs",
        query=forms.NamedPage,
        answer=answers.list_runs,
        gives=forms.Runs,
    ),
    Operation(
        name="createRun",
        summary="The newest run of these names, made where there is none",
        method="POST",
        path="/api/runs",
        takes=forms.NewRun,
        answer=answers.create_run,
        gives=forms.ModelAndRun,
    ),
    Operation(
        name="getRun",
        summary="A run, and what it holds",
        method="GET",
        path=_run(),
        answer=answers.get_run,
        gives=forms.RunDetails,
        refusals=(404,),
    ),
    Operation(
        name="deleteRun",
        summary="Delete a run",
        method="DELETE",
        path=_run(),
        answer=answers.delete_run,
        gives=forms.Deleted,
        refusals=(404,),
    ),
    Operation(
        name="listDataRows",
        summary="Data rows of a run",
        method="GET",
        path=_run("/data-rows"),
        query=forms.RowPage,
        answer=answers.list_data_rows,
        gives=forms.DataRows,
        refusals=(404,),
    ),
    Operation(
        name="registerDataRows",
        summary="Put data rows into a run; those that do not exist are made",
        method="POST",
        path=_run("/data-rows"),
        takes="lines",
        answer=answers.register_data_rows,
        gives=forms.Registered,
        refusals=(404,),
    ),
    Operation(
        name="importGroundTruths",
        summary="Import ground truth",
        method="POST",
        path=_run("/ground-truths"),
        query=forms.ImportName,
        takes="lines",
        answer=answers.import_ground_truths,
        gives=forms.Import,
        refusals=(404, 409),
    ),
    Operation(
        name="importPredictions",
        summary="Import predictions and metrics",
        method="POST",
        path=_run("/predictions"),
        query=forms.ImportName,
        takes="lines",
        answer=answers.import_predictions,
        gives=forms.Import,
        refusals=(404, 409),
    ),
    Operation(
        name="listImports",
        summary="Imports of a run, the newest first",
        method="GET",
        path=_run("/imports"),
        query=forms.Page,
        answer=answers.list_imports,
        gives=forms.Imports,
        refusals=(404,),
    ),
    Operation(
        name="getImport",
        summary="An import",
        method="GET",
        path="/api/imports/{id}",
        answer=answers.get_import,
        gives=forms.Import,
        refusals=(404,),
    ),
    Operation(
        name="getMetrics",
        summary="All metric lines of a run",
        method="GET",
        path=_run("/metrics"),
        query=forms.RowKeys,
        answer=answers.get_metrics,
        gives="lines",
        refusals=(404,),
    ),
    Operation(
        name="getAnnotations",
        summary="All lines of ground truth or predictions of a run",
        method="GET",
        path=_run("/annotations"),
        query=forms.OneSide,
        answer=answers.get_annotations,
        gives="lines",
        refusals=(404,),
    ),
    Operation(
        name="aggregateRun",
        summary="Metrics of a run put together",
        method="GET",
        path=_run("/aggregate"),
        query=forms.AggregateOptions,
        answer=answers.aggregate,
        gives=forms.Aggregate,
        refusals=(404,),
    ),
    Operation(
        name="listSlices",
        summary="Slices of a run",
        method="GET",
        path=_run("/slices"),
        answer=answers.list_slices,
        gives=forms.Slices,
        refusals=(404,),
    ),
    Operation(
        name="setSlice",
        summary="Say which data rows a slice has; none deletes it",
        method="PUT",
        path=_run("/slices/{name}"),
        takes=forms.SliceRows,
        answer=answers.set_slice,
        gives=forms.Slice,
        refusals=(404,),
    ),
    Operation(
        name="getEvaluation",
        summary="State of a run's evaluation",
        method="GET",
        path=_run("/evaluation"),
        answer=answers.get_evaluation,
        gives=forms.Evaluation,
        refusals=(404,),
    ),
    Operation(
        name="exportRun",
        summary="The export of a run, one line a data row",
        method="GET",
        path=_run("/export"),
        answer=answers.export_run,
        gives="lines",
        refusals=(404,),
    ),
)
