from __future__ import annotations

import json
import math
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from labelmetrics.limits import RESERVED_METRIC_NAMES
from labelmetrics.types import (
    ConfusionMatrixAggregation,
    ConfusionMatrixMetric,
    DataRow,
    ScalarMetric,
    ScalarMetricAggregation,
)
from labelmetrics.types.metric import key_digest, metric_uuid

SCALARS = st.floats(allow_nan=False, allow_infinity=False)
COUNTS = st.lists(st.integers(0, 10**12), min_size=4, max_size=4)
NAMES = st.text(min_size=1, max_size=8)


def keyed(values):
    return st.dictionaries(st.floats(0, 1), values, min_size=1, max_size=20)


METRICS = st.one_of(
    st.builds(
        ScalarMetric,
        metric_name=st.none() | NAMES.map("m{}".format),
        value=SCALARS | keyed(SCALARS),
        feature_name=NAMES,
        subclass_name=st.none() | NAMES,
        aggregation=st.sampled_from(ScalarMetricAggregation),
    ),
    st.builds(ConfusionMatrixMetric, metric_name=NAMES.map("m{}".format), value=COUNTS | keyed(COUNTS)),
)


@given(METRICS)
def test_to_the_wire_and_back(metric):
    line = json.loads(json.dumps(metric.to_line()))
    assert type(metric).model_validate(line) == metric
    assert type(metric).model_validate(metric.model_dump()) == metric
    assert type(metric).model_validate_json(metric.model_dump_json()) == metric


def test_keys_are_sorted_numbers():
    metric = ScalarMetric(metric_name="m", value={"0.7": 1, "1e-1": 2, 0: 3})
    assert list(metric.value.items()) == [(0.0, 3.0), (0.1, 2.0), (0.7, 1.0)]
    assert metric.to_line()["metricValue"] == {"0.0": 3.0, "0.1": 2.0, "0.7": 1.0}


@pytest.mark.parametrize(
    "key",
    [
        "x",
        "",
        " 0.1",
        "0.1 ",
        "+0.1",
        ".1",
        "1.",
        "01",
        "0_1",
        "٠",
        "nan",
        "Infinity",
        "1.5",
        "-0.1",
        2,
        -1,
        math.nan,
        True,
    ],
)
def test_bad_keys(key):
    with pytest.raises(ValidationError):
        ScalarMetric(metric_name="m", value={key: 1})


def test_keys_that_are_the_same_number():
    with pytest.raises(ValidationError, match="the same number"):
        ScalarMetric(metric_name="m", value={"0.1": 1, "0.10": 1})


@pytest.mark.parametrize("value", ["1", True, None, math.nan, math.inf, [1], [1, 2, 3, 4], {}, {0.1: "1"}, 10**400])
def test_bad_scalars(value):
    with pytest.raises(ValidationError):
        ScalarMetric(metric_name="m", value=value)


@pytest.mark.parametrize(
    "value",
    [
        1,
        [1, 2, 3],
        [1, 2, 3, 4, 5],
        [1, 2, 3, -1],
        [1, 2, 3, 0.5],
        [1, 2, 3, "4"],
        [1, 2, 3, True],
        "1234",
        {},
        {0.1: 3},
        {0.1: [1, 2, 3]},
    ],
)
def test_bad_matrices(value):
    with pytest.raises(ValidationError):
        ConfusionMatrixMetric(metric_name="m", value=value)


def test_arrays_and_numpy_scalars_are_fine():
    matrix = ConfusionMatrixMetric(metric_name="m", value=np.array([1, 0, 1, 0]))
    assert matrix.value == (1, 0, 1, 0)
    assert all(type(count) is int for count in matrix.value)
    assert ConfusionMatrixMetric(metric_name="m", value=[1.0, np.int64(2), 3, np.float64(4)]).value == (1, 2, 3, 4)
    assert ScalarMetric(metric_name="m", value=np.float32(0.5)).value == 0.5


def test_limits_are_not_the_constructors_business():
    assert ScalarMetric(metric_name="m", value=1e9).value == 1e9
    assert len(ScalarMetric(metric_name="m", value={i / 100: 1 for i in range(50)}).value) == 50
    assert ConfusionMatrixMetric(metric_name="m", value=[10**12, 0, 0, 0]).value[0] == 10**12


