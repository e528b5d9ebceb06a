"""``labelmetrics sample``: a dataset to try things on."""

from __future__ import annotations

import click

from labelmetrics.cli._messages import Messages
from labelmetrics.cli._options import make_command, option


@make_command(
    "sample",
    python='labelmetrics.write_sample("demo", rows=200, seed=0)',
    examples="""
labelmetrics sample demo
labelmetrics sample demo --rows 1000 --seed 7 --overwrite
""",
)
@click.argument("directory", type=click.Path(file_okay=False))
@option("--rows", type=click.IntRange(min=0), metavar="N", default=200, show_default=True, help="Number of data rows.")
@option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    default=0,
    show_default=True,
    help="The same seed gives the same files.",
)
@option("--overwrite", is_flag=True, help="Replace files that are there already.")
@click.pass_obj
def command(messages: Messages, directory: str, rows: int, seed: int, overwrite: bool) -> None:
    """Write a small dataset to try things on.

    Boxes, masks, polygons, text entities and nested classifications with confidences, as files of ground truth,
    predictions and data rows in the folder DIRECTORY.
    """
    from labelmetrics.sample import write_sample

    with messages.progress() as progress:
        files = write_sample(directory, rows=rows, seed=seed, overwrite=overwrite, progress=progress)
    for path in files.values():
        messages.info(f"wrote {path}")
    truth, guesses, table = files.values()
    messages.info(f"try: labelmetrics evaluate {truth} {guesses} --data-rows {table} -o {directory}/results.lmeval")
