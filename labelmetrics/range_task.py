"""What is done with one range of data rows, and what is known when all ranges are done."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from labelmetrics import __version__
from labelmetrics.errors import Fault, InputError, LabelmetricsWarning, MissingRowsError, SettingError
from labelmetrics.evaluation import CustomMetric, Evaluation, evaluate_sides
from labelmetrics.formats.buckets import SideName, Source, SplitReport, read_bucket
from labelmetrics.formats.custom_metrics import check_values
from labelmetrics.formats.data_rows import settle
from labelmetrics.formats.inputs import Sides
from labelmetrics.formats.manifest import Counts, Digests, Manifest, Settings
from labelmetrics.formats.metric_columns import BUILT_IN, OverLimit, Usage, built_in_names, lines_of
from labelmetrics.formats.output import Kind
from labelmetrics.formats.range_outputs import write_part_table
from labelmetrics.formats.storage import at_hand, move, open_arrow, staging
from labelmetrics.kernels.batch import Floats
from labelmetrics.kernels.digest import added
from labelmetrics.kernels.thresholds import Grid
from labelmetrics.kernels.vocabulary import Names, Vocabulary
from labelmetrics.limits import Limits
from labelmetrics.summary import Sums

if TYPE_CHECKING:
    pass

SIDES: tuple[SideName, SideName] = ("ground_truth", "prediction")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What every range has to know."""

    settings: Settings
    functions: list[CustomMetric]
    kinds: frozenset[Kind]
    metrics: set[str] | None
    level: set[str] | None
    over_limit: OverLimit
    limits: Limits
    folder: Path = Path()
    kind: str = "globalKey"
    has_table: bool = False
    keys: list[float] | None = None
    vocabulary: Vocabulary | None = None

    def read(self, bucket: int) -> Sides:
        import pyarrow as pa

        table = None
        if self.has_table:
            with open_arrow(self.folder / "rows" / f"{bucket:04d}.arrow") as stream:
                table = pa.ipc.open_file(stream).read_all()
        with at_hand(self.folder, [f"{side}/{bucket:04d}" for side in SIDES]) as folder:
            truth, guess = (read_bucket(folder, side, bucket) for side in SIDES)
        return Sides(truth, guess, table, canonical=(True, True))


@dataclass(slots=True, kw_only=True)
class RangeReport:
    """What was found in one range, besides its parts."""

    digests: Digests
    counts: Counts
    sums: list[Sums]
    usage: Usage = field(default_factory=Usage)
    support: dict[str, int] = field(default_factory=dict)
    custom: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    missing: tuple[str, str, dict[str, int]] | None = None


