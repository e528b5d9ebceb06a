"""A diff in Markdown: for a pull request, or the summary of a job."""

from __future__ import annotations

from labelmetrics.changes.result import LIMIT, MARKED, Diff
from labelmetrics.markdown import LONGEST, code, cut, escaped, markdown_table
from labelmetrics.words import counted

FOLDED = ("still wrong",)
"""Tables that are folded away."""


def to_markdown(diff: Diff, limit: int | None = LIMIT, longest: int = LONGEST) -> str:
    """A diff in Markdown: the headline, numbers, and objects, what is still wrong folded away.

    Parameters
    ----------
    diff : Diff
        What changed.
    limit : int, optional
        Rows of each table; ``None`` is all of them.
    longest : int
        Bytes that it may have; what is beyond is cut, and a note says so.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> evaluation = lm.evaluate([], [])
    >>> print(to_markdown(lm.diff(evaluation, evaluation)).splitlines()[0])
    ## Diff: 0 fixed, 0 broken (net 0)
    """
    first, _, false = diff.headline.partition("; ")
    at = "" if diff.confidence is None else f", confidence >= {diff.confidence:g}"
    extent = counted(diff.overall.data_rows, "data row")
    lines = [
        f"## Diff: {first}",
        "",
        f"{false[:1].upper()}{false[1:]}. {diff.unchanged[:1].upper()}{diff.unchanged[1:]}.",
        "",
        f"{code(diff.before)} → {code(diff.after)}, {extent}, {escaped(diff.match + at)}.",
        *(f"\n> {escaped(note)}" for note in diff.notes),
    ]
    for title, names, rows in diff.tables(limit):
        shown = f"{title[:1].upper()}{title[1:]}"
        table = markdown_table(names, rows)
        if title.startswith(FOLDED):
            lines += ["", f"<details><summary>{shown}</summary>", "", *table, "", "</details>"]
        else:
            lines += ["", f"### {shown}", "", *table]
    if diff.is_marked:
        lines += ["", f"{escaped('*')} {MARKED}"]
    return cut([*lines, ""], longest)
