"""Evaluations of files of any size: data rows are cut into ranges of keys, which are evaluated one after the other.

Inputs are read once and put into buckets, one a range (``formats.buckets``). Each range is an evaluation of its own
that knows what the whole input knows: what names mean, the key grid, the kind of data-row keys. What it finds is
written to parts, and the parts, one behind the other, are the outputs. So they are those of
:func:`labelmetrics.evaluate`, byte by byte, however many ranges and workers there are.
"""

from __future__ import annotations

import hashlib
import pickle
import time
import warnings
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from labelmetrics import __version__
from labelmetrics.errors import InputError, LabelmetricsError, LabelmetricsWarning, SettingError
from labelmetrics.evaluation import CustomMetric, Progress, functions_of, settings_of
from labelmetrics.formats.bad_lines import BadLines, OnBadLine
from labelmetrics.formats.buckets import (
    BUCKET_BYTES,
    MOST_BUCKETS,
    Source,
    SplitReport,
    buckets_of,
    cut_points,
    find_files,
    gathered,
    is_several,
    kinds_of,
    size_of,
    sources_of,
    split,
)
from labelmetrics.formats.data_rows import Missing, kind_of, read_data_rows
from labelmetrics.formats.inputs import is_stream, warn_of_contents, warn_of_shared, why_whole
from labelmetrics.formats.manifest import Manifest, PartsManifest
from labelmetrics.formats.metric_columns import Level, OverLimit, check_over_limit, names_of
from labelmetrics.formats.output import Kind, check_place, is_in_parts, kind_of as output_kind
from labelmetrics.formats.parts import check_folder, clear, write_manifest
from labelmetrics.formats.provenance import origin_of
from labelmetrics.formats.range_outputs import Output, write_part_file
from labelmetrics.formats.storage import appearing, is_movable, is_url, path_of, remove
from labelmetrics.kernels.batch import Floats
from labelmetrics.kernels.buffer import DEFAULT_BUFFER, Buffer
from labelmetrics.kernels.comparison import warn_of_confidences
from labelmetrics.kernels.counts import Matching
from labelmetrics.kernels.miou import Masks
from labelmetrics.kernels.thresholds import Confidences, Grid, match_rule, read_confidences
from labelmetrics.kernels.vocabulary import AnswerNames, Names, Vocabulary
from labelmetrics.limits import Limits
from labelmetrics.range_task import (
    SIDES,
    Job,
    RangeReport,
    check_custom,
    evaluate_range,
    kept_features,
    manifest_of,
    raise_missing,
    split_task,
    survey,
)
from labelmetrics.summary import Summary, Sums
from labelmetrics.words import counted
from labelmetrics.workers import Here, Processes, Runner
from labelmetrics.workspace import TaskError, store, stored, work_folder

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RangedEvaluation", "evaluate_files"]

