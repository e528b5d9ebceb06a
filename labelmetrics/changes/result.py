"""The result of a diff."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from labelmetrics.changes.figures import Change, Figures
from labelmetrics.changes.lining_up import BETTER, STILL_WRONG, WORSE
from labelmetrics.changes.objects import Changes
from labelmetrics.frame import html_table, plain_table
from labelmetrics.words import counted

__all__ = ["Diff"]

SECTIONS = (("worse", WORSE), ("better", BETTER), ("still wrong", STILL_WRONG))
"""Objects in the order in which people look at them."""
METRICS = {"precision": "precision", "recall": "recall", "f1": "F1"}
OBJECTS = ("status", "data_row", "place", "feature", "confidence_before", "confidence_after", "why")
LIMIT = 10
"""Objects of each section, and features and slices, that are shown unless told."""

MARKED = "chance is ruled out: 5%, corrected for the rows of the table"
"""What a star behind a change means."""

Table = tuple[str, list[str], list[list[Any]]]
"""Title, headings and rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """What changed from one evaluation to another.

    Made by :func:`diff`.

    Parameters
    ----------
    before, after : str
        The two.
    match : str
        What a match is, such as ``"IoU > 0.5"``.
    confidence : float or None
        Least confidence of the predictions that count.
    overall : Figures
        All features together.
    features, slices : list of Figures
        Each of them.
    objects : Changes
        Objects that changed or are still wrong.
    notes : list of str
        What else is to be known.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> evaluation = lm.evaluate([], [])
    >>> lm.diff(evaluation, evaluation).headline
    '0 fixed, 0 broken (net 0); false positives: 0 gone, 0 new (net 0)'
    """

    before: str
    after: str
    match: str
    confidence: float | None
    overall: Figures
    features: list[Figures]
    slices: list[Figures]
    objects: Changes
    notes: list[str] = field(default_factory=list)

    @property
    def headline(self) -> str:
        """What a reviewer wants to know first."""
        one = self.overall
        n = one.counts
        return (
            f"{n['fixed']:,} fixed, {n['broken']:,} broken (net {signed(one.net)}); "
            f"false positives: {n['gone FP']:,} gone, {n['new FP']:,} new (net {signed(one.net_false)})"
        )

    @property
    def unchanged(self) -> str:
        """What is as it was."""
        n = self.overall.counts
        return (
            f"{n['still right']:,} still right, {n['still missed']:,} still missed, "
            f"{counted(n['still FP'], 'false positive')} in both"
        )

    @property
    def caption(self) -> str:
        """What is compared with what."""
        at = "" if self.confidence is None else f", confidence >= {self.confidence:g}"
        rows = counted(self.overall.data_rows, "data row")
        return f"diff: {self.before} -> {self.after}, {rows}, {self.match}{at}"

    @property
    def is_marked(self) -> bool:
        """Whether chance is ruled out anywhere."""
        figures = (self.overall, *self.features, *self.slices)
        return any(getattr(one, metric).is_clear for one in figures for metric in METRICS)

    def tables(self, limit: int | None = LIMIT) -> list[Table]:
        """Everything as tables for people, each with a title.

        Parameters
        ----------
        limit : int, optional
            Rows of each; ``None`` is all of them.
        """
        found = [_metrics(self.overall)]
        for title, listed in (("feature", self.features), ("slice", self.slices)):
            changed = [one for one in listed if one.changed]
            changed.sort(key=lambda one: (-abs(one.net - one.net_false), -one.changed, one.name))
            if changed[:limit]:
                found.append(_figures(title, changed[:limit], len(changed), len(listed)))
        for name, statuses in SECTIONS:
            part = self.objects.of(*statuses)
            shown = part.head(limit)
            if len(shown):
                names = [one for one in OBJECTS if shown.table.column(one).null_count < len(shown)]
                headings = [one.replace("_", " ") for one in names]
                if statuses == BETTER:
                    headings[-1] = "why it was wrong"
                rows = shown.table.select(names).to_pylist()
                found.append((f"{name}{_of(len(shown), len(part))}", headings, [list(row.values()) for row in rows]))
        return found

    def to_dict(self, limit: int | None = None) -> dict[str, Any]:
        """Everything as plain JSON values.

        Parameters
        ----------
        limit : int, optional
            Objects of each kind: worse, better, still wrong.
        """
        return {
            "before": self.before,
            "after": self.after,
            "match": self.match,
            "confidence": self.confidence,
            "notes": list(self.notes),
            "overall": self.overall.to_dict(),
            "features": [one.to_dict() for one in self.features],
            "slices": [one.to_dict() for one in self.slices],
            "objects": {
                name.replace(" ", "_"): self.objects.of(*statuses).head(limit).to_dicts() for name, statuses in SECTIONS
            },
        }

    def __repr__(self) -> str:
        parts = [f"{title}:\n{plain_table(names, rows)}" for title, names, rows in self.tables()]
        return "\n\n".join([f"{self.caption}\n{self.headline}\n{self.unchanged}", *parts])

    def _repr_html_(self) -> str:
        head = html_table([self.caption], [[self.headline], [self.unchanged]])
        return head + "".join(html_table(names, rows, title) for title, names, rows in self.tables())


def signed(n: int) -> str:
    """A difference of numbers.

    >>> signed(3), signed(-1200), signed(0)
    ('+3', '-1,200', '0')
    """
    return f"{n:+,}" if n else "0"


def _metrics(overall: Figures) -> Table:
    rows = []
    for name, shown in METRICS.items():
        one: Change = getattr(overall, name)
        rows.append([shown, one.before, one.after, told_change(one), told_interval(one)])
    return "all features", ["metric", "before", "after", "change", "95% interval"], rows


def _figures(title: str, shown: list[Figures], changed: int, known: int) -> Table:
    names = [title, "GT", "fixed", "broken", "gone FP", "new FP", "F1 before", "F1 after", "change", "95% interval"]
    rows = [
        [
            one.name,
            one.ground_truths,
            *(one.counts[name] for name in ("fixed", "broken", "gone FP", "new FP")),
            one.f1.before,
            one.f1.after,
            told_change(one.f1),
            told_interval(one.f1),
        ]
        for one in shown
    ]
    more = "" if len(shown) == changed else f" (the first {len(shown):,})"
    return f"{title}s that changed: {changed:,} of {known:,}{more}", names, rows


def _of(shown: int, n: int) -> str:
    return "" if shown == n else f" (the first {shown:,} of {n:,})"


def told_change(one: Change) -> str | None:
    """A change, marked where chance is ruled out."""
    return None if one.change is None else f"{one.change:+.3f}{'*' if one.is_clear else ''}"


def told_interval(one: Change) -> str | None:
    """The interval of a change."""
    return None if one.interval is None else f"{one.interval[0]:+.3f} to {one.interval[1]:+.3f}"
