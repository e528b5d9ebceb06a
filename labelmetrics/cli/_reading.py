"""Options of commands that read annotations."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from functools import update_wrapper
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from labelmetrics.cli._options import INPUT, option
from labelmetrics.errors import SettingError


def _most(ctx: click.Context, parameter: click.Parameter, value: int | None) -> int | None:
    """A number of lines that may be bad makes sense only where bad lines are passed over."""
    if value is not None:
        if ctx.params.get("on_bad_line") == "error":
            raise click.BadParameter("does not go with --on-bad-line error", ctx, parameter)
        ctx.params["on_bad_line"] = "skip"
    return value


data_rows_option = option(
    "--data-rows",
    type=INPUT,
    metavar="FILE",
    section="Data rows",
    help="Table of data rows (NDJSON, CSV, Parquet): which there are, with id, globalKey, mediaPath, width, height, "
    "split and metadata.",
)


custom_option = option(
    "--custom",
    multiple=True,
    metavar="MODULE:FUNCTION",
    section="Comparison",
    help="Custom metric: a function of the ground truths and the predictions of a data row that returns metric "
    "annotations. Modules of the working directory can be named. May be repeated.",
)


def reading_options(function: Any) -> Any:
    """What becomes of lines that cannot be read."""
    for one in (
        option(
            "--bad-lines",
            type=click.Path(dir_okay=False),
            metavar="FILE",
            section="Input",
            help="Write each refused line with its reason to FILE.",
        ),
        option(
            "--max-bad-lines",
            type=click.IntRange(min=0),
            callback=_most,
            metavar="N",
            section="Input",
            help="Pass over N lines at most.",
        ),
        option(
            "--on-bad-line",
            type=click.Choice(["error", "skip"]),
            is_eager=True,
            section="Input",
            help="Whether lines that cannot be read are an error or are passed over. [default: error]",
        ),
    ):
        function = one(function)
    return function


class CustomFunction:
    """The function that ``module:function`` names; modules are also looked for in the working directory.

    It goes to other processes by its name.

    Raises
    ------
    SettingError
        There is no such module or function, or the module cannot be imported.
    """

    def __init__(self, name: str) -> None:
        self._function = _load(name)
        update_wrapper(self, self._function)
        self._named = name

    def __call__(self, *sides: Any) -> list[Any]:
        # Standard output may carry data: what a user's module prints goes where messages go.
        with redirect_stdout(sys.stderr):
            return list(self._function(*sides))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._named,)


def _load(name: str) -> Any:
    module, _, function = name.partition(":")
    if not module or not function:
        raise SettingError(f"a custom metric is named module:function, got {name!r}")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        with redirect_stdout(sys.stderr):
            found: Any = import_module(module)
        for part in function.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:
        # Whatever a user's module raises when it is imported.
        raise SettingError(f"the custom metric {name} cannot be loaded: {type(error).__name__}: {error}") from error
    if not callable(found):
        raise SettingError(f"the custom metric {name} is no function")
    return found
