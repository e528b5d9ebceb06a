"""Lines of one layout: what one program writes differs from line to line in its values only.

Such lines need no parser of JSON. Their layout is that of the first one; quotation marks tell where each value of the
others begins and ends, and the text between values must be the same, byte by byte. Whatever is not so is left to the
parser: lines of other layouts among them, lists, escapes, and values that are neither texts nor numbers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from labelmetrics.kernels.batch import Bools, Ints

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Layout", "table_of_layout"]

Offsets = NDArray[np.int32]

PART = 1 << 22
"""Bytes that are looked at together: what one step makes of them stays near the processor, and steps are few."""

QUOTE, MINUS, DOT, ZERO, NINE, E, SPACE = b'"-.09e '
LOWER = 0x20
"""Makes a letter a small one."""

TOKEN = re.compile(rb'"(?P<key>[^"]*)"\s*:|"(?P<text>[^"]*)"|(?P<number>[-\d][^\s,}]*)|(?P<brace>[{}])')
"""What a line of JSON that has neither lists nor escapes consists of, apart from white space and commas."""


@dataclass(frozen=True)
class Layout:
    r"""Where the values of a line stand, in their order.

    Parameters
    ----------
    literals : sequence of bytes
        What stands before each value, and behind the last one up to the newline and with it.
    paths : sequence of tuple of str
        The names that lead to each value.
    is_text : sequence of bool
        Whether a value is a text, whose quotation marks belong to the literals, or a number.

    Examples
    --------
    >>> layout = Layout.of(b'{"dataRow": {"id": "r1"}, "page": 3}\n')
    >>> layout.literals
    [b'{"dataRow": {"id": "', b'"}, "page": ', b'}\n']
    >>> layout.paths, layout.is_text
    ([('dataRow', 'id'), ('page',)], [True, False])
    """

    literals: Sequence[bytes]
    paths: Sequence[tuple[str, ...]]
    is_text: Sequence[bool]

    @classmethod
    def of(cls, line: bytes) -> Layout | None:
        """The layout of a line that ends in a newline; ``None`` where it holds anything else than is read here."""
        import orjson

        try:
            values = list(_leaves(orjson.loads(line)))
        except (orjson.JSONDecodeError, RecursionError):
            return None
        if b"\\" in line or not all(type(value) in (str, int, float) for value in values):
            return None
        literals, paths, is_text = [], [], []
        path: list[str] = []
        since = 0
        for token in TOKEN.finditer(line):
            kind = str(token.lastgroup)
            if kind == "key":
                path[-1] = token["key"].decode()
            elif kind == "brace":
                if token["brace"] == b"{":
                    path.append("")
                else:
                    path.pop()
            else:
                begin, end = token.span(kind)
                literals.append(line[since:begin])
                paths.append(tuple(path))
                is_text.append(kind == "text")
                since = end
        literals.append(line[since:])
        # A name that occurs twice has one value, and places of its own here.
        return cls(literals, paths, is_text) if 0 < len(paths) == len(values) else None

    @cached_property
    def n_quotes(self) -> int:
        """Quotation marks of a line."""
        return sum(literal.count(b'"') for literal in self.literals)

    @cached_property
    def first(self) -> int:
        """Where the first quotation mark of a line stands."""
        return self.literals[0].find(b'"')

    @cached_property
    def bounds(self) -> tuple[Ints, Offsets]:
        """Beginning and end of each value in turn: which quotation mark is next to it, and how far away."""
        marks, shifts, n = [], [], 0
        for before, behind in zip(self.literals, self.literals[1:], strict=False):
            n += before.count(b'"')
            # Behind a number that ends the line, the next quotation mark is the first one of the next line.
            nearest = behind.find(b'"') if b'"' in behind else len(behind) + self.first
            marks += [n - 1, n]
            shifts += [len(before) - before.rfind(b'"'), -nearest]
        return np.array(marks), np.array(shifts, np.int32)

    def find(self, text: bytes) -> Offsets:
        """Where values stand in lines, the last of which ends in a newline.

        Returns
        -------
        ndarray of int32, shape (n, 2 * n_values)
            Beginning and end of each value of each line.

        Raises
        ------
        OtherLayoutError
            A line is not of this layout.
        """
        characters = np.frombuffer(text, np.uint8)
        quotes = np.flatnonzero(characters == QUOTE)
        n, more = divmod(len(quotes), self.n_quotes)
        head, tail = self.literals[0], self.literals[-1]
        if more or not n or not text.startswith(head) or not text.endswith(tail):
            raise OtherLayoutError
        quotes = np.append(quotes, len(text) + self.first).astype(np.int32)  # with that of a line behind the last one
        marks, shifts = self.bounds
        found: Offsets = sliding_window_view(quotes, self.n_quotes + 1)[:: self.n_quotes][:, marks] + shifts
        begin, end = found[:, 0::2], found[:, 1::2]
        if (end < begin).any():
            raise OtherLayoutError
        behind = [*zip(self.literals[1:-1], end.T, strict=False), (tail + head, end[:-1, -1])]
        if not all(_stands(literal, text, at) for literal, at in behind):
            raise OtherLayoutError
        # Characters below the space must not stand in texts, and are white space elsewhere.
        low = sum(character < SPACE for literal in self.literals for character in literal)
        if np.count_nonzero(characters < SPACE) != n * low:
            raise OtherLayoutError
        return found

    def read(self, text: bytes, kinds: Sequence[pa.DataType]) -> list[pa.Array]:
        """The values of lines, an array of each.

        Parameters
        ----------
        text : bytes
            Lines of UTF-8 without escapes, the last of which ends in a newline.
        kinds : sequence of pyarrow.DataType
            What the values are to be: texts, or a type of numbers.

        Raises
        ------
        OtherLayoutError
            A line is not of this layout.
        pyarrow.ArrowInvalid
            A number is none of its type.
        """
        import pyarrow as pa

        found = self.find(text)
        n, width = found.shape
        # Values and the literals behind them in turn, as one array over the text; only values are taken out of it.
        offsets = found.reshape(-1)
        spread = pa.Array.from_buffers(pa.string(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(text)])
        line = np.arange(0, n * width, width)
        values: dict[int, pa.Array] = {}
        for kind in set(kinds):
            chosen = [place for place, other in enumerate(kinds) if other == kind]
            taken = spread.take(pa.array(np.add.outer(2 * np.array(chosen), line).reshape(-1)))
            if not pa.types.is_string(kind):
                if not _are_numbers(taken):
                    raise OtherLayoutError
                taken = taken.cast(kind)
            values |= {place: taken[at * n : (at + 1) * n] for at, place in enumerate(chosen)}
        return [values[place] for place in range(len(kinds))]


def table_of_layout(text: bytes, schema: pa.Schema, always: Collection[str] = ()) -> pa.Table | None:
    """Lines that all have the layout of the first one, as a table; ``None`` where they have not.

    Parameters
    ----------
    text : bytes
        Lines of UTF-8, none of them blank.
    schema : pyarrow.Schema
        The fields that a line may have; values other than texts, numbers and objects of both are not read here.
    always : collection of str
        Fields that the table has even where lines have not.
    """
    import pyarrow as pa

    if b"\\" in text:
        return None
    text = text if text.endswith(b"\n") else text + b"\n"
    layout = Layout.of(text[: text.find(b"\n") + 1])
    if layout is None:
        return None
    kinds = [_type_at(pa.struct(schema), path) for path in layout.paths]
    if not all(map(_fits, kinds, layout.is_text)):
        return None
    try:
        parts = [layout.read(part, kinds) for part in _parts(text)]
    except (OtherLayoutError, pa.ArrowInvalid):
        return None
    values: dict[str, Any] = {}
    for path, arrays in zip(layout.paths, zip(*parts, strict=True), strict=True):
        inner = values
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        inner[path[-1]] = pa.concat_arrays(arrays)
    fields = [field for field in schema if field.name in values or field.name in always]
    whole = _struct(fields, values, sum(len(part[0]) for part in parts))
    return pa.Table.from_batches([pa.RecordBatch.from_struct_array(whole)])


class OtherLayoutError(ValueError):
    """A line is not of the layout."""


def _parts(text: bytes) -> Iterator[bytes]:
    begin = 0
    while begin < len(text):
        end = text.rfind(b"\n", begin, begin + PART) + 1 or text.find(b"\n", begin) + 1
        yield text[begin:end]
        begin = end


def _type_at(kind: pa.DataType, path: Sequence[str]) -> pa.DataType | None:
    """The type that a type has at a path."""
    import pyarrow as pa

    for name in path:
        if not pa.types.is_struct(kind) or kind.get_field_index(name) < 0:
            return None
        kind = kind.field(name).type
    return kind


def _fits(kind: pa.DataType | None, is_text: bool) -> bool:
    """Whether a text or a number may be of a type."""
    import pyarrow as pa

    if kind is None:
        return False
    return bool(pa.types.is_string(kind) if is_text else pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _struct(fields: Iterable[pa.Field], values: Mapping[str, Any], n: int) -> pa.StructArray:
    """Objects from the arrays of what is in them; null where there is none."""
    import pyarrow as pa

    fields = list(fields)
    given = [values.get(field.name) for field in fields]
    arrays = [
        pa.nulls(n, field.type)
        if value is None
        else _struct(field.type, value, n)
        if isinstance(value, dict)
        else value
        for field, value in zip(fields, given, strict=True)
    ]
    return pa.StructArray.from_arrays(arrays, fields=fields)


def _leaves(value: Any) -> Iterator[Any]:
    """What objects hold that is no object with anything in it."""
    if isinstance(value, dict) and value:
        for one in value.values():
            yield from _leaves(one)
    else:
        yield value


def _stands(literal: bytes, text: bytes, at: Offsets) -> bool:
    """Whether a literal stands at each of rising places."""
    if not len(at):
        return True
    n = len(text) - len(literal) + 1
    if at[-1] >= n:
        return False
    windows = np.ndarray((n,), f"V{len(literal)}", text, strides=(1,))
    return windows[at].tobytes() == literal * len(at)


def _are_numbers(values: pa.StringArray) -> bool:
    """Whether texts that a lenient parser takes for numbers are numbers of JSON as well.

    Such a parser lets leading zeros pass, names like ``inf``, and points without a digit on either side.
    """
    _, offsets, data = values.buffers()
    bounds = np.frombuffer(offsets, np.int32, len(values) + 1)
    characters = np.append(np.frombuffer(data, np.uint8, bounds[-1]), np.uint8(SPACE))
    begin, end = bounds[:-1], bounds[1:]
    begin = begin + (characters[begin] == MINUS)
    first, last = characters[begin], characters[end - 1]
    zero = np.flatnonzero(first == ZERO)
    point = characters[:-1] == DOT
    return bool(
        (begin < end).all()
        and _are_digits(first).all()
        and _are_digits(last).all()
        and not (_are_digits(characters[begin[zero] + 1]) & (begin[zero] + 1 < end[zero])).any()
        and not (point & (characters[1:] | LOWER == E)).any()
    )


def _are_digits(characters: NDArray[np.uint8]) -> Bools:
    return characters - ZERO <= NINE - ZERO
