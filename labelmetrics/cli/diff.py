"""``labelmetrics diff``: what changed from one evaluation to another."""

from __future__ import annotations

from typing import Any

import click

from labelmetrics.cli._messages import Messages
from labelmetrics.cli._options import EVALUATION, as_json, check_streams, make_command, option
from labelmetrics.errors import SettingError


@make_command(
    "diff",
    python='labelmetrics.diff("main.lmeval", "results.lmeval")',
    examples=r"""
labelmetrics evaluate demo/ground_truth.ndjson demo/predictions.ndjson \
  --data-rows demo/data_rows.ndjson -o demo/main.lmeval
labelmetrics diff demo/main.lmeval demo/results.lmeval --limit 3
labelmetrics diff demo/main.lmeval demo/results.lmeval --feature car --slice 'metadata.weather == "rainy"' \
  --markdown demo/diff.md -o demo/changes.csv
""",
)
@click.argument("before", type=EVALUATION)
@click.argument("after", type=EVALUATION)
@option("--feature", metavar="NAME", section="Choice", help="Only this feature.")
@option(
    "--slice",
    metavar="SLICE",
    section="Choice",
    help="Only these data rows: the name of one of --slices, or an expression over the table of data rows.",
)
@option("--iou", type=float, section="Choice", help="One of the thresholds of both. [default: the lowest]")
@option("--confidence", type=float, metavar="KEY", section="Choice", help="One of the confidence keys of both.")
@option(
    "--slices",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    section="Choice",
    help="Gate file with [slices], whose changes are told too.",
)
@option(
    "--allow-unlike-settings",
    is_flag=True,
    section="Choice",
    help="Compare evaluations that were made with other settings.",
)
@option(
    "--limit",
    type=click.IntRange(min=0),
    metavar="N",
    section="Output",
    help="Rows of each table, and objects of each kind. [default: 10; all for --json and -o]",
)
@option("--markdown", type=click.Path(), metavar="FILE", section="Output", help="Write Markdown for a pull request.")
@option(
    "-o",
    "--output",
    metavar="FILE",
    section="Output",
    help="Write the objects (.csv, .ndjson, also with .gz or .zst; - is NDJSON on standard output).",
)
@as_json
@click.pass_obj
def command(
    messages: Messages,
    /,
    before: str,
    after: str,
    as_json: bool,
    limit: int | None,
    markdown: str | None,
    output: str | None,
    **settings: Any,
) -> None:
    """Tell what changed from one evaluation to another of the same ground truth.

    BEFORE and AFTER are folders that "labelmetrics evaluate -o x.lmeval" has written. Ground truths are lined up one by
    one: fixed (missed before, found now), broken, still missed. False positives are new, gone, or in both.
    """
    check_streams([before, after], [markdown, output])
    if as_json and "-" in (markdown, output):
        raise SettingError("--json and - both need standard output")

    from labelmetrics.changes.diffing import diff
    from labelmetrics.changes.markdown import to_markdown
    from labelmetrics.changes.result import LIMIT
    from labelmetrics.cli._tables import print_json
    from labelmetrics.formats.output import write_chunks
    from labelmetrics.words import counted

    found = diff(before, after, **settings)
    shown = LIMIT if limit is None else limit
    if markdown is not None:
        write_chunks(markdown, [to_markdown(found, shown).encode()])
        if markdown != "-":
            messages.info(f"wrote {markdown}")
    if output is not None:
        objects = found.objects.head(limit)
        objects.write(output)
        if output != "-":
            messages.info(f"wrote {output}: {counted(len(objects), 'object')}")
    if as_json:
        print_json(found.to_dict(limit))
    elif "-" not in (markdown, output):
        _show(messages, found, shown)


def _show(messages: Messages, found: Any, limit: int) -> None:
    from labelmetrics.changes.result import MARKED
    from labelmetrics.cli._messages import printable
    from labelmetrics.cli._tables import print_table

    for note in found.notes:
        messages.warning(note)
    click.echo(printable(f"{found.caption}\n{found.headline}\n{found.unchanged}"))
    for title, names, rows in found.tables(limit):
        click.echo()
        print_table(names, rows, title)
    if found.is_marked:
        click.echo(f"\n* {MARKED}")
