"""Many data rows at once: ``evaluate`` compares, an ``Evaluation`` keeps everything that was found."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import compress, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from labelmetrics import __version__
from labelmetrics.confusion import ConfusionTable, confusion_table
from labelmetrics.errors import Fault, InputError, SettingError
from labelmetrics.explanation import Explanation, explain
from labelmetrics.formats.bad_lines import BadLines, OnBadLine
from labelmetrics.formats.custom_metrics import check_custom, check_values, key_of, place_of
from labelmetrics.formats.data_rows import SPLITS, Missing, Rows, check_missing, diagonals, settle
from labelmetrics.formats.evaluation_tables import (
    counts_table,
    detections_of_tables,
    iou_table,
    objects_table,
    pairs_table,
    results_of_tables,
)
from labelmetrics.formats.inputs import Format, Geometry, Sides, read_sides
from labelmetrics.formats.lmeval import TABLES, read_manifest, read_table, write_folder
from labelmetrics.formats.manifest import Counts, Digests, Manifest, Provenance, Settings
from labelmetrics.formats.metric_columns import (
    BUILT_IN,
    Level,
    MetricColumns,
    OverLimit,
    built_in_names,
    check_limit,
    lines_of,
    metric_columns,
    names_of,
)
from labelmetrics.formats.metric_lines import each_line
from labelmetrics.formats.ndjson import parse_line
from labelmetrics.formats.output import check_ending, write_tables
from labelmetrics.formats.provenance import LinesWriter
from labelmetrics.formats.rebuild import annotations_by_row
from labelmetrics.formats.storage import path_of
from labelmetrics.kernels.batch import Bools, Columns, DataRowKey
from labelmetrics.kernels.buffer import DEFAULT_BUFFER, Buffer, check_buffer
from labelmetrics.kernels.comparison import Comparison, check_rules, compare
from labelmetrics.kernels.counts import Matching
from labelmetrics.kernels.curves import Detections, numbers
from labelmetrics.kernels.digest import digests
from labelmetrics.kernels.miou import Masks
from labelmetrics.kernels.results import Results
from labelmetrics.kernels.thresholds import Confidences, Grid, read_confidences, read_thresholds, threshold_name
from labelmetrics.kernels.vocabulary import AnswerNames, Vocabulary
from labelmetrics.limits import Limits
from labelmetrics.matches import Matches
from labelmetrics.summary import Summary
from labelmetrics.types import ConfusionMatrixMetric, GenericDataRowData, Label, ScalarMetric
from labelmetrics.words import counted, near

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Evaluation", "evaluate", "load"]

Metric = ScalarMetric | ConfusionMatrixMetric
CustomMetric = Callable[[list[Any], list[Any]], Iterable[Metric]]
Progress = Callable[[str, float], object]


def evaluate(
    ground_truths: Any,
    predictions: Any,
    *,
    iou: float | Iterable[float] = 0.5,
    confidences: Confidences = None,
    include_subclasses: bool = False,
    matching: Matching = "platform",
    masks: Masks = "auto",
    buffer: Buffer = DEFAULT_BUFFER,
    answer_names: AnswerNames = "auto",
    data_rows: Any = None,
    missing_ground_truth: Missing = "error",
    missing_predictions: Missing = "empty",
    custom: Sequence[CustomMetric] = (),
    format: Format | None = None,
    geometry: Geometry | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    on_bad_line: OnBadLine = "error",
    max_bad_lines: int | None = None,
    bad_lines: str | Path | None = None,
) -> Evaluation:
    """Compare the predictions of many data rows with their ground truth.

    Parameters
    ----------
    ground_truths, predictions : path, Arrow table, iterable of Label or of annotation lines
        The two sides. Paths name platform NDJSON (also gzip and zstd), COCO files or the platform's export.
    iou : float or iterable of float, default 0.5
        Overlap that a match must exceed (reach, with ``matching="coco"``), in (0, 1); one metric name each.
    confidences : sequence of float, int or "auto", optional
        Confidence keys: 2 to 15 values in [0, 1], a number n for 0, 1/n, ... (n-1)/n, or ten quantiles.
    include_subclasses : bool, default False
        Whether a pair matches only where its nested answers are equal, and their agreement counts in the mean overlap.
    matching : {"platform", "coco"}
        Highest overlap first, or predictions in falling confidence with COCO's rules for crowds.
    masks : {"auto", "semantic", "instance"}
        Mean overlap of masks: pixels of their union, or one to one; ``"auto"`` is semantic without subclasses.
    buffer : float, str or mapping, default 70.0
        How far points and lines are widened: pixels, a share of the image's diagonal (``"2%"``), or one per feature.
    answer_names : {"auto", "answer", "question/answer"}
        How features of answers are named; ``"auto"`` names the question where two of them share an answer.
    data_rows : path, Arrow table, DataFrame or iterable of mappings, optional
        Which data rows there are: id, globalKey, mediaPath, width, height, split, metadata.
    missing_ground_truth : {"error", "empty", "skip"}
        What predictions mean on a data row without any ground truth.
    missing_predictions : {"empty", "skip", "error"}
        What a data row without any prediction means.
    custom : sequence of callable
        Each is called with the ground truths and the predictions of one data row and returns metric annotations.
    format : {"coco", "ndjson", "labelbox-export"}, optional
        Format of the files; found out unless given.
    geometry : {"bbox", "segm"}, optional
        What is read from COCO files; boxes unless given.
    workers : int, optional
        How many threads read; the result does not depend on it.
    progress : callable, optional
        Called with the name of a step and the share of the work that is done.
    on_bad_line : {"error", "skip"}
        Whether lines that cannot be read are an error or passed over.
    max_bad_lines : int, optional
        Most lines that may be passed over.
    bad_lines : path, optional
        File for refused lines, each with its reason.

    Returns
    -------
    Evaluation
        Everything that was found.

    Raises
    ------
    InputError
        Input that cannot be read, with every fault and its place.
    DataRowError
        The data rows of the two sides do not fit together.
    AnnotationError
        Annotations that cannot be compared.
    SettingError
        A parameter that cannot be used.

    Examples
    --------
    >>> from labelmetrics.types import ImageData, Label, ObjectAnnotation, Point, Rectangle
    >>> def label(row, *lefts):
    ...     boxes = [Rectangle(start=Point(x=x, y=0), end=Point(x=x + 4, y=4)) for x in lefts]
    ...     annotations = [ObjectAnnotation(name="cat", value=box) for box in boxes]
    ...     return Label(data=ImageData(global_key=row), annotations=annotations)
    >>> evaluation = evaluate([label("a", 0, 20), label("b")], [label("a", 1), label("b", 0)])
    >>> [(line["metricName"], line["metricValue"]) for line in evaluation.lines()]
    [('custom_iou', 0.3), ('50pct_iou', [1, 0, 0, 1]), ('custom_iou', 0.0), ('50pct_iou', [0, 1, 0, 0])]
    """
    report = progress or (lambda step, share: None)
    settings = settings_of(
        iou=iou,
        include_subclasses=include_subclasses,
        matching=matching,
        masks=masks,
        buffer=buffer,
        answer_names=answer_names,
        missing_ground_truth=missing_ground_truth,
        missing_predictions=missing_predictions,
        geometry=geometry,
        format=format,
    )
    functions = functions_of(custom)
    log = BadLines(on_bad_line, max_bad_lines, bad_lines)
    report("reading", 0.0)
    sides = read_sides(
        ground_truths,
        predictions,
        format=format,
        geometry=geometry,
        data_rows=data_rows,
        bad_lines=log,
        workers=workers,
    )
    log.close()
    report("comparing", 0.4)
    evaluation = evaluate_sides(sides, settings, confidences, functions, progress=report)
    report("done", 1.0)
    return evaluation


def settings_of(**given: Any) -> Settings:
    """What an evaluation was asked for, its confidence keys aside.

    Raises
    ------
    SettingError
        A value that cannot be used.
    """
    given["iou"] = list(read_thresholds(given["iou"]))
    check_rules(given["matching"], given["masks"], given["answer_names"])
    check_missing(given["missing_ground_truth"], given["missing_predictions"])
    check_buffer(given["buffer"])
    buffer = given["buffer"]
    if isinstance(buffer, Mapping):
        given["buffer"] = dict(buffer)
    elif not isinstance(buffer, str):
        # The default stays what it is: its use is told.
        given["buffer"] = buffer if isinstance(buffer, float) else float(buffer)
    return Settings.model_construct(confidences=[], **given)


def functions_of(custom: Any) -> list[CustomMetric]:
    """The functions of custom metrics.

    Raises
    ------
    SettingError
        ``custom`` is no list of functions.
    """
    if callable(custom) or not isinstance(custom, Iterable):
        raise SettingError(f"custom is a list of functions: write custom=[{_name(custom)}]")
    functions = list(custom)
    for function in functions:
        if not callable(function):
            raise SettingError(f"custom is a list of functions, got {function!r}")
    return functions


def evaluate_sides(
    sides: Sides,
    settings: Settings,
    confidences: Confidences,
    functions: Sequence[CustomMetric],
    *,
    progress: Progress,
    vocabulary: Vocabulary | None = None,
    kind: str | None = None,
) -> Evaluation:
    """Compare both sides.

    Parameters
    ----------
    sides : Sides
        What was read.
    settings : Settings
        What is asked for.
    confidences
        Confidence keys, as for :func:`evaluate`.
    functions : sequence of callable
        Custom metrics.
    progress : callable
        Told of steps.
    vocabulary : Vocabulary, optional
        What names mean, where these data rows are a part of a larger input.
    kind : {"id", "globalKey"}, optional
        What data rows are named by, likewise.
    """
    truth, guess, rows = settle(
        sides.ground_truth,
        sides.prediction,
        sides.table,
        missing_ground_truth=settings.missing_ground_truth,
        missing_predictions=settings.missing_predictions,
        kind=kind,
    )
    grid = Grid(tuple(settings.iou), read_confidences(confidences, guess.confidence))
    with ThreadPoolExecutor(1) as thread:
        # Nothing waits for the digests, and most of the work on either side is done without Python's lock.
        digested = thread.submit(digests, (truth, guess))
        comparison = compare(
            truth,
            guess,
            grid=grid,
            include_subclasses=settings.include_subclasses,
            matching=settings.matching,
            masks=settings.masks,
            buffer=settings.buffer,
            answer_names=settings.answer_names,
            rows=rows.keys,
            diagonals=diagonals(rows.table),
            canonical=sides.canonical,
            vocabulary=vocabulary,
        )
        results = Results.of(comparison)
    if functions:
        progress("custom metrics", 0.8)
    found = _run_custom(functions, truth, guess, rows)
    check_custom(found, results, rows.kind)
    settings = Settings.model_validate({**dict(settings), "confidences": list(grid.keys)})
    return Evaluation(
        data_rows=rows.table,
        manifest=_manifest(results, settings, rows, digested.result()),
        custom=found,
        _tables=_Compared(results, comparison, (truth, guess), [sides.ordered or not one for one in sides.canonical]),
    )


def load(path: str | Path) -> Evaluation:
    """Open an evaluation file.

    Parameters
    ----------
    path : path
        The folder, which usually ends in ``.lmeval``. Its large tables are read when they are asked for.

    Returns
    -------
    Evaluation
        As it was saved.

    Raises
    ------
    InputError
        The path is no evaluation file, or a table of it is damaged; large ones show that when they are read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     evaluate([], []).save(f"{folder}/results.lmeval")
    ...     load(f"{folder}/results.lmeval")
    <Evaluation of 0 data rows: 0 ground truths, 0 predictions, 0 features>
    """
    import orjson

    manifest = read_manifest(path)
    table = read_table(path, "data_rows")
    lines = read_table(path, "metrics").column("line").to_pylist()
    try:
        custom = [(line["dataRow"][manifest.key_kind], _metric(line)[1]) for line in map(orjson.loads, lines)]
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: its custom metrics cannot be read: {error}") from error
    rows = table.column(manifest.key_kind).to_pylist()
    return Evaluation(data_rows=table, manifest=manifest, custom=custom, _tables=_Stored(path_of(path), manifest, rows))


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """Everything that one comparison of predictions with ground truth found.

    Made by :func:`evaluate` and :func:`load`.

    Parameters
    ----------
    data_rows : pyarrow.Table
        One row per data row, sorted by their keys.
    manifest : Manifest
        Settings, key grid, digests of both inputs, and counts.
    custom : list of (str, metric)
        Custom metrics with the key of their data row.

    Examples
    --------
    >>> from labelmetrics.types import ImageData, Label, ObjectAnnotation, TextEntity
    >>> def label(row, start):
    ...     name = ObjectAnnotation(name="person", value=TextEntity(start=start, end=10))
    ...     return Label(data=ImageData(global_key=row), annotations=[name])
    >>> evaluation = evaluate([label("a", 0), label("b", 0)], [label("a", 2), label("b", 8)])
    >>> evaluation.summary().overall.f1
    0.5
    >>> evaluation.explain("b")
    data row b, IoU > 0.5
    outcome  feature  place  confidence  overlap  why
    FP       person   –      –             0.200  the nearest ground truth overlaps by 0.200, not more than 0.5
    FN       person   –      –             0.200  the nearest prediction overlaps by 0.200, not more than 0.5
    """

    data_rows: pa.Table
    manifest: Manifest
    custom: list[tuple[str, Metric]] = field(default_factory=list)
    _tables: _Tables

    @property
    def key_kind(self) -> str:
        """Kind of the data-row keys: ``"id"`` or ``"globalKey"``."""
        return self.manifest.key_kind

    @property
    def results(self) -> Results:
        """Counts and mean overlaps of every data row, feature and subclass, as arrays."""
        return self._tables.results

    @property
    def detections(self) -> Detections:
        """Ground truths, predictions and the pairs of them, as arrays: what curves are made of."""
        return self._tables.detections

    @cached_property
    def _rows(self) -> list[str]:
        """Keys of the data rows."""
        keys: list[str] = self.data_rows.column(self.key_kind).to_pylist()
        return keys

    @property
    def objects(self) -> pa.Table:
        """One row per ground truth and prediction: what it is, and what became of it at each threshold."""
        return self._tables.objects

    @property
    def pairs(self) -> pa.Table:
        """Pairs of a ground truth and a prediction that overlap, by ``object`` number."""
        return self._tables.pairs

    def __repr__(self) -> str:
        counts = self.manifest.counts
        return (
            f"<Evaluation of {counted(counts.data_rows, 'data row')}: {counted(counts.ground_truths, 'ground truth')}, "
            f"{counted(counts.predictions, 'prediction')}, {counted(counts.features, 'feature')}>"
        )

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()

    def _threshold(self, iou: float | None) -> int:
        thresholds = self.manifest.settings.iou
        if iou is None:
            return 0
        if iou not in thresholds:
            raise SettingError(f"iou {iou!r} was not evaluated; there is {', '.join(f'{t:g}' for t in thresholds)}")
        return thresholds.index(iou)

    def summary(self, *, iou: float | None = None, confidence: float | None = None, nearest: bool = False) -> Summary:
        """Counts, precision, recall, F1 and mean overlap, per feature and overall.

        Parameters
        ----------
        iou : float, optional
            One of the thresholds; the lowest unless given.
        confidence : float, optional
            One of the confidence keys; all predictions count unless given.
        nearest : bool, default False
            Whether a confidence between two keys takes the lower one instead of being an error.

        Raises
        ------
        SettingError
            A threshold or confidence that was not evaluated.
        """
        return Summary.of(
            self.results,
            threshold=self._threshold(iou),
            confidence=confidence,
            nearest=nearest,
            matching=self.manifest.settings.matching,
        )

    @property
    def matches(self) -> Matches:
        """One row per object at the lowest threshold: outcome, partner, overlap, confidence, reason."""
        return self.matches_at(None)

    def matches_at(self, iou: float | None) -> Matches:
        """One row per object at one of the thresholds.

        Raises
        ------
        SettingError
            A threshold that was not evaluated.
        """
        return Matches.of(self.objects, threshold_name(self.manifest.settings.iou[self._threshold(iou)]))

    def explain(self, data_row: str | DataRowKey, *, iou: float | None = None) -> Explanation:
        """Say what became of each annotation of a data row, and why.

        Parameters
        ----------
        data_row : str
            Key of the data row, also as ``"globalKey:..."`` or ``"id:..."``.
        iou : float, optional
            One of the thresholds; the lowest unless given.

        Raises
        ------
        SettingError
            There is no such data row, or the threshold was not evaluated.
        """
        key = self._row_key(str(data_row))
        threshold = self.manifest.settings.iou[self._threshold(iou)]
        objects, pairs = self._tables.of_row(key)
        matches = Matches.of(objects, threshold_name(threshold))
        return explain(matches, pairs, key, threshold, self.manifest.settings.matching)

    @cached_property
    def _row_keys(self) -> dict[str, str]:
        """Key of each data row by every form that it can be given in."""
        rows = self._rows
        forms = {
            f"{kind}:{value}": row
            for kind in ("id", "globalKey")
            for value, row in zip(self.data_rows.column(kind).to_pylist(), rows, strict=True)
            if value is not None
        }
        return forms | {row: row for row in rows}

    def _row_key(self, text: str) -> str:
        """Key of a data row of this evaluation, given in any of its forms."""
        found = self._row_keys.get(text)
        if found is None:
            raise SettingError(f"there is no data row {text!r} in this evaluation{self._hint(text)}")
        return found

    def _hint(self, text: str) -> str:
        """What may have been meant by a key that no data row has."""
        kind, _, _ = text.partition(":")
        if kind in ("id", "globalKey") and self.data_rows.column(kind).null_count == len(self.data_rows):
            example = "".join(f", such as {self.key_kind}:{row}" for row in self._rows[:1])
            return f": its data rows have no {kind}, name them by {self.key_kind}{example}"
        return near(text, self._rows)

    def confusion_table(self, *, iou: float | None = None) -> ConfusionTable:
        """Class by class: what ground truths were predicted as, with background, matched regardless of class.

        Parameters
        ----------
        iou : float, optional
            Overlap that a match must exceed; the lowest threshold of the evaluation unless given. At least 0.1.
        """
        threshold = self.manifest.settings.iou[0] if iou is None else read_thresholds(iou)[0]
        return confusion_table(self.objects, self.pairs, threshold)

    def slice(
        self,
        data_rows: Collection[str] | Callable[[Mapping[str, Any]], bool] | None = None,
        *,
        split: str | None = None,
    ) -> Evaluation:
        """Keep some of the data rows, as if only they had been evaluated.

        Parameters
        ----------
        data_rows : collection of str or callable, optional
            Keys of data rows, or a function of one row of the table (``metadata`` as a dict) that says if it stays.
        split : {"TRAINING", "VALIDATION", "TEST", "UNASSIGNED"}, optional
            Keep the data rows of this split.

        Raises
        ------
        SettingError
            A data row that is not in the evaluation, or a split that does not exist.
        """
        if split is not None and split not in SPLITS:
            raise SettingError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
        keep = np.ones(len(self._rows), bool)
        if callable(data_rows):
            keep &= np.array([bool(data_rows(row)) for row in self._described()], bool)
        elif data_rows is not None:
            listed = [data_rows] if isinstance(data_rows, str) else data_rows
            wanted = {self._row_key(str(row)) for row in listed}
            keep &= np.array([row in wanted for row in self._rows], bool)
        if split is not None:
            keep &= np.array([value == split for value in self.data_rows.column("split").to_pylist()], bool)
        tables = _Sliced(self._tables, keep, list(compress(self._rows, keep)))
        rows = set(tables.rows)
        return replace(
            self,
            data_rows=self.data_rows.filter(keep),
            custom=[(row, metric) for row, metric in self.custom if row in rows],
            manifest=self.manifest.model_copy(update=_contents(tables.results)),
            _tables=tables,
        )

    def _described(self) -> Iterator[dict[str, Any]]:
        import orjson

        for row in self.data_rows.to_pylist():
            yield {**row, "metadata": orjson.loads(row["metadata"]) if row["metadata"] else {}}

    def with_metrics(self, lines: Any) -> Evaluation:
        """Add metric annotations; one with a key that an earlier call has added replaces it.

        Parameters
        ----------
        lines : path, or iterable of paths, lines, metric annotations with ``data_row`` and labels
            Paths name NDJSON (also gzip and zstd); all of it is one input.

        Raises
        ------
        InputError
            A line is no metric line, its data row is not in the evaluation, or its metric key is given twice or is
            that of a built-in metric; or a metric name has two aggregations.
        """
        added: dict[tuple[str, ...], tuple[str, Metric]] = {}

        def add(line: Any, file: str | None, number: int) -> None:
            data_row, metric = _metric(line)
            shown = str(data_row)
            try:
                row = self._row_key(shown)
            except SettingError as error:
                fault = Fault(rule="unknown-data-row", message=str(error), data_row=shown)
                raise InputError("a data row is not there", [fault]) from error
            key = key_of(row, metric)
            if key in added:
                raise _twice(row, metric, self.key_kind, "the metric key occurs a second time")
            added[key] = row, metric

        each_line(lines, add)
        known = {key_of(*item): item for item in self.custom} | added
        check_custom([*known.values()], self.results, self.key_kind)
        return replace(self, custom=[*known.values()])

    def metric_columns(
        self,
        *,
        metrics: Collection[str] | None = None,
        level: Collection[Level] | None = None,
        over_limit: OverLimit = "error",
        limits: Limits | None = None,
    ) -> MetricColumns:
        """Metric annotations as columns; parameters as in :meth:`lines`."""
        limits = limits or Limits()
        names = {metric.metric_name: None for _, metric in self.custom if metric.metric_name is not None}
        wanted = names_of(metrics, "metrics")
        if wanted is None:
            wanted = {*BUILT_IN, *names}
        known = dict.fromkeys([*BUILT_IN, *built_in_names(self.results.grid), *sorted(names)])
        unknown = sorted(wanted - known.keys())
        if unknown:
            raise SettingError(f"unknown metrics {', '.join(unknown)}; there are {', '.join(known)}")
        custom = [(row, metric) for row, metric in self.custom if metric.metric_name in wanted]
        columns = metric_columns(
            self.results,
            self.key_kind,
            metrics=wanted,
            level=names_of(level, "level"),
            custom=custom,
        )
        if over_limit != "keep":
            check_values(custom, self.key_kind, limits)
        return check_limit(columns, limits, over_limit, self.support())

    def support(self) -> dict[str, int]:
        """Number of ground truths of each feature."""
        groups = self.results.by_feature
        support = np.bincount(groups.feature, groups.n_truth, minlength=len(self.results.features))
        return dict(zip(self.results.features, support.astype(int).tolist(), strict=True))

    def lines(
        self,
        *,
        metrics: Collection[str] | None = None,
        level: Collection[Level] | None = None,
        over_limit: OverLimit = "error",
        limits: Limits | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Iterate over metric lines: dicts as they go on the wire.

        Parameters
        ----------
        metrics : collection of str, optional
            ``"confusion_matrix"``, ``"miou"``, names that metrics are written by (``"50pct_iou"``), of custom metrics
            too; all unless given.
        level : collection of {"data_row", "feature", "subclass"}, optional
            Levels; matrices by feature and mean overlaps by data row unless given.
        over_limit : {"error", "fit", "keep"}
            What to do about data rows with more metrics than the platform takes; with ``"keep"``, values of custom
            metrics may be out of range too.
        limits : Limits, optional
            The platform's limits.

        Raises
        ------
        LimitError
            A data row has too many metrics, or a custom metric a value out of range.
        SettingError
            A metric or level that does not exist.
        """
        import orjson

        columns = self.metric_columns(metrics=metrics, level=level, over_limit=over_limit, limits=limits)
        return (orjson.loads(line.as_py()) for block in columns.blocks() for line in lines_of(block))

    def labels(
        self, *, metrics: Collection[str] | None = None, level: Collection[Level] | None = None, **options: Any
    ) -> Iterator[Label]:
        """Iterate over labels that hold the metric annotations of their data row; parameters as in :meth:`lines`."""
        name, kind = ("uid" if self.key_kind == "id" else "global_key"), self.key_kind
        rows = groupby(self.lines(metrics=metrics, level=level, **options), lambda line: line["dataRow"][kind])
        return (
            Label(data=GenericDataRowData(**{name: row}), annotations=[_metric(line)[1] for line in lines])
            for row, lines in rows
        )

    def write_ndjson(
        self,
        path: str | Path,
        *,
        metrics: Collection[str] | None = None,
        level: Collection[Level] | None = None,
        over_limit: OverLimit = "error",
        limits: Limits | None = None,
    ) -> Provenance:
        """Write metric lines, and beside them ``PATH.provenance.json``; parameters as in :meth:`lines`.

        Parameters
        ----------
        path : path
            The file, which ends in ``.ndjson`` or ``.jsonl``, packed with ``.gz`` or ``.zst`` behind it; ``"-"`` is
            standard output, without a sidecar.

        Returns
        -------
        Provenance
            What the sidecar says.
        """
        check_ending(path, "lines")
        columns = self.metric_columns(metrics=metrics, level=level, over_limit=over_limit, limits=limits)
        with LinesWriter(path) as writer:
            for block in columns.blocks():
                writer.append(lines_of(block))
            return writer.finish(self.manifest, fitted=columns.fitted)

    def write_parquet(self, path: str | Path, **options: Any) -> None:
        """Write metric annotations as a Parquet table, one row each; options as in :meth:`lines`.

        The columns are ``uuid``, ``data_row``, ``metric_name``, ``feature_name``, ``subclass_name``, ``value`` (JSON)
        and ``aggregation``.
        """
        check_ending(path, "table")
        write_tables(path, [self.metric_columns(**options).table()])

    def save(self, path: str | Path) -> None:
        """Write the evaluation file ``path``, a folder that usually ends in ``.lmeval``.

        Raises
        ------
        InputError
            Something that is no evaluation file, or one that holds other files, is in the way; or the folder cannot be
            written.
        """
        check_ending(path, "evaluation")
        write_folder(path, self.manifest, self.tables())

    def tables(self) -> dict[str, pa.Table]:
        """All tables of the evaluation file, by name."""
        import pyarrow as pa

        kind = self.key_kind
        lines = [
            _json({"dataRow": {kind: row}} | {k: v for k, v in metric.to_line().items() if k != "dataRow"})
            for row, metric in sorted(self.custom, key=lambda item: key_of(*item))
        ]
        tables = {
            "objects": self.objects,
            "pairs": self.pairs,
            "counts": counts_table(self.results),
            "iou": iou_table(self.results),
            "data_rows": self.data_rows,
            "metrics": pa.table({"line": pa.array(lines, pa.string())}),
        }
        return {name: tables[name] for name in TABLES}

    def to_flat_dict(self, *, iou: float | None = None, confidence: float | None = None) -> dict[str, float]:
        """Numbers of :meth:`summary` as one flat dict, for experiment trackers."""
        return self.summary(iou=iou, confidence=confidence).to_flat_dict()


