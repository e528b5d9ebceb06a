"""Results as metric annotations of a data row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from labelmetrics.errors import InputError, SettingError
from labelmetrics.limits import RESERVED_METRIC_NAMES

if TYPE_CHECKING:
    from labelmetrics.types import ConfusionMatrixMetric, ScalarMetric

__all__ = ["counts_annotation", "scalar_annotation"]


def scalar_annotation(value: Any, name: str, metric_name: str | None, fields: Mapping[str, Any]) -> ScalarMetric:
    """A scalar metric of a number, or of numbers by confidence key.

    Parameters
    ----------
    value : float or dict of float to float
        The value.
    name : str
        The metric's own name.
    metric_name : str, optional
        The name that the annotation has instead.
    fields : mapping
        Further fields of the annotation.

    Raises
    ------
    SettingError
        The name is reserved and no other was given.
    InputError
        The value is not finite, or a field cannot be what it is.
    """
    from labelmetrics.types import ScalarMetric

    return _made(ScalarMetric, value, _name(name, metric_name), fields)  # type: ignore[no-any-return]


def counts_annotation(
    value: Any, name: str, metric_name: str | None, fields: Mapping[str, Any]
) -> ConfusionMatrixMetric:
    """The same of counts TP, FP, TN and FN, or of such counts by confidence key."""
    from labelmetrics.types import ConfusionMatrixMetric

    plain = {key: _whole(one) for key, one in value.items()} if isinstance(value, dict) else _whole(value)
    return _made(ConfusionMatrixMetric, plain, _name(name, metric_name), fields)  # type: ignore[no-any-return]


def _whole(counts: Any) -> list[int]:
    found = [int(one) for one in counts]
    if found != [float(one) for one in counts]:
        raise SettingError("counts that were weighted by fractions are no counts of an annotation")
    return found


def _name(name: str, metric_name: str | None) -> str:
    if metric_name is None and name.lower() in RESERVED_METRIC_NAMES:
        raise SettingError(f"the platform computes {name} itself; give another metric_name, such as {name}_custom")
    return metric_name or name


def _made(kind: Any, value: Any, metric_name: str, fields: Mapping[str, Any]) -> Any:
    from pydantic import ValidationError

    if isinstance(value, np.generic):
        value = value.item()
    try:
        return kind(metric_name=metric_name, value=value, **fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(one) for one in first["loc"] if not str(one).startswith("function"))
        raise InputError(f"{metric_name} is no metric annotation: {where}: {first['msg']}") from None
