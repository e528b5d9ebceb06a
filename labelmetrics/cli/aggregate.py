"""``labelmetrics aggregate``: metrics rolled up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from labelmetrics.cli._messages import Messages
from labelmetrics.cli._options import as_json, check_streams, make_command, option
from labelmetrics.cli._reading import data_rows_option
from labelmetrics.errors import InputError, SettingError


@make_command(
    "aggregate",
    python='labelmetrics.aggregate(labelmetrics.load("results.lmeval"), by="split")',
    examples=r"""
labelmetrics aggregate demo/results.lmeval
labelmetrics aggregate demo/results.lmeval --by split --metric 50pct_iou --feature car
labelmetrics aggregate demo/metrics.ndjson --by split --data-rows demo/data_rows.ndjson --json
""",
)
@click.argument("source", type=click.Path(exists=True, allow_dash=True))
@option(
    "--by",
    type=click.Choice(["run", "data_row", "slice", "split"]),
    default="run",
    show_default=True,
    section="Rollup",
    help="What the data rows are put together by.",
)
@option(
    "--metric", multiple=True, metavar="NAME", section="Rollup", help="Metric name. May be repeated. [default: all]"
)
@option("--feature", metavar="NAME", section="Rollup", help="Show this feature only.")
@option("--subclass", metavar="NAME", section="Rollup", help="Show this subclass only.")
@option("--confidence", type=float, metavar="KEY", section="Rollup", help="One of the confidence keys.")
@option(
    "--nearest",
    is_flag=True,
    section="Rollup",
    help="Take the next lower key where --confidence is between two, instead of refusing it.",
)
@option(
    "--slices",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    section="Rollup",
    help='JSON object of slices for --by slice: {"night": ["row-1", "row-2"]}.',
)
@data_rows_option
@option("--explain", is_flag=True, section="Output", help="Say what each value was made from, and which were given.")
@as_json
@click.pass_obj
def command(
    messages: Messages,
    /,
    source: str,
    as_json: bool,
    metric: tuple[str, ...],
    slices: str | None,
    data_rows: str | None,
    **settings: Any,
) -> None:
    """Roll metrics up into data rows, slices, splits or the run.

    SOURCE is an evaluation file, or a file of metric lines (- for standard input).
    """
    check_streams([source, data_rows], [])

    from labelmetrics.cli._tables import print_json, print_table
    from labelmetrics.rollup import aggregate

    content: Any = source
    if source != "-" and Path(source).is_dir():
        from labelmetrics.evaluation import load

        content = load(source)
    rollup = aggregate(content, metric=metric or None, slices=_slices(slices), data_rows=data_rows, **settings)
    if as_json:
        print_json(rollup.to_dicts())
        return
    caption = f"by {settings['by'].replace('_', ' ')}"
    if settings["confidence"] is not None:
        caption += f", confidence {settings['confidence']:g}"
    print_table(*rollup.shown(), caption)
    if settings["explain"]:
        for one in rollup:
            _explain(one)


def _explain(row: Any) -> None:
    """What one value was made from."""
    from labelmetrics.cli._messages import printable

    name = ", ".join(filter(None, (row.group, row.metric_name, row.feature_name, row.subclass_name)))
    for child in row.children or ():
        value = list(child.value) if isinstance(child.value, tuple) else f"{child.value:g}"
        click.echo(printable(f"{name}: from {child.name} {value}"))
    for data_row in row.explicit or ():
        click.echo(printable(f"{name}: given on {data_row}"))


def _slices(path: str | None) -> dict[str, list[str]] | None:
    if path is None:
        return None
    try:
        slices = json.loads(Path(path).read_bytes())
    except ValueError as error:
        raise InputError(f"{path}: is not JSON: {error}") from error
    if not isinstance(slices, dict) or not all(
        isinstance(rows, list) and all(isinstance(row, str) for row in rows) for rows in slices.values()
    ):
        raise SettingError(f'{path}: slices are an object of lists of data rows, such as {{"night": ["row-1"]}}')
    return slices
