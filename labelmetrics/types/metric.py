"""Metric annotations: numbers about one data row, a feature of it, or a subclass of a feature."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from functools import reduce
from hashlib import blake2b
from operator import xor
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, AliasChoices, Field, WrapValidator, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ValidatorFunctionWrapHandler

from labelmetrics.limits import RESERVED_METRIC_NAMES
from labelmetrics.types.base import Annotation, ConfidenceKey, Count, Finite, Name, either

__all__ = [
    "ConfusionMatrixAggregation",
    "ConfusionMatrixMetric",
    "ConfusionMatrixMetricConfidenceValue",
    "ConfusionMatrixMetricValue",
    "ScalarMetric",
    "ScalarMetricAggregation",
    "ScalarMetricConfidenceValue",
    "ScalarMetricValue",
    "key_digest",
    "key_digests",
    "metric_uuid",
]


def _distinct(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    keyed = handler(value)
    if len(keyed) != len(value):
        raise PydanticCustomError("confidence_key", "two confidence keys are the same number")
    if not keyed:
        raise PydanticCustomError("confidence_key", "expected at least one confidence key")
    return dict(sorted(keyed.items()))


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


ScalarMetricValue = Finite
ScalarMetricConfidenceValue = Annotated[dict[ConfidenceKey, ScalarMetricValue], WrapValidator(_distinct)]


def _matrix(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    value = _plain(value)
    if not isinstance(value, list | tuple) or len(value) != 4:
        raise PydanticCustomError("counts", "expected four counts: true and false positives, true and false negatives")
    return handler(tuple(value))


ConfusionMatrixMetricValue = Annotated[tuple[Count, Count, Count, Count], WrapValidator(_matrix)]
ConfusionMatrixMetricConfidenceValue = Annotated[
    dict[ConfidenceKey, ConfusionMatrixMetricValue], WrapValidator(_distinct)
]


class ScalarMetricAggregation(Enum):
    """How the values of children become the value of their parent.

    Examples
    --------
    >>> ScalarMetric(metric_name="objects", value=3, aggregation=ScalarMetricAggregation.SUM).to_line()["aggregation"]
    'SUM'
    """

    ARITHMETIC_MEAN = "ARITHMETIC_MEAN"
    GEOMETRIC_MEAN = "GEOMETRIC_MEAN"
    HARMONIC_MEAN = "HARMONIC_MEAN"
    SUM = "SUM"


class ConfusionMatrixAggregation(Enum):
    """How the counts of children become the counts of their parent: they are added.

    Examples
    --------
    >>> [one.value for one in ConfusionMatrixAggregation]
    ['CONFUSION_MATRIX']
    """

    CONFUSION_MATRIX = "CONFUSION_MATRIX"


def _not_reserved(name: str) -> str:
    plain = name.lower().strip()
    if plain in RESERVED_METRIC_NAMES:
        raise PydanticCustomError(
            "reserved_name",
            "the platform computes {name} itself; call yours {custom}",
            {"name": plain, "custom": f"{plain}_custom"},
        )
    return name


MetricName = Annotated[Name, AfterValidator(_not_reserved)]


class _Metric(Annotation):
    metric_name: MetricName | None = None
    feature_name: Name | None = None
    subclass_name: Name | None = None

    @model_validator(mode="after")
    def _subclass_has_feature(self) -> Self:
        if self.subclass_name is not None and self.feature_name is None:
            raise PydanticCustomError("subclass", "subclassName needs featureName")
        return self

    def _to_wire(self, fields: dict[str, Any]) -> dict[str, Any]:
        fields = super()._to_wire(fields)
        aggregation = fields["aggregation"]
        value = fields["metricValue"]
        return fields | {
            "aggregation": aggregation.value if isinstance(aggregation, Enum) else aggregation,
            "metricValue": {repr(float(key)): _listed(one) for key, one in value.items()}
            if isinstance(value, dict)
            else _listed(value),
        }


class ScalarMetric(_Metric):
    """One number, or one number for each confidence key.

    Parameters
    ----------
    metric_name : str, optional
        Name of the metric. Names that the platform computes itself (``iou``, ``precision``, ...) are refused.
    value : float or dict of float to float
        The number, or numbers by confidence key (from 0 to 1; kept in rising order).
    feature_name : str, optional
        The feature it is about; without it, the whole data row.
    subclass_name : str, optional
        The nested answer it is about.
    aggregation : ScalarMetricAggregation, optional
        How it is rolled up; the arithmetic mean unless told.
    data_row, uuid, extra : optional
        As in every annotation.

    Examples
    --------
    >>> ScalarMetric(metric_name="iou_custom", value=0.5, feature_name="cat").to_line()
    {'metricName': 'iou_custom', 'featureName': 'cat', 'metricValue': 0.5, 'aggregation': 'ARITHMETIC_MEAN'}
    >>> ScalarMetric(metric_name="iou_custom", value={0.3: 0.7, 0.1: 0.2}).value
    {0.1: 0.2, 0.3: 0.7}
    """

    value: Annotated[
        ScalarMetricValue | ScalarMetricConfidenceValue,
        either(lambda value: ScalarMetricConfidenceValue if isinstance(value, Mapping) else ScalarMetricValue),
    ] = Field(validation_alias=AliasChoices("metricValue"), serialization_alias="metricValue")
    aggregation: ScalarMetricAggregation = ScalarMetricAggregation.ARITHMETIC_MEAN

    @field_validator("aggregation", mode="before")
    @classmethod
    def _default_aggregation(cls, value: Any) -> Any:
        return ScalarMetricAggregation.ARITHMETIC_MEAN if value is None else value


class ConfusionMatrixMetric(_Metric):
    """Counts of true positives, false positives, true negatives and false negatives, or such counts by confidence key.

    Parameters
    ----------
    metric_name : str
        Name of the metric.
    value : tuple of int or dict of float to tuple of int
        The four counts, or counts by confidence key (from 0 to 1; kept in rising order).
    feature_name : str, optional
        The feature it is about; without it, the whole data row.
    subclass_name : str, optional
        The nested answer it is about.
    aggregation : ConfusionMatrixAggregation, optional
        How it is rolled up; there is one way only.
    data_row, uuid, extra : optional
        As in every annotation.

    Examples
    --------
    >>> ConfusionMatrixMetric(metric_name="50pct_iou", value=[1, 0, 1, 0]).value
    (1, 0, 1, 0)
    >>> by_key = {0.1: [1, 1, 0, 0], 0.5: [1, 0, 0, 0]}
    >>> ConfusionMatrixMetric(metric_name="50pct_iou", value=by_key).to_line()["metricValue"]
    {'0.1': [1, 1, 0, 0], '0.5': [1, 0, 0, 0]}
    """

    metric_name: MetricName
    value: Annotated[
        ConfusionMatrixMetricValue | ConfusionMatrixMetricConfidenceValue,
        either(
            lambda value: (
                ConfusionMatrixMetricConfidenceValue if isinstance(value, Mapping) else ConfusionMatrixMetricValue
            )
        ),
    ] = Field(validation_alias=AliasChoices("metricValue"), serialization_alias="metricValue")
    aggregation: ConfusionMatrixAggregation = ConfusionMatrixAggregation.CONFUSION_MATRIX

    @field_validator("aggregation", mode="before")
    @classmethod
    def _default_aggregation(cls, value: Any) -> Any:
        return ConfusionMatrixAggregation.CONFUSION_MATRIX if value is None else value


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def key_digest(part: str, text: str | None) -> bytes:
    """Digest, 16 bytes, of one part of a metric key (``"data_row"``, ``"metric"``, ``"feature"``, ``"subclass"``).

    Examples
    --------
    >>> key_digest("feature", None) == bytes(16)
    True
    >>> key_digest("feature", "cat") == key_digest("metric", "cat")
    False
    """
    return bytes(16) if text is None else key_digests(part, [text])


def key_digests(part: str, texts: Iterable[str]) -> bytes:
    """Digests of several texts, one behind the other; see :func:`key_digest`."""
    person = part.encode()
    return b"".join(
        [blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, person=person).digest() for text in texts]
    )


def metric_uuid(
    data_row: tuple[str, str],
    metric_name: str | None,
    feature_name: str | None = None,
    subclass_name: str | None = None,
) -> str:
    """The uuid of a metric's line when none was given: the same key always has the same.

    It is the exclusive or of one digest per part of the key, so it can be made in columns from one digest per
    distinct part; version and variant are those of a UUIDv8.

    Parameters
    ----------
    data_row : tuple of str
        Kind (``"id"`` or ``"globalKey"``) and value.
    metric_name, feature_name, subclass_name : str or None
        The rest of the metric key.

    Examples
    --------
    >>> metric_uuid(("id", "cktiom8osh4210ytmevuk7lfh"), "custom_iou", "cat")
    '584b9d91-2eeb-8640-a278-a229c1d46352'
    """
    parts = {"data_row": ":".join(data_row), "metric": metric_name, "feature": feature_name, "subclass": subclass_name}
    mixed = reduce(xor, (int.from_bytes(key_digest(part, text)) for part, text in parts.items()))
    mixed &= ~(0xF << 76) & ~(0x3 << 62)
    return str(UUID(int=mixed | 0x8 << 76 | 0x2 << 62))
