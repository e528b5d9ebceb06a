"""Folder for the intermediate files of one evaluation, which can be gone on with after a kill."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labelmetrics.errors import InputError, LabelmetricsError, SettingError
from labelmetrics.formats.storage import appearing, remove

MARK = "labelmetrics-ranges.txt"
"""File that marks a temporary folder as one of ours, and says what it is for."""


class TaskError(LabelmetricsError):
    """A task failed in a way that nobody has foreseen, such as by a kill; others are done and kept."""


@contextmanager
def work_folder(path: Path, asked: str, *, resume: bool) -> Iterator[Path]:
    """A folder for intermediate files; it is removed when the work is done or cannot be done, but not by a kill."""
    mark = path / MARK
    if path.exists() and not mark.is_file():
        raise InputError(f"{path}: is there already and holds no intermediate files, so it is not used")
    if resume:
        if not path.exists():
            raise SettingError(f"{path}: there is nothing to resume")
        if mark.read_text(encoding="utf-8") != asked:
            raise SettingError(f"{path}: other files or other settings were evaluated here, so it cannot be resumed")
    else:
        remove(path)
    is_kept = False
    try:
        path.mkdir(parents=True, exist_ok=True)
        mark.write_text(asked, encoding="utf-8")
        yield path
    except OSError as error:
        raise InputError(f"{error.filename or path}: {error.strerror or error}") from error
    except TaskError:
        is_kept = True
        raise
    finally:
        if not is_kept:
            remove(path)


def stored(file: Path, function: Callable[..., Any], *task: Any) -> Any:
    """Do a task, and keep its result for whoever goes on after a kill."""
    result = function(*task)
    store(file, result)
    return result


def store(file: Path, value: Any) -> None:
    """Keep a value in a file."""
    with appearing(file) as temporary:
        temporary.write_bytes(pickle.dumps(value))
