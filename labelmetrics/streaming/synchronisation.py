"""States of the same metric in several processes, gathered for one result."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

__all__ = ["StateDict", "SyncFunction", "gather_with_torch", "torch_is_distributed"]

StateDict = dict[str, NDArray[Any]]
SyncFunction = Callable[[StateDict, Any], Sequence[Mapping[str, Any]]]
"""Given the state of this process and the group, gives the states of all, this one's included, in the same order."""


def torch_is_distributed() -> bool:
    """Whether torch runs in several processes; without loading it."""
    distributed = sys.modules.get("torch.distributed")
    return distributed is not None and distributed.is_available() and distributed.is_initialized()


def gather_with_torch(state: StateDict, group: Any = None) -> list[StateDict]:
    """States of all processes of a group of ``torch.distributed``, by rank.

    Parameters
    ----------
    state : dict of str to ndarray
        State of this process.
    group : torch.distributed.ProcessGroup, optional
        The group; all processes unless given.

    Examples
    --------
    >>> import numpy as np
    >>> gather_with_torch({"total": np.array(1)})  # in one process
    [{'total': array(1)}]
    """
    if not torch_is_distributed():
        return [state]
    distributed = sys.modules["torch.distributed"]
    gathered: list[Any] = [None] * distributed.get_world_size(group)
    distributed.all_gather_object(gathered, state, group=group)
    return gathered
