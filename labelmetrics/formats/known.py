"""Data rows and features that are known, and those of an input that are not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from labelmetrics.errors import Fault
from labelmetrics.formats.bad_lines import BadLines
from labelmetrics.formats.inputs import read_sides
from labelmetrics.kernels.batch import DataRowKey

__all__ = ["Known", "Names", "Uses", "mixed_kinds"]

Names = tuple[str, ...]
"""Name and schema id of a feature, whichever there are."""


@dataclass(slots=True)
class Uses:
    """Where something is first named, and on how many lines."""

    file: str | None = None
    line: int | None = None
    count: int = 0

    def add(self, other: Uses) -> None:
        """Put other uses of the same to these."""
        self.count += other.count
        if self.file == other.file and self.line is not None and other.line is not None:
            self.line = min(self.line, other.line)


def mixed_kinds(rows: Mapping[DataRowKey, Uses]) -> list[Fault]:
    """Faults if data rows are named in two ways."""
    first: dict[str, DataRowKey] = {}
    for key in rows:
        first.setdefault(key.kind, key)
    if len(first) < 2:
        return []
    message = "some data rows are named by id, others by globalKey"
    remedy = "name all in one way, or give a table of data rows with id and globalKey (data_rows=, --data-rows)"
    return [
        Fault(
            rule="data-row-keys",
            message=message,
            remedy=remedy,
            file=rows[key].file,
            line=rows[key].line,
            data_row=str(key),
        )
        for key in first.values()
    ]


@dataclass(frozen=True, slots=True)
class Known:
    """Data rows and features that there are; ``None`` where nothing says which."""

    rows: set[DataRowKey] | None
    features: set[str] | None

    @classmethod
    def of(cls, ground_truth: Any, features: Collection[str] | None, table: Any) -> Known:
        rows: set[DataRowKey] | None = None if table is None else _keys_of(table)
        known = None if features is None else set(features)
        if ground_truth is None:
            return cls(rows, known)
        if hasattr(ground_truth, "results") and hasattr(ground_truth, "data_rows"):
            own = ground_truth.results.features
            return cls((rows or set()) | _keys_of(ground_truth.data_rows), (known or set()) | set(own))
        log = BadLines()
        sides = read_sides(ground_truth, [], bad_lines=log)
        log.close()
        columns = sides.ground_truth
        rows = (rows or set()) | {*columns.data_row.values, *columns.listed}
        if sides.table is not None:
            rows |= _keys_of(sides.table)
        named = {*columns.name.values, *columns.schema_id.values, *columns.answer.values, *columns.answer_id.values}
        pairs = set(zip(columns.name.decode(), columns.answer.decode(), strict=True))
        named |= {f"{question}/{answer}" for question, answer in pairs if question is not None and answer is not None}
        return cls(rows, (known or set()) | named)

    def unknown_rows(self, uses: Mapping[DataRowKey, Uses]) -> Iterable[Fault]:
        """Data rows that are not known."""
        if self.rows is None:
            return
        kinds = {key.kind for key in self.rows}
        if self.rows and uses and kinds.isdisjoint(key.kind for key in uses):
            yield Fault(
                rule="data-row-keys",
                message=f"the ground truth names data rows by {min(kinds)}, the lines do not",
                remedy="give a table of data rows with id and globalKey (data_rows=, --data-rows)",
            )
            return
        for key, use in uses.items():
            if key not in self.rows:
                yield Fault(
                    rule="unknown-data-row",
                    message=f"the ground truth has no such data row{_lines(use)}",
                    file=use.file,
                    line=use.line,
                    path=f"$.dataRow.{key.kind}",
                    data_row=str(key),
                )

    def unknown_features(self, uses: Mapping[Names, Uses]) -> Iterable[Fault]:
        """Features that are not known."""
        if self.features is None:
            return
        for names, use in uses.items():
            if self.features.isdisjoint(names):
                yield Fault(
                    rule="unknown-feature",
                    message=f"the ground truth has no feature {names[0]!r}{_lines(use)}",
                    file=use.file,
                    line=use.line,
                )


def _lines(use: Uses) -> str:
    return "" if use.count == 1 else f" (on {use.count:,} lines, of which this is the first)"


def _keys_of(table: Any) -> set[DataRowKey]:
    return {
        DataRowKey(kind, key)
        for kind in ("id", "globalKey")
        for key in table.column(kind).to_pylist()
        if key is not None
    }
