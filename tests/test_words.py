"""Words of messages; their doctests say most."""

from __future__ import annotations

from labelmetrics.words import counted, near


def test_irregular_plurals() -> None:
    assert [counted(n, "match", "matches") for n in (1, 2)] == ["1 match", "2 matches"]


def test_names_need_not_be_texts() -> None:
    assert near(5, [5, "cat"]) == "; near it: 5"
