"""``labelmetrics explain``: why annotations of a data row match or do not."""

from __future__ import annotations

import click

from labelmetrics.cli._options import EVALUATION, as_json, make_command, option


@make_command(
    "explain",
    python='labelmetrics.load("results.lmeval").explain("sample-000001")',
    examples="""
labelmetrics explain demo/results.lmeval sample-000001
labelmetrics explain demo/results.lmeval globalKey:sample-000001 --iou 0.5 --json
""",
)
@click.argument("evaluation", type=EVALUATION)
@click.argument("data_row")
@option("--iou", type=float, help="One of the thresholds of the evaluation. [default: the lowest]")
@as_json
def command(evaluation: str, data_row: str, iou: float | None, as_json: bool) -> None:
    """Say what became of each annotation of a data row, and why.

    EVALUATION is a folder that "labelmetrics evaluate -o x.lmeval" has written, DATA_ROW the key of a data row, also
    as id:KEY or globalKey:KEY.
    """
    from labelmetrics.cli._tables import print_json, print_table
    from labelmetrics.evaluation import load
    from labelmetrics.explanation import NAMES

    explanation = load(evaluation).explain(data_row, iou=iou)
    if as_json:
        print_json({"data_row": explanation.data_row, "findings": explanation.to_dicts()})
    else:
        print_table(NAMES, explanation.rows(), explanation.caption)
