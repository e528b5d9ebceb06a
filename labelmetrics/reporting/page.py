"""The page of a report: its template, style, script and data put together."""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any

__all__ = ["page"]

SCRIPTS = ("base.js", "charts.js", "tables.js", "matrix.js", "pictures.js", "page.js")
"""The parts of the script, in their order: each may use what stands in those before it."""

# Within a script, only these could end it or break its lines.
_ESCAPED = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def page(title: str, said: dict[str, Any]) -> str:
    """One HTML file.

    Parameters
    ----------
    title : str
        Title of the page.
    said : dict
        What it shows, as JSON; texts are put into the page as texts by its script.

    Examples
    --------
    >>> "<b>" in page("<b>", {"features": ["</script>"]})
    False
    """
    assets = files("labelmetrics.reporting") / "assets"
    script = "\n".join((assets / name).read_text("utf-8") for name in SCRIPTS)
    digest = b64encode(sha256(f"\n{script}\n".encode()).digest()).decode()
    parts = {
        "POLICY": f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:",
        "TITLE": escape(title),
        "STYLE": (assets / "report.css").read_text("utf-8"),
        "SCRIPT": script,
        "DATA": json.dumps(said, separators=(",", ":"), ensure_ascii=False, allow_nan=False).translate(_ESCAPED),
    }
    template = (assets / "report.html").read_text("utf-8")
    found, rest = [], template
    # Taken apart once, so that nothing within a part is taken for a place of another.
    for name in ("POLICY", "TITLE", "STYLE", "TITLE", "DATA", "SCRIPT"):
        before, _, rest = rest.partition("{{" + name + "}}")
        found += [before, parts[name]]
    return "".join([*found, rest])
