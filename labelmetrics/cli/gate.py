"""``labelmetrics gate``: whether an evaluation is good enough."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from labelmetrics.cli._messages import Messages
from labelmetrics.cli._options import INPUT, check_streams, make_command, option
from labelmetrics.cli._reading import data_rows_option
from labelmetrics.errors import SettingError

PASSING = 20
"""Passed checks that the table shows."""


@make_command(
    "gate",
    python='labelmetrics.run_gate("results.lmeval", "gate.toml", baseline="main.lmeval")',
    examples=r"""
labelmetrics gate init demo/results.lmeval -o demo/gate.toml
labelmetrics gate demo/results.lmeval --config demo/gate.toml
labelmetrics gate demo/results.lmeval --config demo/gate.toml --baseline demo/results.lmeval \
  --inconclusive exit-3 --markdown demo/gate.md --junit demo/gate.xml --json demo/gate.json
""",
)
@click.argument("words", nargs=-1, required=True, metavar="[init] EVALUATION")
@option(
    "--config",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    section="Checks",
    help="TOML file of the checks. [default: gate.toml, else [tool.labelmetrics.gate] of pyproject.toml]",
)
@option(
    "--inconclusive",
    type=click.Choice(["pass", "fail", "exit-3"]),
    default="pass",
    show_default=True,
    section="Checks",
    help="What it means that nothing failed, but chance cannot be ruled out.",
)
@option(
    "--baseline",
    type=click.Path(),
    metavar="EVALUATION",
    section="Baseline",
    help="Evaluation, or metric lines, to compare with.",
)
@option(
    "--baseline-predictions",
    type=INPUT,
    metavar="FILE",
    section="Baseline",
    help="Predictions of the baseline, evaluated here on --ground-truths: for when the ground truth has changed.",
)
@option(
    "--ground-truths",
    type=INPUT,
    metavar="FILE",
    section="Baseline",
    help="Today's ground truth, for --baseline-predictions.",
)
@option(
    "--allow-missing-baseline",
    is_flag=True,
    section="Baseline",
    help="Skip checks against a baseline where there is none, as in a first run.",
)
@option(
    "--allow-unlike-settings",
    is_flag=True,
    section="Baseline",
    help="Compare with a baseline that was evaluated with other settings, or with unknown ones.",
)
@data_rows_option
@option("--markdown", metavar="FILE", section="Output", help="Write the verdict in Markdown.")
@option("--junit", metavar="FILE", section="Output", help="Write the verdict as JUnit XML.")
@option("--json", "json_file", metavar="FILE", section="Output", help="Write the verdict as JSON (- for the screen).")
@option(
    "--worst",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    metavar="N",
    section="Output",
    help="How many data rows are named that had most part in what failed.",
)
@option("-o", "--output", metavar="FILE", section="Output", help="Where init writes to. [default: gate.toml]")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    words: tuple[str, ...],
    config: str | None,
    inconclusive: Any,
    baseline: str | None,
    baseline_predictions: str | None,
    ground_truths: str | None,
    data_rows: str | None,
    markdown: str | None,
    junit: str | None,
    json_file: str | None,
    output: str | None,
    **settings: Any,
) -> None:
    """Decide whether an evaluation is good enough.

    EVALUATION is a folder that "labelmetrics evaluate -o x.lmeval" has written, or a file of metric lines. The checks
    stand in a TOML file; "gate init EVALUATION" writes one from what the evaluation reaches today. Exit codes: 0 pass,
    1 fail, 2 wrong usage or input that cannot be used, 3 inconclusive (with --inconclusive exit-3).
    """
    messages: Messages = ctx.obj
    if words[0] == "init" and len(words) > 1:
        _init(messages, words[1:], output or "gate.toml", data_rows)
        return
    if output is not None:
        raise SettingError("-o is for gate init; a verdict is written with --markdown, --junit and --json")
    source = _one(words)
    check_streams([source, baseline, baseline_predictions, ground_truths, data_rows], [markdown, junit, json_file])
    if baseline is not None and not Path(baseline).exists():
        if not settings["allow_missing_baseline"]:
            raise SettingError(f"{baseline}: is not there; --allow-missing-baseline allows that for a first run")
        messages.warning(f"{baseline}: is not there, so nothing is compared with it")
        baseline = None

    from labelmetrics.formats.output import write_chunks
    from labelmetrics.gate.github import workflow_commands
    from labelmetrics.gate.junit import to_junit
    from labelmetrics.gate.markdown import to_markdown
    from labelmetrics.gate.running import run_gate

    verdict = run_gate(
        source,
        _config(config),
        baseline=baseline,
        baseline_predictions=baseline_predictions,
        ground_truths=ground_truths,
        data_rows=data_rows,
        **settings,
    )
    _show(messages, verdict, to_stderr="-" in (markdown, junit, json_file))
    for path, text in (
        (markdown, to_markdown(verdict).encode()),
        (junit, to_junit(verdict, inconclusive)),
        (json_file, _json(verdict.to_dict())),
    ):
        if path is not None:
            write_chunks(path, [text])
            if path != "-":
                messages.info(f"wrote {path}")
    if os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(os.environ["GITHUB_STEP_SUMMARY"]).open("ab") as summary:
            summary.write(to_markdown(verdict).encode())
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in workflow_commands(verdict, inconclusive):
            click.echo(line, err=True)
    if verdict.status == "inconclusive" and inconclusive == "pass":
        messages.warning("nothing failed, but some checks are inconclusive (--inconclusive decides what that means)")
    ctx.exit(verdict.exit_code(inconclusive))


def _init(messages: Messages, words: tuple[str, ...], output: str, data_rows: str | None) -> None:
    from labelmetrics.gate.starting import write_starting_config

    source = _one(words)
    check_streams([source, data_rows], [output])
    write_starting_config(source, output, data_rows=data_rows)
    if output != "-":
        messages.info(f"wrote {output}")


def _one(words: tuple[str, ...]) -> str:
    """The evaluation that is named."""
    if len(words) > 1:
        raise SettingError(f"one evaluation is checked at a time, got {', '.join(words)}")
    (source,) = words
    if not Path(source).exists():
        raise SettingError(f"{source}: there is no such evaluation")
    return source


def _config(given: str | None) -> str:
    if given is not None:
        return given
    found = next((name for name in ("gate.toml", "pyproject.toml") if Path(name).is_file()), None)
    if found is None:
        raise SettingError('there is no gate.toml: name one with --config, or write it with "labelmetrics gate init"')
    return found


def _json(value: Any) -> bytes:
    import orjson

    text: bytes = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return text


def _show(messages: Messages, verdict: Any, *, to_stderr: bool) -> None:
    from labelmetrics.cli._messages import printable
    from labelmetrics.cli._tables import print_table

    for note in verdict.notes:
        messages.warning(note)
    names, rows = verdict.shown()
    hidden = max(0, verdict.counts["pass"] - PASSING)
    print_table(names, rows[: len(rows) - hidden], verdict.caption, to_stderr=to_stderr)
    if hidden:
        click.echo(f"... and {hidden:,} more passed", err=to_stderr)
    if verdict.worst:
        compared = verdict.baseline is not None
        click.echo(f"\nworst data rows{', by errors more than in the baseline' if compared else ''}:", err=to_stderr)
        for one in verdict.worst:
            before = f" ({one.baseline_errors} in the baseline)" if compared else ""
            click.echo(printable(f"{one.data_row}: {one.errors} errors{before}"), err=to_stderr)
            for finding in one.findings:
                text = f"    {finding['outcome']} {finding['feature']}: {finding['why']}"
                click.echo(printable(text), err=to_stderr)
