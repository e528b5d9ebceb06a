"""Public names for type checkers; see ``__init__.py``."""

from labelmetrics import plot as plot
from labelmetrics.changes.diffing import (
    diff as diff,
)
from labelmetrics.changes.figures import (
    Change as Change,
    Figures as Figures,
)
from labelmetrics.changes.objects import (
    Changes as Changes,
)
from labelmetrics.changes.result import (
    Diff as Diff,
)
from labelmetrics.curves import (
    average_precision as average_precision,
    best_confidence as best_confidence,
    calibration as calibration,
    f1_curve as f1_curve,
    precision_recall as precision_recall,
)
from labelmetrics.entities import (
    EntityCounts as EntityCounts,
    EntityScore as EntityScore,
    entity_counts as entity_counts,
)
from labelmetrics.errors import (
    AnnotationError as AnnotationError,
    ApiAuthenticationError as ApiAuthenticationError,
    ApiConflictError as ApiConflictError,
    ApiConnectionError as ApiConnectionError,
    ApiError as ApiError,
    ApiNotFoundError as ApiNotFoundError,
    ApiRateLimitError as ApiRateLimitError,
    ApiServerError as ApiServerError,
    DataRowError as DataRowError,
    Fault as Fault,
    InputError as InputError,
    LabelmetricsError as LabelmetricsError,
    LabelmetricsWarning as LabelmetricsWarning,
    LimitError as LimitError,
    MissingPackageError as MissingPackageError,
    MissingRowsError as MissingRowsError,
    SettingError as SettingError,
    SettingMismatchError as SettingMismatchError,
    UploadError as UploadError,
)
from labelmetrics.evaluation import (
    Evaluation as Evaluation,
    evaluate as evaluate,
    load as load,
)
from labelmetrics.formats.gate_config import (
    GateConfig as GateConfig,
    read_gate_config as read_gate_config,
)
from labelmetrics.formats.labelbox_export import (
    LabelboxExport as LabelboxExport,
    from_labelbox_export as from_labelbox_export,
)
from labelmetrics.formats.ndjson import (
    NDJsonConverter as NDJsonConverter,
)
from labelmetrics.gate.running import (
    run_gate as run_gate,
)
from labelmetrics.gate.verdict import (
    Outcome as Outcome,
    Verdict as Verdict,
)
from labelmetrics.label_maps import (
    LabelMapConfusion as LabelMapConfusion,
    label_map_confusion as label_map_confusion,
)
from labelmetrics.limits import (
    Limits as Limits,
)
from labelmetrics.metrics import (
    confusion_matrix_metric as confusion_matrix_metric,
    feature_confusion_matrix_metric as feature_confusion_matrix_metric,
    feature_miou_metric as feature_miou_metric,
    miou_metric as miou_metric,
    pair_labels as pair_labels,
    subclass_confusion_matrix_metric as subclass_confusion_matrix_metric,
    subclass_miou_metric as subclass_miou_metric,
)
from labelmetrics.ranged import RangedEvaluation as RangedEvaluation, evaluate_files as evaluate_files
from labelmetrics.reporting.report import (
    HtmlReport as HtmlReport,
    report as report,
)
from labelmetrics.rollup import (
    Rollup as Rollup,
    aggregate as aggregate,
)
from labelmetrics.runs.client import (
    Client as Client,
)
from labelmetrics.runs.job import (
    ImportJob as ImportJob,
    UploadResult as UploadResult,
)
from labelmetrics.runs.model import (
    Model as Model,
)
from labelmetrics.runs.model_run import (
    ModelRun as ModelRun,
    ModelRunDataRow as ModelRunDataRow,
)
from labelmetrics.runs.plan import (
    UploadPlan as UploadPlan,
)
from labelmetrics.sample import (
    write_sample as write_sample,
)
from labelmetrics.suspicion import (
    Suspects as Suspects,
    suspects as suspects,
)
from labelmetrics.types import (
    Checklist as Checklist,
    ClassificationAnnotation as ClassificationAnnotation,
    ClassificationAnswer as ClassificationAnswer,
    ConfusionMatrixAggregation as ConfusionMatrixAggregation,
    ConfusionMatrixMetric as ConfusionMatrixMetric,
    ConfusionMatrixMetricConfidenceValue as ConfusionMatrixMetricConfidenceValue,
    ConfusionMatrixMetricValue as ConfusionMatrixMetricValue,
    ConversationEntity as ConversationEntity,
    CustomMetric as CustomMetric,
    DocumentEntity as DocumentEntity,
    DocumentRectangle as DocumentRectangle,
    DocumentTextSelection as DocumentTextSelection,
    GenericDataRowData as GenericDataRowData,
    ImageData as ImageData,
    Label as Label,
    Line as Line,
    Mask as Mask,
    MaskData as MaskData,
    MaskFrame as MaskFrame,
    MaskInstance as MaskInstance,
    ObjectAnnotation as ObjectAnnotation,
    Point as Point,
    Polygon as Polygon,
    Radio as Radio,
    Rectangle as Rectangle,
    RectangleUnit as RectangleUnit,
    ScalarMetric as ScalarMetric,
    ScalarMetricAggregation as ScalarMetricAggregation,
    ScalarMetricConfidenceValue as ScalarMetricConfidenceValue,
    ScalarMetricValue as ScalarMetricValue,
    Text as Text,
    TextData as TextData,
    TextEntity as TextEntity,
    VideoClassificationAnnotation as VideoClassificationAnnotation,
    VideoData as VideoData,
    VideoMaskAnnotation as VideoMaskAnnotation,
    VideoObjectAnnotation as VideoObjectAnnotation,
    interpolate as interpolate,
)
from labelmetrics.validation import (
    Report as Report,
    validate as validate,
)
from labelmetrics.verification import (
    Verification as Verification,
    verify as verify,
)

__version__: str
__all__: list[str]
