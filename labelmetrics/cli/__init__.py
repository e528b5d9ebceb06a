"""The command line: one file a command, each a thin face of a Python call.

Nothing heavy is imported here or at the top of a command's file, so that help pages appear at once.
"""

from __future__ import annotations

import sys
from importlib import import_module
from itertools import pairwise

import click

from labelmetrics import __version__
from labelmetrics.cli._messages import Messages, reporting
from labelmetrics.words import near

__all__ = ["COMMANDS", "labelmetrics", "main"]

COMMANDS = (
    "sample",
    "evaluate",
    "lines",
    "verify",
    "validate",
    "aggregate",
    "explain",
    "suspects",
    "gate",
    "diff",
    "report",
    "schema",
    "serve",
    "push",
    "upload",
    "runs",
    "export",
    "key",
    "store",
)
"""Names of the commands and of their files, in the order in which people need them."""


class Program(click.Group):
    """Loads the file of a command when the command is asked for, and turns errors into messages and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"labelmetrics.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"there is no command {args[0]!r}{near(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # Options that cannot be parsed set nothing, not even how messages are written.
        if "--log-format=json" in args or ("--log-format", "json") in pairwise(args):
            ctx.ensure_object(Messages).log_format = "json"
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        with reporting(ctx.ensure_object(Messages)):
            return super().invoke(ctx)


@click.command(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 faults or differences found, 2 wrong usage or input that cannot be used, "
    "3 inconclusive (gate). "
    '"labelmetrics COMMAND --help" shows options and examples of a command.',
)
@click.version_option(__version__, prog_name="labelmetrics", message="%(prog)s %(version)s")
def labelmetrics() -> None:
    """Metrics for models evaluated on labelled data.

    Compares predictions with ground truth and writes mean overlaps and confusion matrices as metric annotations that
    are validated and ready to upload.
    """


def main() -> None:
    """Run the command line; what the ``labelmetrics`` script calls."""
    for stream in (sys.stdout, sys.stderr):
        # Names from data may hold what the terminal's encoding has no character for.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    labelmetrics(prog_name="labelmetrics")
