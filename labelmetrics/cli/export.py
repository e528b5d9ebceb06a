"""``labelmetrics export``: what a model run holds."""

from __future__ import annotations

import click

from labelmetrics.cli._messages import Messages
from labelmetrics.cli._options import check_kind, check_streams, make_command, option
from labelmetrics.cli._runs import connected, endpoint_option, run_named
from labelmetrics.words import counted

INCLUDED = ("data_row_details", "metadata_fields", "model_run_details", "predictions")


@make_command(
    "export",
    python='labelmetrics.Client().get_model_run(id).export("run.ndjson", params={"predictions": True})',
    examples="""
labelmetrics export detector/first -o demo/run.ndjson.gz
labelmetrics export detector/first --metrics | head
""",
)
@click.argument("run")
@option(
    "-o",
    "--output",
    default="-",
    metavar="FILE",
    section="Output",
    help="NDJSON, also .ndjson.gz and .ndjson.zst. [default: -, standard output]",
)
@option(
    "--metrics",
    is_flag=True,
    section="Output",
    help="The metric lines that the run holds, instead of a line for each data row; the platform does not give them.",
)
@endpoint_option
@click.pass_obj
def command(messages: Messages, /, run: str, output: str, metrics: bool, endpoint: str | None) -> None:
    """Write what a model run holds: a line for each data row, with its predictions.

    RUN is the id of the run, or MODEL/RUN by names.
    """
    check_kind(output, "lines")
    check_streams([], [output])

    source = run_named(connected(endpoint), run)
    with messages.progress() as progress:
        progress("exporting", 0.0)
        params = dict.fromkeys(INCLUDED, True)
        count = source.metric_lines(output) if metrics else source.export(output, params=params)
    if output != "-":
        messages.info(f"wrote {output}: {counted(count, 'metric line' if metrics else 'data row')}")
