"""``labelmetrics report``: an evaluation as one page that opens in a browser."""

from __future__ import annotations

from typing import Any

import click

from labelmetrics.cli._messages import Messages
from labelmetrics.cli._options import EVALUATION, check_streams, make_command, option


@make_command(
    "report",
    python='labelmetrics.report("results.lmeval").save("report.html")',
    examples=r"""
labelmetrics report demo/results.lmeval -o demo/report.html
labelmetrics report demo/results.lmeval --baseline demo/main.lmeval -o demo/report.html
""",
)
@click.argument("evaluation", type=EVALUATION)
@option(
    "-o",
    "--output",
    metavar="FILE",
    default="report.html",
    show_default=True,
    section="Output",
    help="Write the page (- is standard output).",
)
@option("--title", metavar="TEXT", section="Output", help="Heading of the page. [default: name of the evaluation]")
@option(
    "--baseline",
    type=EVALUATION,
    metavar="EVALUATION",
    section="Input",
    help="Compare with another run on the same ground truth.",
)
@option(
    "--images",
    type=click.Path(exists=True, file_okay=False),
    metavar="DIR",
    section="Input",
    help="Folder of images, by media path or key; small copies are put into the page.",
)
@option("--iou", type=float, section="Choice", help="One of the thresholds. [default: the lowest]")
@option(
    "--sample",
    type=click.IntRange(min=1),
    metavar="N",
    default=20_000,
    show_default=True,
    section="Choice",
    help="Most data rows: of more, so many are drawn at random.",
)
@option(
    "--allow-unlike-settings",
    is_flag=True,
    section="Choice",
    help="Compare with a baseline that was made with other settings.",
)
@option("--seed", type=int, default=0, show_default=True, section="Choice", help="Seed of intervals and samples.")
@click.pass_obj
def command(messages: Messages, /, evaluation: str, output: str, **settings: Any) -> None:
    """Write one HTML file that explores an evaluation, without a network.

    EVALUATION is a folder that "labelmetrics evaluate -o x.lmeval" has written. The page has a slider for the least
    confidence that all figures follow, tables that can be copied, and the worst data rows drawn.
    """
    check_streams([], [output])

    from labelmetrics.reporting.report import report

    made = report(evaluation, **settings)
    made.save(output)
    if output != "-":
        messages.info(f"wrote {output}: {len(made.html.encode()) / 1e6:.1f} MB")
