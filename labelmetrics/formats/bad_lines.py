"""What becomes of lines that cannot be read: an error with all of them, or a bounded number passed over."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import orjson

from labelmetrics.errors import Fault, InputError, LabelmetricsWarning, SettingError
from labelmetrics.formats.output import write_chunks
from labelmetrics.words import counted

OnBadLine = Literal["error", "skip"]

KEPT = 1000
"""Faults that are kept in full; beyond them they are counted."""


@dataclass(slots=True)
class BadLines:
    """Collects the faults of one reading.

    Parameters
    ----------
    on_bad_line : {"error", "skip"}
        Whether a bad line is an error in the end, or passed over.
    most : int, optional
        With ``"skip"``, how many may be passed over.
    file : path, optional
        Where each refused line is written with its reason.
    """

    on_bad_line: OnBadLine = "error"
    most: int | None = None
    file: str | Path | None = None
    faults: list[Fault] = field(default_factory=list)
    count: int = 0
    _refused: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.on_bad_line not in ("error", "skip"):
            raise SettingError(f"on_bad_line must be error or skip, got {self.on_bad_line!r}")

    def add(self, faults: list[Fault], text: bytes = b"") -> None:
        """Note the faults of one line."""
        self.count += 1
        if len(self.faults) < KEPT:
            self.faults += faults
        if self.file is not None:
            first = faults[0]
            reason = "; ".join(f"{f.path}: {f.message}" if f.path else f.message for f in faults)
            where = {"file": first.file, "line": first.line, "reason": reason, "text": text.decode(errors="replace")}
            self._refused.append(where)

    def shifted(self, lines: int) -> BadLines:
        """The same for lines that stand so many lines further down in their file."""

        def moved(line: int | None) -> int | None:
            return None if line is None else line + lines

        return replace(
            self,
            faults=[replace(fault, line=moved(fault.line)) for fault in self.faults],
            _refused=[{**one, "line": moved(one["line"])} for one in self._refused],
        )

    def extend(self, other: BadLines) -> None:
        """Take over what another has collected."""
        self.count += other.count
        self.faults += other.faults[: KEPT - len(self.faults)]
        self._refused += other._refused

    def close(self) -> None:
        """Write the refused lines, and raise unless they may be passed over, with a warning.

        Raises
        ------
        InputError
            There are faults, and lines may not be skipped, or there are more than the most.
        """
        if self.file is not None:
            write_chunks(self.file, (orjson.dumps(one) + b"\n" for one in self._refused))
        if not self.count:
            return
        lines = counted(self.count, "line")
        if self.on_bad_line == "error":
            raise InputError(f"{lines} cannot be read", self.faults)
        if self.most is not None and self.count > self.most:
            raise InputError(f"{lines} cannot be read, and at most {self.most} may be passed over", self.faults)
        warnings.warn(f"{lines} passed over, the first: {self.faults[0]}", LabelmetricsWarning, stacklevel=3)
