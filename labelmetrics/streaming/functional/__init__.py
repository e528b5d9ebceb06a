"""Pure functions of labels and predictions, one value for each sample; each is what a mean metric averages."""

from __future__ import annotations

__all__: list[str] = []
