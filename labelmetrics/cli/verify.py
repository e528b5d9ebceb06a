"""``labelmetrics verify``: whether an evaluation file is what its inputs give."""

from __future__ import annotations

from typing import Any

import click

from labelmetrics.cli._messages import FAULTS, Messages
from labelmetrics.cli._options import EVALUATION, INPUT, as_json, check_streams, make_command, option
from labelmetrics.cli._reading import CustomFunction, custom_option, data_rows_option, reading_options


@make_command(
    "verify",
    python='labelmetrics.verify("results.lmeval", "gt.ndjson", "predictions.ndjson")',
    examples=r"""
labelmetrics verify demo/results.lmeval demo/ground_truth.ndjson demo/predictions.ndjson \
  --data-rows demo/data_rows.ndjson
""",
)
@click.argument("evaluation", type=EVALUATION)
@click.argument("ground_truths", type=INPUT)
@click.argument("predictions", type=INPUT)
@data_rows_option
@custom_option
@reading_options
@option("--workers", type=click.IntRange(min=1), metavar="N", section="Input", help="Threads that read.")
@as_json
@click.pass_context
def command(
    ctx: click.Context,
    /,
    evaluation: str,
    ground_truths: str,
    predictions: str,
    custom: tuple[str, ...],
    as_json: bool,
    **settings: Any,
) -> None:
    """Compute an evaluation file again and compare.

    EVALUATION is a folder that "labelmetrics evaluate -o x.lmeval" has written, GROUND_TRUTHS and PREDICTIONS are the
    inputs that it is said to come from. The settings are those of the evaluation. Exit code 1 if anything differs.
    """
    check_streams([ground_truths, predictions, settings["data_rows"]], [])
    functions = [CustomFunction(name) for name in custom]

    from labelmetrics.cli._tables import print_json
    from labelmetrics.verification import verify

    messages: Messages = ctx.obj
    given = {name: value for name, value in settings.items() if value is not None}
    with messages.progress() as progress:
        verification = verify(evaluation, ground_truths, predictions, custom=functions, progress=progress, **given)
    if as_json:
        print_json(verification.to_dict())
    else:
        for difference in verification.differences:
            click.echo(difference)
        for one in verification.unchecked:
            messages.warning(f"not checked: {one}")
        if verification:
            messages.info(f"{evaluation} is as recomputed")
    if not verification:
        ctx.exit(FAULTS)
