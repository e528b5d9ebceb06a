"""What a metric remembers: numbers and arrays that can be added to, merged and set back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

from labelmetrics.errors import SettingError, SettingMismatchError
from labelmetrics.kernels import compensated
from labelmetrics.streaming import clock
from labelmetrics.streaming.arrays import as_array

__all__ = ["Parts", "Reduce", "State", "make_state"]

Reduce = str | Callable[[Any], Any]
Parts = dict[str, NDArray[Any]]
"""A state as plain arrays: its value under ``""``, and what else it needs under ``"low"`` and ``"writes"``."""

NEVER = (0, 0)
"""Epochs of the first and the last change, where there was no recorder."""

REDUCTIONS = ("sum", "mean", "max", "min", "cat")


def _plain(value: Any) -> Any:
    """A number of Python where there is one number, else an array of int64 or float64 that is nobody else's."""
    array = as_array(value)
    if array.ndim == 0:
        return float(array) if array.dtype.kind == "f" else int(array)
    return array.astype(np.float64 if array.dtype.kind == "f" else np.int64)


class State(NDArrayOperatorsMixin):
    """One state of a metric.

    Counts are kept as int64, and as float64 once something that is no integer is added. Sums of floats are compensated,
    so that merging them in another order gives the same to one unit in the last place.

    Parameters
    ----------
    name : str
        Its name, unique in its metric.
    default : float, array-like or None
        What it is at first and after a reset. With ``None`` it takes the shape of what is added first.
    reduce : {"sum", "mean", "max", "min"} or callable
        How states of several workers become one; a callable takes them stacked along a new first axis.

    Examples
    --------
    >>> import numpy as np
    >>> count = State("count", 0)
    >>> count += 2
    >>> count.assign_add(1)
    >>> count.value, count / 2
    (np.int64(3), np.float64(1.5))
    """

    __slots__ = ("_low", "_value", "default", "epochs", "name", "reduce", "writes")

    def __init__(self, name: str, default: Any = 0, reduce: Reduce = "sum") -> None:
        self.name = name
        self.reduce = reduce
        self.default = None if default is None else _plain(default)
        self.reset()

    def reset(self) -> None:
        """Be as new."""
        default = self.default
        self._value: Any = default.copy() if isinstance(default, np.ndarray) else default
        self._low: Any = 0.0
        self.writes = 0
        self.epochs = NEVER

    # ------------------------------------------------------------------------------------------------------ reading

    @property
    def value(self) -> Any:
        """What it holds: a scalar or an array of NumPy; 0 before anything is added to one without a default."""
        value = self._value
        if isinstance(value, np.ndarray):
            return value
        return np.float64(value) if isinstance(value, float) else np.int64(0 if value is None else value)

    @property
    def is_built(self) -> bool:
        """Whether its shape is known."""
        return self._value is not None

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return np.shape(self.value)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Its dtype: int64 or float64."""
        found: np.dtype[Any] = self.value.dtype
        return found

    @property
    def ndim(self) -> int:
        """Number of its dimensions."""
        return len(self.shape)

    def numpy(self) -> Any:
        """A copy of its value."""
        return self.value.copy()

    def item(self) -> Any:
        """Its value as a number of Python."""
        return self.value.item()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.value, dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        plain = [one.value if isinstance(one, State) else one for one in inputs]
        return getattr(ufunc, method)(*plain, **kwargs)

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, key: Any) -> Any:
        return self.value[key]

    def __repr__(self) -> str:
        return f"<State {self.name}={self.value!r}>"

    # ------------------------------------------------------------------------------------------------------ writing

    def _wrote(self) -> None:
        """Count a change, and know in which epochs of a recorder there were some."""
        self.writes += 1
        if clock.epoch and self.epochs[1] != clock.epoch:
            self.epochs = self.epochs[0] or clock.epoch, clock.epoch

    def add(self, amount: Any) -> None:
        """Add a number of Python, or an array of int64 or float64 that nobody else will change."""
        self._wrote()
        value = self._value
        if value is None:
            self._value = amount
        elif type(amount) is int and type(value) is int:
            self._value = value + amount
        elif isinstance(amount, np.ndarray) and isinstance(value, np.ndarray):
            if amount.shape != value.shape:
                raise SettingMismatchError(
                    f"state {self.name!r} has the shape {value.shape}, what is added {amount.shape}"
                )
            if amount.dtype.kind != "f" and value.dtype.kind != "f":
                value += amount
            else:
                self._add_floats(amount, 0.0)
        else:
            self._add_floats(amount, 0.0)

    def _add_floats(self, amount: Any, low: Any) -> None:
        value = self._value
        if isinstance(value, np.ndarray) or isinstance(amount, np.ndarray):
            high, more = np.asarray(value, np.float64), np.asarray(amount, np.float64)
            with np.errstate(invalid="ignore"):
                total, left = compensated.add(high, self._low, more, low)
                wrong = np.isnan(left)  # something infinite or NaN took part
                self._value, self._low = np.where(wrong, high + more, total), np.where(wrong, 0.0, left)
            return
        total, left = compensated.add(float(value), self._low, float(amount), low)
        if left != left:
            total, left = value + amount, 0.0
        self._value, self._low = total, left

    def assign(self, value: Any) -> None:
        """Hold ``value``."""
        plain = _plain(value)
        if self._value is not None and np.shape(plain) != np.shape(self._value):
            if np.ndim(plain):
                raise SettingMismatchError(
                    f"state {self.name!r} has the shape {np.shape(self._value)}, what is assigned {np.shape(plain)}"
                )
            plain = np.full_like(self._value, plain, dtype=np.float64 if isinstance(plain, float) else np.int64)
        self._value, self._low = plain, 0.0
        self._wrote()

    def assign_add(self, amount: Any) -> None:
        """Add ``amount``, which may be anything that is like an array."""
        plain = _plain(amount)
        if self._value is not None and np.ndim(plain) < np.ndim(self._value):
            plain = np.broadcast_to(plain, np.shape(self._value)).copy()
        self.add(plain)

    def assign_sub(self, amount: Any) -> None:
        """Subtract ``amount``."""
        self.assign_add(-np.asarray(amount))

    def __iadd__(self, amount: Any) -> State:  # type: ignore[misc, override, unused-ignore]
        self.assign_add(amount)
        return self

    def __isub__(self, amount: Any) -> State:  # type: ignore[misc, override, unused-ignore]
        self.assign_sub(amount)
        return self

    # ------------------------------------------------------------------------------------------------------ merging

    def parts(self) -> Parts:
        """Everything it holds as plain arrays; nothing before its shape is known."""
        if self._value is None:
            return {}
        found = {"": np.array(self._value)}
        if np.any(self._low):
            found["low"] = np.array(self._low)
        if self.reduce == "mean" or callable(self.reduce):
            found["writes"] = np.array(self.writes)
        return found

    def load(self, parts: Mapping[str, Any]) -> None:
        """Become what :meth:`parts` gave."""
        self.reset()
        if "" not in parts:
            return
        plain = _plain(parts[""])
        if self._value is not None and np.shape(plain) != np.shape(self._value):
            raise SettingMismatchError(
                f"state {self.name!r} has the shape {np.shape(self._value)}, what is loaded {np.shape(plain)}"
            )
        self._value = plain
        self._low = _plain(parts.get("low", 0.0))
        self.writes = int(parts.get("writes", 1))

    def merge(self, others: Iterable[Parts]) -> None:
        """Take in the states of other workers."""
        found = [parts for parts in others if "" in parts]
        shapes = {np.shape(parts[""]) for parts in found}
        if self._value is not None:
            shapes.add(np.shape(self._value))
        if len(shapes) > 1:
            raise SettingMismatchError(
                f"state {self.name!r} has unlike shapes: {', '.join(map(str, sorted(shapes)))}; are the metrics alike?"
            )
        if self.reduce == "sum":
            for parts in found:
                self._merge_sum(parts)
        elif found:
            self._merge_stacked(found)

    def _merge_sum(self, parts: Parts) -> None:
        amount, low = _plain(parts[""]), _plain(parts.get("low", 0.0))
        if self.default is not None and np.any(self.default):
            amount = amount - self.default  # which is in both
        if self._value is None or (isinstance(amount, np.ndarray) and amount.dtype.kind != "f") or type(amount) is int:
            self.add(amount)
            if np.any(low):
                self._low = low
        else:
            self.writes += 1
            self._add_floats(amount, low)

    def _merge_stacked(self, others: list[Parts]) -> None:
        """Means weigh by how often they were written; other functions see only states that were."""
        own = self.parts()
        written = [own] if own and (self.writes or self.reduce in ("max", "min")) else []
        written += [parts for parts in others if int(parts.get("writes", 1))]
        if not written:
            return
        stacked = np.stack([parts[""] for parts in written])
        writes = np.array([int(parts.get("writes", 1)) for parts in written])
        if self.reduce == "mean":
            merged = np.average(stacked, axis=0, weights=writes)
        elif callable(self.reduce):
            merged = stacked[0] if len(stacked) == 1 else self.reduce(stacked)
        else:
            merged = stacked.max(axis=0) if self.reduce == "max" else stacked.min(axis=0)
        self._value, self.writes = _plain(merged), int(writes.sum())


class CatState(State):
    """A list of arrays, which are concatenated where they are read and merged."""

    __slots__ = ()

    def reset(self) -> None:
        self._value = []
        self._low = 0.0
        self.writes = 0
        self.epochs = NEVER

    @property
    def value(self) -> Any:
        if len(self._value) > 1:
            self._value = [np.concatenate(self._value)]
        return self._value[0] if self._value else np.empty(0)

    def append(self, amount: Any) -> None:
        """Add an array at the end."""
        self._value.append(np.atleast_1d(np.array(as_array(amount))))
        self._wrote()

    add = assign_add = append

    def assign(self, value: Any) -> None:
        self.reset()
        for one in value if isinstance(value, list | tuple) else [value]:
            self.append(one)

    def parts(self) -> Parts:
        return {"": np.array(self.value)} if self._value else {}

    def load(self, parts: Mapping[str, Any]) -> None:
        self.reset()
        if "" in parts:
            self.append(parts[""])

    def merge(self, others: Iterable[Parts]) -> None:
        for parts in others:
            if "" in parts:
                self.append(parts[""])


def make_state(name: str, default: Any, reduce: Reduce) -> State:
    """A state of the kind that ``reduce`` needs."""
    if not callable(reduce) and reduce not in REDUCTIONS:
        raise SettingError(f"reduce must be one of {', '.join(REDUCTIONS)} or callable, got {reduce!r}")
    if reduce == "cat" or (isinstance(default, list) and not default):
        return CatState(name, None, "cat")
    if isinstance(default, float) and math.isnan(default):
        raise SettingError(f"the default of state {name!r} is NaN")
    return State(name, default, reduce)
