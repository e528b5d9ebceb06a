"""What the command line says besides results: all of it on standard error, as text or as JSON lines."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import threading
import time
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import click

from labelmetrics.errors import InputError, LabelmetricsError, LabelmetricsWarning

INTERVAL = 60.0
"""Seconds between two lines of progress where there is no terminal."""

FAULTS, UNUSABLE = 1, 2
"""Exit codes: faults or differences were found; wrong usage or input that cannot be used."""

INTERRUPTED, PIPE_CLOSED = 130, 141
"""What shells report for programs that end by SIGINT and by SIGPIPE."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

Progress = Callable[[str, float], None]


def printable(text: str) -> str:
    r"""Text without characters that move a terminal's cursor or change its colours; names in data may hold them.

    >>> printable("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


@dataclass(slots=True)
class Messages:
    """Where messages go and how.

    Parameters
    ----------
    quiet : bool
        Whether only errors and warnings are shown.
    log_format : {"text", "json"}
        Plain lines, or one JSON object per message.
    debug : bool
        Whether errors show their traceback.
    """

    quiet: bool = False
    log_format: str = "text"
    debug: bool = False

    def info(self, text: str) -> None:
        """Say how it goes, unless asked to be quiet."""
        if not self.quiet:
            self._write("info", text)

    def warning(self, text: str) -> None:
        """Say what the user should know."""
        self._write("warning", text)

    def error(self, text: str, error: BaseException | None = None) -> None:
        """Say why there is no result."""
        if self.debug and error is not None:
            click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
        faults = error.faults if isinstance(error, InputError) else ()
        self._write("error", text, faults=[{k: v for k, v in asdict(one).items() if v is not None} for one in faults])

    def _write(self, level: str, text: str, **more: list[Any]) -> None:
        if self.log_format == "json":
            # The faults are listed in full beside the message, so its first line says enough.
            message = text.partition("\n")[0] if more.get("faults") else text
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            click.echo(json.dumps({"time": stamp, "level": level, "message": message, **more}), err=True)
        else:
            prefix = "" if level == "info" else f"{level.capitalize()}: "
            click.echo(printable(prefix + text), err=True)

    @contextlib.contextmanager
    def progress(self) -> Iterator[Progress]:
        """Show steps as they are reported: a bar on a terminal, a line a minute elsewhere, nothing when quiet."""
        if self.quiet:
            yield lambda step, share: None
        elif sys.stderr.isatty() and self.log_format == "text":
            with _bar() as progress:
                yield progress
        else:
            with self._lines() as progress:
                yield progress

    @contextlib.contextmanager
    def _lines(self) -> Iterator[Progress]:
        pace, stopped = Pace(), threading.Event()

        def tell() -> None:
            while not stopped.wait(INTERVAL):
                left = pace.left()
                more = "" if left is None else f", {left:.0f} s left"
                self.info(f"{pace.step}: {pace.share:.0%} after {pace.elapsed():.0f} s{more}")

        thread = threading.Thread(target=tell, daemon=True)
        thread.start()
        try:
            yield pace.report
        finally:
            stopped.set()
            thread.join()


class Pace:
    """How far work has come, and how long the rest takes at the pace of the last minute."""

    def __init__(self) -> None:
        self.step, self.share = "starting", 0.0
        self._began = time.monotonic()
        self._reports: deque[tuple[float, float]] = deque()
        self._first: float | None = None

    def report(self, step: str, share: float) -> None:
        """Take notice of a step and of the share of the work that is done."""
        now = time.monotonic()
        if share < self.share:
            self._reports.clear()  # a new piece of work, with a pace of its own
            self._first = None
        self.step, self.share = step, share
        self._first = now if self._first is None else self._first
        if now - self._first < 1:
            self._reports.clear()  # what comes at once was done before a kill, and says nothing of the pace
        self._reports.append((now, share))
        while len(self._reports) > 2 and self._reports[1][0] < now - 60:
            self._reports.popleft()

    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    def left(self) -> float | None:
        """Seconds to the end; ``None`` where that is not known."""
        if len(self._reports) < 2:
            return None
        (since, before), (until, share) = self._reports[0], self._reports[-1]
        if share <= before:
            return None
        left = (1 - share) * (until - since) / (share - before) - (time.monotonic() - until)
        return left if left > 0 else None  # it takes longer than it looked


@contextlib.contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
    from rich.table import Column
    from rich.text import Text

    pace = Pace()

    class Left(ProgressColumn):
        def render(self, task: Task) -> Text:
            left = pace.left()
            return Text("" if left is None else f"{timedelta(seconds=round(left))} left", "progress.remaining")

    elapsed, left = (column(table_column=Column(no_wrap=True)) for column in (TimeElapsedColumn, Left))
    columns = (TextColumn("{task.description:<16}"), BarColumn(), elapsed, left)
    # Standard output may carry data; only standard error is drawn on.
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(pace.step, total=1.0)

        def report(step: str, share: float) -> None:
            pace.report(step, share)
            bar.update(task, description=step, completed=share)

        yield report


@contextlib.contextmanager
def reporting(messages: Messages) -> Iterator[None]:
    """Turn everything that goes wrong into one message and an exit code; warnings into lines of their own."""
    with warnings.catch_warnings():
        # Warnings of other libraries are about code, which whoever runs a command cannot change.
        warnings.simplefilter("default" if messages.debug else "ignore")
        warnings.simplefilter("always", LabelmetricsWarning)
        warnings.showwarning = lambda message, *rest, **more: messages.warning(str(message))
        try:
            yield
        except click.exceptions.Exit:
            raise
        except click.ClickException as error:
            if messages.log_format == "text":
                raise
            messages.error(error.format_message())
            raise click.exceptions.Exit(error.exit_code) from None
        except BrokenPipeError:
            # Whoever read our output has seen enough. Python would complain when it flushes at its end.
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(PIPE_CLOSED) from None
        except (KeyboardInterrupt, click.Abort) as error:
            messages.error("interrupted", error)
            raise click.exceptions.Exit(INTERRUPTED) from None
        except Exception as error:
            messages.error(_text(error), error)
            raise click.exceptions.Exit(UNUSABLE) from None


def _text(error: Exception) -> str:
    match error:
        case LabelmetricsError():
            return str(error)
        case MemoryError():
            return f"there is not enough memory{f' ({error})' if str(error) else ''}; evaluate fewer data rows at once"
        case ImportError():
            return str(error)
        case OSError(filename=str() as name, strerror=str() as reason):
            return f"{name}: {reason}"
        case OSError(strerror=str() as reason):
            return f"the output cannot be written: {reason}"  # files that are read have names
        case _:
            return f"unexpected {type(error).__name__}: {error} (--debug shows where; please report it)"
