"""``labelmetrics suspects``: labels that may be wrong, as a list to look at again."""

from __future__ import annotations

import click

from labelmetrics.cli._messages import Messages
from labelmetrics.cli._options import EVALUATION, as_json, check_streams, make_command, option


@make_command(
    "suspects",
    python='labelmetrics.suspects(labelmetrics.load("results.lmeval"), limit=100).write("relabel.csv")',
    examples="""
labelmetrics suspects demo/results.lmeval --limit 10
labelmetrics suspects demo/results.lmeval --feature car -o demo/relabel.csv
""",
)
@click.argument("evaluation", type=EVALUATION)
@option(
    "-o",
    "--output",
    metavar="FILE",
    section="Output",
    help="Write a relabel list (.csv, .ndjson, also with .gz or .zst; - is NDJSON on standard output).",
)
@as_json
@option("--feature", metavar="NAME", help="Only what is labelled or predicted as this feature.")
@option("--limit", type=click.IntRange(min=0), metavar="N", help="The N most suspicious. [default: all]")
@option("--iou", type=float, help="One of the thresholds of the evaluation. [default: the lowest]")
@click.pass_obj
def command(
    messages: Messages,
    evaluation: str,
    output: str | None,
    as_json: bool,
    feature: str | None,
    limit: int | None,
    iou: float | None,
) -> None:
    """List labels that may be wrong, most suspicious first.

    EVALUATION is a folder that "labelmetrics evaluate -o x.lmeval" has written. Suspected are objects that were not
    found or are predicted as another class, confident predictions where nothing is labelled, and answers that the model
    gives little probability.
    """
    check_streams([], [output])

    from labelmetrics.cli._tables import print_json, print_table
    from labelmetrics.evaluation import load
    from labelmetrics.suspicion import suspects
    from labelmetrics.words import counted

    found = suspects(load(evaluation), iou=iou, feature=feature, limit=limit)
    if output is not None:
        found.write(output)
        if output != "-":
            messages.info(f"wrote {output}: {counted(len(found), 'suspected label error')}")
    if as_json:
        print_json({"suspects": found.to_dicts()})
    elif output is None:
        names = ("data_row", "feature", "suspicion", "score", "why")
        print_table(names, ([row[name] for name in names] for row in found), found.caption)