def evaluate_range(job: Job, bucket: int) -> RangeReport:
    """Evaluate the data rows of one bucket, and write its parts."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", LabelmetricsWarning)
        try:
            evaluation = evaluate_sides(
                job.read(bucket),
                job.settings,
                job.keys,
                job.functions,
                progress=lambda step, share: None,
                vocabulary=job.vocabulary,
                kind=job.kind,
            )
        except MissingRowsError as error:
            nothing = Counts(data_rows=0, ground_truths=0, predictions=0, features=0, subclasses=0)
            none = Digests(ground_truth="0" * 32, prediction="0" * 32)
            missing = (error.side, error.kind, dict(error.rows))
            return RangeReport(digests=none, counts=nothing, sums=[], missing=missing)
    thresholds = range(len(job.settings.iou))
    report = RangeReport(
        digests=evaluation.manifest.digests,
        counts=evaluation.manifest.counts,
        sums=[Sums.of(evaluation.results, threshold=index) for index in thresholds],
        support=evaluation.support(),
        custom={str(metric.metric_name): metric.aggregation.value for _, metric in evaluation.custom},
        said=[str(one.message) for one in caught],
    )
    folder = job.folder / "parts" / f"{bucket:04d}"
    folder.mkdir(parents=True, exist_ok=True)
    if "evaluation" in job.kinds:
        for name, table in evaluation.tables().items():
            write_part_table(folder / f"{name}.arrow", table)
    if job.kinds & {"lines", "table"}:
        _write_metrics(job, evaluation, folder, report)
    return report


def _write_metrics(job: Job, evaluation: Evaluation, folder: Path, report: RangeReport) -> None:
    import pyarrow as pa

    known = {*BUILT_IN, *built_in_names(evaluation.results.grid), *report.custom}
    columns = evaluation.metric_columns(
        metrics=None if job.metrics is None else job.metrics & known,
        level=job.level,  # type: ignore[arg-type]
        over_limit="keep",
    )
    if job.over_limit != "keep":
        written = [
            (row, one) for row, one in evaluation.custom if job.metrics is None or one.metric_name in job.metrics
        ]
        check_values(written, evaluation.key_kind, job.limits)
    report.usage = Usage.of(columns, job.limits.metrics_per_data_row, by_feature=job.over_limit == "fit")
    feature = pa.DictionaryArray.from_arrays(
        pa.array(columns.feature.codes, mask=columns.feature.codes < 0), pa.array(columns.feature.values, pa.string())
    )
    if "lines" in job.kinds:
        lines = pa.chunked_array([lines_of(block) for block in columns.blocks()], pa.string())
        write_part_table(folder / "lines.arrow", pa.table({"line": lines, "feature": feature}))
    if "table" in job.kinds:
        write_part_table(folder / "table.arrow", columns.table().append_column("feature", feature))


def survey(job: Job, bucket: int, *, keep_confidences: bool) -> tuple[Names, Floats]:
    """Names and confidences of the annotations that are not left out."""
    sides = job.read(bucket)
    settings = job.settings
    try:
        truth, guess, _ = settle(
            sides.ground_truth,
            sides.prediction,
            sides.table,
            missing_ground_truth=settings.missing_ground_truth,
            missing_predictions=settings.missing_predictions,
            kind=job.kind,
        )
    except MissingRowsError:
        return Names(), np.empty(0)  # told when the range is evaluated
    return Names.of((truth, guess)), guess.confidence if keep_confidences else np.empty(0)


def split_task(source: Source, number: int, work: Callable[..., SplitReport], folder: Path) -> SplitReport:
    """Put a source into buckets, where each of its files appears when it is complete: a task may be done twice."""
    with staging(folder, "split-") as own:
        report = work(source, number=number, folder=own)
        for file in [one for one in own.rglob("*") if one.is_file()]:
            move(file, folder.joinpath(*file.relative_to(own).parts))
    return report


def raise_missing(reports: Sequence[RangeReport]) -> None:
    found = [report.missing for report in reports if report.missing is not None]
    for side in SIDES:
        rows = {row: n for one, _, rows in found if one == side for row, n in rows.items()}
        if rows:
            raise MissingRowsError(side, found[0][1], rows)


def kept_features(job: Job, reports: Sequence[RangeReport]) -> set[str] | None:
    """Features whose metrics are written; ``None`` where all are."""
    if not job.kinds & {"lines", "table"}:
        return None
    support: dict[str, int] = {}
    for report in reports:
        for name, count in report.support.items():
            support[name] = support.get(name, 0) + count
    usage = Usage.sum([report.usage for report in reports])
    return usage.kept(job.limits.metrics_per_data_row, job.over_limit, support)


def check_custom(job: Job, reports: Sequence[RangeReport]) -> None:
    aggregations: dict[str, str] = {}
    for report in reports:
        for name, aggregation in report.custom.items():
            if aggregations.setdefault(name, aggregation) != aggregation:
                message = f"is aggregated by {aggregation} on some data rows and by {aggregations[name]} on others"
                raise InputError(
                    "a metric name has two aggregations", [Fault(rule="aggregation", message=message, metric_key=name)]
                )
    grid = Grid(tuple(job.settings.iou), tuple(job.keys or ()))
    known = dict.fromkeys([*BUILT_IN, *built_in_names(grid), *sorted(aggregations)])
    unknown = sorted((job.metrics or set()) - known.keys())
    if unknown:
        raise SettingError(f"unknown metrics {', '.join(unknown)}; there are {', '.join(known)}")


def manifest_of(job: Job, reports: Sequence[RangeReport]) -> Manifest:
    assert job.vocabulary is not None
    vocabulary = job.vocabulary
    totals = {
        name: sum(getattr(report.counts, name) for report in reports)
        for name in ("data_rows", "ground_truths", "predictions")
    }
    features, subclasses = vocabulary.features, vocabulary.subclasses
    return Manifest(
        labelmetrics=__version__,
        settings=Settings.model_validate({**dict(job.settings), "confidences": job.keys or []}),
        key_kind="id" if job.kind == "id" else "globalKey",
        digests=Digests(
            ground_truth=added(report.digests.ground_truth for report in reports),
            prediction=added(report.digests.prediction for report in reports),
        ),
        counts=Counts(**totals, features=len(features), subclasses=len(subclasses)),
        features=features,
        classifications=[
            name for name, is_class in zip(features, vocabulary.is_classification.tolist(), strict=True) if is_class
        ],
        subclasses=subclasses,
        confidence_keys=job.keys or [],
    )
