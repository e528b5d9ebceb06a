"""``labelmetrics key``: the key of the local server."""

from __future__ import annotations

import click

from labelmetrics.cli._messages import Messages
from labelmetrics.cli._options import make_command
from labelmetrics.cli.serve import home_option, need_server


@make_command(
    "key",
    python='labelmetrics.places.read_key(labelmetrics.places.home("runs"))',
    examples=r"""
labelmetrics key show --home runs
labelmetrics key rotate --home runs
""",
)
@click.argument("action", type=click.Choice(["show", "rotate"]))
@home_option
@click.pass_obj
def command(messages: Messages, action: str, home: str | None) -> None:
    """Print the key of the local server, or make a new one.

    The key is made where there is none. After rotate, the old one is refused, also by a server that runs.
    """
    serving = need_server()
    with serving.open_store(home) as store:
        key = serving.rotate_key(store) if action == "rotate" else serving.ensure_key(store)
    click.echo(key)
    if action == "rotate":
        messages.info("the old key is refused from now on")
