"""Write ``docs/python.md`` from docstrings and signatures: ``python docs/make_python.py``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import labelmetrics
from labelmetrics import streaming

WIDTH = 110

INTRODUCTION = """\
# Python reference

Every public name of `labelmetrics`. `help(name)` has the whole docstring, with return values, errors and an example.
Names are loaded when they are first used, so `import labelmetrics` is quick; types are in `labelmetrics.types` too.

*This page is made by `python docs/make_python.py`; a test compares the two.*
"""

# What people look for together, in the order in which they meet it.
GROUPS: dict[str, tuple[str, ...]] = {
    "Evaluations": (
        "evaluate",
        "load",
        "Evaluation",
        "evaluate_files",
        "RangedEvaluation",
        "aggregate",
        "Rollup",
        "verify",
        "Verification",
        "write_sample",
    ),
    "Curves": ("average_precision", "precision_recall", "f1_curve", "best_confidence", "calibration"),
    "Metrics of one data row": (
        "confusion_matrix_metric",
        "feature_confusion_matrix_metric",
        "subclass_confusion_matrix_metric",
        "miou_metric",
        "feature_miou_metric",
        "subclass_miou_metric",
        "pair_labels",
    ),
    "Suspected label errors": ("suspects", "Suspects"),
    "Quality gate": ("run_gate", "Verdict", "Outcome", "read_gate_config", "GateConfig"),
    "What changed": ("diff", "Diff", "Figures", "Change", "Changes"),
    "Report": ("report", "HtmlReport"),
    "Text entities": ("entity_counts", "EntityCounts", "EntityScore"),
    "Semantic label maps": ("label_map_confusion", "LabelMapConfusion"),
    "Metric annotations": (
        "ScalarMetric",
        "ScalarMetricValue",
        "ScalarMetricConfidenceValue",
        "ScalarMetricAggregation",
        "ConfusionMatrixMetric",
        "ConfusionMatrixMetricValue",
        "ConfusionMatrixMetricConfidenceValue",
        "ConfusionMatrixAggregation",
        "CustomMetric",
    ),
    "Validation": ("validate", "Report", "Fault", "Limits"),
    "Model runs": (
        "Client",
        "Model",
        "ModelRun",
        "ModelRunDataRow",
        "UploadPlan",
        "ImportJob",
        "UploadResult",
    ),
    "Files": ("NDJsonConverter", "from_labelbox_export", "LabelboxExport"),
    "Labels and annotations": (
        "Label",
        "GenericDataRowData",
        "ImageData",
        "TextData",
        "VideoData",
        "ObjectAnnotation",
        "ClassificationAnnotation",
        "Radio",
        "Checklist",
        "Text",
        "ClassificationAnswer",
        "VideoObjectAnnotation",
        "VideoClassificationAnnotation",
        "VideoMaskAnnotation",
        "MaskFrame",
        "MaskInstance",
        "interpolate",
    ),
    "Geometries": (
        "Point",
        "Line",
        "Polygon",
        "Rectangle",
        "DocumentRectangle",
        "RectangleUnit",
        "Mask",
        "MaskData",
        "TextEntity",
        "ConversationEntity",
        "DocumentEntity",
        "DocumentTextSelection",
    ),
    "Errors and warnings": (
        "LabelmetricsError",
        "InputError",
        "AnnotationError",
        "DataRowError",
        "LimitError",
        "MissingPackageError",
        "MissingRowsError",
        "SettingError",
        "SettingMismatchError",
        "UploadError",
        "ApiError",
        "ApiAuthenticationError",
        "ApiNotFoundError",
        "ApiConflictError",
        "ApiRateLimitError",
        "ApiServerError",
        "ApiConnectionError",
        "LabelmetricsWarning",
    ),
}
# Public, but of modules that need more than what is installed at least, or that few people need.
ELSEWHERE = ("labelmetrics.distributed.evaluate", "labelmetrics.distributed.Cluster", "labelmetrics.workers.Processes")
# Not public by name, but what methods return.
RETURNED = (
    "labelmetrics.summary.Summary",
    "labelmetrics.summary.SummaryRow",
    "labelmetrics.matches.Matches",
    "labelmetrics.explanation.Explanation",
    "labelmetrics.explanation.Finding",
    "labelmetrics.confusion.ConfusionTable",
    "labelmetrics.curves.ConfidenceCurve",
    "labelmetrics.curves.BestConfidence",
    "labelmetrics.curves.Calibration",
    "labelmetrics.rollup_table.RollupRow",
    "labelmetrics.verification.Difference",
    "labelmetrics.formats.gate_config.Check",
    "labelmetrics.formats.gate_config.Guards",
    "labelmetrics.formats.gate_config.Match",
    "labelmetrics.gate.verdict.WorstRow",
    "labelmetrics.formats.manifest.Manifest",
    "labelmetrics.formats.manifest.Provenance",
)
# Of ``labelmetrics.streaming``; metrics stand in a table.
STREAMING = (
    "Metric",
    "MetricCollection",
    "updated",
    "merged",
    "get",
    "serialize",
    "deserialize",
    "register_serializable",
    "State",
    "Value",
    "gather_with_torch",
    "Recorder",
    "Adaptor",
    "Step",
    "MetricMetadata",
    "Progress",
    "MetricEntry",
    "Numeric",
    "History",
    "read_history",
    "TensorBoard",
)
METRIC_MODULES = (
    "means",
    "accuracy_metrics",
    "probability_metrics",
    "regression_metrics",
    "margin_metrics",
    "threshold_metrics",
    "areas",
    "constraint_metrics",
    "confusion",
    "iou_metrics",
    "f_scores",
    "determination",
    "learner_metrics",
    "system_metrics",
)
# Made by functions, not by people.
RESULTS = {
    "EntityCounts",
    "EntityScore",
    "Evaluation",
    "ImportJob",
    "LabelMapConfusion",
    "LabelboxExport",
    "Model",
    "ModelRun",
    "ModelRunDataRow",
    "Outcome",
    "Report",
    "Rollup",
    "Suspects",
    "UploadPlan",
    "UploadResult",
    "Verdict",
    "Verification",
}
ALIASES = {
    "ScalarMetricValue": "Type of a plain value of a scalar metric: a finite number.",
    "ScalarMetricConfidenceValue": "Type of a scalar value by confidence key: a dict of numbers.",
    "ConfusionMatrixMetricValue": "Type of the counts of a confusion matrix: TP, FP, TN, FN.",
    "ConfusionMatrixMetricConfidenceValue": "Type of counts by confidence key: a dict of four counts each.",
}


def page() -> str:
    """The whole page."""
    known = [name for names in GROUPS.values() for name in names]
    public = [name for name in labelmetrics.__all__ if not name.startswith("__")]
    if sorted(known) != public:
        raise SystemExit(f"GROUPS and __all__ differ: {sorted(set(known) ^ set(public))}")
    parts = [INTRODUCTION]
    for title, names in GROUPS.items():
        parts.append(f"## {title}\n")
        parts += [entry(name, getattr(labelmetrics, name), name in RESULTS) for name in names]
    parts.append("## Plots\n")
    parts.append("Functions of `labelmetrics.plot` (extra `plot`): each draws into axes and returns them.\n")
    parts += [entry(f"plot.{name}", getattr(labelmetrics.plot, name), False) for name in labelmetrics.plot.__all__]
    parts.append("## On a cluster\n")
    parts.append("Names of `labelmetrics.distributed` (extra `dask`) and `labelmetrics.workers`.\n")
    parts += [entry(path, resolve_name(path), False) for path in ELSEWHERE]
    parts += streaming_parts()
    parts.append("## What is returned\n")
    parts.append("Objects that methods and functions return; nobody has to make them.\n")
    for path in RETURNED:
        module, _, name = path.rpartition(".")
        parts.append(entry(name, getattr(import_module(module), name), True))
    return "\n".join(parts)


def streaming_parts() -> list[str]:
    """The section on streaming metrics: what they have in common, and the call of each."""
    parts = ["## Streaming metrics\n", "Names of `labelmetrics.streaming`; see [Streaming metrics](streaming.md).\n"]
    parts += [entry(name, getattr(streaming, name), False) for name in STREAMING]
    for name, metric in metrics():
        text = inspect.getdoc(metric) or ""
        parts.append(f"### {name}\n\n```text\n{wrapped(name, list(signature(metric)))}\n```\n")
        parts.append(f"{plain(summary(text))}\n")
        parts.append(table(("parameter", "meaning"), [(code(one), plain(told)) for one, told in parameters(text)]))
    parts.append("### streaming.functional\n")
    functions = [(name, getattr(streaming.functional, name)) for name in streaming.functional.__all__]
    rows = [
        (f"`{name}({', '.join(signature(function))})`", plain(summary(inspect.getdoc(function) or "")))
        for name, function in functions
    ]
    return [*parts, table(("function", "value for each sample"), rows)]


def metrics() -> list[tuple[str, Any]]:
    """Metric classes, module by module."""
    public = [getattr(streaming, name) for name in streaming.__all__]
    found = [one for one in public if inspect.isclass(one) and issubclass(one, streaming.Metric)]
    found.remove(streaming.Metric)

    def place(metric: Any) -> tuple[int, int]:
        return METRIC_MODULES.index(metric.__module__.rpartition(".")[2]), inspect.getsourcelines(metric)[1]

    return [(one.__name__, one) for one in sorted(found, key=place)]


def streaming_table() -> str:
    """All metrics with their formulas, for ``docs/streaming.md``."""
    rows = []
    for name, metric in metrics():
        text = inspect.getdoc(metric) or ""
        formula = re.search(r"^Formula: (.*?)^Shapes: ", text, re.MULTILINE | re.DOTALL)
        assert formula is not None, name
        rows.append((f"`{name}`", plain(text.partition("\n")[0]), plain(" ".join(formula[1].split()))))
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(["| metric | what it is | formula |", "|---|---|---|", *lines, ""])


def with_table(text: str) -> str:
    """The text of ``docs/streaming.md`` with the table as it must be."""
    between = re.compile(r"(<!-- metrics: [^\n]*-->\n).*?(<!-- end of metrics -->)", re.DOTALL)
    return between.sub(lambda found: f"{found[1]}{streaming_table()}{found[2]}", text)


def entry(name: str, public: Any, is_result: bool) -> str:
    """The section of one name."""
    lines = [f"### {name}\n"]
    if name in ALIASES:
        return "\n".join([*lines, ALIASES[name], ""])
    if getattr(public, "__name__", name) != name.rpartition(".")[2]:
        return "\n".join([*lines, f"The same as [{public.__name__}](#{public.__name__.lower()}).", ""])
    text = inspect.getdoc(public) or ""
    is_class = inspect.isclass(public)
    arguments = [] if is_result or (is_class and issubclass(public, Enum | BaseException)) else list(signature(public))
    if arguments:
        lines.append(f"```text\n{wrapped(name, arguments)}\n```\n")
    lines.append(f"{plain(summary(text))}\n")
    if is_class and issubclass(public, Enum):
        lines.append(", ".join(f"`{one.name}`" for one in public) + "\n")
    described = [one for one in parameters(text) if not one[0].startswith("_")]
    if described:
        heading = "attribute" if is_result else "parameter"
        lines.append(table((heading, "meaning"), [(code(one), plain(meaning)) for one, meaning in described]))
    methods = list(members(public)) if is_class else []
    if methods:
        lines.append(table(("method or property", "what it gives"), methods))
    return "\n".join(lines)


def signature(public: Any) -> Iterator[str]:
    """Parameters as they stand in a call, without types."""
    fields = getattr(public, "model_fields", None)
    if fields is not None:
        yield "*"
        for field, info in sorted(fields.items(), key=lambda item: not item[1].is_required()):
            if field not in ("extra", "class_name"):
                yield field if info.is_required() else f"{field}={shown(info.get_default(call_default_factory=True))}"
        return
    kind = None
    for parameter in inspect.signature(public).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and kind is not parameter.KEYWORD_ONLY:
            yield "*"
        kind = parameter.kind
        required = parameter.default is parameter.empty
        if parameter.kind is parameter.VAR_KEYWORD:
            yield f"**{parameter.name}"
            continue
        yield parameter.name if required else f"{parameter.name}={shown(parameter.default)}"


def shown(value: Any) -> str:
    if isinstance(value, Enum):
        return str(value)
    return "..." if isinstance(value, frozenset) else repr(value)


def wrapped(name: str, arguments: list[str]) -> str:
    one_line = f"{name}({', '.join(arguments)})"
    if len(one_line) <= WIDTH:
        return one_line
    lines = [""]
    for argument in arguments:
        if len(lines[-1]) + len(argument) + 7 > WIDTH:
            lines.append("")
        lines[-1] += f"{' ' if lines[-1] else ''}{argument},"
    return "\n".join([f"{name}(", *(f"    {line}" for line in lines), ")"])


def summary(text: str) -> str:
    """What stands before the sections of a docstring."""
    head = re.split(r"^\w[\w ]*\n-{3,}$", text, maxsplit=1, flags=re.MULTILINE)[0]
    return "\n\n".join(" ".join(part.split()) for part in head.strip().split("\n\n"))


def parameters(text: str) -> list[tuple[str, str]]:
    part = re.search(r"^Parameters\n-{3,}\n(.*?)(?=^\w[\w ]*\n-{3,}$|\Z)", text, re.MULTILINE | re.DOTALL)
    if part is None:
        return []
    found = re.findall(r"^(\S[^\n]*)\n((?:[ \t]+[^\n]*\n?)+)", part[1], re.MULTILINE)
    return [(head.partition(" : ")[0].strip(), " ".join(body.split())) for head, body in found]


def members(public: Any) -> Iterator[tuple[str, str]]:
    """Methods and properties that a class, or a base of it that is ours, defines."""
    seen = set()
    for owner in public.__mro__:
        if not owner.__module__.startswith("labelmetrics."):
            continue
        for name, member in vars(owner).items():
            function = getattr(member, "__func__", getattr(member, "fget", member))
            if name.startswith("_") or name in seen or not inspect.isfunction(function):
                continue
            text = inspect.getdoc(function)
            if not text:
                continue
            seen.add(name)
            is_call = not isinstance(member, property)
            names = [
                f"**{one.name}" if one.kind is one.VAR_KEYWORD else one.name
                for one in inspect.signature(function).parameters.values()
                if one.name not in ("self", "cls")
            ]
            told = f"{name}({', '.join(names)})" if is_call else name
            yield f"`{told}`", plain(text.partition("\n\n")[0].replace("\n", " "))


def code(names: str) -> str:
    return ", ".join(f"`{name.strip()}`" for name in names.split(","))


def plain(text: str) -> str:
    """Markdown of what a docstring says."""
    text = re.sub(r":\w+:`~?([^`]+)`", lambda found: f"`{found[1].rpartition('.')[2]}`", text)
    return text.replace("``", "`").replace("|", "\\|").replace("<", "&lt;")


def table(names: tuple[str, str], rows: list[tuple[str, str]]) -> str:
    return "\n".join([f"| {names[0]} | {names[1]} |", "|---|---|", *(f"| {one} | {two} |" for one, two in rows), ""])


if __name__ == "__main__":
    target = Path(__file__).with_name("python.md")
    target.write_text(page(), "utf-8")
    other = Path(__file__).with_name("streaming.md")
    other.write_text(with_table(other.read_text("utf-8")), "utf-8")
