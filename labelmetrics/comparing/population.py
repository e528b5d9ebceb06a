"""The data rows that a comparison is about: those of both runs, and which of them a slice holds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from labelmetrics.comparing.expressions import compile_expression
from labelmetrics.comparing.sides import Side
from labelmetrics.errors import SettingError
from labelmetrics.formats.gate_config import Match, Slice
from labelmetrics.kernels.batch import Bools, Ints
from labelmetrics.words import counted, near


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Population:
    """Data rows of a run and its baseline together.

    Parameters
    ----------
    rows : list of str
        Their keys, sorted.
    described : list of dict
        Each as the table of data rows has it; that of the run where both have it.
    is_described : bool
        Whether there is a table of data rows.
    places : list of ndarray of int64
        Of each run, where its data rows are among these.
    """

    rows: list[str]
    described: list[dict[str, Any]]
    is_described: bool
    places: list[Ints]

    @classmethod
    def of(cls, sides: Sequence[Side]) -> Population:
        """The data rows of the runs; the first one's description counts."""
        described: dict[str, dict[str, Any]] = {}
        for side in sides:
            for row, about in zip(side.rows, side.described(), strict=True):
                described.setdefault(row, about)
        rows = sorted(described)
        place = {row: code for code, row in enumerate(rows)}
        return cls(
            rows=rows,
            described=[described[row] for row in rows],
            is_described=any(side.is_described for side in sides),
            places=[np.array([place[row] for row in side.rows], np.int64) for side in sides],
        )

    def has(self, side: int) -> Bools:
        """Which of the data rows a run has."""
        found = np.zeros(len(self.rows), bool)
        found[self.places[side]] = True
        return found

    def members(self, slice: Slice | None, split: str | None) -> Bools:
        """The data rows of a slice and a split.

        Raises
        ------
        SettingError
            The slice cannot be told, or names data rows that are not there.
        """
        keep = np.ones(len(self.rows), bool) if slice is None else self._of_slice(slice)
        if split is not None:
            self._need_table("splits")
            keep &= np.array([(row["split"] or "UNASSIGNED") == split for row in self.described], bool)
        return keep

    def _of_slice(self, slice: Slice) -> Bools:
        if isinstance(slice, str):
            self._need_table("expressions")
            keys = sorted({key for row in self.described for key in row["metadata"]})
            holds = compile_expression(slice, keys)
            return np.fromiter(map(holds, self.described), bool, len(self.rows))
        if isinstance(slice, Match):
            found = re.compile(slice.match).search
            return np.fromiter((found(row.partition(":")[2]) is not None for row in self.rows), bool, len(self.rows))
        forms = {
            form: place
            for place, row in enumerate(self.described)
            for kind in ("globalKey", "id")
            if (key := row.get(kind)) is not None
            for form in (key, f"{kind}:{key}")
        }
        absent = [key for key in slice if key not in forms]
        if absent:
            raise SettingError(
                f"{counted(len(absent), 'data row')} of a slice cannot be found: {absent[0]!r}"
                f"{', ...' if len(absent) > 1 else near(absent[0], forms)}"
            )
        keep = np.zeros(len(self.rows), bool)
        keep[[forms[key] for key in slice]] = True
        return keep

    def _need_table(self, what: str) -> None:
        if not self.is_described:
            raise SettingError(f"{what} need a table of data rows: give one with data_rows=, --data-rows")
