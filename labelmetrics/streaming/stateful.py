"""What an object with states can do with them: make, save, load and merge them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np

from labelmetrics.errors import SettingError, SettingMismatchError
from labelmetrics.streaming.state import Parts, Reduce, State, make_state
from labelmetrics.streaming.synchronisation import StateDict
from labelmetrics.words import near

__all__ = ["Stateful"]

PARTS = ("", "low", "writes")


class Stateful:
    """Base of metrics: states by name, each of which may be an attribute."""

    _states: dict[str, State]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls)
        # Set past __setattr__, and here, so that a subclass may make states before it calls super().__init__().
        vars(self)["_states"] = {}
        return self

    def add_state(
        self,
        name: str,
        default: Any = 0,
        reduce: Reduce = "sum",
        *,
        dist_reduce_fx: Reduce | None = None,
        persistent: bool = True,
    ) -> State:
        """Make a state, which is then an attribute of this name.

        Parameters
        ----------
        name : str
            Name of the state and of the attribute.
        default : float, array-like, None or empty list
            What it is at first. ``None`` takes the shape of what is added first; an empty list holds arrays that are
            concatenated.
        reduce : {"sum", "mean", "max", "min", "cat"} or callable
            How states of several workers become one. A mean weighs by how often each was written. A callable takes them
            stacked along a new first axis; it sees only states that were written.
        dist_reduce_fx
            The name that TorchMetrics has for ``reduce``.
        persistent
            Not used; every state is part of ``state_dict``.

        Returns
        -------
        State

        Raises
        ------
        SettingError
            The name is taken, or there is no such reduction.
        """
        if name in self._states or (hasattr(type(self), name)):
            raise SettingError(f"{type(self).__name__} has a {name!r} already")
        state = self._states[name] = make_state(name, default, dist_reduce_fx or reduce)
        vars(self)[name] = state
        return state

    def add_variable(
        self,
        shape: Any = (),
        initializer: Any = None,
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> State:
        """Make a state as in Keras, and return it.

        Parameters
        ----------
        shape : tuple of int
            Shape of the state.
        initializer : {"zeros", "ones"} or callable, optional
            What it holds at first; a callable is given shape and dtype.
        dtype : optional
            Integers make a state of int64, everything else one of float64.
        aggregation : {"sum", "mean"}
            How states of several workers become one.
        name : str, optional
            Name of the state.

        Raises
        ------
        SettingError
            The name is taken, or there is no such initializer.
        """
        base = name or "variable"
        name = base if base not in self._states else f"{base}_{len(self._states)}"
        is_whole = dtype is not None and str(dtype).lstrip("u").startswith(("int", "bool"))
        default = _initial(initializer, shape, np.dtype(np.int64 if is_whole else np.float64))
        state = self._states[name] = make_state(name, default, aggregation if aggregation == "mean" else "sum")
        return state

    def add_weight(self, shape: Any = (), initializer: Any = None, dtype: Any = None, name: str | None = None) -> State:
        """Make a state as in Keras; parameters as in :meth:`add_variable`."""
        return self.add_variable(shape, initializer, dtype, name=name)

    def __setattr__(self, name: str, value: Any) -> None:
        current = vars(self).get(name)
        if isinstance(current, State) and not isinstance(value, State):
            current.assign(value)
        else:
            super().__setattr__(name, value)

    def _named_states(self) -> Iterator[tuple[str, State]]:
        """States by name, also those of metrics that are attributes."""
        yield from self._states.items()
        for attribute, value in vars(self).items():
            if isinstance(value, Stateful):
                for name, state in value._named_states():
                    yield f"{attribute}.{name}", state

    @property
    def variables(self) -> list[State]:
        """All states, in the order in which they were made."""
        return [state for _, state in self._named_states()]

    def state_dict(self) -> StateDict:
        """All states as plain arrays, by name; ``NAME.low`` is what rounding left over of a compensated sum."""
        return {
            f"{name}.{part}" if part else name: array
            for name, state in self._named_states()
            for part, array in state.parts().items()
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Become what :meth:`state_dict` gave.

        Parameters
        ----------
        state_dict : mapping of str to array-like
            What it gave, also after a way through files.

        Raises
        ------
        SettingMismatchError
            It is of another metric.
        """
        parts = self._parts(state_dict)
        for name, state in self._named_states():
            state.load(parts[name])

    def _parts(self, state_dict: Mapping[str, Any]) -> dict[str, Parts]:
        found: dict[str, Parts] = {}
        left = set(state_dict)
        for name, state in self._named_states():
            keys = {part: f"{name}.{part}" if part else name for part in PARTS}
            found[name] = {part: np.asarray(state_dict[key]) for part, key in keys.items() if key in left}
            if not found[name] and state.default is not None:
                raise SettingMismatchError(f"no state {name!r} of {type(self).__name__} among {sorted(state_dict)}")
            left -= set(keys.values())
        if left:
            known = [name for name, _ in self._named_states()]
            raise SettingMismatchError(
                f"{type(self).__name__} has no state {min(left)!r}{near(min(left), known)}; it has {', '.join(known)}"
            )
        return found

    def _merge(self, parts: Sequence[Mapping[str, Parts]]) -> None:
        named = dict(self._named_states())
        before = {name: state.parts() for name, state in named.items()}
        try:
            for name, state in named.items():
                state.merge([one[name] for one in parts])
        except SettingMismatchError:
            for name, state in named.items():
                state.load(before[name])
            raise


def _initial(initializer: Any, shape: Any, dtype: np.dtype[Any]) -> Any:
    if initializer is None or initializer == "zeros":
        return np.zeros(shape, dtype)
    if initializer == "ones":
        return np.ones(shape, dtype)
    if callable(initializer):
        made = initializer() if isinstance(initializer, type) else initializer
        return np.asarray(made(shape, dtype=dtype.name)).astype(dtype)
    raise SettingError(f"initializer must be zeros, ones or callable, got {initializer!r}")
