"""One-to-one matching of all groups at once.

``greedy`` is the platform's rule: highest overlap first. ``in_turns`` is COCO's: predictions choose in falling order
of confidence. Both take candidate pairs and say which of them are matches; what makes a pair a candidate (threshold,
nested answers) is decided before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelmetrics.kernels.batch import Bools, Floats, Ints

ROUNDS = 32
"""Rounds of mutual-best matching before what is left is finished one pair at a time."""

LAYOUT = 4_000_000
"""Most (key, pair) that are matched at once."""


def greedy(first: Ints, second: Ints, overlap: Floats) -> Bools:
    """Match pairs one to one, highest overlap first; ties go to the lower ``first``, then to the lower ``second``.

    All groups are matched at once by *mutual best in rounds*: a pair that is the best of both its ends is a match of
    the sequential rule too, since no pair before it can use up either end. A chain of ever better neighbours would need
    one round per match, so after 32 rounds the rest is matched sequentially.

    Parameters
    ----------
    first, second : ndarray of int64, shape (n_pairs,)
        The two ends of each pair; an index is unique over all groups.
    overlap : ndarray of float64, shape (n_pairs,)
        Overlap of each pair.

    Returns
    -------
    ndarray of bool, shape (n_pairs,)
        Which pairs are matches.

    Examples
    --------
    >>> greedy(np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([0.9, 0.5, 0.8])).tolist()
    [True, False, False]
    """
    matched = alone(first, second)
    rest = np.flatnonzero(~matched)
    rest = rest[_falling(first[rest], second[rest], overlap[rest])]
    matched[rest[_best_first(_dense(first[rest]), _dense(second[rest]))]] = True
    return matched


def _falling(first: Ints, second: Ints, overlap: Floats) -> Ints:
    """Order in which pairs are matched."""
    order = stable_order(second)
    order = order[stable_order(first[order])]
    return order[stable_order(-float_codes(overlap[order]))]


def _best_first(one: Ints, two: Ints) -> Ints:
    """Positions of the matches among pairs that come best first; ends are small numbers."""
    found = []
    rank = np.arange(len(one))
    best_one = np.empty(one.max(initial=-1) + 1, np.int64)
    best_two = np.empty(two.max(initial=-1) + 1, np.int64)
    for _ in range(ROUNDS):
        if not len(rank):
            break
        # Assigned from the last to the first, so that the lowest rank of each end stays.
        best_one[one[::-1]] = rank[::-1]
        best_two[two[::-1]] = rank[::-1]
        best = (best_one[one] == rank) & (best_two[two] == rank)
        found.append(rank[best])
        used_one = np.zeros(len(best_one), bool)
        used_two = np.zeros(len(best_two), bool)
        used_one[one[best]] = True
        used_two[two[best]] = True
        stays = ~(used_one[one] | used_two[two])
        one, two, rank = one[stays], two[stays], rank[stays]
    return np.concatenate([*found, rank[_sequential(one, two)]])


def alone(first: Ints, second: Ints) -> Bools:
    """Which pairs have no rival: neither end is in another pair.

    >>> alone(np.array([0, 0, 1]), np.array([0, 1, 2])).tolist()
    [False, False, True]
    """
    lonely: Bools = (np.bincount(first)[first] == 1) & (np.bincount(second)[second] == 1)
    return lonely


def _dense(codes: Ints) -> Ints:
    """Renumber codes to 0..k-1, keeping their order."""
    if not len(codes):
        return codes
    used = np.zeros(codes.max() + 1, bool)
    used[codes] = True
    return (np.cumsum(used) - 1)[codes]


def _sequential(first: Ints, second: Ints) -> Ints:
    taken_first: set[int] = set()
    taken_second: set[int] = set()
    chosen = []
    for index, (one, two) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        if one not in taken_first and two not in taken_second:
            taken_first.add(one)
            taken_second.add(two)
            chosen.append(index)
    return np.array(chosen, np.int64)


def greedy_at_keys(first: Ints, second: Ints, overlap: Floats, level: Ints, n_levels: int) -> tuple[Ints, Ints]:
    """Match once per confidence key: at key ``k`` only pairs whose ``level`` is at least ``k`` take part.

    Pairs whose ends have no other pair are matched at each of their keys without more ado; only the others are laid
    out on (key, pair) and matched again.

    Parameters
    ----------
    first, second, overlap
        As in :func:`greedy`.
    level : ndarray of int64, shape (n_pairs,)
        Number of keys at which the pair takes part: the keys 0 .. level - 1.
    n_levels : int
        Number of keys.

    Returns
    -------
    key, pair : ndarray of int64, shape (n_matches,)
        The matches: a key, and the index of a pair. The order of those of one key follows from what they compete
        with, so that sums over the matches of a group do not depend on other groups.
    """
    if not len(overlap):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    has_no_rival = alone(first, second)
    simple, contested = np.flatnonzero(has_no_rival), np.flatnonzero(~has_no_rival)
    simple_pair, simple_key = expand(simple, level[simple])
    # Sorted once: at every key the pairs that take part keep their order.
    contested = contested[_falling(first[contested], second[contested], overlap[contested])]
    one, two, repeat = _dense(first[contested]), _dense(second[contested]), level[contested]
    if repeat.sum() > LAYOUT:
        found = []
        for at_key in range(int(repeat.max())):
            part = np.flatnonzero(repeat > at_key)
            matched = part[np.sort(_best_first(one[part], two[part]))]
            found.append((np.full(len(matched), at_key), contested[matched]))
        keys, pairs = zip((simple_key, simple_pair), *found, strict=True)
        return np.concatenate(keys), np.concatenate(pairs)
    index, key = expand(np.arange(len(contested)), repeat)
    n_one, n_two = one.max(initial=-1) + 1, two.max(initial=-1) + 1
    matched = _best_first(key * n_one + one[index], key * n_two + two[index])
    matched.sort(kind="stable")  # merges the few rounds, each of which is sorted
    return np.concatenate([simple_key, key[matched]]), np.concatenate([simple_pair, contested[index[matched]]])


def ties_decide(first: Ints, second: Ints, overlap: Floats) -> bool:
    """Whether it matters which of two pairs with the same overlap goes first: two of them share an end.

    >>> one, two = np.array([0, 0, 1]), np.array([0, 1, 2])
    >>> ties_decide(one, two, np.array([0.5, 0.5, 0.5])), ties_decide(one, two, np.array([0.5, 0.4, 0.5]))
    (True, False)
    """
    contested = np.flatnonzero(~alone(first, second))
    order = contested[stable_order(float_codes(overlap[contested]))]
    same = overlap[order][1:] == overlap[order][:-1]
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    run = np.cumsum(np.append(False, ~same))[tied] if len(tied) else tied
    ends = (end[order[tied]] + run * (int(end.max(initial=0)) + 1) for end in (first, second))
    return any(len(np.unique(code)) < len(code) for code in ends)


def expand(items: NDArray[Any], counts: Ints) -> tuple[NDArray[Any], Ints]:
    """Repeat each item ``counts`` times, and number the copies of each from 0.

    >>> expand(np.array([7, 9]), np.array([2, 3]))
    (array([7, 7, 9, 9, 9]), array([0, 1, 0, 1, 2]))
    """
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(items, counts), np.arange(total) - np.repeat(ends - counts, counts)


def stable_order(codes: Ints) -> Ints:
    """``np.argsort(codes, kind="stable")``, several times faster: NumPy counts numbers of 16 bits, digit by digit.

    >>> stable_order(np.array([2, 0, 2, 1])).tolist()
    [1, 3, 0, 2]
    """
    if not len(codes):
        return np.empty(0, np.int64)
    # Unsigned, the distance from the least code never overflows.
    rest = codes.view(np.uint64) - codes.min().view(np.uint64)
    order: Ints = np.argsort(rest.astype(np.uint16), kind="stable")
    for shift in range(16, int(rest.max()).bit_length(), 16):
        digit = (rest >> np.uint64(shift)).astype(np.uint16)
        order = order[np.argsort(digit[order], kind="stable")]
    return order


def float_codes(values: NDArray[np.float64] | NDArray[np.float32]) -> Ints:
    """Integers in the order of the numbers, none of them NaN; equal ones for equal numbers.

    >>> np.argsort(float_codes(np.array([0.5, -2.0, -0.5, 0.0]))).tolist()
    [1, 2, 3, 0]
    """
    # The bits of positive numbers rise with them, those of negative ones fall; adding 0.0 makes 0.0 of -0.0.
    size = 8 * values.itemsize
    bits = (values + values.dtype.type(0)).view(f"i{values.itemsize}").astype(np.int64)
    codes: Ints = bits ^ (bits >> 63 & (1 << size - 1) - 1)
    return codes


def in_turns(first: Ints, second: Ints, overlap: Floats, *, turn: Ints, ignored: Bools, threshold: float) -> Bools:
    """Match as COCO does: in each turn a prediction takes the free ground truth with the highest overlap.

    A ground truth that is not ignored goes before any ignored one, whatever its overlap; ignored ones are never used
    up, so that any number of predictions can fall on a crowd. Ties of overlap go to the later ground truth. The
    threshold is inclusive, and capped at ``1 - 1e-10`` as in the reference implementation (pycocotools).

    Parameters
    ----------
    first, second : ndarray of int64, shape (n_pairs,)
        Ground truth and prediction of each pair.
    overlap : ndarray of float64, shape (n_pairs,)
        Overlap of each pair; over the prediction's own area where the ground truth is a crowd.
    turn : ndarray of int64, shape (n_pairs,)
        When the pair's prediction chooses, counted within its group; of no account where it has no rival.
    ignored : ndarray of bool, shape (n_pairs,)
        Whether the pair's ground truth is ignored.
    threshold : float
        Least overlap of a match.

    Returns
    -------
    ndarray of bool, shape (n_pairs,)
        Which pairs are matches, those with ignored ground truths included.
    """
    matched = np.zeros(len(overlap), bool)
    candidates = np.flatnonzero(overlap >= min(threshold, 1 - 1e-10))
    simple = alone(first[candidates], second[candidates])
    matched[candidates[simple]] = True
    rest = candidates[~simple]
    if not len(rest):
        return matched
    order = rest[np.lexsort((-first[rest], -overlap[rest], ignored[rest], second[rest], turn[rest]))]
    free = np.ones(int(first.max()) + 1, bool)
    bounds = np.flatnonzero(np.diff(turn[order], prepend=-1, append=np.iinfo(np.int64).max))
    for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        block = order[start:stop]
        open_ = block[free[first[block]] | ignored[block]]
        if not len(open_):
            continue
        chosen = open_[np.diff(second[open_], prepend=-1) != 0]
        matched[chosen] = True
        free[first[chosen[~ignored[chosen]]]] = False
    return matched
