"""``labelmetrics evaluate``: compare predictions with ground truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from labelmetrics.cli._messages import FAULTS, Messages
from labelmetrics.cli._options import (
    INPUTS,
    Listed,
    Place,
    as_json,
    check_kind,
    check_streams,
    flat,
    make_command,
    metric_options,
    metric_settings,
    option,
    write,
)
from labelmetrics.cli._reading import CustomFunction, custom_option, data_rows_option, reading_options
from labelmetrics.cli._runs import connected, endpoint_option, result_of, run_named
from labelmetrics.errors import SettingError
from labelmetrics.formats.output import is_in_parts

if TYPE_CHECKING:
    from labelmetrics.runs.client import Client

MISSING = ("error", "empty", "skip")


def _confidences(ctx: click.Context, parameter: click.Parameter, value: str | None) -> Any:
    """A list of keys, a number of keys, or ``"auto"``."""
    if value is None or value == "auto":
        return value
    if value.strip().isdigit():
        return int(value)
    return list(Listed(float, "numbers").convert(value, parameter, ctx))


def _buffer(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> Any:
    """A width for all features, or a mapping from features to widths."""

    def width(text: str) -> float | str:
        if text.endswith("%"):
            return text
        try:
            return float(text)
        except ValueError:
            raise click.BadParameter(
                f'{text!r} is neither a number of pixels nor a share like "2%"', ctx, parameter
            ) from None

    named = dict(value.rsplit("=", 1) for value in values if "=" in value)
    if not values:
        return None
    if len(values) == 1 and not named:
        return width(values[0])
    if len(named) < len(values):
        raise click.BadParameter("give one width for all features, or FEATURE=WIDTH for each", ctx, parameter)
    return {feature: width(text) for feature, text in named.items()}


@make_command(
    "evaluate",
    python='labelmetrics.evaluate("gt.ndjson", "predictions.ndjson").save("results.lmeval")',
    examples=r"""
labelmetrics evaluate demo/ground_truth.ndjson demo/predictions.ndjson \
  --data-rows demo/data_rows.ndjson -o demo/results.lmeval
labelmetrics evaluate demo/ground_truth.ndjson demo/predictions.ndjson \
  --data-rows demo/data_rows.ndjson --iou 0.5,0.75 --confidences 10 --over-limit fit -o demo/metrics.ndjson.gz
cat demo/predictions.ndjson | labelmetrics evaluate demo/ground_truth.ndjson - \
  --data-rows demo/data_rows.ndjson --json
labelmetrics evaluate "demo/ground_*.ndjson" demo/predictions.ndjson \
  --data-rows demo/data_rows.ndjson --workers 2 -o demo/ranges.lmeval
