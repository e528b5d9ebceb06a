"""Building blocks of commands: options in groups, values of options, and the files that are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from labelmetrics.cli._messages import Messages
from labelmetrics.errors import SettingError
from labelmetrics.formats.output import Kind, check_place, kind_of
from labelmetrics.formats.storage import is_url

LEVELS = ("data_row", "feature", "subclass")
OVER_LIMIT = ("error", "fit", "keep")


class Place(click.Path):
    """A path, or a URL of shared storage."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if is_url(value) else super().convert(value, param, ctx)


INPUT = Place(exists=True, dir_okay=False, allow_dash=True)
INPUTS = click.Path(allow_dash=True)
"""A file, a folder or a pattern; whether there are such files is told by what reads them."""
EVALUATION = click.Path(exists=True)

Decorator = Callable[[Any], Any]


class Option(click.Option):
    """An option that stands under a heading of the help page.

    Parameters
    ----------
    section : str
        The heading.
    """

    def __init__(self, *args: Any, section: str = "Options", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section


class Command(click.Command):
    """A command that knows which Python call it mirrors, and whose examples are true.

    Parameters
    ----------
    python : str
        The Python call.
    examples : str
        Command lines; tests run them where ``labelmetrics sample demo`` has run.
    """

    def __init__(self, *args: Any, python: str, examples: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.python = python
        self.examples = examples.strip()

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                sections.setdefault(getattr(parameter, "section", "Messages"), []).append(record)
        for title, records in sorted(sections.items(), key=lambda item: item[0] == "Messages"):
            with formatter.section(title):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, lines in (("Examples", self.examples), ("In Python", self.python)):
            with formatter.section(title):
                for line in lines.splitlines():
                    formatter.write(f"  {line}\n")


def option(*names: str, section: str = "Options", **settings: Any) -> Decorator:
    """An option under a heading."""
    return click.option(*names, cls=Option, section=section, **settings)


def make_command(name: str, *, python: str, examples: str) -> Decorator:
    """Make a function a command that has the options of all commands."""

    def decorate(function: Any) -> click.Command:
        for messages in (_debug, _log_format, _quiet):
            function = messages(function)
        made = click.command(name, cls=Command, python=python, examples=examples)(function)
        made.short_help = (made.help or "").partition("\n")[0].rstrip(".")
        return made

    return decorate


def _set(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
        setattr(ctx.find_root().ensure_object(Messages), name, value)

    return callback


def _message(*names: str, **settings: Any) -> Decorator:
    """An option of all commands; eager, so that errors in other options are told in the way that it asks for."""
    callback = _set(names[-1].removeprefix("--").replace("-", "_"))
    return option(*names, section="Messages", expose_value=False, is_eager=True, callback=callback, **settings)


_quiet = _message("-q", "--quiet", is_flag=True, help="Show errors and warnings only.")
_log_format = _message(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How messages are written on standard error.",
)
_debug = _message("--debug", is_flag=True, help="Show the traceback of an error.")

as_json = option("--json", "as_json", is_flag=True, section="Output", help="Print JSON on standard output.")


class Listed(click.ParamType[Any]):
    """Values apart by commas, as a tuple.

    Parameters
    ----------
    item : callable
        Makes a value of its text; raises ValueError if it cannot.
    name : str
        What the values are, for messages.
    """

    def __init__(self, item: Callable[[str], Any], name: str) -> None:
        self.item = item
        self.name = name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(self.item(part.strip()) for part in value.split(",") if part.strip())
        except ValueError:
            self.fail(f"{value!r} is not a list of {self.name}", param, ctx)


def _level(text: str) -> str:
    if text not in LEVELS:
        raise ValueError(text)
    return text


def flat(values: Sequence[Sequence[Any]]) -> list[Any]:
    """The values of an option that may be repeated and may list several each time."""
    return [value for part in values for value in part]


def metric_options(function: Any) -> Any:
    """Which metric lines are written."""
    for one in (
        option(
            "--over-limit",
            type=click.Choice(OVER_LIMIT),
            section="Metric lines",
            help="Data rows with more metrics than the platform takes: an error, written without the features with "
            "least ground truth (fit), or written in full for other readers (keep). [default: error]",
        ),
        option(
            "--level",
            type=Listed(_level, "levels (data_row, feature, subclass)"),
            multiple=True,
            metavar="LEVEL,...",
            section="Metric lines",
            help="data_row, feature, subclass; by default matrices by feature and mean overlaps by data row.",
        ),
        option(
            "--metrics",
            type=Listed(str, "names"),
            multiple=True,
            metavar="NAME,...",
            section="Metric lines",
            help="confusion_matrix, miou, names of metrics such as 50pct_iou; by default all.",
        ),
    ):
        function = one(function)
    return function


def metric_settings(metrics: Sequence[Any], level: Sequence[Any], over_limit: str | None) -> dict[str, Any]:
    """Keyword arguments of ``Evaluation.lines`` from the options of :func:`metric_options` that are given."""
    given = {"metrics": flat(metrics), "level": flat(level), "over_limit": over_limit}
    return {name: value for name, value in given.items() if value}


def check_kind(path: str, *kinds: Kind) -> Kind:
    """What is written to a path, which must be one of some kinds.

    Raises
    ------
    SettingError
        Its ending says nothing that is known, or something else.
    """
    kind = kind_of(path)
    if kind is None or kind not in kinds:
        raise SettingError(f"{path}: an output ends in {', '.join(map(_ENDINGS.__getitem__, kinds))}")
    return kind


_ENDINGS: dict[Kind, str] = {
    "evaluation": ".lmeval (evaluation file)",
    "lines": ".ndjson or .jsonl (metric lines, also with .gz or .zst), or is - (metric lines on standard output)",
    "table": ".parquet (metric table)",
}


def check_streams(inputs: Sequence[str | None], outputs: Sequence[str | None]) -> None:
    """Refuse two inputs or two outputs that are one stream or file, and outputs that are inputs.

    Raises
    ------
    SettingError
        There are such, or the folder of an output does not exist: better known before the work than after it.
    InputError
        An output lies within an evaluation file.
    """
    read = [path for path in inputs if path is not None]
    written = [path for path in outputs if path is not None]
    if read.count("-") > 1:
        raise SettingError("only one input can be standard input (-)")
    if len(written) > len(set(written)):
        raise SettingError(f"{max(written, key=written.count)}: is named as an output twice")
    for path in written:
        if path == "-" or is_url(path):
            continue
        if not Path(path).parent.is_dir():
            raise SettingError(f"{path}: the folder {Path(path).parent} does not exist")
        check_place(path)
        if any(Path(one).exists() and Path(path).exists() and Path(one).samefile(path) for one in read):
            raise SettingError(f"{path}: is an input, so it is not written over")


def write(evaluation: Any, path: str, settings: dict[str, Any]) -> None:
    """Write an evaluation to a path in the way that its ending asks for."""
    match kind_of(path):
        case "evaluation":
            evaluation.save(path)
        case "table":
            evaluation.write_parquet(path, **settings)
        case _:
            evaluation.write_ndjson(path, **settings)
