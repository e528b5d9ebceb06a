"""Whatever people have, as arrays of NumPy: lists, torch, JAX and TensorFlow tensors, DLPack."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelmetrics.errors import InputError, SettingError

__all__ = ["as_array", "as_numbers", "refuse_calls_of_keras"]


NOT_COMPILED = (
    "These metrics compute on real values, not inside model.compile; give them to "
    "labelmetrics.streaming.keras.Recorder, a callback of model.fit"
)


def refuse_calls_of_keras() -> None:
    """Raise where a metric that was given to ``model.compile`` is called.

    Keras takes it for a function, and would average what it returns: results of all batches so far.

    Raises
    ------
    SettingError
        The caller of the caller is Keras.
    """
    if sys._getframe(2).f_globals.get("__name__", "").startswith("keras.src."):
        raise SettingError(NOT_COMPILED)


def as_array(values: Any) -> NDArray[Any]:
    """An array of booleans, integers or floats that NumPy computes with.

    Parameters
    ----------
    values : array-like
        Numbers, lists of them, and everything with ``__array__`` or DLPack: also tensors of torch that need gradients,
        are on another device or of bfloat16.

    Raises
    ------
    InputError
        It holds no real numbers, or has no values at all (a symbolic tensor).

    Examples
    --------
    >>> as_array([1, 0]).dtype
    dtype('int64')
    """
    array = values if type(values) is np.ndarray else _converted(values)
    if array.dtype.kind in "fiub":
        return array
    return as_numbers(array)


def as_numbers(array: NDArray[Any]) -> NDArray[Any]:
    """Floats where the dtype is none of NumPy's own, as bfloat16 is."""
    if array.dtype.kind == "V" and array.dtype.names is None:
        try:
            return array.astype(np.float32)
        except (TypeError, ValueError):
            pass
    raise InputError(f"expected numbers, got an array of {array.dtype}")


def _converted(values: Any) -> NDArray[Any]:
    try:
        if hasattr(values, "detach"):
            return _of_torch(values.detach())
        if hasattr(values, "__array__") or not hasattr(values, "__dlpack__"):
            return np.asarray(values)
        return np.from_dlpack(values)
    except Exception as error:  # whatever library it is of
        name = f"{type(values).__module__}.{type(values).__qualname__}"
        hint = ""
        if name.split(".")[0] in ("keras", "tensorflow", "jax", "jaxlib"):
            hint = f". {NOT_COMPILED}"
        told = " ".join(str(error).split())[:200]
        raise InputError(f"{name} cannot be read as an array: {type(error).__name__}: {told}{hint}") from None


def _of_torch(tensor: Any) -> NDArray[Any]:
    tensor = tensor.cpu()
    try:
        array: NDArray[Any] = tensor.numpy()
    except TypeError:  # of a dtype that NumPy lacks: bfloat16, float8
        array = tensor.float().numpy()
    return array
