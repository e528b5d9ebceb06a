"""``labelmetrics runs``: the model runs of a server."""

from __future__ import annotations

import click

from labelmetrics.cli._messages import Messages
from labelmetrics.cli._options import as_json, make_command, option
from labelmetrics.cli._runs import connected, endpoint_option


@make_command(
    "runs",
    python="list(labelmetrics.Client().model_runs())",
    examples="""
labelmetrics runs
labelmetrics runs --model detector --json
""",
)
@option("--model", metavar="NAME", help="Only runs of models of this name.")
@endpoint_option
@as_json
@click.pass_obj
def command(messages: Messages, /, model: str | None, endpoint: str | None, as_json: bool) -> None:
    """List models and their runs."""
    from labelmetrics.cli._tables import print_json, print_table

    client = connected(endpoint)
    found = [(owner, run) for owner in client.models(model) for run in owner.model_runs()]
    if as_json:
        print_json(
            [
                {
                    "model": owner.name,
                    "model_id": owner.id,
                    "run": run.name,
                    "id": run.id,
                    "created_at": None if run.created_at is None else run.created_at.isoformat(),
                    "url": run.url,
                }
                for owner, run in found
            ]
        )
        return
    rows = [
        [owner.name, run.name, run.id, "" if run.created_at is None else f"{run.created_at:%Y-%m-%d %H:%M}"]
        for owner, run in found
    ]
    if rows:
        print_table(("model", "run", "id", "made"), rows)
    else:
        messages.info(f"there are no runs{'' if model is None else f' of {model!r}'} at {client.target}")
