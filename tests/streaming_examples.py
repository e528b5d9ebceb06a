"""Every metric that is public, with settings and batches that fit it; a new one has to be declared here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from labelmetrics import streaming

Batch = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A metric with settings, and how its batches of ``n`` rows are drawn."""

    name: str
    draw: Callable[[np.random.Generator, int], Batch]
    settings: dict[str, Any] = field(default_factory=dict)
    rows_are_free: bool = True
    """Whether rows may be split into batches as one likes."""
    weight_repeats: bool = True
    """Whether a weight of 2 is the same as a row twice."""

    def make(self, **more: Any) -> Any:
        return getattr(streaming, self.name)(**self.settings, **more)

    def __str__(self) -> str:
        # Functions by their names: where they are in memory is another place in every process.
        settings = {name: getattr(value, "__name__", value) for name, value in self.settings.items()}
        return "-".join([self.name, *(f"{name}={value}" for name, value in settings.items())])


def weight(rng: np.random.Generator, n: int) -> Any:
    return rng.integers(0, 3, n)


def values(rng: np.random.Generator, n: int) -> Batch:
    return {"values": rng.normal(size=n), "sample_weight": rng.random(n)}


def tensor(rng: np.random.Generator, n: int) -> Batch:
    return {"values": rng.normal(size=(2, 3)), "sample_weight": rng.random((2, 3))}


def binary(rng: np.random.Generator, n: int) -> Batch:
    scores = np.where(rng.random(n) < 0.3, rng.integers(0, 5, n) / 4, rng.random(n))
    return {"y_true": rng.integers(0, 2, n), "y_pred": scores, "sample_weight": weight(rng, n)}


def wide(rng: np.random.Generator, n: int) -> Batch:
    return {"y_true": rng.integers(0, 2, (n, 4)), "y_pred": rng.random((n, 4)), "sample_weight": weight(rng, n)}


def one_hot(rng: np.random.Generator, n: int) -> Batch:
    scores = rng.random((n, 4)) * 0.98 + 0.01
    return {"y_true": np.eye(4)[rng.integers(0, 4, n)], "y_pred": scores, "sample_weight": weight(rng, n)}


def sparse(rng: np.random.Generator, n: int) -> Batch:
    return {**one_hot(rng, n), "y_true": rng.integers(0, 4, n)}


def classes(rng: np.random.Generator, n: int) -> Batch:
    truth, guess = rng.integers(0, 4, (2, n))
    return {"y_true": truth, "y_pred": guess, "sample_weight": weight(rng, n)}


def numbers(rng: np.random.Generator, n: int) -> Batch:
    truth, guess = rng.normal(size=(2, n, 3)) * 3
    return {"y_true": truth, "y_pred": guess, "sample_weight": weight(rng, n)}


def positive(rng: np.random.Generator, n: int) -> Batch:
    batch = numbers(rng, n)
    return {**batch, "y_true": np.abs(batch["y_true"]), "y_pred": np.abs(batch["y_pred"])}


def readings(rng: np.random.Generator, n: int) -> Batch:
    return {"values": rng.normal(size=(2, 1)), "sample_weight": rng.random((2, 1))}


def difference(y_true: Any, y_pred: Any) -> Any:
    return np.abs(np.subtract(y_true, y_pred))


CASES = [
    Case("Mean", values),
    Case("Sum", values),
    Case("MeanTensor", tensor, rows_are_free=False),
    Case("MeanTensor", tensor, {"shape": (2, 3)}, rows_are_free=False),
    Case("MeanMetricWrapper", numbers, {"fn": difference}),
    Case("Accuracy", classes),
    Case("BinaryAccuracy", binary, {"threshold": 0.25}),
    Case("CategoricalAccuracy", one_hot),
    Case("SparseCategoricalAccuracy", sparse),
    Case("TopKCategoricalAccuracy", one_hot, {"k": 2}),
    Case("SparseTopKCategoricalAccuracy", sparse, {"k": 2}),
    Case("BinaryCrossentropy", wide, {"label_smoothing": 0.1}),
    Case("BinaryCrossentropy", binary),
    Case("CategoricalCrossentropy", one_hot),
    Case("SparseCategoricalCrossentropy", sparse),
    Case("SparseCategoricalCrossentropy", sparse, {"ignore_class": 2}),
    Case("KLDivergence", one_hot),
    Case("Poisson", positive),
    Case("MeanSquaredError", numbers),
    Case("RootMeanSquaredError", numbers),
    Case("MeanAbsoluteError", numbers),
    Case("MeanAbsolutePercentageError", positive),
    Case("MeanSquaredLogarithmicError", positive),
    Case("LogCoshError", numbers),
    Case("CosineSimilarity", numbers),
    Case("Hinge", wide),
    Case("SquaredHinge", wide),
    Case("CategoricalHinge", one_hot),
    Case("TruePositives", binary),
    Case("TrueNegatives", binary, {"thresholds": [0.75, 0.25]}),
    Case("FalsePositives", binary),
    Case("FalseNegatives", binary, {"thresholds": [0.5]}),
    Case("Precision", binary, {"thresholds": list(np.linspace(0, 1, 20))}),
    Case("Precision", wide, {"top_k": 2, "class_id": 1}),
    Case("Recall", wide, {"class_id": 0}),
    Case("AUC", binary, {"num_thresholds": 10}),
    Case("AUC", binary, {"exact": True}),
    Case("AUC", binary, {"curve": "PR", "thresholds": [0.25, 0.5]}),
    Case("AUC", wide, {"multi_label": True, "label_weights": [1, 2, 3, 4], "summation_method": "minoring"}),
    Case("PrecisionAtRecall", binary, {"recall": 0.5}),
    Case("RecallAtPrecision", binary, {"precision": 0.5, "num_thresholds": 1}),
    Case("SensitivityAtSpecificity", binary, {"specificity": 0.5}),
    Case("SpecificityAtSensitivity", wide, {"sensitivity": 0.5, "class_id": 2}),
    Case("ConfusionMatrix", classes, {"num_classes": 4}),
    Case("ConfusionMatrix", classes, {"num_classes": 3, "on_invalid": "ignore", "normalize": "true"}),
    Case("IoU", classes, {"num_classes": 4, "target_class_ids": [1, 3]}),
    Case("BinaryIoU", binary, {"threshold": 0.25}),
    Case("MeanIoU", classes, {"num_classes": 4, "ignore_class": 0}),
    Case("OneHotIoU", one_hot, {"num_classes": 4, "target_class_ids": [0]}),
    Case("OneHotMeanIoU", one_hot, {"num_classes": 4}),
    Case("FBetaScore", wide, {"average": "micro", "beta": 2.0, "threshold": 0.5}),
    Case("F1Score", sparse, {"average": "macro"}),
    Case("F1Score", one_hot),
    Case("R2Score", numbers),
    *(Case(name, values) for name in ("LearnerMetric", "Loss", "LearningRate", "IterationSpeed")),
    *(Case(name, values, {"interval": 2.0}) for name in ("CpuUse", "CpuMemory", "CpuTemperature")),
    Case("GpuTemperature", readings, rows_are_free=False),
    Case("CudaUse", tensor, rows_are_free=False),
    Case("R2Score", numbers, {"class_aggregation": None, "num_regressors": 1}, weight_repeats=False),
]

ABSTRACT = {"Metric"}
