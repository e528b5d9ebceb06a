"""Metrics that are updated batch by batch and merged across workers.

They have the names of Keras' metrics, and TorchMetrics' verbs with its argument order:

>>> from labelmetrics import streaming
>>> loss = streaming.Mean("loss")
>>> for batch in ([1.0, 3.0], [5.0]):
...     loss.update_state(batch)
>>> loss.result()
3.0
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Where each public name lives; ``__init__.pyi`` says the same to type checkers, and a test compares the two.
_HOME = {
    "labelmetrics.streaming.accuracy_metrics": (
        "Accuracy",
        "BinaryAccuracy",
        "CategoricalAccuracy",
        "SparseCategoricalAccuracy",
        "SparseTopKCategoricalAccuracy",
        "TopKCategoricalAccuracy",
    ),
    "labelmetrics.streaming.areas": ("AUC",),
    "labelmetrics.streaming.collection": ("MetricCollection",),
    "labelmetrics.streaming.configuration": (
        "deserialize",
        "get",
        "register_serializable",
        "serialize",
    ),
    "labelmetrics.streaming.confusion": ("ConfusionMatrix",),
    "labelmetrics.streaming.constraint_metrics": (
        "PrecisionAtRecall",
        "RecallAtPrecision",
        "SensitivityAtSpecificity",
        "SpecificityAtSensitivity",
    ),
    "labelmetrics.streaming.determination": ("R2Score",),
    "labelmetrics.streaming.f_scores": (
        "F1Score",
        "FBetaScore",
    ),
    "labelmetrics.streaming.iou_metrics": (
        "BinaryIoU",
        "IoU",
        "MeanIoU",
        "OneHotIoU",
        "OneHotMeanIoU",
    ),
    "labelmetrics.streaming.margin_metrics": (
        "CategoricalHinge",
        "Hinge",
        "SquaredHinge",
    ),
    "labelmetrics.streaming.means": (
        "Mean",
        "MeanMetricWrapper",
        "MeanTensor",
        "Sum",
    ),
    "labelmetrics.streaming.metric": ("Metric",),
    "labelmetrics.streaming.probability_metrics": (
        "BinaryCrossentropy",
        "CategoricalCrossentropy",
        "KLDivergence",
        "Poisson",
        "SparseCategoricalCrossentropy",
    ),
    "labelmetrics.streaming.recording.entries": (
        "MetricEntry",
        "MetricMetadata",
        "Numeric",
        "Progress",
    ),
    "labelmetrics.streaming.recording.history": ("History",),
    "labelmetrics.streaming.recording.learner_metrics": (
        "Adaptor",
        "IterationSpeed",
        "LearnerMetric",
        "LearningRate",
        "Loss",
        "Step",
    ),
    "labelmetrics.streaming.recording.log_files": ("read_history",),
    "labelmetrics.streaming.recording.recorder": ("Recorder",),
    "labelmetrics.streaming.recording.system_metrics": (
        "CpuMemory",
        "CpuTemperature",
        "CpuUse",
        "CudaUse",
        "GpuTemperature",
    ),
    "labelmetrics.streaming.recording.tensorboard": ("TensorBoard",),
    "labelmetrics.streaming.regression_metrics": (
        "CosineSimilarity",
        "LogCoshError",
        "MeanAbsoluteError",
        "MeanAbsolutePercentageError",
        "MeanSquaredError",
        "MeanSquaredLogarithmicError",
        "RootMeanSquaredError",
    ),
    "labelmetrics.streaming.spreading": (
        "merged",
        "updated",
    ),
    "labelmetrics.streaming.state": ("State",),
    "labelmetrics.streaming.synchronisation": ("gather_with_torch",),
    "labelmetrics.streaming.threshold_metrics": (
        "FalseNegatives",
        "FalsePositives",
        "Precision",
        "Recall",
        "TrueNegatives",
        "TruePositives",
    ),
    "labelmetrics.streaming.value": ("Value",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}
_MODULES = ("functional",)
_OF_FRAMEWORKS = ("keras", "torch")
"""Modules that need what they are for, and so are none of the names that ``*`` stands for."""

__all__ = sorted([*_MODULE_OF, *_MODULES])


def __getattr__(name: str) -> Any:
    if name in (*_MODULES, *_OF_FRAMEWORKS):
        return import_module(f"{__name__}.{name}")
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
