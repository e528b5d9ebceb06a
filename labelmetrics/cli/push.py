"""``labelmetrics push``: ground truth and predictions to the local server, which compares them."""

from __future__ import annotations

import click

from labelmetrics.cli._messages import FAULTS, Messages
from labelmetrics.cli._options import INPUT, as_json, check_streams, make_command, option
from labelmetrics.cli._reading import data_rows_option
from labelmetrics.cli._runs import connected, failures_option, result_of
from labelmetrics.errors import SettingError


@make_command(
    "push",
    python='labelmetrics.Client().model_run("detector", "first").wait_until_evaluated()',
    examples=r"""
labelmetrics push demo/ground_truth.ndjson demo/predictions.ndjson --data-rows demo/data_rows.ndjson \
  --model detector --run first
""",
)
@click.argument("ground_truths", type=INPUT)
@click.argument("predictions", type=INPUT)
@option("--run", required=True, metavar="NAME", section="Model run", help="Name of the run; made when missing.")
@option(
    "--model",
    default="default",
    show_default=True,
    metavar="NAME",
    section="Model run",
    help="Name of the model; made when missing.",
)
@data_rows_option
@option(
    "--endpoint",
    metavar="URL",
    section="Server",
    help="Address of the server. The key is never an option. [default: the local one]",
)
@failures_option
@as_json
@click.pass_context
def command(
    ctx: click.Context,
    /,
    ground_truths: str,
    predictions: str,
    run: str,
    model: str,
    data_rows: str | None,
    endpoint: str | None,
    failures: str | None,
    as_json: bool,
) -> None:
    """Send ground truth and predictions to the local server, which compares them.

    GROUND_TRUTHS and PREDICTIONS are platform NDJSON, also packed by gzip or zstd. Waits until the numbers are there,
    prints them and the address of the run. Exit code 1 if the server refuses lines.
    """
    messages: Messages = ctx.obj
    check_streams([ground_truths, predictions, data_rows], [failures])

    from labelmetrics.cli._tables import print_json, print_table
    from labelmetrics.summary import HEADINGS

    client = connected(endpoint or "local")
    if client.target.is_platform:
        raise SettingError("push is for local servers; on the platform ground truths are labels of projects")
    target = client.model_run(model, run)
    with messages.progress() as progress:
        jobs = [
            target.add_ground_truths(None, ground_truths, data_rows=data_rows, progress=progress),
            target.add_predictions(None, predictions, progress=progress),
        ]
    results = [result_of(messages, job, failures) for job in jobs]
    with messages.progress() as progress:
        summary = target.wait_until_evaluated(progress=progress)
    if as_json:
        print_json({"model_run": target.id, "url": target.url, **summary.to_dict()})
    elif not messages.quiet:
        print_table(HEADINGS, summary.rows(), summary.caption)
        click.echo(target.url)
    if not all(result.ok for result in results):
        ctx.exit(FAULTS)