""",
)
@click.argument("ground_truths", type=INPUTS)
@click.argument("predictions", type=INPUTS)
@option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    metavar="FILE",
    section="Output",
    help="Evaluation file (.lmeval), metric lines (.ndjson, also .ndjson.gz and .ndjson.zst; - is standard output) or "
    "metric table (.parquet). May be repeated.",
)
@option(
    "--upload",
    metavar="RUN",
    section="Output",
    help="Send the metric lines to a model run, by id, or as MODEL/RUN, which is made when missing.",
)
@endpoint_option
@as_json
@option(
    "--iou",
    type=Listed(float, "numbers"),
    multiple=True,
    metavar="NUMBER,...",
    section="Comparison",
    help="Overlap that a match must exceed (reach, with --matching coco), between 0 and 1; one metric name each. "
    "[default: 0.5]",
)
@option(
    "--confidences",
    callback=_confidences,
    metavar="KEYS",
    section="Comparison",
    help="Confidence keys of the metrics: a list (0.1,0.5,0.9), a number n for 0, 1/n, ... (n-1)/n, or auto. "
    "[default: none]",
)
@option(
    "--include-subclasses/--no-include-subclasses",
    default=None,
    section="Comparison",
    help="Whether a pair matches only where its nested answers are equal. [default: no]",
)
@option(
    "--matching",
    type=click.Choice(["platform", "coco"]),
    section="Comparison",
    help="Highest overlap first, or predictions in falling confidence by COCO's rules. [default: platform]",
)
@option(
    "--masks",
    type=click.Choice(["auto", "semantic", "instance"]),
    section="Comparison",
    help="Mean overlap of masks: pixels of their union, or one to one. [default: auto]",
)
@option(
    "--buffer",
    multiple=True,
    callback=_buffer,
    metavar="WIDTH",
    section="Comparison",
    help="How far points and lines are widened: pixels (70), a share of the image's diagonal (2%), or FEATURE=WIDTH, "
    "repeated. [default: 70]",
)
@option(
    "--answer-names",
    type=click.Choice(["auto", "answer", "question/answer"]),
    section="Comparison",
    help="How answers are named as features. [default: auto]",
)
@custom_option
@data_rows_option
@option(
    "--missing-ground-truth",
    type=click.Choice(MISSING),
    section="Data rows",
    help="What predictions mean on a data row without any ground truth: a mistake, false positives (empty), or "
    "nothing (skip). [default: error]",
)
@option(
    "--missing-predictions",
    type=click.Choice(MISSING),
    section="Data rows",
    help="What a data row without any prediction means. [default: empty]",
)
@option(
    "--format",
    type=click.Choice(["coco", "ndjson", "labelbox-export"]),
    section="Input",
    help="Format of the files; found out unless given.",
)
@option(
    "--geometry",
    type=click.Choice(["bbox", "segm"]),
    section="Input",
    help="What is read from COCO files. [default: bbox]",
)
@reading_options
@option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    section="Large input",
    help="Processes that read and compare, with intermediate files. [default: 1]",
)
@option(
    "--tmp",
    type=Place(exists=True, file_okay=False),
    metavar="DIR",
    section="Large input",
    help="Folder for intermediate files: a third of the unpacked input, and as much again as is written. "
    "[default: beside the first output]",
)
@option(
    "--resume",
    is_flag=True,
    section="Large input",
    help="Go on where the same command was killed.",
)
@option(
    "--engine",
    type=click.Choice(["processes", "dask"]),
    section="Large input",
    help="What reads and compares: processes of this machine, or a cluster of dask.distributed. [default: processes]",
)
@option(
    "--address",
    metavar="URL",
    section="Large input",
    help="Scheduler of the cluster, tcp://...; by default one is started on this machine, of --workers processes.",
)
@metric_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    ground_truths: str,
    predictions: str,
    outputs: tuple[str, ...],
    upload: str | None,
    endpoint: str | None,
    as_json: bool,
    metrics: tuple[Any, ...],
    level: tuple[Any, ...],
    over_limit: str | None,
    custom: tuple[str, ...],
    iou: tuple[Any, ...],
    workers: int | None,
    tmp: str | None,
    resume: bool,
    engine: str | None,
    address: str | None,
    **settings: Any,
) -> None:
    """Compare predictions with ground truth.

    GROUND_TRUTHS and PREDICTIONS are platform NDJSON (also packed by gzip or zstd), Parquet, COCO files or the
    platform's export; a folder or a quoted pattern names several files, and one of the two may be - for standard input.
    Prints a summary, and writes what -o asks for.
    """
    messages: Messages = ctx.obj
    if as_json and "-" in outputs:
        raise SettingError("--json and -o - both need standard output")
    kinds = [check_kind(path, "evaluation", "table", "lines") for path in outputs]
    check_streams([ground_truths, predictions, settings["data_rows"]], [*outputs, settings["bad_lines"]])
    lines = metric_settings(metrics, level, over_limit)
    if lines and not set(kinds) - {"evaluation"} and upload is None:
        raise SettingError("--metrics, --level and --over-limit are about metric lines: write some (-o x.ndjson)")
    if endpoint is not None and upload is None:
        raise SettingError("--endpoint is about --upload")
    if address and engine != "dask":
        raise SettingError("--address is about --engine dask")
    if address and workers:
        raise SettingError("--workers is about this machine; the cluster at --address has its own")
    functions = [CustomFunction(name) for name in custom]

    from labelmetrics.evaluation import evaluate
    from labelmetrics.ranged import evaluate_files, takes_ranges

    given = {name: value for name, value in settings.items() if value is not None}
    if iou:
        given["iou"] = flat(iou)
    large = {name: value for name, value in (("workers", workers), ("tmp", tmp), ("resume", resume)) if value}
    in_ranges = takes_ranges(
        ground_truths,
        predictions,
        wanted=[
            *(f"--{name}" for name in large),
            *(["--engine dask"] if engine == "dask" else []),
            *(path for path, kind in zip(outputs, kinds, strict=True) if is_in_parts(path) and kind != "evaluation"),
        ],
        unwanted=[f"--{name}" for name in ("format", "geometry") if name in given],
    )
    if upload is not None and in_ranges and not set(kinds) - {"table"}:
        raise SettingError("input that is evaluated in ranges is sent from what is written: write some (-o x.lmeval)")
    client = None if upload is None else _client(endpoint, upload)
    evaluation: Any
    with messages.progress() as progress:
        if in_ranges:
            given |= large | lines
            call: Any = evaluate_files
            if engine == "dask":
                from labelmetrics.distributed import evaluate as call

                given["client"] = address
            evaluation = call(ground_truths, predictions, outputs=outputs, custom=functions, progress=progress, **given)
        else:
            evaluation = evaluate(ground_truths, predictions, custom=functions, progress=progress, **given)
            if set(kinds) - {"evaluation"}:
                evaluation.metric_columns(**lines)  # raises what writing lines would raise, before anything is written
            for path in outputs:
                progress(f"writing {path}", 1.0)
                write(evaluation, path, lines)
    for threshold in evaluation.manifest.settings.iou:
        _show(messages, evaluation.summary(iou=threshold), as_json, "-" in outputs)
    for path in outputs:
        messages.info(f"wrote {path}")
    if client is not None and upload is not None:
        run = run_named(client, upload, make=True)
        if in_ranges and "evaluation" not in kinds:  # which lines these are was chosen when they were written
            lines = {name: value for name, value in lines.items() if name == "over_limit"}
        with messages.progress() as progress:
            job = run.add_predictions(None, evaluation, progress=progress, **lines)
        result = result_of(messages, job)
        messages.info(f"{result}\n{run.url}")
        if not result.ok:
            ctx.exit(FAULTS)


def _client(endpoint: str | None, upload: str) -> Client:
    """The client of the server that lines go to; whether it answers is better known before the work than after it."""
    client = connected(endpoint)
    if "/" in upload:
        client.find_model_run(*upload.split("/", 1))
    else:
        run_named(client, upload)
    return client


def _show(messages: Messages, /, summary: Any, as_json: bool, to_stderr: bool) -> None:
    from labelmetrics.cli._tables import print_json, print_table
    from labelmetrics.summary import HEADINGS

    if as_json:
        print_json(summary.to_dict())
    elif not messages.quiet:
        print_table(HEADINGS, summary.rows(), summary.caption, to_stderr=to_stderr)
