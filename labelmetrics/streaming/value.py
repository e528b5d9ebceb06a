"""What a metric gives: a float, an array, or a dict of these."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Value", "as_value"]


class Value(float):
    """A float that a metric gave; ``.numpy()`` is there for code that is written for Keras.

    Examples
    --------
    >>> value = Value(0.5)
    >>> value, value + 1, value.numpy()
    (0.5, 1.5, np.float64(0.5))
    """

    __slots__ = ()

    def numpy(self) -> np.float64:
        """The same as a scalar of NumPy."""
        return np.float64(self)

    def item(self) -> float:
        """The same as a plain float."""
        return float(self)


def as_value(found: Any, dtype: Any = np.float64) -> Any:
    """What ``result`` returned as a :class:`Value`, an array of ``dtype`` or of integers, or a dict of these."""
    if type(found) is Value:
        return found
    if isinstance(found, dict):
        return {name: as_value(one, dtype) for name, one in found.items()}
    if isinstance(found, float | int | np.number):
        return Value(found)
    array = np.array(found)  # a copy: states are returned by many a metric, and must stay their own
    if array.dtype.kind == "f":
        array = array.astype(dtype, copy=False)
    return Value(array.item()) if array.ndim == 0 else array
