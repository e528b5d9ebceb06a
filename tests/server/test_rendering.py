from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from labelmetrics.server.rendering import render, style_digest


def test_what_is_said_is_escaped_and_begins_like_a_sentence() -> None:
    page = render("refused.html", title="<b>", message="no <script>", is_key_needed=False)
    assert "<script>" not in page
    assert "No &lt;script&gt;" in page
    assert "&lt;b&gt;" in page


def test_a_page_says_all_that_its_template_names() -> None:
    with pytest.raises(UndefinedError):
        render("refused.html", title="x")


def test_the_digest_is_that_of_the_style_within_the_page() -> None:
    import base64
    import hashlib

    page = render("refused.html", title="x", message="y", is_key_needed=True)
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert style_digest() == "sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
