"""The verdict of a gate in Markdown: for a pull request, or the summary of a job."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from labelmetrics.frame import shown
from labelmetrics.gate.verdict import STATUSES, Outcome, Status, Verdict
from labelmetrics.words import counted

LONGEST = 900_000
"""Bytes that the summary of a job may have; GitHub takes a little more."""
SIGNS: dict[Status, str] = {"fail": "❌", "inconclusive": "❔", "warn": "⚠️", "skipped": "➖", "pass": "✅"}
HEADINGS = ("", "check", "value", "baseline", "bound", "interval", "support", "why")
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~&$@])")


def escaped(text: str) -> str:
    r"""Text as it stands in a cell of a table: nothing of it is taken for Markdown or HTML.

    >>> print(escaped("a|b <img>"), escaped("two\nlines"))
    a\|b \<img\> two lines
    """
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """Text as a name of a file.

    >>> code("x.lmeval")
    '`x.lmeval`'
    """
    return f"`{' '.join(text.replace('`', ' ').split())}`"


def to_markdown(verdict: Verdict, longest: int = LONGEST) -> str:
    """The verdict in Markdown: what does not pass, the worst data rows, and what passes folded away.

    Parameters
    ----------
    verdict : Verdict
        What was found.
    longest : int
        Bytes that it may have; what is beyond is cut, and a note says so.

    Examples
    --------
    >>> from labelmetrics.gate.verdict import Outcome
    >>> outcome = Outcome(status="pass", metric="f1", bound="min", limit=0.5, value=0.75)
    >>> print(to_markdown(Verdict(outcomes=[outcome], evaluation="x.lmeval", data_rows=2)).splitlines()[0])
    ## ✅ Gate: pass
    """
    counts = ", ".join(f"{n:,} {name}" for name, n in verdict.counts.items() if n)
    against = "" if verdict.baseline is None else f" against {code(verdict.baseline)}"
    lines = [
        f"## {SIGNS[verdict.status]} Gate: {verdict.status}",
        "",
        f"{code(verdict.evaluation)}{against}, {counted(verdict.data_rows, 'data row')}. Checks: {counts or 'none'}.",
        *(f"\n> {escaped(note)}" for note in verdict.notes),
    ]
    for status in STATUSES:
        found = [one for one in verdict.outcomes if one.status == status]
        if found and status in ("skipped", "pass"):
            title = f"{SIGNS[status]} {len(found):,} {'passed' if status == 'pass' else 'not checked'}"
            lines += ["", f"<details><summary>{title}</summary>", "", *_table(found), "", "</details>"]
        elif found:
            lines += ["", *_table(found)]
    if verdict.worst:
        lines += ["", "### Worst data rows", "", *_worst(verdict)]
    return _cut([*lines, ""], longest)


def _table(outcomes: Iterable[Outcome]) -> list[str]:
    rows = [
        [
            SIGNS[one.status],
            one.about,
            one.value,
            one.baseline,
            one.bound and one.told_bound,
            one.told_interval,
            one.support,
            one.why,
        ]
        for one in outcomes
    ]
    return _lines(HEADINGS, rows)


def _lines(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    listed = [list(row) for row in rows]
    used = [index for index in range(len(names)) if any(row[index] not in (None, "") for row in listed)]
    right = [any(isinstance(row[index], int | float) for row in listed) for index in used]
    return [
        f"| {' | '.join(names[index] for index in used)} |",
        f"|{'|'.join('--:' if is_right else '---' for is_right in right)}|",
        *(f"| {' | '.join(escaped(shown(row[index])) for index in used)} |" for row in listed),
    ]


def _worst(verdict: Verdict) -> list[str]:
    rows = []
    for one in verdict.worst:
        told = [f"{finding['outcome']} {finding['feature']}: {finding['why']}" for finding in one.findings]
        rows.append([one.data_row, one.errors, one.baseline_errors, "; ".join(told)])
    return _lines(("data row", "errors", "in the baseline", "what is wrong there"), rows)


def _cut(lines: Sequence[str], longest: int) -> str:
    note = "\n*Cut here: the whole is longer than a summary may be. The JSON output has everything.*\n"
    text = "\n".join(lines)
    if len(text.encode()) <= longest:
        return text
    kept, left = [], longest - len(note.encode()) - len("\n</details>\n")
    opened = 0
    for line in lines:
        left -= len(line.encode()) + 1
        if left < 0:
            break
        opened += line.startswith("<details>") - line.startswith("</details>")
        kept.append(line)
    return "\n".join([*kept, *["</details>"] * opened, note])
