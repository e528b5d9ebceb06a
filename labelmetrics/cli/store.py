"""``labelmetrics store``: the database of the local server."""

from __future__ import annotations

import click

from labelmetrics.cli._messages import Messages
from labelmetrics.cli._options import make_command
from labelmetrics.cli.serve import home_option, need_server
from labelmetrics.errors import SettingError


@make_command(
    "store",
    python='labelmetrics.store.Store.open("runs").backup("backup.db")',
    examples="""
labelmetrics store backup demo/backup.db --home runs
""",
)
@click.argument("action", type=click.Choice(["backup"]))
@click.argument("file", type=click.Path(dir_okay=False))
@home_option
@click.pass_obj
def command(messages: Messages, action: str, file: str, home: str | None) -> None:
    """Write the database of the local server, as it is now, to a file of its own.

    The server may go on working meanwhile. The file is a whole database: as store.db of a folder, it can be served.
    """
    from labelmetrics.places import home as home_folder

    serving = need_server()
    folder = home_folder(home)
    if not (folder / "store.db").exists():
        raise SettingError(f"there is no store in {folder}: name its folder (--home)")
    with serving.open_store(folder) as store:
        store.backup(file)
    messages.info(f"wrote {file}")
