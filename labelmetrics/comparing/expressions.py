"""Expressions that choose data rows, such as ``split == "TEST" and metadata.camera == "left" and width > 640``.

The language is a small part of Python's: ``and``, ``or``, ``not``, comparisons, ``in``, names of columns, texts,
numbers and lists. It is parsed by Python and read here, node by node; nothing is ever executed.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from labelmetrics.errors import SettingError
from labelmetrics.words import near

Row = Mapping[str, Any]
Value = Callable[[Row], Any]

COLUMNS = ("id", "globalKey", "media_path", "width", "height", "split", "metadata")
LONGEST = 10_000
CONSTANTS = {"true": True, "false": False, "null": None}
"""Words of TOML and JSON that Python writes otherwise."""
ORDERS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def compile_expression(text: str, metadata: Sequence[str] | None = None) -> Callable[[Row], bool]:
    """Turn an expression into a function of a data row.

    Parameters
    ----------
    text : str
        The expression.
    metadata : sequence of str, optional
        Keys that metadata has; others are an error. Not checked unless given.

    Returns
    -------
    callable
        Says of a row of the table of data rows, with ``metadata`` as a dict, whether it belongs to the slice. What a
        row does not have is ``null``: it equals only ``null``, and is neither less nor greater than anything.

    Raises
    ------
    SettingError
        The expression is none of this language.

    Examples
    --------
    >>> is_wide = compile_expression('width > 640 and metadata.camera in ["left", "right"]')
    >>> is_wide({"width": 800, "metadata": {"camera": "left"}}), is_wide({"width": None, "metadata": {}})
    (True, False)
    >>> compile_expression("widht > 640")
    Traceback (most recent call last):
    labelmetrics.errors.SettingError: 'widht > 640': there is no column 'widht'; near it: width
    """
    if len(text) > LONGEST:
        raise SettingError(f"an expression has at most {LONGEST:,} characters, this one {len(text):,}")
    try:
        node = ast.parse(text.strip(), mode="eval").body
        value = _Reader(text, metadata).value(node)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, SettingError):
            raise
        raise SettingError(f"{text!r}: is no expression: {getattr(error, 'msg', None) or error}") from None
    return lambda row: bool(value(row))


class _Reader:
    """Turns the nodes of one expression into functions of a row."""

    def __init__(self, text: str, metadata: Sequence[str] | None) -> None:
        self._text, self._metadata = text, metadata

    def _refuse(self, message: str) -> SettingError:
        return SettingError(f"{self._text!r}: {message}")

    def value(self, node: ast.expr) -> Value:
        match node:
            case ast.BoolOp(op=op, values=nodes):
                parts = [self.value(one) for one in nodes]
                if isinstance(op, ast.And):
                    return lambda row: all(part(row) for part in parts)
                return lambda row: any(part(row) for part in parts)
            case ast.UnaryOp(op=ast.Not(), operand=one):
                part = self.value(one)
                return lambda row: not part(row)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
                return lambda row: -number
            case ast.Compare(left=left, ops=ops, comparators=rights):
                return self._comparison([left, *rights], ops)
            case ast.Constant(value=str() | int() | float() | None as constant):
                return lambda row: constant
            case ast.List(elts=nodes) | ast.Tuple(elts=nodes):
                parts = [self.value(one) for one in nodes]
                return lambda row: [part(row) for part in parts]
            case ast.Name(id=name) if name in CONSTANTS:
                return lambda row: CONSTANTS[name]
            case ast.Name(id=name):
                if name not in COLUMNS:
                    hint = near(name, COLUMNS) or f"; there are {', '.join(COLUMNS)}"
                    raise self._refuse(f"there is no column {name!r}{hint}")
                return lambda row: row.get(name)
            case ast.Attribute(value=inner, attr=key):
                return self._within(inner, key)
            case ast.Subscript(value=inner, slice=ast.Constant(value=str() as key)):
                return self._within(inner, key)
        known = "and, or, not, comparisons, in, columns, texts, numbers and lists"
        raise self._refuse(f"{ast.unparse(node)!r} is not part of the language, which has {known}")

    def _within(self, inner: ast.expr, key: str) -> Value:
        if isinstance(inner, ast.Name):
            if inner.id != "metadata":
                raise self._refuse(f"only metadata has keys, such as metadata.{key}")
            if self._metadata is not None and key not in self._metadata:
                raise self._refuse(f"no data row has metadata {key!r}{near(key, self._metadata)}")
        part = self.value(inner)

        def within(row: Row) -> Any:
            found = part(row)
            return found.get(key) if isinstance(found, Mapping) else None

        return within

    def _comparison(self, nodes: Sequence[ast.expr], ops: Sequence[ast.cmpop]) -> Value:
        parts = [self.value(one) for one in nodes]

        def compare(row: Row) -> bool:
            values = [part(row) for part in parts]
            return all(_holds(op, *pair) for op, *pair in zip(ops, values, values[1:], strict=False))

        return compare


def _holds(op: ast.cmpop, left: Any, right: Any) -> bool:
    match op:
        case ast.Eq() | ast.Is():
            return bool(left == right)
        case ast.NotEq() | ast.IsNot():
            return bool(left != right)
        case ast.In():
            return _contains(right, left)
        case ast.NotIn():
            return not _contains(right, left)
    try:
        return bool(ORDERS[type(op)](left, right))
    except TypeError:  # a text and a number, or nothing
        return False


def _contains(whole: Any, part: Any) -> bool:
    if isinstance(whole, str):
        return isinstance(part, str) and part in whole
    return isinstance(whole, list | Mapping) and part in whole
