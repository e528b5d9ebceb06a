"""Words that messages share."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["counted", "near"]


def counted(n: int, one: str, many: str | None = None) -> str:
    """A number with its noun.

    >>> counted(1, "line"), counted(1200, "line"), counted(0, "match", "matches")
    ('1 line', '1,200 lines', '0 matches')
    """
    return f"{n:,} {one if n == 1 else many or f'{one}s'}"


def near(name: object, names: Iterable[object]) -> str:
    """The names that one may have been meant to be, as the end of a message; nothing where none is like it.

    >>> near("evalute", ["evaluate", "verify"]), near("x", ["evaluate"])
    ('; near it: evaluate', '')
    """
    from difflib import get_close_matches

    found = get_close_matches(str(name), [str(one) for one in names], n=3)
    return f"; near it: {', '.join(found)}" if found else ""
