"""Objects that changed, as a table: what happened to each, how much it matters, and why it is or was wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from labelmetrics.changes.lining_up import BETTER, STATUSES, STILL_WRONG, WORSE, Lines, Status
from labelmetrics.comparing.outcomes import Outcomes
from labelmetrics.explanation import told
from labelmetrics.formats.listing import write_listing
from labelmetrics.formats.restored import numbers
from labelmetrics.frame import Frame
from labelmetrics.kernels.batch import Bools, Floats, Ints

if TYPE_CHECKING:
    import pyarrow as pa

    from labelmetrics.evaluation import Evaluation

KEPT = ("side", "data_row", "place", "feature")
DRAWN = ("left", "top", "right", "bottom", "uuid")
COLUMNS = (
    "status",
    "data_row",
    "place",
    "feature",
    "side",
    "weight",
    "confidence_before",
    "confidence_after",
    "overlap_before",
    "overlap_after",
    "reason",
    "why",
    "object_before",
    "object_after",
    *DRAWN,
)


class Changes(Frame):
    """Objects that changed, and those that are still wrong; what matters most comes first.

    Part of a :class:`Diff`. The columns are ``status``, ``data_row``, ``place``, ``feature``, ``side``, ``weight`` in
    [0, 1] (the share of confidence thresholds at which it makes a difference), the confidence of the prediction and the
    overlap in both evaluations, ``reason`` and ``why`` (of the evaluation that is wrong; of the second where both are),
    the ``object`` numbers in both, the box in pixels, and ``uuid``.

    Parameters
    ----------
    table : pyarrow.Table
        The rows.
    caption : str
        What they are.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> def label(*scores):
    ...     boxes = [
    ...         lm.ObjectAnnotation(name="cat", value=lm.Rectangle.from_xyhw(20 * i, 0, 9, 9), confidence=score)
    ...         for i, score in enumerate(scores)
    ...         if score
    ...     ]
    ...     return [lm.Label(data=lm.ImageData(uid="a"), annotations=boxes)]
    >>> before, after = (lm.evaluate(label(1, 1), label(*scores)) for scores in ((0.9, 0.7), (0.8, None, 0.6)))
    >>> [(row["status"], row["weight"], row["why"]) for row in lm.diff(before, after).objects]
    [('broken', 0.7, 'no prediction overlaps with it'), ('new FP', 0.6, 'no ground truth overlaps with it')]
    """

    hidden = ("side", "weight", "reason", "object_before", "object_after", *DRAWN)

    def of(self, *statuses: Status) -> Changes:
        """The objects of some statuses, in their order."""
        import pyarrow as pa
        import pyarrow.compute as pc

        chosen = pc.is_in(self.table.column("status"), pa.array(statuses, pa.string()))
        return Changes(self.table.filter(chosen), self.caption)

    def head(self, limit: int | None) -> Changes:
        """The first ones."""
        return self if limit is None else Changes(self.table.slice(0, limit), self.caption)

    def write(self, path: str | Path) -> None:
        """Write the objects: a CSV table, or a JSON object a line.

        Parameters
        ----------
        path : path
            Ends in ``.csv``, ``.ndjson`` or ``.jsonl``, also with ``.gz`` or ``.zst`` behind; ``"-"`` is NDJSON on
            standard output.

        Raises
        ------
        SettingError
            The ending is another one.
        InputError
            The file cannot be written.
        """
        write_listing(path, self.table, "a list of changes")


def changes(lines: Lines, evaluations: tuple[Evaluation, Evaluation], iou: float, caption: str) -> Changes:
    """The table of objects, without those that were right and still are.

    Parameters
    ----------
    lines : Lines
        What happened to each object.
    evaluations : tuple of Evaluation
        The two.
    iou : float
        Threshold of the matches.
    caption : str
        What the objects are.
    """
    lines = lines.take(lines.status != STATUSES.index("still right"))
    told_of = [
        told(side.table, one.pairs, iou, one.manifest.settings.matching)
        for side, one in zip(lines.sides, evaluations, strict=True)
    ]
    is_old = np.isin(lines.status, [STATUSES.index(name) for name in BETTER])
    weight = _weight(lines)
    overlaps = [
        np.append(overlap, np.nan)[rows] for (overlap, _), rows in zip(told_of, (lines.old, lines.new), strict=True)
    ]
    group = np.array([[*WORSE, *BETTER, *STILL_WRONG].index(name) // 2 for name in STATUSES[:-1]])[lines.status]
    distance = 1 - np.nan_to_num(np.where(is_old, *overlaps))
    order = np.lexsort((lines.status, *_place(lines, is_old), -distance, -weight, group))
    lines, weight, is_old = lines.take(order), weight[order], is_old[order]
    table = _table(lines, is_old, weight, [one[order] for one in overlaps], [why for _, why in told_of])
    return Changes(table.replace_schema_metadata({"key_kind": evaluations[1].key_kind}), caption)


def _weight(lines: Lines) -> Floats:
    """Share of confidence thresholds at which the outcome is another one than it was, or is wrong in both."""
    old, new = (
        np.append(side.score, np.nan)[np.where(rows >= 0, _decisive(side)[rows], -1)]
        for side, rows in zip(lines.sides, (lines.old, lines.new), strict=True)
    )
    missed = lines.status == STATUSES.index("still missed")
    return np.where(missed, 1.0, np.fmin(old, new))


def _decisive(side: Outcomes) -> Ints:
    """The prediction whose confidence decides about each object: the one matched with a ground truth, or itself."""
    return np.where(side.is_truth, side.partner, np.arange(len(side.partner)))


def _place(lines: Lines, is_old: Bools) -> list[Floats | Ints]:
    """Where an object is, the least first: what its place among equals goes by, whatever the order of input lines."""
    found: list[Floats | Ints] = []
    for name in reversed(DRAWN[:-1]):
        values = [np.nan_to_num(np.append(numbers(side.table.column(name)), 0.0)) for side in lines.sides]
        found.append(np.where(is_old, values[0][lines.old], values[1][lines.new]))
    return [*found, lines.place, lines.feature, lines.row]


def _table(lines: Lines, is_old: Bools, weight: Floats, overlaps: list[Floats], whys: list[pa.Array]) -> pa.Table:
    import pyarrow as pa

    n = len(lines.sides[0].table)
    wrong = np.where(is_old, lines.old, lines.new + n)
    both = pa.concat_tables(
        [
            side.table.select([*KEPT, "reason", *DRAWN]).append_column("why", why)
            for side, why in zip(lines.sides, whys, strict=True)
        ],
        promote_options="permissive",
    )
    told_of = both.take(pa.array(wrong))
    columns = {name: _plain(told_of.column(name)) for name in (*KEPT, "reason", "why", *DRAWN)}
    columns["status"] = pa.array(np.array(STATUSES, object)[lines.status], pa.string())
    columns["weight"] = pa.array(weight)
    for side, rows, overlap, when in zip(
        lines.sides, (lines.old, lines.new), overlaps, ("before", "after"), strict=True
    ):
        decisive = np.where(rows >= 0, _decisive(side)[rows], -1)
        confidence = np.append(numbers(side.table.column("confidence")), np.nan)[decisive]
        columns[f"confidence_{when}"] = pa.array(confidence, mask=np.isnan(confidence))
        columns[f"overlap_{when}"] = pa.array(overlap, mask=np.isnan(overlap))
        number = np.append(side.table.column("object").to_numpy(), -1)[rows]
        columns[f"object_{when}"] = pa.array(number, mask=number < 0)
    return pa.table({name: columns[name] for name in COLUMNS})


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text as text, not as codes."""
    import pyarrow as pa

    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