@pytest.mark.parametrize("name", sorted(RESERVED_METRIC_NAMES))
def test_reserved_names(name):
    for spelled in (name, name.upper(), f" {name} "):
        with pytest.raises(ValidationError, match=f"{name}_custom"):
            ScalarMetric(metric_name=spelled, value=1)
        with pytest.raises(ValidationError, match=f"{name}_custom"):
            ConfusionMatrixMetric(metric_name=spelled, value=[1, 2, 3, 4])
    assert ScalarMetric(metric_name=f"{name}_custom", value=1)


def test_subclass_needs_feature():
    with pytest.raises(ValidationError, match="needs featureName"):
        ScalarMetric(metric_name="m", value=1, subclass_name="s")
    metric = ScalarMetric(metric_name="m", value=1, feature_name="f", subclass_name="s")
    with pytest.raises(ValidationError):
        metric.feature_name = None
    assert metric.feature_name == "f"


def test_the_name_of_a_scalar_may_be_missing():
    line = ScalarMetric(value=0.1).to_line()
    assert "metricName" not in line
    assert ScalarMetric.model_validate(line).metric_name is None
    with pytest.raises(ValidationError, match="metricName"):
        ConfusionMatrixMetric(value=[1, 2, 3, 4])


def test_aggregations():
    assert ScalarMetric(value=1, aggregation=None).aggregation is ScalarMetricAggregation.ARITHMETIC_MEAN
    assert ScalarMetric(value=1, aggregation="SUM").to_line()["aggregation"] == "SUM"
    matrix = ConfusionMatrixMetric(metric_name="m", value=[1, 2, 3, 4], aggregation=None)
    assert matrix.aggregation is ConfusionMatrixAggregation.CONFUSION_MATRIX
    with pytest.raises(ValidationError):
        ScalarMetric(value=1, aggregation="CONFUSION_MATRIX")


def test_assignment():
    metric = ScalarMetric(metric_name="m", value=1)
    metric.value = {0.5: 1, 0.1: 2}
    assert list(metric.value) == [0.1, 0.5]
    with pytest.raises(ValidationError):
        metric.value = "1"
    with pytest.raises(ValidationError):
        metric.metric_name = "iou"
    with pytest.raises(ValueError):
        metric.nonsense = 1


def test_where_a_metric_belongs():
    metric = ScalarMetric(metric_name="m", value=1, data_row=("globalKey", "k"), extra={"uuid": "u"})
    assert metric.data_row.key == ("globalKey", "k")
    assert metric.to_line() | {"metricValue": 0} == {
        "dataRow": {"globalKey": "k"},
        "uuid": "u",
        "metricName": "m",
        "metricValue": 0,
        "aggregation": "ARITHMETIC_MEAN",
    }
    for bad in ({}, {"id": "a", "globalKey": "b"}, {"id": 3}, ("name", "a"), "a"):
        with pytest.raises(ValidationError):
            ScalarMetric(value=1, data_row=bad)
    assert DataRow(id="a").key == ("id", "a")


def test_uuids_may_be_objects():
    uuid = UUID(int=7)
    assert ScalarMetric(value=1, uuid=uuid).uuid == str(uuid)
    assert ScalarMetric(value=1, extra={"uuid": uuid}).uuid == str(uuid)
    assert ScalarMetric(value=1, uuid="a", extra={"uuid": "b"}).uuid == "a"


def test_uuid_follows_from_the_key():
    row = ("id", "r1")
    keys = [
        (row, "m"), (("globalKey", "r1"), "m"), (row, "m2"), (row, "m", "f"), (row, "m", "g"), (row, "m", "f", "s"),
        (row, "m", "s", "f"), (row, None), (row, "f", "m"), (row, ""), (row, "m", ""),
    ]  # fmt: skip
    found = [metric_uuid(*key) for key in keys]
    assert len(set(found)) == len(keys)
    assert found == [metric_uuid(*key) for key in keys]
    assert all((UUID(one).version, UUID(one).variant) == (8, "specified in RFC 4122") for one in found)
    assert key_digest("metric", "\ud800")