class _Tables(Protocol):
    """Where results, detections and the tables of objects and pairs come from."""

    @property
    def results(self) -> Results: ...

    @property
    def detections(self) -> Detections: ...

    @property
    def objects(self) -> pa.Table: ...

    @property
    def pairs(self) -> pa.Table: ...

    def of_row(self, row: str) -> tuple[pa.Table, pa.Table]:
        """Objects and pairs of one data row."""


class _Compared:
    """Made from a comparison when they are asked for."""

    def __init__(
        self, results: Results, comparison: Comparison, columns: tuple[Columns, Columns], ordered: Sequence[bool]
    ) -> None:
        self.results = results
        self._comparison, self._columns, self._ordered = comparison, columns, ordered

    @cached_property
    def detections(self) -> Detections:
        return Detections.of(self._comparison, self._ordered)

    @cached_property
    def objects(self) -> pa.Table:
        return objects_table(self._comparison, self._columns, self._ordered)

    @cached_property
    def pairs(self) -> pa.Table:
        return pairs_table(self._comparison)

    def of_row(self, row: str) -> tuple[pa.Table, pa.Table]:
        return _of_rows(self, [row])


class _Stored:
    """Read from an evaluation file when they are asked for."""

    def __init__(self, path: Path, manifest: Manifest, rows: list[str]) -> None:
        self._path, self._manifest, self._rows = path, manifest, rows

    @cached_property
    def results(self) -> Results:
        manifest = self._manifest
        with self._must_fit():
            return results_of_tables(
                read_table(self._path, "counts"),
                read_table(self._path, "iou"),
                rows=self._rows,
                features=manifest.features,
                classifications=manifest.classifications,
                subclasses=manifest.subclasses,
                grid=Grid(tuple(manifest.settings.iou), tuple(manifest.confidence_keys)),
            )

    @cached_property
    def detections(self) -> Detections:
        with self._must_fit():
            return detections_of_tables(self.objects, self.pairs, rows=self._rows, features=self._manifest.features)

    @contextmanager
    def _must_fit(self) -> Iterator[None]:
        try:
            yield
        except (KeyError, ValueError, IndexError) as error:
            raise InputError(f"{self._path}: its tables do not fit together: {error}") from error

    @cached_property
    def objects(self) -> pa.Table:
        return read_table(self._path, "objects")

    @cached_property
    def pairs(self) -> pa.Table:
        return read_table(self._path, "pairs")

    def of_row(self, row: str) -> tuple[pa.Table, pa.Table]:
        objects = read_table(self._path, "objects", [("data_row", "==", row)])
        numbers = objects.column("object").to_pylist()
        return objects, read_table(self._path, "pairs", [("ground_truth", "in", numbers or [-1])])


