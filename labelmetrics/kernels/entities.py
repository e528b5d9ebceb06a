"""Text entities counted by the four schemes of SemEval-2013, task 9.1."""

from __future__ import annotations

import numpy as np

from labelmetrics.kernels.batch import Bools, Ints
from labelmetrics.kernels.matching import greedy
from labelmetrics.kernels.pairs import Pairs

SCHEMES = ("strict", "exact", "partial", "type")
OUTCOMES = ("correct", "incorrect", "partial", "missing", "spurious")


def scheme_counts(pairs: Pairs, same_type: Bools, first_group: Ints, second_group: Ints, n_groups: int) -> Ints:
    """Count entities by group, scheme and outcome.

    Entities are paired one to one: pairs that the scheme calls correct first, then those that only overlap; among
    either the highest overlap first, ties by the lower position.

    Parameters
    ----------
    pairs : Pairs
        Pairs that overlap; an overlap of 1 is the same span.
    same_type : ndarray of bool, shape (n_pairs,)
        Whether both ends have the same type.
    first_group, second_group : ndarray of int64
        Group of each ground truth and prediction; pairs are of one group.
    n_groups : int
        Number of groups.

    Returns
    -------
    ndarray of int64, shape (n_groups, 4, 5)
        By ``SCHEMES`` and ``OUTCOMES``.

    Examples
    --------
    >>> pairs = Pairs(np.array([0]), np.array([0]), np.array([0.5]))
    >>> scheme_counts(pairs, np.array([True]), np.array([0]), np.array([0]), 1)[0].tolist()
    [[0, 1, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [1, 0, 0, 0, 0]]
    """
    same_span = pairs.overlap == 1
    correct_by = {"strict": same_span & same_type, "exact": same_span, "partial": same_span, "type": same_type}
    n_first, n_second = (np.bincount(group, minlength=n_groups) for group in (first_group, second_group))
    counts = np.zeros((n_groups, len(SCHEMES), len(OUTCOMES)), np.int64)
    for index, (scheme, correct) in enumerate(correct_by.items()):
        # An overlap is at most 1, so with 1 added the correct pairs come first.
        matched = greedy(pairs.first, pairs.second, pairs.overlap + correct)
        right, near = (
            np.bincount(first_group[pairs.first[matched & part]], minlength=n_groups) for part in (correct, ~correct)
        )
        counts[:, index, OUTCOMES.index("correct")] = right
        counts[:, index, OUTCOMES.index("partial" if scheme == "partial" else "incorrect")] = near
        counts[:, index, OUTCOMES.index("missing")] = n_first - right - near
        counts[:, index, OUTCOMES.index("spurious")] = n_second - right - near
    return counts
