"""``labelmetrics schema``: JSON Schemas of what is read and written."""

from __future__ import annotations

import json

import click

from labelmetrics.cli._messages import Messages
from labelmetrics.cli._options import make_command, option
from labelmetrics.errors import SettingError


@make_command(
    "schema",
    python='labelmetrics.formats.schema.schemas()["metric_line"]',
    examples=r"""
labelmetrics schema
labelmetrics schema metric_line > metric_line.schema.json
labelmetrics schema -o schemas
""",
)
@click.argument("name", required=False)
@option("-o", "--output", type=click.Path(file_okay=False), metavar="DIR", help="Write all schemas to a folder.")
@click.pass_obj
def command(messages: Messages, name: str | None, output: str | None) -> None:
    """Print or write JSON Schemas of lines and files.

    Without NAME, the names are listed.
    """
    if name is not None and output is not None:
        raise SettingError("NAME prints one schema, -o writes all of them: give one of the two")

    from labelmetrics.formats.schema import schemas, write_schemas

    if output is not None:
        for path in write_schemas(output):
            messages.info(f"wrote {path}")
        return
    known = schemas()
    if name is None:
        click.echo("\n".join(sorted(known)))
    elif name in known:
        click.echo(json.dumps(known[name], indent=2))
    else:
        raise SettingError(f"there is no schema {name!r}; there are {', '.join(sorted(known))}")
