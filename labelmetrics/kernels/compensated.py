"""Sums that lose nothing: a total and what its rounding left over.

A sum is kept as ``high + low``, where ``high`` is the sum as far as one float holds it. Sums that are kept so and added
to each other, in any order, end within one unit in the last place of the exact sum.

T. J. Dekker, A floating-point technique for extending the available precision, 1971; D. E. Knuth, The Art of Computer
Programming, volume 2, section 4.2.2.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", float, NDArray[np.float64])


def add(high: Number, low: Number, amount: Number, amount_low: Number) -> tuple[Number, Number]:
    """Add two sums.

    Parameters
    ----------
    high, low, amount, amount_low : float, or ndarray of float64 of one shape
        Both sums, and what is left over of each.

    Returns
    -------
    tuple
        The sum and what is left over of it. The latter is NaN where the former is not finite.

    Examples
    --------
    >>> add(1e16, 0.0, 1.0, 0.0), add(1e16, 1.0, -1e16, 0.0)
    ((1e+16, 1.0), (1.0, 0.0))
    """
    total = high + amount
    other = total - high
    left = (high - (total - other)) + (amount - other)
    left = left + (low + amount_low)
    rounded = total + left
    return rounded, left - (rounded - total)
