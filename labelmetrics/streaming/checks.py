"""What labels and predictions must be; each check costs at most a pass over the array."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelmetrics.errors import InputError, SettingError
from labelmetrics.kernels.batch import Bools, Ints
from labelmetrics.kernels.label_maps import all_are_classes
from labelmetrics.streaming.shapes import Array

__all__ = ["as_binary", "as_labels", "check_no_nan", "check_probabilities", "whole"]

BITS_OF_ONE = {
    np.dtype(floats): np.ones((), floats).view(unsigned)[()]
    for floats, unsigned in ((np.float32, np.uint32), (np.float64, np.uint64))
}
INTEGERS = {bits.itemsize: bits for bits in map(np.dtype, (np.int8, np.int16, np.int32, np.int64))}
SWAPPED = "; y_pred holds nothing but 0 and 1: are y_true and y_pred swapped?"


def check_no_nan(values: Array, what: str = "y_pred") -> None:
    """Raise where a value is NaN.

    Raises
    ------
    InputError
        One is.
    """
    if values.dtype.kind != "f":
        return
    flat = values if values.ndim == 1 else values.ravel()
    # The sum of squares is NaN where a value is, costs one pass, and of small arrays half of what isnan costs.
    square = flat.dot(flat) if flat.itemsize > 2 else np.isnan(flat).any() and np.nan
    if square != square:
        index = tuple(int(one) for one in np.argwhere(np.isnan(values))[0])
        n = int(np.isnan(values).sum())
        raise InputError(f"{what} holds {n} NaN, the first at {list(index)}")


def check_probabilities(scores: Array, remedy: str = "", what: str = "y_pred") -> None:
    """Raise where a score is NaN or lies outside [0, 1].

    Raises
    ------
    InputError
        One does.
    """
    if scores.dtype.kind == "b" or not scores.size:
        return
    bits = BITS_OF_ONE.get(scores.dtype)
    # As unsigned integers, the bits of floats from 0 on rise with them, and those of negative ones and of NaN are above
    # those of 1, so that one pass finds all. It takes -0.0 for negative, which the two passes below do not.
    if bits is not None and np.maximum.reduce(scores.view(bits.dtype), axis=None) <= bits:
        return
    least, most = np.minimum.reduce(scores, axis=None), np.maximum.reduce(scores, axis=None)
    if least >= 0 and most <= 1:
        return
    check_no_nan(scores, what)
    wrong = least if least < 0 else most
    raise InputError(f"{what} must lie in [0, 1], got {wrong:g}{remedy}")


def as_binary(labels: Array, scores: Array | None = None) -> Bools:
    """Labels of 0 and 1 as booleans.

    Raises
    ------
    InputError
        A label is something else; where the scores are 0 and 1, the message asks whether the sides are swapped.
    """
    if labels.dtype.kind == "b":
        return labels
    ones: Bools = labels == 1
    n, bits = np.count_nonzero(ones), INTEGERS.get(labels.itemsize)
    # Integers are counted faster than floats. The bits of -0.0 are not 0, so that it takes the second look.
    if (bits is not None and n == np.count_nonzero(labels.view(bits))) or n == np.count_nonzero(labels):
        return ones
    check_no_nan(labels, "y_true")
    wrong = labels[(labels != 0) & ~ones].flat[0]
    hint = SWAPPED if scores is not None and bool(((scores == 0) | (scores == 1)).all()) else ""
    raise InputError(f"labels must be 0 or 1, got {wrong:g}{hint}")


def as_labels(labels: Array, n_classes: int, what: str = "y_true") -> Ints:
    """Class labels as integers from 0 to ``n_classes - 1``.

    Raises
    ------
    InputError
        A label is no integer, or none of these.
    """
    if labels.dtype.kind == "f":
        whole_numbers = np.rint(labels)
        if not (whole_numbers == labels).all():
            check_no_nan(labels, what)
            wrong = labels[whole_numbers != labels].flat[0]
            raise InputError(f"{what} holds class numbers from 0 to {n_classes - 1}, got {wrong:g}; are these scores?")
    numbers: NDArray[np.int64] = labels.astype(np.int64, copy=False)
    if not all_are_classes(numbers, n_classes):
        wrong = numbers[(numbers < 0) | (numbers >= n_classes)].flat[0]
        raise InputError(f"{what} holds class numbers from 0 to {n_classes - 1}, got {wrong}")
    return numbers


def whole(name: str, value: Any, least: int = 1) -> int:
    """A parameter that is a whole number.

    Raises
    ------
    SettingError
        It is none, or below ``least``.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise SettingError(f"{name} must be a whole number of at least {least}, got {value!r}")
    return int(value)
