"""Which epoch it is, counted over all recorders: a metric that was updated in two without a reset is noticed by it."""

from __future__ import annotations

__all__ = ["epoch", "tick"]

epoch = 0
"""0 before there is a recorder."""


def tick() -> None:
    """Begin the next epoch."""
    global epoch
    epoch += 1
