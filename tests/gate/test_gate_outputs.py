"""Markdown, JUnit XML and GitHub annotations of a verdict; the configuration to start from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import builders as b
import pytest
import xmlschema
from datasets import label
from hypothesis import given, strategies as st
from markdown_it import MarkdownIt

import labelmetrics as lm
from labelmetrics.errors import SettingError
from labelmetrics.gate.github import workflow_commands
from labelmetrics.gate.junit import to_junit
from labelmetrics.gate.markdown import to_markdown
from labelmetrics.gate.starting import starting_config
from labelmetrics.gate.verdict import STATUSES, Outcome, Verdict, WorstRow

NASTY = "a|b`<script>alert(1)</script>\n**x** [y](z) \\ & ~~q~~ 100%:,]]> www.a.b https://a.b x@a.b \x01 ✓ @all #1"


def outcome(status: Any = "fail", feature: str = "cat", **more: Any) -> Outcome:
    fields = {"metric": "f1", "bound": "min", "limit": 0.5, "value": 0.25, "support": 7, "message": "0.25 is less"}
    return Outcome(status=status, check=1, feature=feature, **{**fields, **more})


def verdict(*outcomes: Outcome, **more: Any) -> Verdict:
    return Verdict(outcomes=list(outcomes), evaluation="x.lmeval", data_rows=3, **more)


EACH = [outcome(status, feature=status) for status in STATUSES]

# ------------------------------------------------------------------------------------------------------------- verdict


@pytest.mark.parametrize(
    ("statuses", "expected", "codes"),
    [
        (["pass", "skipped"], "pass", (0, 0, 0)),
        (["pass", "warn"], "warn", (0, 0, 0)),
        (["warn", "inconclusive"], "inconclusive", (0, 1, 3)),
        (["inconclusive", "fail"], "fail", (1, 1, 1)),
        (["skipped"], "warn", (0, 0, 0)),
        ([], "warn", (0, 0, 0)),
    ],
)
def test_what_follows_for_the_run(statuses: list[Any], expected: str, codes: tuple[int, ...]) -> None:
    one = verdict(*map(outcome, statuses))
    assert one.status == expected
    assert tuple(one.exit_code(policy) for policy in ("pass", "fail", "exit-3")) == codes
    assert bool(one) is (expected != "fail")
    with pytest.raises(SettingError, match="inconclusive must be one of"):
        one.exit_code("maybe")  # type: ignore[arg-type]


def test_what_matters_most_comes_first() -> None:
    assert [one.status for one in verdict(*EACH[::-1]).sorted()] == list(STATUSES)
    assert verdict(*EACH).caption.startswith("gate: FAIL - x.lmeval, 3 data rows; checks: 1 fail, 1 inconclusive,")
    assert "<td" in verdict(*EACH)._repr_html_()


def test_titles() -> None:
    one = outcome(subclass="red", slice="night", split="TEST", confidence=0.5, bound="max_drop", limit="2%")
    assert one.title == "f1 of cat / red in slice night in split TEST at confidence 0.5, max_drop 2%"
    assert outcome(bound="max_drop", limit="2%", interval=(-0.5, 0.25)).told_interval == "-50.00% to +25.00%"
    assert outcome(bound="max_drop", interval=(-0.5, 0.25)).told_interval == "-0.5000 to +0.2500"
    assert outcome(interval=(0.5, 0.75)).told_interval == "0.5000 to 0.7500"


# ------------------------------------------------------------------------------------------------------------ Markdown


def rendered(text: str) -> list[Any]:
    return MarkdownIt("commonmark").enable("table").parse(text)


def test_markdown_as_rendered() -> None:
    worst = [WorstRow(data_row=NASTY, errors=3, baseline_errors=1, findings=[{"outcome": "FP", "feature": "cat"}])]
    worst[0].findings[0]["why"] = NASTY
    whole = verdict(outcome(feature=NASTY, message=NASTY), *EACH, worst=worst, baseline="main`x", notes=[NASTY])
    text = to_markdown(whole)
    tokens = rendered(text)
    # What data says is shown as it is, and makes nothing.
    html = [token.content for token in tokens if token.type == "html_block"]
    assert all("<details>" in one or "</details>" in one for one in html)
    inline = [token for token in tokens if token.type == "inline"]
    children = [[child for child in token.children if child.content != "<!-- -->"] for token in inline]
    assert {child.type for one in children for child in one} <= {"text", "code_inline", "text_special"}
    shown = ["".join(child.content for child in one) for one in children]
    assert shown.count(" ".join(NASTY.split())) >= 2
    tables = [token for token in tokens if token.type == "table_open"]
    assert len(tables) == len(STATUSES) + 1
    columns = 0
    for token in tokens:  # every row of a table has as many cells as its head
        if token.type == "table_open":
            columns = 0
        if token.type == "th_open":
            columns += 1
        if token.type == "tr_open":
            cells = 0
        if token.type == "td_open":
            cells += 1
        if token.type == "tr_close" and cells:
            assert cells == columns
    assert "## ❌ Gate: fail" in text


@pytest.mark.reference
def test_github_makes_nothing_of_what_data_says() -> None:
    cmark = pytest.importorskip("cmarkgfm")
    worst = [WorstRow(data_row=NASTY, errors=3, findings=[{"outcome": "FP", "feature": NASTY, "why": NASTY}])]
    text = to_markdown(verdict(outcome(feature=NASTY, message=NASTY), *EACH, worst=worst, notes=[NASTY]))
    html = cmark.github_flavored_markdown_to_html(text, cmark.Options.CMARK_OPT_UNSAFE)
    tags = {"h2", "h3", "p", "code", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "blockquote"}
    assert set(re.findall(r"<([a-z]\w*)", html)) == tags
    assert "@<!-- -->all" in html


def test_markdown_is_cut_at_a_line() -> None:
    whole = verdict(*(outcome("pass", f"feature {index} ✓") for index in range(2_000)))
    text = to_markdown(whole, longest=20_000)
    assert len(text.encode()) <= 20_000
    assert text.endswith("*Cut here: the whole is longer than a summary may be. The JSON output has everything.*\n")
    assert text.count("<details>") == text.count("</details>")
    assert len(to_markdown(verdict(*(outcome(message="x" * 1000) for _ in range(2_000)))).encode()) <= 900_000
    assert "Cut here" not in to_markdown(whole)


# --------------------------------------------------------------------------------------------------------------- JUnit

# The schema of Jenkins' xUnit plugin, under its own licence (MIT); it stands in the file.
JUNIT = xmlschema.XMLSchema(str(Path(__file__).with_name("junit-10.xsd")))


def check_junit(text: bytes) -> ElementTree.Element:
    root = ElementTree.fromstring(text)
    JUNIT.validate(root)
    return root


def test_the_schema_refuses_what_is_wrong() -> None:
    text = to_junit(verdict(outcome()))
    check_junit(text)
    for wrong in (
        text.replace(b'suite name="x.lmeval"', b"suite"),
        text.replace(b"<failure", b"<fail").replace(b"/failure", b"/fail"),
    ):
        with pytest.raises(xmlschema.XMLSchemaValidationError):
            check_junit(wrong)


@pytest.mark.parametrize("policy", ["pass", "fail", "exit-3"])
def test_junit(policy: Any) -> None:
    root = check_junit(to_junit(verdict(*EACH), policy))
    (suite,) = root
    found = {case.get("name", "").split()[2].rstrip(","): [child.tag for child in case] for case in suite}
    undecided = "skipped" if policy == "pass" else "failure"
    assert found == {
        "fail": ["failure"],
        "inconclusive": [undecided],
        "warn": ["system-out"],
        "skipped": ["skipped"],
        "pass": [],
    }
    assert suite.get("failures") == root.get("failures") == str(len(suite.findall(".//failure")))
    assert suite.get("skipped") == str(len(suite.findall(".//skipped")))
    assert suite.get("tests") == "5"


@given(st.text(), st.text())
def test_junit_holds_any_text(name: str, message: str) -> None:
    root = check_junit(to_junit(verdict(outcome(feature=name, message=message))))
    assert len(root.findall(".//failure")) == 1


def test_junit_of_nothing() -> None:
    check_junit(to_junit(verdict()))
    with pytest.raises(SettingError):
        to_junit(verdict(), "maybe")  # type: ignore[arg-type]


# -------------------------------------------------------------------------------------------------------------- GitHub


def test_annotations_are_escaped() -> None:
    (line,) = workflow_commands(verdict(outcome(feature=NASTY, message="50% of\r\nit: a,b")))
    assert line.startswith("::error title=")
    assert line.endswith("::50%25 of%0D%0Ait: a,b")
    title = line.removeprefix("::error title=").partition("::")[0]
    assert not set("\r\n,:") & set(title)
    assert "100%25%3A%2C" in title


@given(st.text(), st.text())
def test_annotations_are_one_line_each(name: str, message: str) -> None:
    (line,) = workflow_commands(verdict(outcome(feature=name, message=message)))
    assert "\n" not in line
    assert "\r" not in line


def test_at_most_ten_of_each_kind() -> None:
    many = [outcome(status, f"f{index}") for index in range(14) for status in ("fail", "warn", "inconclusive")]
    lines = workflow_commands(verdict(*many))
    errors, warnings = ([line for line in lines if line.startswith(f"::{kind} ")] for kind in ("error", "warning"))
    assert (len(errors), len(warnings)) == (10, 10)
    assert errors[-1].startswith("::error title=and 5 more checks::f1 of f9, min 0.5; f1 of f10")
    assert warnings[-1].startswith("::warning title=and 19 more checks::")
    assert len(workflow_commands(verdict(*many[::3][:10]))) == 10
    assert all(line.startswith("::error") for line in workflow_commands(verdict(outcome("inconclusive")), "fail"))
    assert workflow_commands(verdict(outcome("pass"), outcome("skipped"))) == []


# ------------------------------------------------------------------------------------------------ a place to start from


def test_the_run_passes_the_configuration_made_from_it(tmp_path: Path) -> None:
    names = ["cat", 'a "quoted" \\ name', "tab\tand\x7f", "ünï 🐈"]
    truths = [label(f"r{n}", [b.square(50 * i, name) for i, name in enumerate(names)]) for n in range(25)]
    guesses = [label(f"r{n}", [b.square(50 * i + n, name) for i, name in enumerate(names)]) for n in range(25)]
    evaluation = lm.evaluate(truths, guesses)
    (tmp_path / "gate.toml").write_text(starting_config(evaluation), "utf-8")
    config = tomllib.loads((tmp_path / "gate.toml").read_text("utf-8"))
    assert [one["feature"] for one in config["check"] if "feature" in one] == sorted(names)
    found = lm.run_gate(evaluation, tmp_path / "gate.toml")
    assert found.status == "pass"
    assert all(0 < one.value - one.limit <= 0.03 for one in found.outcomes)
    # What is commented out is a check, too.
    text = (tmp_path / "gate.toml").read_text("utf-8")
    tail = "\n".join(line.removeprefix("# ") for line in text.partition("# [[check]]")[2].splitlines())
    assert lm.run_gate(evaluation, tomllib.loads(f"[[check]]{tail}"), baseline=evaluation).status == "pass"
