"""Tables on the terminal: as wide as they need where nobody counts columns, folded but never cut where they do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click

from labelmetrics.cli._messages import printable
from labelmetrics.frame import shown

NARROWEST = 12
"""Width that the first column keeps on a narrow terminal."""


def print_table(
    names: Sequence[str], rows: Iterable[Sequence[Any]], caption: str = "", *, to_stderr: bool = False
) -> None:
    """Print a table; long texts go on in the next line, numbers and names are never cut short.

    Parameters
    ----------
    names : sequence of str
        Headings.
    rows : iterable of sequence
        Values; the first of each row is its name.
    caption : str
        What the numbers are about; stands above the table.
    to_stderr : bool
        Whether standard output is needed for data.
    """
    from rich.console import Console
    from rich.measure import measure_renderables
    from rich.table import Table
    from rich.text import Text

    listed = [list(row) for row in rows]
    console = Console(stderr=to_stderr, highlight=False)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    longest = max((len(str(row[0])) for row in [names, *listed] if row), default=0)
    for index, name in enumerate(names):
        is_text = all(row[index] is None or isinstance(row[index], str) for row in listed)
        table.add_column(
            Text(name),
            justify="left" if is_text else "right",
            overflow="fold",
            no_wrap=not is_text,
            min_width=min(NARROWEST, longest) if is_text and index == 0 else None,
        )
    for row in listed:
        table.add_row(*(Text(printable(shown(value))) for value in row), style="bold" if row[0] == "(all)" else "")
    unlimited = console.options.update(width=10_000, max_width=10_000)
    wanted = measure_renderables(console, unlimited, [table])
    if console.is_terminal and wanted.maximum > console.width:
        table.padding = (0, 1, 0, 0)
    # rich takes 80 columns where there is no terminal; there, and where numbers would be cut, a table is wider.
    console.width = max(console.width, wanted.minimum) if console.is_terminal else max(80, wanted.maximum)
    with console.capture() as captured:
        console.print(table)
    lines = [*([printable(caption)] if caption else []), *(line.rstrip() for line in captured.get().splitlines())]
    click.echo("\n".join(lines), err=to_stderr)


def print_json(value: Any) -> None:
    """Print a value as one line of JSON."""
    click.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))
