"""Values of metrics put together: children into their parent, data rows into groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelmetrics.errors import InputError
from labelmetrics.kernels.batch import Bools, Floats, Ints

GROUP, NAME, FEATURE, SUBCLASS = range(4)
"""Columns of a key."""


Codes = NDArray[np.int32] | NDArray[np.int64]
"""Indices; narrow where there are millions of them, for memory is what a rollup waits for."""


class Method(IntEnum):
    """How values are put together."""

    ARITHMETIC_MEAN = 0
    GEOMETRIC_MEAN = 1
    HARMONIC_MEAN = 2
    SUM = 3
    CONFUSION_MATRIX = 4


@dataclass(frozen=True, slots=True)
class Values:
    """Numbers, or counts, and what each is about.

    Parameters
    ----------
    key : ndarray of integers, shape (n, 4)
        Data row or other group, metric name, feature and subclass, as indices; -1 where there is none.
    value : ndarray of float64, shape (n,), or of integers, shape (n, 4)
        Scalars, or TP, FP, TN and FN.
    """

    key: Codes
    value: NDArray[Any]

    def __len__(self) -> int:
        return len(self.key)

    def take(self, index: Ints | Bools) -> Values:
        """The values at ``index`` (integers or a boolean mask)."""
        positions: Any = np.flatnonzero(index) if index.dtype == bool else index
        if len(positions) == len(self) and _is_sorted(positions):
            return self  # all of them
        return Values(self.key.take(positions, axis=0), self.value.take(positions, axis=0))

    @classmethod
    def concat(cls, parts: Sequence[Values]) -> Values:
        """All parts of one kind, one below the other."""
        parts = [part for part in parts if len(part)] or parts[:1]
        if len(parts) == 1:
            return parts[0]
        return cls(np.concatenate([part.key for part in parts]), np.concatenate([part.value for part in parts]))


@dataclass(frozen=True, slots=True)
class Combined:
    """Values that were made from others.

    Parameters
    ----------
    values : Values
        The ``n`` new ones, sorted by their keys.
    order : ndarray of int64
        Positions of the old values, those that made one new value beside each other.
    starts : ndarray of int64, shape (n,)
        Where in ``order`` those of each new value begin.
    """

    values: Values
    order: Ints
    starts: Ints

    @property
    def sizes(self) -> Ints:
        """How many old values made each new one."""
        return np.diff(self.starts, append=len(self.order))

    def members(self, index: int) -> Ints:
        """Positions of the old values that made one new value."""
        end = self.starts[index + 1] if index + 1 < len(self.starts) else len(self.order)
        return self.order[self.starts[index] : end]


@dataclass(frozen=True, slots=True)
class Parents:
    """Values of one level: explicit ones, and for the rest what follows from the children.

    Parameters
    ----------
    values : Values
        The ``n`` values.
    made : Combined
        What the children would make of every parent that has any.
    source : ndarray of int64, shape (n,)
        Which value of ``made`` each is; -1 where it is explicit.
    overruled : ndarray of bool, shape (n,)
        Whether an explicit value won over children.
    """

    values: Values
    made: Combined
    source: Ints
    overruled: Bools


def grouped(key: Codes) -> tuple[Ints, Ints]:
    """Order that sorts keys, stable, and where in it each distinct key begins.

    Examples
    --------
    >>> order, starts = grouped(np.array([[1, 0, 0, -1], [0, 0, 0, -1], [1, 0, 0, -1]]))
    >>> order.tolist(), starts.tolist()
    ([1, 0, 2], [0, 1])
    """
    packed = _packed(key)
    if packed is None:
        order = np.lexsort(key.T[::-1]).astype(np.int64)
        ordered = key[order]
        first = np.ones(len(order), bool)
        first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    else:
        order = np.argsort(packed, kind="stable")
        numbers = packed[order]
        first = np.ones(len(order), bool)
        first[1:] = numbers[1:] != numbers[:-1]
    return order, np.flatnonzero(first)


def _is_sorted(order: Ints) -> bool:
    return bool((order[1:] > order[:-1]).all())


def _packed(key: Codes) -> NDArray[np.integer[Any]] | None:
    """Each key as one number of the same order; ``None`` where 63 bits do not hold them."""
    packed, span = np.zeros(len(key), np.int64), 1
    for column in key.T if len(key) else ():
        low = int(column.min())
        size = int(column.max()) - low + 1
        span *= size
        if span >= 1 << 63:
            return None
        packed *= size
        packed += column
        packed -= low
    return packed.astype(np.uint16) if span <= 1 << 16 else packed  # numbers of 16 bits are sorted without comparing


def repeated(key: Codes) -> list[Ints]:
    """Positions of each key that occurs more than once."""
    order, starts = grouped(key)
    sizes = np.diff(starts, append=len(order))
    return [order[starts[index] : starts[index] + sizes[index]] for index in np.flatnonzero(sizes > 1)]


def exact_sums(values: Floats, starts: Ints) -> Floats:
    """Sums of consecutive stretches, each rounded once, so that the order of what is added cannot change them.

    Parameters
    ----------
    values : ndarray of float64, shape (..., m)
        What is added along the last axis.
    starts : ndarray of int64, shape (n,)
        Where each stretch begins, rising; it ends where the next one begins.

    Returns
    -------
    ndarray of float64, shape (..., n)
        The sums.

    Raises
    ------
    InputError
        A sum is more than a number can hold.

    Examples
    --------
    >>> exact_sums(np.array([0.1, 0.2, 0.3, 1e100, 1.0, -1e100]), np.array([0, 3])).tolist()
    [0.6, 1.0]
    """
    m, n = values.shape[-1], len(starts)
    if not n or not m:
        return np.zeros((*values.shape[:-1], n))
    # Nearly all numbers of [0, 1] are whole numbers of 2 ** -62. Cut into halves of 31 bits, up to 2 ** 22 of them add
    # up without rounding, and so does each half of the sum; the only rounding is that of the last addition.
    flat = values.reshape(-1, m)
    odd = ~((flat >= 0) & (flat <= 1))
    scaled = np.where(odd, 0.0, flat) * HALF
    high = np.floor(scaled)
    low = (scaled - high) * HALF
    odd |= low != np.floor(low)
    sums: Floats = (np.add.reduceat(high, starts, axis=1) + np.add.reduceat(low, starts, axis=1) / HALF) / HALF
    stops = np.append(starts[1:], m)
    apart = np.zeros(sums.shape, bool)
    apart[:, stops - starts > 1 << 22] = True
    at, place = np.nonzero(odd)
    apart[at, np.searchsorted(starts, place, "right") - 1] = True
    for level, index in np.argwhere(apart).tolist():
        try:
            sums[level, index] = math.fsum(flat[level, starts[index] : stops[index]].tolist())
        except OverflowError:
            raise InputError("the values of a metric add up to more than a number can hold") from None
    return sums.reshape(*values.shape[:-1], n)


HALF = 2.0**31

SCALE = 1074 + 53
"""Exponent of the unit that every finite float is a whole number of."""


def exact_totals(values: Floats, group: Ints, n: int) -> list[int]:
    """Exact sums of finite values by group, as whole numbers of ``2 ** -SCALE``: sums of parts can be added.

    Parameters
    ----------
    values : ndarray of float64, shape (m,)
        What is added, each less than 2 ** 20 in size.
    group : ndarray of int64, shape (m,)
        Index of each value's group.
    n : int
        Number of groups.

    Examples
    --------
    >>> totals = exact_totals(np.array([0.1, 0.2, 0.3, 1.0]), np.array([0, 0, 0, 1]), 2)
    >>> [rounded(total) for total in totals]
    [0.6, 1.0]
    """
    mantissa, exponent = np.frexp(values)
    # The 53 bits of each value in two halves, whose sums stay exact in 64 bits.
    whole = (mantissa * 2.0**53).astype(np.int64)
    low, high = whole & 0x3FFFFFF, whole >> 26
    totals = [0] * n
    for one in np.flatnonzero(np.bincount(exponent + SCALE)).tolist() if len(values) else []:
        at = exponent == one - SCALE
        for half, shift in ((low, 0), (high, 26)):
            sums = np.zeros(n, np.int64)
            np.add.at(sums, group[at], half[at])
            for index in np.flatnonzero(sums).tolist():
                totals[index] += int(sums[index]) << (one - 53 + shift)
    return totals


def rounded(total: int) -> float:
    """A total of :func:`exact_totals` as the nearest float."""
    return total / (1 << SCALE)


def combine(values: Values, key: Codes, methods: Ints) -> Combined:
    """Put together the values that have the same new key.

    Parameters
    ----------
    values : Values
        What is put together.
    key : ndarray of integers, shape (n, 4)
        New key of each value.
    methods : ndarray of int64
        Method of each metric name; without meaning for counts, which are added.

    Examples
    --------
    >>> key = np.array([[0, 0, 0, -1], [0, 0, 1, -1]])
    >>> parent = np.array([[0, 0, -1, -1], [0, 0, -1, -1]])
    >>> combine(Values(key, np.array([3.0, 4.0])), parent, np.array([Method.SUM])).values.value.tolist()
    [7.0]
    """
    order, starts = grouped(key)
    new = key[order[starts]]
    value = values.value if _is_sorted(order) else values.value.take(order, axis=0)
    if not len(starts) or len(starts) == len(value):
        made = value
    elif values.value.ndim == 2:
        if float(value.max()) * len(value) >= 2**62 and (
            np.add.reduceat(value.astype(np.float64), starts, axis=0).max() >= 2**62
        ):
            raise InputError("the counts of a metric add up to more than a number can hold")
        made = np.add.reduceat(value.astype(np.int64), starts, axis=0)  # widened while it adds, it takes longer
    else:
        made = _combined(value, starts, methods[new[:, NAME]])
    return Combined(Values(new, made), order, starts)


def _combined(value: Floats, starts: Ints, methods: Ints) -> Floats:
    size = np.diff(starts, append=len(value))
    made = np.empty(len(starts))
    for method in np.unique(methods).tolist():
        groups = np.flatnonzero(methods == method)
        n = size[groups]
        inner = np.cumsum(n) - n
        part = value[np.repeat(starts[groups] - inner, n) + np.arange(n.sum())]
        made[groups] = _method(method, part, inner, n)
    return made


def _method(method: int, value: Floats, starts: Ints, n: Ints) -> Floats:
    if method == Method.SUM:
        return exact_sums(value, starts)
    if method == Method.ARITHMETIC_MEAN:
        return exact_sums(value, starts) / n
    low, high = np.minimum.reduceat(value, starts), np.maximum.reduceat(value, starts)
    if method == Method.GEOMETRIC_MEAN:
        with np.errstate(divide="ignore"):  # the logarithm of 0 makes the mean 0
            mean = np.exp(exact_sums(np.log(value), starts) / n)
    else:
        # Reciprocals as multiples of the least value: they cannot overflow, and are 0 beside a value of 0.
        shares = np.divide(np.repeat(low, n), value, out=np.ones_like(value), where=value > 0)
        mean = low * (n / exact_sums(shares, starts))
    # Logarithms and quotients are rounded; the mean of equal values still is that value.
    return np.clip(mean, low, high)


def parents(children: Values, explicit: Values, column: int, methods: Ints) -> Parents:
    """Values of the level above.

    Parameters
    ----------
    children : Values
        Values of the level below.
    explicit : Values
        Values that were given; each wins over what its children would make.
    column : int
        Column of the key that only the children have (``SUBCLASS`` or ``FEATURE``).
    methods : ndarray of int64
        Method of each metric name.
    """
    key = children.key.copy()
    key[:, column] = -1
    made = combine(children, key, methods)
    if not len(children):
        return Parents(explicit, made, np.full(len(explicit), -1), np.zeros(len(explicit), bool))
    both = Values.concat([explicit, made.values])
    order, starts = grouped(both.key)  # stable, so the explicit value comes first
    chosen = order[starts]
    source = np.where(chosen < len(explicit), -1, chosen - len(explicit))
    return Parents(both.take(chosen), made, source, np.diff(starts, append=len(order)) > 1)
