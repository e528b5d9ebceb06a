"""labelmetrics: metrics for models evaluated on labelled data.

Everything that people use is here, and loaded when it is first used:

>>> import labelmetrics as lm
>>> lm.ScalarMetric(metric_name="iou_custom", value=0.5).value
0.5
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Where each public name lives; ``__init__.pyi`` says the same to type checkers, and a test compares the two.
_HOME = {
    "labelmetrics.changes.diffing": ("diff",),
    "labelmetrics.changes.figures": ("Change", "Figures"),
    "labelmetrics.changes.objects": ("Changes",),
    "labelmetrics.changes.result": ("Diff",),
    "labelmetrics.curves": ("average_precision", "best_confidence", "calibration", "f1_curve", "precision_recall"),
    "labelmetrics.entities": ("EntityCounts", "EntityScore", "entity_counts"),
    "labelmetrics.errors": (
        "AnnotationError",
        "ApiAuthenticationError",
        "ApiConflictError",
        "ApiConnectionError",
        "ApiError",
        "ApiNotFoundError",
        "ApiRateLimitError",
        "ApiServerError",
        "DataRowError",
        "Fault",
        "InputError",
        "LabelmetricsError",
        "LabelmetricsWarning",
        "LimitError",
        "MissingPackageError",
        "MissingRowsError",
        "SettingError",
        "SettingMismatchError",
        "UploadError",
    ),
    "labelmetrics.evaluation": ("Evaluation", "evaluate", "load"),
    "labelmetrics.formats.gate_config": ("GateConfig", "read_gate_config"),
    "labelmetrics.formats.labelbox_export": ("LabelboxExport", "from_labelbox_export"),
    "labelmetrics.formats.ndjson": ("NDJsonConverter",),
    "labelmetrics.gate.running": ("run_gate",),
    "labelmetrics.gate.verdict": ("Outcome", "Verdict"),
    "labelmetrics.label_maps": ("LabelMapConfusion", "label_map_confusion"),
    "labelmetrics.limits": ("Limits",),
    "labelmetrics.metrics": (
        "confusion_matrix_metric",
        "feature_confusion_matrix_metric",
        "feature_miou_metric",
        "miou_metric",
        "pair_labels",
        "subclass_confusion_matrix_metric",
        "subclass_miou_metric",
    ),
    "labelmetrics.ranged": ("RangedEvaluation", "evaluate_files"),
    "labelmetrics.reporting.report": ("HtmlReport", "report"),
    "labelmetrics.rollup": ("Rollup", "aggregate"),
    "labelmetrics.runs.client": ("Client",),
    "labelmetrics.runs.job": ("ImportJob", "UploadResult"),
    "labelmetrics.runs.model": ("Model",),
    "labelmetrics.runs.model_run": ("ModelRun", "ModelRunDataRow"),
    "labelmetrics.runs.plan": ("UploadPlan",),
    "labelmetrics.sample": ("write_sample",),
    "labelmetrics.suspicion": ("Suspects", "suspects"),
    "labelmetrics.types": (
        "Checklist",
        "ClassificationAnnotation",
        "ClassificationAnswer",
        "ConfusionMatrixAggregation",
        "ConfusionMatrixMetric",
        "ConfusionMatrixMetricConfidenceValue",
        "ConfusionMatrixMetricValue",
        "ConversationEntity",
        "CustomMetric",
        "DocumentEntity",
        "DocumentRectangle",
        "DocumentTextSelection",
        "GenericDataRowData",
        "ImageData",
        "Label",
        "Line",
        "Mask",
        "MaskData",
        "MaskFrame",
        "MaskInstance",
        "ObjectAnnotation",
        "Point",
        "Polygon",
        "Radio",
        "Rectangle",
        "RectangleUnit",
        "ScalarMetric",
        "ScalarMetricAggregation",
        "ScalarMetricConfidenceValue",
        "ScalarMetricValue",
        "Text",
        "TextData",
        "TextEntity",
        "VideoClassificationAnnotation",
        "VideoData",
        "VideoMaskAnnotation",
        "VideoObjectAnnotation",
        "interpolate",
    ),
    "labelmetrics.validation": ("Report", "validate"),
    "labelmetrics.verification": ("Verification", "verify"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

# Modules that are used by their own names, such as ``labelmetrics.plot.f1_curve``.
_MODULES = ("plot",)

__all__ = sorted([*_MODULE_OF, "__version__"])


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"labelmetrics.{name}")
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE_OF, *_MODULES])