LARGE = 256 << 20
"""Bytes of unpacked input that are better not all in memory, where they take ten times as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangedEvaluation:
    """What an evaluation of files found, as far as it fits into memory; the rest is in its outputs.

    Parameters
    ----------
    manifest : Manifest
        Settings, key grid, digests of both inputs, and counts.
    summaries : list of Summary
        One for each threshold.
    outputs : list of path
        What was written.

    Examples
    --------
    >>> import tempfile
    >>> import labelmetrics as lm
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = lm.write_sample(folder, rows=5)
    ...     found = evaluate_files(files["ground_truth"], files["predictions"], data_rows=files["data_rows"],
    ...                            outputs=[f"{folder}/metrics.ndjson"], over_limit="fit")
    >>> found.summary().data_rows
    5
    """

    manifest: Manifest
    summaries: list[Summary]
    outputs: list[Path]

    def summary(self, *, iou: float | None = None) -> Summary:
        """Counts, precision, recall, F1 and mean overlap at one of the thresholds; the lowest unless given.

        Raises
        ------
        SettingError
            A threshold that was not evaluated.
        """
        thresholds = self.manifest.settings.iou
        if iou is not None and iou not in thresholds:
            raise SettingError(f"iou {iou} was not evaluated; there is {', '.join(f'{t:g}' for t in thresholds)}")
        return self.summaries[0 if iou is None else thresholds.index(iou)]


def evaluate_files(
    ground_truths: Any,
    predictions: Any,
    *,
    outputs: Iterable[str | Path] = (),
    metrics: Collection[str] | None = None,
    level: Collection[Level] | None = None,
    over_limit: OverLimit = "error",
    limits: Limits | None = None,
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
    workers: int | None = None,
    progress: Progress | None = None,
    on_bad_line: OnBadLine = "error",
    max_bad_lines: int | None = None,
    bad_lines: str | Path | None = None,
    tmp: str | Path | None = None,
    resume: bool = False,
    ranges: int | None = None,
    runner: Runner | None = None,
) -> RangedEvaluation:
    """Compare files of any size, in memory that does not grow with them, and write what is found.

    Parameters
    ----------
    ground_truths, predictions : path or list of paths
        NDJSON (also gzip and zstd) and Parquet files of annotation lines; folders and patterns (``"gt/*.ndjson.gz"``)
        name several. These and all files below may be URLs of shared storage (``"s3://..."``), with the extra ``dask``.
        COCO files and the platform's export can only be read by :func:`evaluate`.
    outputs : iterable of path
        What is written: ``.lmeval`` (evaluation file), ``.ndjson`` or ``.jsonl``, also with ``.gz`` or ``.zst`` (metric
        lines), ``.parquet`` (metric table); ``"-"`` is standard output. With a slash at the end
        (``"metrics.ndjson/"``) lines and tables are a folder of part files, written by the workers, with a manifest.
    metrics, level, over_limit, limits
        As for :meth:`Evaluation.lines`.
    iou, confidences, include_subclasses, matching, masks, buffer, answer_names
        As for :func:`evaluate`.
    data_rows, missing_ground_truth, missing_predictions, custom
        As for :func:`evaluate`; functions must be importable by name where there are several workers.
    workers : int, optional
        Processes that read and compare; one, this one, unless given. The result does not depend on it.
    progress : callable, optional
        Called with the name of a step and the share of the work that is done.
    on_bad_line, max_bad_lines, bad_lines
        As for :func:`evaluate`.
    tmp : path, optional
        Folder for intermediate files: a third of the unpacked input, and as much again as is written; beside the
        first output unless given.
    resume : bool, default False
        Whether to go on where an evaluation of the same files with the same settings was killed.
    ranges : int, optional
        Number of ranges; follows from the size of the input unless given.
    runner : Runner, optional
        What runs the tasks instead of processes of this machine.

    Returns
    -------
    RangedEvaluation
        Summaries and manifest.

    Raises
    ------
    LabelmetricsError
        As :func:`evaluate` does.

    Examples
    --------
    >>> import tempfile
    >>> import labelmetrics as lm
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = lm.write_sample(folder, rows=5)
    ...     output = f"{folder}/results.lmeval"
    ...     found = evaluate_files(files["ground_truth"], files["predictions"], data_rows=files["data_rows"],
    ...                            outputs=[output], ranges=3)
    ...     print(lm.load(output).summary() == found.summary())
    True
    """
    settings = settings_of(
        iou=iou,
        include_subclasses=include_subclasses,
        matching=matching,
        masks=masks,
        buffer=buffer,
        answer_names=answer_names,
        missing_ground_truth=missing_ground_truth,
        missing_predictions=missing_predictions,
        geometry=None,
        format=None,
    )
    check_over_limit(over_limit)
    named = list(outputs)
    targets = [path_of(str(path).rstrip("/") if is_in_parts(path) else path) for path in named]
    kinds = {path: _output_kind(path) for path in targets}
    folders = [
        path for name, path in zip(named, targets, strict=True) if is_in_parts(name) and kinds[path] != "evaluation"
    ]
    for path in folders:
        check_folder(path)
    files = _find(ground_truths, predictions)
    _check_targets(targets, files)
    table = None if data_rows is None else read_data_rows(data_rows)
    fixed = confidences if isinstance(confidences, str) else read_confidences(confidences, np.empty(0))
    job = Job(
        settings=settings,
        functions=functions_of(custom),
        kinds=frozenset(kinds.values()),
        metrics=names_of(metrics, "metrics"),
        level=names_of(level, "level"),
        over_limit=over_limit,
        limits=limits or Limits(),
    )
    asked = what_is_asked(job, fixed, files, table, keep_refused=bad_lines is not None)
    if tmp is not None:
        own = path_of(tmp) / "labelmetrics-ranges"
    else:
        place = targets[0] if targets and str(targets[0]) != "-" else Path("evaluation")
        own = place.with_name(f".{place.name}.ranges")
    own = own.absolute()  # workers may have other working directories
    log = BadLines(on_bad_line, max_bad_lines, bad_lines)
    with work_folder(own, asked, resume=resume) as folder, _running(runner, workers) as running:
        if (folder / "cuts.pickle").exists():
            cuts = pickle.loads((folder / "cuts.pickle").read_bytes())
        else:
            # Tables of objects and pairs take several times the memory of metrics.
            size = BUCKET_BYTES // 2 if "evaluation" in job.kinds else BUCKET_BYTES
            n = ranges or min(-(-sum(map(size_of, files)) // size), MOST_BUCKETS)
            keys = [] if table is None else _known_keys(table)
            cuts = cut_points([*files[0], *files[1]], max(n, 1), keys)
            store(folder / "cuts.pickle", cuts)
        run = _Run(folder, running, progress)
        reports = run.split(
            files,
            cuts,
            keep_refused=bad_lines is not None,
            keep_confidences=fixed == "auto",
            keep_uuids="evaluation" in job.kinds or bool(job.functions),  # lines of metrics do not show them
        )
        names = gathered(reports, log)
        log.close()
        sides = [[report for report in reports if report.source.side == side] for side in SIDES]
        if not log.count:
            _warn_of_sides((ground_truths, predictions), files, sides)
        kind = kind_of(kinds_of(sides[0]), kinds_of(sides[1]), table)
        _check_kinds(sides, kind)
        if table is not None:
            _store_rows(folder, table, kind, cuts)
        job = replace(job, folder=folder, kind=kind, has_table=table is not None)
        present = np.concatenate([np.empty(0), *(part for report in sides[1] for part in report.confidences)])
        if "skip" in (missing_ground_truth, missing_predictions):
            names, present = run.survey(job, cuts, keep_confidences=fixed == "auto")
        grid = Grid(tuple(settings.iou), read_confidences(confidences, present))
        if grid.keys:
            warn_of_confidences(
                sum(report.without_confidence for report in sides[1]), sum(report.annotations for report in sides[1])
            )
        job = replace(job, keys=list(grid.keys) or None, vocabulary=Vocabulary.of(names, answer_names))
        return run.evaluate(job, cuts, targets, kinds, folders)


@contextmanager
def _running(runner: Runner | None, workers: int | None) -> Iterator[Runner]:
    """What runs the tasks, with its processes only as long as they are needed."""
    if runner is not None:
        yield runner
        return
    with closing(Here() if workers in (None, 1) else Processes(int(workers or 1))) as own:
        yield own


def takes_ranges(
    ground_truths: str, predictions: str, *, wanted: Sequence[str] = (), unwanted: Sequence[str] = ()
) -> bool:
    """Whether two inputs are evaluated in ranges rather than in memory: asked for, needed, or better.

    Parameters
    ----------
    ground_truths, predictions : str
        File, folder, pattern or ``"-"``.
    wanted : sequence of str
        Settings that only an evaluation in ranges has, by name.
    unwanted : sequence of str
        Settings that only an evaluation in memory has.

    Raises
    ------
    SettingError
        It would have to be both.
    InputError
        There are no such files.
    """
    reasons, obstacles = list(wanted), [f"{name} is about files that are read into memory" for name in unwanted]
    size = 0
    for side, name in ((ground_truths, "ground truth"), (predictions, "predictions")):
        files = [Path(side)] if is_stream(side) else find_files(side, name)
        if is_several(path_of(side)):
            reasons.append(f"several files ({side})")
        elif path_of(side).suffix == ".parquet":
            reasons.append(f"Parquet ({side})")
        obstacles += [why for file in files if (why := why_whole(file)) is not None]
        size += 0 if is_stream(side) else size_of(files)
    if reasons and obstacles:
        raise SettingError(f"{obstacles[0]}, which does not go with {' and '.join(reasons)}")
    return bool(reasons) or (size > LARGE and not obstacles)


def _find(ground_truths: Any, predictions: Any) -> list[list[Path]]:
    """Files of both sides."""
    found = [find_files(ground_truths, "ground truth"), find_files(predictions, "predictions")]
    for file in (*found[0], *found[1]):
        why = why_whole(file)
        if why is not None:
            raise InputError(f"{why} (labelmetrics.evaluate)")
    warn_of_shared(*found)
    return found


def _check_targets(targets: Sequence[Path], files: Sequence[Sequence[Path]]) -> None:
    """Refuse what could not be written in the end, or would be written over an input."""
    for path in targets:
        if str(path) == "-" or is_url(path):
            continue
        if not path.parent.is_dir():
            raise SettingError(f"{path}: the folder {path.parent} does not exist")
        check_place(path)
        if path.exists() and any(path.samefile(file) for side in files for file in side if not is_url(file)):
            raise SettingError(f"{path}: is an input, so it is not written over")


def _warn_of_sides(
    named: Sequence[Any], files: Sequence[Sequence[Path]], sides: Sequence[Sequence[SplitReport]]
) -> None:
    n = [sum(report.annotations for report in side) for side in sides]
    scored = [sum(report.annotations - report.without_confidence for report in side) for side in sides]
    warn_of_contents(
        {str(name): found[0] for name, found, count in zip(named, files, n, strict=True) if not count},
        scored=scored,
        predictions=n[1],
    )


class _Run:
    """Runs the steps of one evaluation, each task once; what was done before a kill is not done again."""

    def __init__(self, folder: Path, runner: Runner, progress: Progress | None) -> None:
        self._folder, self._runner = folder, runner
        self._progress = progress or (lambda step, share: None)

    def _tasks(
        self,
        name: str,
        function: Callable[..., Any],
        tasks: Sequence[tuple[Any, ...]],
        clock: _Clock,
        told: Callable[..., str],
    ) -> Generator[Any, None, None]:
        """Yield the results of some tasks, in order; ``told`` says in words what a task is about."""
        files = [self._folder / f"{name}-{index:06d}.pickle" for index in range(len(tasks))]
        done = {file for file in files if file.exists()}
        left = [(file, function, *task) for file, task in zip(files, tasks, strict=True) if file not in done]
        # Whatever ends this early ends the tasks too, before the folder that they write to is removed.
        with closing(self._runner.run(stored, left)) as results:
            for number, (file, task) in enumerate(zip(files, tasks, strict=True), 1):
                with _naming(told, *task):
                    found = pickle.loads(file.read_bytes()) if file in done else next(results)
                clock.tell(number / len(files), found, is_new=file not in done)
                yield found

    def split(
        self,
        files: Sequence[Sequence[Path]],
        cuts: Sequence[str],
        *,
        keep_refused: bool,
        keep_confidences: bool,
        keep_uuids: bool,
    ) -> list[SplitReport]:
        """Put the annotations of all files into buckets."""
        total = sum(map(size_of, files))
        sources = [
            source for side, found in zip(SIDES, files, strict=True) for source in sources_of(side, found, total)
        ]
        work = partial(
            split,
            cuts=cuts,
            keep_refused=keep_refused,
            keep_confidences=keep_confidences,
            keep_uuids=keep_uuids,
        )
        clock = _Clock("reading", "annotations", lambda report: report.annotations, self._progress, 0.0, 0.3)
        tasks = [(source, number, work, self._folder) for number, source in enumerate(sources)]
        return list(self._tasks("split", split_task, tasks, clock, _told_source))

    def survey(self, job: Job, cuts: Sequence[str], *, keep_confidences: bool) -> tuple[Names, Floats]:
        """Names and confidences of all annotations that are not left out."""
        names, present = Names(), [np.empty(0)]
        work = partial(survey, keep_confidences=keep_confidences)
        clock = _Clock("looking through", "ranges", lambda found: 1, self._progress, 0.3, 0.4)
        tasks = [(job, bucket) for bucket in range(len(cuts) + 1)]
        for found, confidences in self._tasks("survey", work, tasks, clock, partial(_told_range, cuts)):
            names.update(found)
            present.append(confidences)
        return names, np.concatenate(present)

    def evaluate(
        self,
        job: Job,
        cuts: Sequence[str],
        targets: Sequence[Path],
        kinds: dict[Path, Kind],
        folders: Collection[Path],
    ) -> RangedEvaluation:
        """Evaluate all ranges, and put their parts together, where possible while others are evaluated."""
        n = len(cuts) + 1
        clock = _Clock("comparing", "data rows", lambda report: report.counts.data_rows, self._progress, 0.4, 0.9)
        tasks = [(job, bucket) for bucket in range(n)]
        ranges = self._tasks("range", evaluate_range, tasks, clock, partial(_told_range, cuts))
        parts = [self._folder / "parts" / f"{bucket:04d}" for bucket in range(n)]
        with ExitStack() as stack:
            # Until they are complete, outputs lie among the intermediate files, so that a kill leaves nothing else.
            outputs = {
                path: stack.enter_context(Output(path, kinds[path], aside=self._folder))
                for path in targets
                if path not in folders and self._can_be_begun(path, kinds[path], job.over_limit)
            }
            reports: list[RangeReport] = []
            with closing(ranges):
                for part, report in zip(parts, ranges, strict=True):
                    reports.append(report)
                    for side in SIDES:
                        remove(self._folder / side / part.name)  # it is evaluated, and its report is kept
                    for output in outputs.values() if all(one.missing is None for one in reports) else ():
                        output.append(part, None)
            raise_missing(reports)
            for message in dict.fromkeys(text for report in reports for text in report.said):
                warnings.warn(message, LabelmetricsWarning, stacklevel=4)
            check_custom(job, reports)
            manifest = manifest_of(job, reports)
            kept = kept_features(job, reports)
            for index, path in enumerate(targets):
                self._progress(f"writing {path}", 0.9 + 0.1 * index / len(targets))
                if path in folders:
                    self._write_parts(
                        path, kinds[path], parts, kept, manifest, [partial(_told_range, cuts, *task) for task in tasks]
                    )
                    continue
                if path not in outputs:
                    outputs[path] = stack.enter_context(Output(path, kinds[path]))
                    for part in parts:
                        outputs[path].append(part, kept)
                outputs[path].finish(manifest, kept)
        summaries = [
            reduce(Sums.__add__, (report.sums[index] for report in reports)).summary(
                match_rule(threshold, job.settings.matching)
            )
            for index, threshold in enumerate(job.settings.iou)
        ]
        self._progress("done", 1.0)
        return RangedEvaluation(manifest=manifest, summaries=summaries, outputs=list(targets))

    def _can_be_begun(self, path: Path, kind: Kind, over_limit: OverLimit) -> bool:
        """Whether an output can be written before all ranges are evaluated."""
        # Which metrics fit is known at the end only, and standard output cannot take anything back.
        if str(path) == "-" or (over_limit == "fit" and kind != "evaluation"):
            return False
        return is_movable(self._folder, path)

    def _write_parts(
        self,
        folder: Path,
        kind: Kind,
        parts: Sequence[Path],
        kept: set[str] | None,
        manifest: Manifest,
        told: Sequence[Callable[[], str]],
    ) -> None:
        """Write a folder of part files, one of each range."""
        clear(folder)
        files = []
        tasks = [(part, number, kept) for number, part in enumerate(parts)]
        with closing(self._runner.run(partial(write_part_file, folder.absolute(), kind), tasks)) as results:
            for tell in told:
                with _naming(tell):
                    files.append(next(results))
        lines = sum(file.lines for file in files)
        write_manifest(folder, PartsManifest(**origin_of(manifest, lines, fitted=kept is not None), parts=files))


@contextmanager
def _naming(told: Callable[..., str], *task: Any) -> Iterator[None]:
    """Let an error that nobody has foreseen say which task it is about."""
    try:
        yield
    except LabelmetricsError:
        raise  # says where
    except OSError as error:
        # Told here, so that it is not taken for one of the outputs that are written meanwhile.
        raise InputError(f"{error.filename or told(*task)}: {error.strerror or error}") from error
    except Exception as error:
        raise TaskError(
            f"{told(*task)} cannot be evaluated: {type(error).__name__}: {error} (what was done is kept; go on by "
            "resume=True, --resume, where memory was wanting with fewer workers)"
        ) from error


def _told_source(source: Source, *others: Any) -> str:
    return source.path + ("" if source.stop is None else f", bytes {source.start} to {source.stop},")


def _told_range(cuts: Sequence[str], job: Job, bucket: int) -> str:
    """Which data rows a range has: by their keys, or by where it was cut if it cannot be read."""
    try:
        sides = job.read(bucket)
        keys = {key.value for side in (sides.ground_truth, sides.prediction) for key in side.data_row.values}
        keys |= set() if sides.table is None else set(sides.table.column(job.kind).to_pylist())
        return f"{counted(len(keys), 'data row')} from {job.kind}:{min(keys)} to {job.kind}:{max(keys)}"
    except Exception:
        start = f" from {job.kind}:{cuts[bucket - 1]}" if bucket else ""
        stop = f" before {job.kind}:{cuts[bucket]}" if bucket < len(cuts) else ""
        return f"the data rows{start}{stop}"


def what_is_asked(
    job: Job, confidences: Any, files: Sequence[Sequence[Path]], table: pa.Table | None, *, keep_refused: bool
) -> str:
    """Text of what is evaluated and how: it is the same where an evaluation can be resumed."""
    stats = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for side in files for file in side]
    functions = [f"{function.__module__}:{getattr(function, '__qualname__', '')}" for function in job.functions]
    chosen = [None if one is None else sorted(one) for one in (job.kinds, job.metrics, job.level)]
    rows = None if table is None else _digest(table)
    # The order of a set differs from process to process.
    limits = [replace(job.limits, reserved_names=frozenset()), sorted(job.limits.reserved_names)]
    asked = [confidences, stats, rows, functions, chosen, job.over_limit, limits, keep_refused]
    return repr([__version__, dict(job.settings), *asked])


def _digest(table: pa.Table) -> str:
    import pyarrow as pa
    import pyarrow.csv

    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(table, sink)
    return hashlib.sha256(sink.getvalue()).hexdigest()


def _output_kind(path: Path) -> Kind:
    kind = output_kind(path)
    if kind is None:
        raise SettingError(f"{path}: an output ends in .lmeval, .ndjson, .jsonl or .parquet")
    return kind


class _Clock:
    """Tells progress with a rate, which is that of results of this process: what was done before a kill is left out."""

    def __init__(
        self, step: str, what: str, count: Callable[[Any], int], progress: Progress, start: float, stop: float
    ) -> None:
        self._step, self._what, self._count = step, what, count
        self._progress, self._start, self._stop = progress, start, stop
        self._began, self._n = time.monotonic(), 0
        progress(step, start)

    def tell(self, share: float, result: Any, *, is_new: bool) -> None:
        self._n += self._count(result) if is_new else 0
        rate = self._n / max(time.monotonic() - self._began, 1e-3)
        text = f"{self._step} ({rate:,.0f} {self._what} a second)"
        self._progress(text, self._start + share * (self._stop - self._start))


def _known_keys(table: pa.Table) -> list[str]:
    """Keys of a table of data rows, of the kind that all rows have."""
    for name in ("globalKey", "id"):
        column = table.column(name)
        if not column.null_count:
            keys: list[str] = column.to_pylist()
            return keys
    return []


def _check_kinds(sides: Sequence[Sequence[SplitReport]], kind: str) -> None:
    others = set().union(*map(kinds_of, sides)) - {kind}
    if others:
        raise InputError(
            f"data rows are named by {' and '.join(sorted({kind, *others}))}; files that are too large for memory must "
            f"name all of them by {kind}"
        )


def _store_rows(folder: Path, table: pa.Table, kind: str, cuts: Sequence[str]) -> None:
    """Cut the table of data rows like the inputs."""
    import pyarrow as pa

    bucket = buckets_of(table.column(kind).combine_chunks(), cuts)
    (folder / "rows").mkdir(exist_ok=True)
    for index in range(len(cuts) + 1):
        part = table.take(pa.array(np.flatnonzero(bucket == index)))
        with (
            appearing(folder / "rows" / f"{index:04d}.arrow") as temporary,
            pa.ipc.new_file(str(temporary), part.schema) as writer,
        ):
            writer.write_table(part)
