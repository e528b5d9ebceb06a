"""A request of the JSON API, as what answers it gets it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from labelmetrics.server.context import Context
from labelmetrics.server.uploads import Upload

__all__ = ["Call"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request, checked.

    Parameters
    ----------
    context : Context
        What answering needs.
    path : dict
        Parameters within the path.
    query : Any
        The other parameters.
    body : Any
        The JSON body.
    upload : Upload, optional
        The body as a file.
    """

    context: Context
    path: dict[str, str]
    query: Any
    body: Any = None
    upload: Upload | None = None
