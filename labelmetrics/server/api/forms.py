"""What the JSON API takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

__all__ = ["Answer", "Asked"]

Name = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"[^ \t\r\n]")]
Split = Literal["TRAINING", "VALIDATION", "TEST", "UNASSIGNED"]
Side = Literal["ground_truth", "prediction"]
EvaluationState = Literal["PENDING", "READY", "FAILED"]
State = Literal["RUNNING", "FINISHED", "FAILED"]
Kind = Literal["predictions", "ground_truths"]


class Answer(BaseModel):
    """What is given; made of the store's own objects."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, from_attributes=True)


class Asked(BaseModel):
    """What is taken: nothing that is not known."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


# ---- parameters


class NoParameters(Asked):
    """Nothing."""


class Page(Asked):
    """A page of a list."""

    skip: int = Field(0, ge=0, le=10**9, description="Items that are passed over.")
    first: int = Field(100, ge=1, le=1000, description="Most items.")


class NamedPage(Page):
    """A page of a list, perhaps of those of a name."""

    name: Name | None = Field(None, description="Only those of this name.")


class RowKeys(Asked):
    """How lines name their data rows."""

    by: Literal["globalKey", "id"] = Field(
        "globalKey", description="Name data rows by their global key where they have one, or by their id."
    )


class RowPage(Asked):
    """A page of data rows."""

    after: str | None = Field(None, max_length=200, description="The id of the last data row of the page before.")
    first: int = Field(100, ge=1, le=1000, description="Most items.")
    split: Split | None = Field(None, description="Only those of this split.")


class ImportName(Asked):
    """What an import is called."""

    name: Name = Field(description="Names of imports are unique within a model run.")


class OneSide(Asked):
    """Ground truth or predictions."""

    side: Side = Field(description="Which annotations.")


class AggregateOptions(Asked):
    """What is put together."""

    by: Literal["run", "split", "slice", "data_row"] = Field("run", description="What the groups are.")
    metric: Name | None = Field(None, description="Only this metric.")
    feature: Name | None = Field(None, description="Only this feature.")
    confidence: float | None = Field(None, ge=0, le=1, description="One of the confidence keys.")
    nearest: bool = Field(False, description="Whether a confidence between two keys takes the lower one.")


# ---- bodies


class NewRun(Asked):
    """A model run by names."""

    model: Name
    run: Name
    ontology_id: Annotated[str, StringConstraints(max_length=200)] | None = None


class SliceRows(Asked):
    """Data rows of a slice."""

    data_rows: list[Annotated[str, StringConstraints(min_length=1)]] = Field(
        description='Ids and global keys, also as "id:..." and "globalKey:...".'
    )


# ---- answers


class Health(Answer):
    """The server is there."""

    status: Literal["ok"] = "ok"


class Model(Answer):
    """A model."""

    id: str
    name: str
    ontology_id: str | None
    created_at: datetime


class Models(Answer):
    """Models, the newest first."""

    models: list[Model]


class Run(Answer):
    """A model run."""

    id: str
    name: str
    model_id: str
    created_at: datetime
    updated_at: datetime
    created_by: str | None
    config: Any
    status: str | None
    status_message: str | None
    status_metadata: Any


class Runs(Answer):
    """Model runs, the newest first."""

    runs: list[Run]


class ModelAndRun(Answer):
    """A model run that was found or made."""

    model: Model
    run: Run
    created: bool


class Evaluation(Answer):
    """The evaluation that the server keeps of a run with ground truth and predictions.

    While it is pending, the summary and the manifest are those of the one before.
    """

    state: EvaluationState
    error: str | None
    created_at: datetime | None
    summary: dict[str, Any] | None = None
    manifest: dict[str, Any] | None = None


class RunDetails(Run):
    """A model run and what it holds."""

    data_rows: int
    metrics: int
    ground_truths: int
    predictions: int
    imports: int
    evaluation: EvaluationState | None


class DataRow(Answer):
    """A data row of a model run."""

    id: str
    global_key: str | None
    external_id: str | None
    row_data: str | None
    media: dict[str, Any] | None
    metadata: Any
    split: Split
    label_id: str | None


class DataRows(Answer):
    """A page of data rows, and where the next one begins."""

    data_rows: list[DataRow]
    after: str | None


class Registered(Answer):
    """How many data rows are new in the run, and new altogether."""

    registered: int
    created: int


class Import(Answer):
    """An import."""

    id: str
    run_id: str
    name: str
    kind: Kind
    state: State
    progress: str
    size: int
    bytes_done: int
    lines: int
    failures: int
    error: str | None
    created_at: datetime
    finished_at: datetime | None
    input_url: str
    status_url: str | None
    error_url: str | None


class Imports(Answer):
    """Imports, the newest first."""

    imports: list[Import]


class Aggregate(Answer):
    """Values by metric, feature and subclass."""

    rows: list[dict[str, Any]]


class Slices(Answer):
    """Slices, and how many data rows each has."""

    slices: dict[str, int]


class Slice(Answer):
    """A slice, and how many data rows it has."""

    name: str
    data_rows: int


class Deleted(Answer):
    """It is gone."""

    deleted: Literal[True] = True


class Fault(BaseModel):
    """One thing that is wrong, and where it is."""

    model_config = ConfigDict(extra="allow")

    rule: str
    message: str


class Error(BaseModel):
    """Why a request was not done."""

    message: str
    code: str
    faults: list[Fault] | None = None
