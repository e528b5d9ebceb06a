"""The verdict of a gate in Markdown: for a pull request, or the summary of a job."""

from __future__ import annotations

from collections.abc import Iterable

from labelmetrics.gate.verdict import STATUSES, Outcome, Status, Verdict
from labelmetrics.markdown import LONGEST, code, cut, escaped, markdown_table
from labelmetrics.words import counted

SIGNS: dict[Status, str] = {"fail": "❌", "inconclusive": "❔", "warn": "⚠️", "skipped": "➖", "pass": "✅"}
HEADINGS = ("", "check", "value", "baseline", "bound", "interval", "support", "why")


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
    return cut([*lines, ""], longest)


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
    return markdown_table(HEADINGS, rows)


def _worst(verdict: Verdict) -> list[str]:
    rows = []
    for one in verdict.worst:
        told = [f"{finding['outcome']} {finding['feature']}: {finding['why']}" for finding in one.findings]
        rows.append([one.data_row, one.errors, one.baseline_errors, "; ".join(told)])
    return markdown_table(("data row", "errors", "in the baseline", "what is wrong there"), rows)