class _Sliced:
    """Those rows of other tables that belong to some data rows."""

    def __init__(self, whole: _Tables, keep: Bools, rows: list[str]) -> None:
        self._whole, self._keep, self.rows = whole, keep, rows

    @cached_property
    def results(self) -> Results:
        return self._whole.results.of_rows(self._keep)

    @cached_property
    def detections(self) -> Detections:
        features = np.isin(np.array(self._whole.results.features, object), np.array(self.results.features, object))
        return self._whole.detections.renumbered(numbers(self._keep), numbers(features))

    @cached_property
    def _both(self) -> tuple[pa.Table, pa.Table]:
        return _of_rows(self._whole, self.rows)

    @property
    def objects(self) -> pa.Table:
        return self._both[0]

    @property
    def pairs(self) -> pa.Table:
        return self._both[1]

    def of_row(self, row: str) -> tuple[pa.Table, pa.Table]:
        return self._whole.of_row(row)


def _of_rows(tables: _Tables, rows: list[str]) -> tuple[pa.Table, pa.Table]:
    """Objects and pairs of some data rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    objects, pairs = tables.objects, tables.pairs
    objects = objects.filter(pc.is_in(objects.column("data_row").cast(pa.string()), pa.array(rows, pa.string())))
    return objects, pairs.filter(pc.is_in(pairs.column("ground_truth"), objects.column("object").combine_chunks()))


def _manifest(results: Results, settings: Settings, rows: Rows, digested: Sequence[str]) -> Manifest:
    truth, guess = digested
    return Manifest(
        labelmetrics=__version__,
        settings=settings,
        key_kind="id" if rows.kind == "id" else "globalKey",
        digests=Digests(ground_truth=truth, prediction=guess),
        **_contents(results),
        confidence_keys=list(results.grid.keys),
    )


def _contents(results: Results) -> dict[str, Any]:
    """What results are about, as the manifest tells it."""
    return {
        "counts": Counts(
            data_rows=len(results.rows),
            ground_truths=int(results.by_feature.n_truth.sum()),
            predictions=int(results.by_feature.n_guess[0].sum()),
            features=len(results.features),
            subclasses=len(results.subclasses),
        ),
        "features": results.features,
        "classifications": list(compress(results.features, results.is_classification)),
        "subclasses": results.subclasses,
    }


def _run_custom(
    functions: Sequence[CustomMetric], truth: Columns, guess: Columns, rows: Rows
) -> list[tuple[str, Metric]]:
    found: dict[tuple[str, ...], tuple[str, Metric]] = {}
    if not functions:
        return []
    for row, truths, guesses in zip(
        rows.keys, annotations_by_row(truth, rows.keys), annotations_by_row(guess, rows.keys), strict=True
    ):
        for function in functions:
            name = _name(function)
            try:
                metrics = list(function(truths, guesses))
            except (Exception, SystemExit) as error:
                raise InputError(
                    f"the custom metric {name} failed on data row {rows.kind}:{row}: {type(error).__name__}: {error}"
                ) from error
            for metric in metrics:
                if not isinstance(metric, ScalarMetric | ConfusionMatrixMetric):
                    raise InputError(
                        f"the custom metric {name} returned {type(metric).__name__} on data row {rows.kind}:{row}, not "
                        "a ScalarMetric or ConfusionMatrixMetric"
                    )
                if metric.metric_name is None:
                    raise InputError(f"the custom metric {name} returned a metric without metric_name")
                key = key_of(row, metric)
                if key in found:
                    raise _twice(row, metric, rows.kind, f"{name} gives this metric a second time")
                found[key] = (row, metric)
    return list(found.values())


def _name(function: Any) -> str:
    return str(getattr(function, "__name__", repr(function)))


def _twice(row: str, metric: Metric, kind: str, message: str) -> InputError:
    fault = Fault(rule="duplicate-metric-key", message=message, **place_of(row, metric, kind))
    return InputError("a custom metric is given twice", [fault])


def _metric(line: Mapping[str, Any]) -> tuple[DataRowKey, Metric]:
    data_row, metric = parse_line(line)[0]
    if not isinstance(metric, ScalarMetric | ConfusionMatrixMetric):
        raise InputError("a line holds no metric", [Fault(rule="kind", message="holds no metric", path="$")])
    return data_row, metric


def _json(line: Mapping[str, Any]) -> str:
    import orjson

    return orjson.dumps(line).decode()
