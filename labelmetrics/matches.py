"""What became of each object at one threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labelmetrics.frame import Frame
from labelmetrics.kernels.batch import Ints

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = (
    "object",
    "side",
    "data_row",
    "place",
    "feature",
    "question",
    "nested",
    "confidence",
    "outcome",
    "partner",
    "overlap",
    "reason",
    "nearest",
    "nearest_overlap",
    "kind",
    "left",
    "top",
    "right",
    "bottom",
    "geometry",
    "uuid",
)


class Matches(Frame):
    """One row per ground truth and prediction.

    ``outcome`` is TP, FP, FN or ignored; ``partner`` and ``nearest`` are ``object`` numbers of the other side;
    ``reason`` says why an object is unmatched. Where the table is shown, its geometry is left out.
    """

    hidden = ("kind", "left", "top", "right", "bottom", "geometry", "uuid")

    @classmethod
    def of(cls, objects: pa.Table, threshold_name: str) -> Matches:
        """The matches at one threshold from the table of objects."""
        names = {f"{name}_{threshold_name}": name for name in ("outcome", "partner", "overlap", "reason")}
        chosen = [next((full for full, short in names.items() if short == name), name) for name in COLUMNS]
        return cls(objects.select(chosen).rename_columns(list(COLUMNS)), f"matches at {threshold_name}")


def rows_of(number: Ints, wanted: Ints) -> Ints:
    """Row of each object that is wanted, given by its number; -1 where there is none.

    Parameters
    ----------
    number : ndarray of int64, shape (n,)
        Numbers of the objects, row by row.
    wanted : ndarray of int64
        Numbers; -1 is none.

    Examples
    --------
    >>> rows_of(np.array([7, 8]), np.array([8, -1, 9])).tolist()
    [1, -1, -1]
    """
    row = np.full(max(number.max(initial=-1), wanted.max(initial=-1)) + 2, -1)
    row[number] = np.arange(len(number))
    found: Ints = row[wanted]
    return found
