"""``labelmetrics serve``: run the local server of model runs."""

from __future__ import annotations

import shlex
from typing import Any

import click

from labelmetrics.cli._messages import Messages
from labelmetrics.cli._options import make_command, option
from labelmetrics.errors import SettingError

home_option = option(
    "--home",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Folder of the data. [default: LABELMETRICS_HOME, or this user's data folder]",
)


@make_command(
    "serve",
    python='labelmetrics.server.serving.serve("runs", port=8765)',
    examples=r"""
labelmetrics serve --help
labelmetrics serve --print-env --home runs
""",
)
@option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen at.")
@option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    help="Port to listen at; 0 is any that is free. [default: 8765, or the next one that is free]",
)
@home_option
@option(
    "--allow-host",
    "allow_hosts",
    multiple=True,
    metavar="NAME",
    help="Name that the server answers to besides those of this machine; * is any. May be repeated.",
)
@option(
    "--print-env",
    is_flag=True,
    help="Print what the platform's client needs, as lines for a shell, and end; the server need not run.",
)
@click.pass_obj
def command(
    messages: Messages, host: str, port: int | None, home: str | None, allow_hosts: tuple[str, ...], print_env: bool
) -> None:
    """Run a local server of model runs.

    It speaks the platform's protocol, keeps what it is sent in a database of this user, and shows model runs as pages.
    Whoever uses it needs its key, which is part of the address that is printed. It runs until it is interrupted.
    """
    serving = need_server()
    if print_env:
        if allow_hosts:
            raise SettingError("--allow-host is about a server that runs, and --print-env runs none")
        address = serving.address_of(home, host=host, port=port)
        for name, value in address.environment.items():
            click.echo(f"export {name}={shlex.quote(value)}")
        click.echo('# The client reads the key by itself: labelbox.Client(endpoint=os.environ["LABELBOX_ENDPOINT"])')
        return

    if host not in ("127.0.0.1", "localhost", "::1"):
        messages.warning(
            f"others than this machine can reach the server at {host}, and nothing that is sent is encrypted: put a "
            "server that does it (https) before this one"
        )

    def ready(address: Any) -> None:
        messages.info(f"serving {address.home} at {address.url}; interrupt to stop")
        click.echo(address.page)

    with serving.logging_to(messages.info, messages.error):
        serving.serve(home, host=host, port=port, allow_hosts=allow_hosts, on_ready=ready)
    messages.info("stopped")


def need_server() -> Any:
    """What runs the server.

    Raises
    ------
    SettingError
        What it needs is not installed.
    """
    try:
        from labelmetrics.server import serving
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "labelmetrics":
            raise
        raise SettingError(f"{error.name} is not installed: pip install 'labelmetrics[server]'") from error
    return serving
