"""Pages made of templates."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from labelmetrics.frame import shown

__all__ = ["render", "style_digest"]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("labelmetrics.server", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., str]] = {"shown": shown, "moment": _moment, "sentence": _sentence}
    environment.filters |= filters
    environment.globals["style"] = Markup(_style())  # part of each page: who has no key gets it, too
    return environment


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


@cache
def _style() -> str:
    return files("labelmetrics.server").joinpath("static/style.css").read_text("ascii")


def style_digest() -> str:
    """Digest by which browsers know the pages' style; they apply no other."""
    return f"sha256-{b64encode(sha256(_style().encode()).digest()).decode()}"


def render(template: str, **values: Any) -> str:
    """The page that a template makes of some values; all of them are escaped."""
    return _environment().get_template(template).render(values)
