"""``labelmetrics lines``: metric lines of an evaluation file."""

from __future__ import annotations

from typing import Any

import click

from labelmetrics.cli._messages import Messages
from labelmetrics.cli._options import (
    EVALUATION,
    check_kind,
    check_streams,
    make_command,
    metric_options,
    metric_settings,
    option,
    write,
)


@make_command(
    "lines",
    python='labelmetrics.load("results.lmeval").write_ndjson("metrics.ndjson", over_limit="fit")',
    examples="""
labelmetrics lines demo/results.lmeval -o demo/metrics.ndjson
labelmetrics lines demo/results.lmeval --metrics miou --level data_row,feature --over-limit fit | head
""",
)
@click.argument("evaluation", type=EVALUATION)
@option(
    "-o",
    "--output",
    default="-",
    metavar="FILE",
    section="Output",
    help="Metric lines (.ndjson, also .ndjson.gz and .ndjson.zst) or metric table (.parquet). "
    "[default: -, standard output]",
)
@metric_options
@click.pass_obj
def command(
    messages: Messages,
    evaluation: str,
    output: str,
    metrics: tuple[Any, ...],
    level: tuple[Any, ...],
    over_limit: str | None,
) -> None:
    """Write the metric lines of an evaluation file.

    EVALUATION is a folder that "labelmetrics evaluate -o x.lmeval" has written.
    """
    check_kind(output, "table", "lines")
    check_streams([], [output])

    from labelmetrics.evaluation import load

    write(load(evaluation), output, metric_settings(metrics, level, over_limit))
    if output != "-":
        messages.info(f"wrote {output}")
