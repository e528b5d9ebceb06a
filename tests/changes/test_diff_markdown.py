"""A diff in Markdown, as it is rendered."""

from __future__ import annotations

import re
from typing import Any

import builders as b
import pytest
from datasets import label
from markdown_it import MarkdownIt

import labelmetrics as lm
from labelmetrics.changes.markdown import to_markdown
from labelmetrics.changes.result import Diff

NASTY = "a|b`<script>alert(1)</script>\n**x** [y](z) \\ & ~~q~~ 100%:,]]> www.a.b https://a.b x@a.b ✓ @all #1"


def compared(name: str = "cat", n: int = 3, **names: str) -> Diff:
    truths = [label(f"{name} {i}", [b.square(0, name), b.square(50, name)]) for i in range(n)]
    first = [label(f"{name} {i}", [b.square(0, name)]) for i in range(n)]
    second = [label(f"{name} {i}", [b.square(50, name), b.square(90, name)]) for i in range(n)]
    found = lm.diff(*(lm.evaluate(truths, side) for side in (first, second)), resamples=200)
    for field, value in names.items():
        object.__setattr__(found, field, value)
    return found


def test_what_data_says_makes_nothing() -> None:
    text = to_markdown(compared(NASTY, before="main`x", notes=[NASTY]))
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    html = [token.content for token in tokens if token.type == "html_block"]
    assert all("<details>" in one or "</details>" in one for one in html)
    assert not any("script" in one for one in html)
    inline = [token for token in tokens if token.type == "inline"]
    children = [[child for child in token.children if child.content != "<!-- -->"] for token in inline]
    assert {child.type for one in children for child in one} <= {"text", "code_inline", "text_special"}
    shown = ["".join(child.content for child in one) for one in children]
    assert " ".join(NASTY.split()) in shown
    titles = [inline.content for inline, token in zip(tokens[1:], tokens, strict=False) if token.type == "heading_open"]
    assert titles == [
        "Diff: 3 fixed, 3 broken (net 0)",
        "All features",
        "Features that changed: 1 of 1",
        "Worse",
        "Better",
    ]
    cells: list[list[int]] = []  # of each row of each table
    for token in tokens:
        if token.type == "table_open":
            cells.append([])
        if token.type == "tr_open":
            cells[-1].append(0)
        if token.type in ("th_open", "td_open"):
            cells[-1][-1] += 1
    assert len(cells) == 4
    assert all(len(set(rows)) == 1 for rows in cells)


@pytest.mark.reference
def test_github_makes_nothing_of_what_data_says() -> None:
    cmark = pytest.importorskip("cmarkgfm")
    text = to_markdown(compared(NASTY, notes=[NASTY]))
    html = cmark.github_flavored_markdown_to_html(text, cmark.Options.CMARK_OPT_UNSAFE)
    tags = {"h2", "h3", "p", "code", "table", "thead", "tbody", "tr", "th", "td", "blockquote"}
    assert set(re.findall(r"<([a-z]\w*)", html)) == tags


def test_it_says_what_the_diff_says() -> None:
    found = compared()
    text = to_markdown(found)
    assert "False positives: 0 gone, 3 new (net +3). 0 still right, 0 still missed, 0 false positives in both." in text
    assert "`before` → `after`, 3 data rows, IoU \\> 0.5." in text
    assert [text.count(f"\n| {status} |") for status in ("broken", "new FP", "fixed")] == [3, 3, 3]
    for row in found.objects:
        assert row["why"] in text
    assert "chance is ruled out" not in text
    assert text.count("\\*") == 0
    many = to_markdown(compared(n=20))
    assert many.endswith("\n\\* chance is ruled out: 5%, corrected for the rows of the table\n")
    assert "0\\* |" in many


@pytest.mark.parametrize("limit", [0, 1, 2, None])
def test_limits(limit: int | None) -> None:
    text = to_markdown(compared(), limit)
    assert text.count("\n| fixed |") == min(3, 3 if limit is None else limit)
    long = to_markdown(compared(n=400), None, longest=9_000)
    assert len(long.encode()) <= 9_000
    assert "Cut here" in long
    assert long.count("<details>") == long.count("</details>")


def test_at_a_key() -> None:
    one: Any = [label("a", [b.square(0, confidence=0.5)])]
    evaluation = lm.evaluate([label("a", [b.square(0)])], one, confidences=[0.2, 0.4])
    assert "IoU \\> 0.5, confidence \\>= 0.4." in to_markdown(lm.diff(evaluation, evaluation, confidence=0.4))
