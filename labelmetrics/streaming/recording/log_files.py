"""A training as files: ``SPLIT/epoch-N/NAME.log`` with a line for each step, and ``epochs.ndjson`` with its epochs.

Each line is handed to the system when it is made, so that it is kept when the process is killed; what of a last line is
missing then is left out by the reader.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, unquote

import numpy as np
import orjson

from labelmetrics.errors import InputError, SettingError
from labelmetrics.streaming.recording.entries import MetricEntry, Numeric
from labelmetrics.streaming.recording.history import SPLITS, EpochResults, History, MetricFacts

__all__ = ["LogFiles", "read_history"]

RUN, EPOCHS, LOG = "run.json", "epochs.ndjson", ".log"
FORMAT = 1
EPOCH_FOLDER = re.compile(r"epoch-([1-9]\d*)")


class LogFiles:
    """Writes the log files of one training.

    Parameters
    ----------
    directory : str or path
        Where; made where it is missing.
    resume : bool
        Go on with a training whose files are there: epochs that had not ended are put aside.

    Raises
    ------
    SettingError
        There is a training already, and ``resume`` was not asked for; or it cannot be read.
    """

    def __init__(self, directory: str | os.PathLike[str], *, resume: bool = False) -> None:
        self.directory = Path(directory)
        self._files: dict[tuple[str, str], BinaryIO] = {}
        self._facts: dict[str, MetricFacts] = {}
        self.history = History()
        if (self.directory / RUN).exists():
            found = read_history(self.directory)
            if found.epochs:  # else a training failed before its first step
                if not resume:
                    raise SettingError(f"{self.directory} holds a training already: resume=True goes on with it")
                self.history = found
                self._facts = dict(found.facts)
                self._put_aside()
                return
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._write_run()
        except OSError as error:
            raise SettingError(f"{self.directory} cannot be written: {error.strerror}") from None

    def _put_aside(self) -> None:
        """Rename folders of epochs that had not ended; the recorder makes these epochs again."""
        for split in SPLITS:
            for epoch, folder in _epoch_folders(self.directory / split):
                if epoch not in self.history.finished:
                    self.history.drop(epoch)
                    number = 1
                    while (aside := folder.with_name(f"cut-{number}-{folder.name}")).exists():
                        number += 1
                    folder.rename(aside)

    def _write_run(self) -> None:
        facts = {name: {"unit": one.unit, "higherIsBetter": one.higher_is_better} for name, one in self._facts.items()}
        _replace(self.directory / RUN, orjson.dumps({"format": FORMAT, "metrics": facts}, option=orjson.OPT_INDENT_2))

    def write(self, split: str, epoch: int, entry: MetricEntry) -> None:
        """Add a line to the log of a metric."""
        key = split, entry.name
        file = self._files.get(key)
        if file is None:
            folder = self.directory / split / f"epoch-{epoch}"
            folder.mkdir(parents=True, exist_ok=True)
            file = self._files[key] = (folder / _file_name(entry.name)).open("ab", buffering=0)
        file.write(f"{entry.serialized}\n".encode())

    def describe(self, facts: Mapping[str, MetricFacts]) -> None:
        """Say what metrics there are."""
        if facts != self._facts:
            self._facts = dict(facts)
            self._write_run()

    def end_epoch(self, epoch: int, ended: EpochResults) -> None:
        """Write what an epoch came to."""
        self.close()
        line = orjson.dumps(
            {
                "epoch": epoch,
                "seconds": round(ended.seconds, 3),
                "results": _plain(ended.results),
                "classes": _plain(ended.classes),
            }
        )
        with (self.directory / EPOCHS).open("ab", buffering=0) as file:
            file.write(line + b"\n")

    def close(self) -> None:
        """Close the files of the epoch."""
        for file in self._files.values():
            file.close()
        self._files.clear()


def _plain(value: Any) -> Any:
    """A result as JSON has it; numbers that are none become texts."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else str(float(value))
    return value.item() if isinstance(value, np.generic) else value


def _restored(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _restored(one) for key, one in value.items()}
    if isinstance(value, list):
        return np.array([_restored(one) for one in value])
    return float(value) if value in ("nan", "inf", "-inf") else value


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.replace(path)


def _file_name(name: str) -> str:
    """The name of a metric as that of a file, from which it can be read back."""
    return quote(name, safe=" +@()=,") + LOG


def _epoch_folders(folder: Path) -> Iterator[tuple[int, Path]]:
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            found = EPOCH_FOLDER.fullmatch(path.name)
            if found and path.is_dir():
                yield int(found[1]), path


def read_history(directory: str | os.PathLike[str]) -> History:
    """The history of a training from its files, also of one that is under way or was killed.

    Parameters
    ----------
    directory : str or path
        What :class:`Recorder` was given.

    Returns
    -------
    History

    Raises
    ------
    InputError
        It holds no training, or a file cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> from labelmetrics import streaming
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     with streaming.Recorder([streaming.Loss()], directory=directory, show="none") as recorder:
    ...         entries = recorder.update("train", loss=0.5)
    ...     streaming.read_history(directory).values("loss", "train")
    {1: 0.5}
    """
    root = Path(directory)
    try:
        run = orjson.loads((root / RUN).read_bytes())
        facts = {name: MetricFacts(one["unit"], one["higherIsBetter"]) for name, one in run["metrics"].items()}
    except FileNotFoundError:
        raise InputError(f"{root} holds no training: there is no {RUN}") from None
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{root / RUN} cannot be read: {error}") from None
    if run.get("format") != FORMAT:
        raise InputError(f"{root / RUN} has the format {run.get('format')!r}; this version reads {FORMAT}")
    history = History(facts)
    for number, line in enumerate(_lines(root / EPOCHS), 1):
        try:
            read = orjson.loads(line)
            classes = {
                split: {name: {int(label): int(n) for label, n in counts.items()} for name, counts in by_name.items()}
                for split, by_name in read["classes"].items()
            }
            history.end_epoch(read["epoch"], EpochResults(_restored(read["results"]), classes, read["seconds"]))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{root / EPOCHS}:{number}: is no line of an epoch: {error}") from None
    for split in SPLITS:
        for epoch, folder in _epoch_folders(root / split):
            for path in sorted(folder.glob(f"*{LOG}")):
                history.add_log(split, epoch, unquote(path.name.removesuffix(LOG)), partial(_numbers, path))
    return history


def _lines(path: Path) -> Iterator[bytes]:
    """Whole lines; the last one may have been cut."""
    if path.exists():
        *whole, _ = path.read_bytes().split(b"\n")
        yield from whole


def _numbers(path: Path) -> list[Numeric]:
    found = []
    for number, line in enumerate(_lines(path), 1):
        try:
            found.append(Numeric.parse(line.decode()))
        except (InputError, UnicodeDecodeError) as error:
            raise InputError(f"{path}:{number}: {error}") from None
    return found
