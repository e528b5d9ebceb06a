"""How deep values may be nested: what is taken in is written again within other values, and not all writers go deep."""

from __future__ import annotations

from typing import Any

__all__ = ["DEPTH", "is_deep"]

DEPTH = 100
"""Most lists and objects within each other."""


def is_deep(value: Any) -> bool:
    """Whether a value of JSON is nested deeper than values may be.

    >>> import json
    >>> is_deep({"a": [1, [2]]}), is_deep(json.loads("[" * 200 + "]" * 200))
    (False, True)
    """
    level = [value]
    for _ in range(DEPTH):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True
