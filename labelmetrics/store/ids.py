"""Ids as the platform's clients expect them, tokens nobody guesses, and times."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime, timedelta

__all__ = ["new_id", "new_token", "now", "time_of"]

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id() -> str:
    """An id of 25 letters and digits that begins with ``c``; later ones sort behind earlier ones.

    >>> len(new_id()), new_id()[0]
    (25, 'c')
    """
    stamp, text = time.time_ns() // 1_000_000, ""
    while stamp:
        stamp, digit = divmod(stamp, 36)
        text = _DIGITS[digit] + text
    return f"c{text}{secrets.token_hex(8)}"


def new_token() -> str:
    """A part of a URL that nobody guesses: 192 random bits."""
    return secrets.token_urlsafe(24)


def now() -> int:
    """Microseconds since 1970, UTC."""
    return time.time_ns() // 1000


def time_of(microseconds: int) -> datetime:
    """The moment that is so many microseconds after the beginning of 1970.

    >>> time_of(1_700_000_000_000_000).isoformat()
    '2023-11-14T22:13:20+00:00'
    """
    return _EPOCH + timedelta(microseconds=microseconds)
