"""``labelmetrics upload``: metrics and predictions to a model run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from labelmetrics.cli._messages import FAULTS, Messages, printable
from labelmetrics.cli._options import as_json, check_streams, make_command, metric_options, metric_settings, option
from labelmetrics.cli._reading import data_rows_option
from labelmetrics.cli._runs import connected, endpoint_option, failures_option, result_of, run_named
from labelmetrics.errors import SettingError
from labelmetrics.words import counted

if TYPE_CHECKING:
    from labelmetrics.runs.model_run import ModelRun
    from labelmetrics.runs.plan import UploadPlan


@make_command(
    "upload",
    python='labelmetrics.Client().model_run("detector", "first").add_predictions(None, "metrics.ndjson")',
    examples=r"""
labelmetrics upload demo/metrics.ndjson --model detector --run first --dry-run
labelmetrics upload demo/results.lmeval --model detector --run first
labelmetrics upload demo/predictions.ndjson --model detector --run first --failures demo/refused.ndjson
""",
)
@click.argument("source", type=click.Path(exists=True, allow_dash=True))
@option("--model-run", metavar="ID", section="Model run", help="Id of the run.")
@option("--model", metavar="NAME", section="Model run", help="Name of the model; made when missing.")
@option("--run", metavar="NAME", section="Model run", help="Name of the run of this model; made when missing.")
@option(
    "--ontology-id",
    metavar="ID",
    section="Model run",
    help="Ontology of a model that is made; the platform needs one, a local server does not.",
)
@option(
    "--name", metavar="NAME", section="Model run", help="Name of the import. [default: name of the file and the time]"
)
@data_rows_option
@option(
    "--register-data-rows",
    is_flag=True,
    section="Data rows",
    help="Make the data rows part of the run on the platform, which charges for it; asks first. A local server does it "
    "in any case.",
)
@option("--yes", is_flag=True, section="Data rows", help="Do not ask before doing what costs money.")
@metric_options
@endpoint_option
@option("--dry-run", is_flag=True, section="Output", help="Show what would be sent, and send nothing.")
@failures_option
@as_json
@click.pass_context
def command(
    ctx: click.Context,
    /,
    source: str,
    model_run: str | None,
    model: str | None,
    run: str | None,
    ontology_id: str | None,
    name: str | None,
    data_rows: str | None,
    register_data_rows: bool,
    yes: bool,
    metrics: tuple[Any, ...],
    level: tuple[Any, ...],
    over_limit: str | None,
    endpoint: str | None,
    dry_run: bool,
    failures: str | None,
    as_json: bool,
) -> None:
    """Send metrics and predictions to a model run.

    SOURCE is an evaluation file, or NDJSON of metrics and predictions (also packed by gzip or zstd; - is standard
    input). All lines are checked first, and metrics that the run has as they are are not sent. An upload that was
    killed goes on where it was when the same command is given again. Exit code 1 if the server refuses lines.
    """
    messages: Messages = ctx.obj
    if (model_run is None) == (model is None and run is None) or (model is None) != (run is None):
        raise SettingError("say where to send: either --model-run ID, or --model NAME and --run NAME")
    check_streams([source, data_rows], [failures])

    from labelmetrics.cli._tables import print_json

    client = connected(endpoint)
    lines = metric_settings(metrics, level, over_limit)
    if model is None or run is None:
        target: ModelRun | None = run_named(client, model_run or "")
    else:
        target = client.find_model_run(model, run, ontology_id=ontology_id)

    def planned() -> UploadPlan:
        with messages.progress() as progress:
            return (client if target is None else target).plan(source, progress=progress, **lines)

    if dry_run:
        plan = planned()
        if as_json:
            print_json(plan.to_dict())
        else:
            click.echo(printable(str(plan)))
        ctx.exit(0 if plan.ok else FAULTS)
    if register_data_rows and not yes and client.target.is_platform:
        if source == "-" or not is_someone_there():
            raise SettingError("--register-data-rows costs money on the platform: add --yes where nobody can be asked")
        plan = planned()
        click.echo(printable(str(plan)), err=True)
        plan.raise_for_faults()
        asked = f"Register {counted(plan.data_rows, 'data row')}, which the platform charges for?"
        if not click.confirm(asked, err=True):
            messages.info("nothing was sent")
            return
    if target is None:
        target = client.model_run(model or "", run or "", ontology_id=ontology_id)
    with messages.progress() as progress:
        job = target.add_predictions(
            name,
            source,
            data_rows=data_rows,
            register_data_rows=register_data_rows,
            progress=progress,
            **lines,
        )
    result = result_of(messages, job, failures)
    if as_json:
        told = {"model_run": target.id, "url": target.url, "sent": result.sent, "unchanged": result.unchanged}
        print_json({**told, "succeeded": result.succeeded, "failed": result.failed})
    elif not messages.quiet:
        click.echo(f"{result}\n{target.url}")
    if not result.ok:
        ctx.exit(FAULTS)


def is_someone_there() -> bool:
    """Whether somebody can answer a question."""
    return sys.stdin.isatty()
