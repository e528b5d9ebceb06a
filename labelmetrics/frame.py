"""Small tables for people: columns that can be listed, turned into pandas, and shown in notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SHOWN = 50
"""Rows that a notebook shows."""


def need_pandas() -> ModuleType:
    """The module pandas.

    Raises
    ------
    ImportError
        It is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError("pandas is not installed: pip install 'labelmetrics[pandas]'") from error
    return pandas


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Turn an Arrow table into a pandas DataFrame, with plain text instead of categories.

    Raises
    ------
    ImportError
        pandas is not installed.
    """
    need_pandas()
    frame: pd.DataFrame = table.to_pandas(strings_to_categorical=False)
    return frame


def html_table(names: Sequence[str], rows: Iterable[Sequence[Any]], caption: str = "") -> str:
    """HTML of a table; all text is escaped, numbers stand to the right.

    >>> html_table(["a"], [["<b>"]]).partition("<tbody>")[2]
    '<tr><td style="text-align:left">&lt;b&gt;</td></tr></tbody></table>'
    """
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    side = "left" if isinstance(value, str) else "right"
    return f'<td style="text-align:{side}">{escape(shown(value))}</td>'


def shown(value: Any) -> str:
    """A value as people read it: three decimals, thousands apart, a dash for what is not defined.

    >>> shown(None), shown(0.5), shown(12345)
    ('–', '0.500', '12,345')
    """
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def plain_table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table as plain text, columns in line.

    >>> print(plain_table(["feature", "TP"], [["cat", 1200]]))
    feature     TP
    cat      1,200
    """
    listed = [list(row) for row in rows]
    texts = [list(names), *([shown(value) for value in row] for row in listed)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    left = [all(row[i] is None or isinstance(row[i], str) for row in listed) for i in range(len(names))]
    lines = [
        "  ".join(
            text.ljust(width) if is_left else text.rjust(width)
            for text, width, is_left in zip(row, widths, left, strict=True)
        ).rstrip()
        for row in texts
    ]
    return "\n".join(lines)


class Frame:
    """A table with a caption: iterate over its rows as dicts, or take them along.

    Parameters
    ----------
    table : pyarrow.Table
        The rows.
    caption : str
        What they are.

    Examples
    --------
    >>> import pyarrow as pa
    >>> frame = Frame(pa.table({"feature": ["dog", "cat"], "tp": [1, 2]}), "counts")
    >>> [row["feature"] for row in frame.sort("tp", descending=True)]
    ['cat', 'dog']
    """

    hidden: tuple[str, ...] = ()
    """Columns that are not shown."""

    def __init__(self, table: pa.Table, caption: str = "") -> None:
        self.table = table
        self.caption = caption

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in self.table.to_batches():
            yield from batch.to_pylist()

    def sort(self, by: str, *, descending: bool = False) -> Frame:
        """The rows sorted by a column; nulls come last."""
        import pyarrow as pa

        # Dictionary-coded text would be sorted by its codes.
        column = self.table.column(by)
        key = column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
        order = "descending" if descending else "ascending"
        indices = pa.compute.sort_indices(pa.table({by: key}), sort_keys=[(by, order)])
        return type(self)(self.table.take(indices), self.caption)

    def to_pandas(self) -> pd.DataFrame:
        """The table as a pandas DataFrame; needs pandas (``pip install 'labelmetrics[pandas]'``)."""
        return to_pandas(self.table)

    def to_dicts(self) -> list[dict[str, Any]]:
        """The rows as a list of dicts."""
        return list(self)

    def __repr__(self) -> str:
        return f"{self._title()}\n{plain_table(*self._head())}"

    def _repr_html_(self) -> str:
        return html_table(*self._head(), self._title())

    def _title(self) -> str:
        return f"{self.caption} (the first {SHOWN} of {len(self):,})" if len(self) > SHOWN else self.caption

    def _head(self) -> tuple[list[str], list[list[Any]]]:
        """Names and first rows; what is hidden or empty throughout is left out."""
        rows = self.table.slice(0, SHOWN)
        names = [
            name
            for name in rows.column_names
            if name not in self.hidden and (not len(rows) or rows.column(name).null_count < len(rows))
        ]
        return names, [list(row.values()) for row in rows.select(names).to_pylist()]
