"""The platform's limits, as one frozen value, and the limit of coordinates.

Sources: the platform's documentation of custom metrics (scalar values from 0 to 100,000, 20 metrics a data row) and
its Python SDK 7.17 (2 to 15 confidence keys, counts up to 1e10, the reserved names). Where the two disagree the
narrower scalar range of the documentation and the counts of the SDK are the defaults.
"""

from __future__ import annotations

from dataclasses import dataclass

from labelmetrics.errors import SettingError

__all__ = ["FARTHEST", "RESERVED_METRIC_NAMES", "Limits"]

FARTHEST = 1e12
"""Greatest coordinate, either way: far beyond any image, and far within what areas can be computed of."""

RESERVED_METRIC_NAMES = frozenset(
    {
        "true_positive_count",
        "false_positive_count",
        "true_negative_count",
        "false_negative_count",
        "precision",
        "recall",
        "f1",
        "iou",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the platform accepts; validation applies it, constructors of metrics do not.

    Parameters
    ----------
    metrics_per_data_row : int
        Distinct metric keys of one data row.
    scalar_max : float
        Greatest value of a scalar metric.
    count_max : int
        Greatest count in a confusion matrix.
    confidence_keys : tuple of int
        Fewest and most confidence keys of one metric.
    data_rows_per_run : int
        Data rows of one model run.
    reserved_names : frozenset of str
        Metric names (lower case) that the platform computes itself.

    Raises
    ------
    SettingError
        A limit that nothing can keep.

    Examples
    --------
    >>> Limits().metrics_per_data_row
    20
    >>> Limits(metrics_per_data_row=5).scalar_max
    100000.0
    """

    metrics_per_data_row: int = 20
    scalar_max: float = 100_000.0
    count_max: int = 10**10
    confidence_keys: tuple[int, int] = (2, 15)
    data_rows_per_run: int = 1_000_000
    reserved_names: frozenset[str] = RESERVED_METRIC_NAMES

    def __post_init__(self) -> None:
        for name, least in (("metrics_per_data_row", 1), ("scalar_max", 0), ("count_max", 0), ("data_rows_per_run", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= least:
                raise SettingError(f"the limit {name} must be a number of at least {least}, got {value!r}")
        match self.confidence_keys:
            case (int(fewest), int(most)) if 1 <= fewest <= most:
                return
        raise SettingError(
            "the limit confidence_keys must be the fewest and the most, at least 1 and in this order, got "
            f"{self.confidence_keys!r}"
        )
