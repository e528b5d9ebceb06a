"""The paired bootstrap over data rows: what numbers of one run, or of two together, might have been by chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from labelmetrics.comparing.measures import Measured
from labelmetrics.kernels.batch import Bools, Floats, Ints
from labelmetrics.kernels.resampling import blocks_of, resampled_sums

WIDTH = 512
"""Columns that are resampled at once: memory stays within bounds."""


class Asked(Protocol):
    """A number that is made from the metric of one run, or of two."""

    @property
    def members(self) -> Bools:
        """The data rows that it is about."""

    @property
    def sides(self) -> Sequence[Measured]:
        """The metric of the run, and of its baseline where there is one."""

    def quantity(self, value: Floats, baseline: Floats) -> Floats:
        """The number itself; both are the same where there is no baseline."""


def resampled(asked: Sequence[Asked], *, resamples: int, seed: int) -> Floats:
    """Each number in resamples of its data rows.

    Data rows are drawn with replacement, for both runs together; metrics follow from the sums of each resample, and are
    never averaged.

    Parameters
    ----------
    asked : sequence of Asked
        The numbers.
    resamples : int
        Number of resamples.
    seed : int
        The same seed gives the same resamples.

    Returns
    -------
    ndarray of float64, shape (len(asked), resamples)
        NaN where a resample has no value.
    """
    found = np.empty((len(asked), resamples))
    groups: dict[bytes, list[int]] = {}
    for index, one in enumerate(asked):
        groups.setdefault(one.members.tobytes(), []).append(index)
    for indices in groups.values():
        members = asked[indices[0]].members
        block = np.full(len(members), -1)
        block[members] = blocks_of(int(np.count_nonzero(members)), seed)
        for batch in _batches(asked, indices):
            found[batch] = _of_batch([asked[index] for index in batch], block, resamples, seed)
    return found


def _key(one: Measured) -> tuple[int, int]:
    """What is added up: several metrics may follow from the same columns."""
    return id(one.row), id(one.columns)


def _batches(asked: Sequence[Asked], indices: Sequence[int]) -> list[list[int]]:
    """Numbers whose columns are resampled at once."""
    batches: list[list[int]] = [[]]
    widths: dict[tuple[int, int], int] = {}
    for index in indices:
        own = {_key(one): one.width for one in asked[index].sides}
        if batches[-1] and sum((widths | own).values()) > WIDTH:
            batches.append([])
            widths = {}
        batches[-1].append(index)
        widths |= own
    return batches


def _of_batch(asked: Sequence[Asked], block: Ints, resamples: int, seed: int) -> Floats:
    """The numbers of those about the same data rows, each of which is in a block."""
    n = int(block.max(initial=-1)) + 1
    first: dict[tuple[int, int], int] = {}
    columns: list[Floats] = []
    for one in (one for question in asked for one in question.sides):
        if _key(one) not in first:
            first[_key(one)] = len(columns)
            at = block[one.row]
            columns += [np.bincount(at, column, minlength=n).astype(np.float64) for column in one.columns.T]
    sums = resampled_sums(np.stack(columns, axis=1), resamples=resamples, seed=seed)

    def value(one: Measured) -> Floats:
        start = first[_key(one)]
        return one.of_sums(sums[:, start : start + one.width])

    return np.stack([question.quantity(value(question.sides[0]), value(question.sides[-1])) for question in asked])
