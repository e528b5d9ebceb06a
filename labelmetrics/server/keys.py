"""The key of the server: who has it may use it.

The key itself stands in a file that only its owner can read. The store keeps its hash, and that of the pages' cookie,
which the server compares with: neither follows from what the store, or a copy of it, holds.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from pathlib import Path

from labelmetrics.errors import StoreError
from labelmetrics.places import key_file, read_key
from labelmetrics.store import Store
from labelmetrics.store.settings import setting_of, write_setting

__all__ = ["KeyCheck", "cookie_of", "ensure_key", "rotate_key"]

KEY, COOKIE = "key_hash", "cookie_hash"
FRESH = 1.0
"""Seconds for which a hash that was read is relied on; a rotated key is refused after them."""


def ensure_key(store: Store) -> str:
    """The key of this store, made at the first call.

    Raises
    ------
    StoreError
        The file of the key cannot be read or written.
    """
    try:
        key = read_key(store.folder)
        if key is not None:
            key_file(store.folder).chmod(0o600)
    except (OSError, UnicodeError) as error:
        raise StoreError(f"{key_file(store.folder)}: the key cannot be read: {error}") from error
    if key is None:
        return rotate_key(store)
    with store.read() as connection:
        noted = [setting_of(connection, name) for name in (KEY, COOKIE)]
    if noted != [_hash(key), _hash(cookie_of(key))]:
        _note(store, key)
    return key


def rotate_key(store: Store) -> str:
    """Make a new key; the old one is refused from now on.

    Raises
    ------
    StoreError
        The file of the key cannot be written.
    """
    key = "lm-" + secrets.token_urlsafe(32)
    try:
        _write(key_file(store.folder), key)
    except OSError as error:
        raise StoreError(f"{key_file(store.folder)}: the key cannot be written: {error.strerror or error}") from error
    _note(store, key)
    return key


def _write(file: Path, key: str) -> None:
    """Write the key so that nobody else can read it at any time."""
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(key + "\n")
    draft.replace(file)


def _note(store: Store, key: str) -> None:
    with store.write() as connection:
        write_setting(connection, KEY, _hash(key))
        write_setting(connection, COOKIE, _hash(cookie_of(key)))


def _hash(key: str) -> str:
    # The key holds 256 random bits: nothing slower is needed.
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()


def cookie_of(key: str) -> str:
    """What the pages' cookie holds: it follows from the key, and the key does not follow from it."""
    return hmac.new(key.encode(errors="replace"), b"pages", hashlib.sha256).hexdigest()


class KeyCheck:
    """Compares keys with that of the store, in a time that does not tell how much is right.

    Parameters
    ----------
    store : Store
        Whose key it is.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._key = self._cookie = ""
        self._read = -FRESH

    @property
    def is_fresh(self) -> bool:
        """Whether the hashes need not be read again."""
        return time.monotonic() - self._read < FRESH

    def refresh(self) -> None:
        """Read the hashes."""
        with self._store.read() as connection:
            self._key, self._cookie = (setting_of(connection, name) or "" for name in (KEY, COOKIE))
        self._read = time.monotonic()

    def is_key(self, given: str) -> bool:
        """Whether this is the key."""
        return _is(given, self._key)

    def is_cookie(self, given: str) -> bool:
        """Whether this is what the pages' cookie holds."""
        return _is(given, self._cookie)


def _is(given: str, noted: str) -> bool:
    return bool(noted) and hmac.compare_digest(_hash(given), noted)
