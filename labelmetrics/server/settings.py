"""What the server takes, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Settings"]

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Limits of requests, and names the server answers to.

    Parameters
    ----------
    allow_hosts : tuple of str
        Host names beside those of this machine that requests may be addressed to; ``"*"`` is any.
    json_bytes : int
        Largest JSON body.
    upload_bytes : int
        Largest file.
    part_headers_bytes, parts : int
        Longest headers of a part of a form, and most parts.
    document_bytes, document_tokens : int
        Longest GraphQL document.
    depth, fields, roots, values : int
        Deepest GraphQL selection, most fields of a document, most of them at its top, and most values that an answer
        may hold.
    page : int
        Most items of one page of a list.
    name_length : int
        Longest name of a model, a model run and the like.
    import_wait : float
        Seconds that an upload waits for its import, so that a small one answers that it is finished.
    import_wait_bytes : int
        Largest upload that waits.
    """

    allow_hosts: tuple[str, ...] = ()
    json_bytes: int = 64 * MIB
    upload_bytes: int = 16 * 1024 * MIB
    part_headers_bytes: int = 16 << 10
    parts: int = 8
    document_bytes: int = MIB
    document_tokens: int = 20_000
    depth: int = 16
    fields: int = 1000
    roots: int = 20
    values: int = 200_000
    page: int = 5000
    name_length: int = 1000
    import_wait: float = 10.0
    import_wait_bytes: int = 4 * MIB
