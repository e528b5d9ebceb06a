"""Results as metric annotations."""

from __future__ import annotations

import numpy as np
import pytest

from labelmetrics import streaming
from labelmetrics.errors import InputError, LabelmetricsWarning, SettingError
from labelmetrics.types import ConfusionMatrixMetric, ScalarMetric

TRUTH, GUESS = [0, 0, 1, 1, 1], [0.1, 0.6, 0.3, 0.7, 0.9]


def test_a_number() -> None:
    metric = streaming.AUC()
    metric.update_state(TRUTH, GUESS)
    made = metric.to_annotation(feature_name="cat", data_row=("id", "r1"))
    wanted = ScalarMetric(metric_name="auc", value=metric.result(), feature_name="cat", data_row=("id", "r1"))
    assert made.to_line() == wanted.to_line()


def test_numbers_by_threshold() -> None:
    metric = streaming.Precision([0.5, 0.25])
    metric.update_state(TRUTH, GUESS)
    with pytest.raises(SettingError, match="computes precision itself; give another metric_name"):
        metric.to_annotation()
    made = metric.to_annotation("precision_custom")
    assert made.value == {0.25: 3 / 4, 0.5: 2 / 3}
    with pytest.raises(InputError, match="computes recall itself"):
        metric.to_annotation("recall")


@pytest.mark.parametrize(
    "metric",
    [streaming.AUC(num_thresholds=11), streaming.TruePositives([0.5, 0.2, 0.8]), streaming.PrecisionAtRecall(0.1, 21)],
)
def test_counts_at_confidences(metric: streaming.Metric) -> None:
    metric.update_state(TRUTH, GUESS)
    made = metric.to_annotation(metric_name="mine", confidences=[0.2, 0.5, 0.8], feature_name="cat")
    assert isinstance(made, ConfusionMatrixMetric)
    wanted = {}
    for key in (0.2, 0.5, 0.8):
        kinds = (streaming.TruePositives, streaming.FalsePositives, streaming.TrueNegatives, streaming.FalseNegatives)
        wanted[key] = tuple(int(kind(key)(TRUTH, GUESS)) for kind in kinds)
    assert made.value == wanted
    with pytest.raises(SettingError, match="is no threshold of"):
        metric.to_annotation("mine", confidences=[0.123])


def test_counts_of_a_class() -> None:
    metric = streaming.ConfusionMatrix(3)
    metric.update_state([0, 1, 1, 2, 2, 2], [0, 1, 2, 2, 2, 1])
    made = metric.to_annotation("label_map", class_id=2, feature_name="car")
    assert made.value == (2, 1, 2, 1)
    with pytest.raises(SettingError, match="class_id must be a class from 0 to 2"):
        metric.to_annotation(class_id=3)
    metric.update_state([0], [0], [0.5])
    with pytest.raises(SettingError, match="weighted by fractions"):
        metric.to_annotation(class_id=0)


def test_what_is_no_annotation() -> None:
    with pytest.raises(SettingError, match="no thresholds"):
        streaming.Mean().to_annotation(confidences=[0.5, 0.6])
    with pytest.raises(SettingError, match="no counts at single thresholds"):
        streaming.AUC(exact=True).to_annotation(confidences=[0.5])
    with pytest.raises(SettingError, match="no number but ndarray"):
        metric = streaming.F1Score()
        metric.update_state([0, 1], np.eye(2))
        metric.to_annotation("mine")
    metric = streaming.AUC()
    metric.update_state([1, 1], [0.2, 0.3])
    with pytest.warns(LabelmetricsWarning, match="labels of one kind"), pytest.raises(InputError, match="finite"):
        metric.to_annotation()
    with pytest.raises(InputError, match="featureName"):
        streaming.Mean().to_annotation(subclass_name="old")
