"""``labelmetrics validate``: every fault of metric and prediction lines."""

from __future__ import annotations

from typing import Any

import click

from labelmetrics.cli._messages import FAULTS, printable
from labelmetrics.cli._options import INPUT, Decorator, Listed, as_json, check_streams, make_command, option
from labelmetrics.cli._reading import data_rows_option


def _limit(name: str, number: Any, what: str) -> Decorator:
    return option(name, type=number, metavar="N", section="Limits of the platform", help=what)


@make_command(
    "validate",
    python='labelmetrics.validate(["metrics.ndjson", "predictions.ndjson"], ground_truth="gt.ndjson")',
    examples=r"""
labelmetrics validate demo/metrics.ndjson
labelmetrics validate demo/metrics.ndjson --ground-truth demo/ground_truth.ndjson --metrics-per-data-row 50
labelmetrics lines demo/results.lmeval --over-limit fit | labelmetrics validate - --json
""",
)
@click.argument("files", type=INPUT, nargs=-1, required=True)
@option(
    "--ground-truth",
    type=INPUT,
    metavar="FILE",
    section="What is known",
    help="Annotations: every data row and feature that is named must be in them.",
)
@option(
    "--known-feature",
    "known_features",
    multiple=True,
    metavar="NAME",
    section="What is known",
    help="A feature that is known besides those of the ground truth. May be repeated.",
)
@data_rows_option
@_limit("--metrics-per-data-row", click.IntRange(min=1), "Most metrics of a data row. [default: 20]")
@_limit("--scalar-max", float, "Greatest value of a scalar metric. [default: 100000]")
@_limit("--count-max", click.IntRange(min=0), "Greatest count of a confusion matrix. [default: 10000000000]")
@_limit("--data-rows-per-run", click.IntRange(min=1), "Most data rows of a model run. [default: 1000000]")
@option(
    "--confidence-keys",
    type=Listed(int, "numbers"),
    metavar="FEWEST,MOST",
    section="Limits of the platform",
    help="How many confidence keys a metric may have. [default: 2,15]",
)
@as_json
@click.pass_context
def command(
    ctx: click.Context,
    /,
    files: tuple[str, ...],
    as_json: bool,
    ground_truth: str | None,
    known_features: tuple[str, ...],
    data_rows: str | None,
    **limits: Any,
) -> None:
    """Find all faults of metric and prediction lines.

    FILES are platform NDJSON (also packed by gzip or zstd), together one input; - is standard input. Each fault is
    told with its place, its rule and how to mend it. Exit code 1 if there are any.
    """
    given = {name: value for name, value in limits.items() if value is not None}
    check_streams([*files, ground_truth, data_rows], [])

    from labelmetrics.cli._tables import print_json
    from labelmetrics.limits import Limits
    from labelmetrics.validation import validate

    report = validate(
        list(files),
        limits=Limits(**given),
        ground_truth=ground_truth,
        known_features=known_features or None,
        data_rows=data_rows,
    )
    if as_json:
        counts = {name: getattr(report, name) for name in ("lines", "metrics", "annotations", "data_rows")}
        print_json({"ok": report.ok, **counts, "rules": report.by_rule(), "faults": report.to_dicts()})
    elif not (report.ok and ctx.obj.quiet):
        click.echo(printable(str(report)))
    if not report.ok:
        ctx.exit(FAULTS)
