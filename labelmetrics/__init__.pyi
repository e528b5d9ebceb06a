"""Public names for type checkers; see ``__init__.py``."""

from labelmetrics.curves import (
    average_precision as average_precision,
)
from labelmetrics.curves import (
    best_confidence as best_confidence,
)
from labelmetrics.curves import (
    calibration as calibration,
)
from labelmetrics.curves import (
    f1_curve as f1_curve,
)
from labelmetrics.curves import (
    precision_recall as precision_recall,
)
from labelmetrics.entities import (
    EntityCounts as EntityCounts,
)
from labelmetrics.entities import (
    EntityScore as EntityScore,
)
from labelmetrics.entities import (
    entity_counts as entity_counts,
)
from labelmetrics.errors import (
    AnnotationError as AnnotationError,
)
from labelmetrics.errors import (
    DataRowError as DataRowError,
)
from labelmetrics.errors import (
    Fault as Fault,
)
from labelmetrics.errors import (
    InputError as InputError,
)
from labelmetrics.errors import (
    LabelmetricsError as LabelmetricsError,
)
from labelmetrics.errors import (
    LabelmetricsWarning as LabelmetricsWarning,
)
from labelmetrics.errors import (
    LimitError as LimitError,
)
from labelmetrics.errors import (
    SettingError as SettingError,
)
from labelmetrics.errors import (
    SettingMismatchError as SettingMismatchError,
)
from labelmetrics.evaluation import (
    Evaluation as Evaluation,
)
from labelmetrics.evaluation import (
    evaluate as evaluate,
)
from labelmetrics.evaluation import (
    load as load,
)
from labelmetrics.formats.labelbox_export import (
    LabelboxExport as LabelboxExport,
)
from labelmetrics.formats.labelbox_export import (
    from_labelbox_export as from_labelbox_export,
)
from labelmetrics.formats.ndjson import (
    NDJsonConverter as NDJsonConverter,
)
from labelmetrics.label_maps import (
    LabelMapConfusion as LabelMapConfusion,
)
from labelmetrics.label_maps import (
    label_map_confusion as label_map_confusion,
)
from labelmetrics.limits import (
    Limits as Limits,
)
from labelmetrics.metrics import (
    confusion_matrix_metric as confusion_matrix_metric,
)
from labelmetrics.metrics import (
    feature_confusion_matrix_metric as feature_confusion_matrix_metric,
)
from labelmetrics.metrics import (
    feature_miou_metric as feature_miou_metric,
)
from labelmetrics.metrics import (
    miou_metric as miou_metric,
)
from labelmetrics.metrics import (
    pair_labels as pair_labels,
)
from labelmetrics.metrics import (
    subclass_confusion_matrix_metric as subclass_confusion_matrix_metric,
)
from labelmetrics.metrics import (
    subclass_miou_metric as subclass_miou_metric,
)
from labelmetrics.rollup import (
    Rollup as Rollup,
)
from labelmetrics.rollup import (
    aggregate as aggregate,
)
from labelmetrics.sample import (
    write_sample as write_sample,
)
from labelmetrics.types import (
    Checklist as Checklist,
)
from labelmetrics.types import (
    ClassificationAnnotation as ClassificationAnnotation,
)
from labelmetrics.types import (
    ClassificationAnswer as ClassificationAnswer,
)
from labelmetrics.types import (
    ConfusionMatrixAggregation as ConfusionMatrixAggregation,
)
from labelmetrics.types import (
    ConfusionMatrixMetric as ConfusionMatrixMetric,
)
from labelmetrics.types import (
    ConfusionMatrixMetricConfidenceValue as ConfusionMatrixMetricConfidenceValue,
)
from labelmetrics.types import (
    ConfusionMatrixMetricValue as ConfusionMatrixMetricValue,
)
from labelmetrics.types import (
    ConversationEntity as ConversationEntity,
)
from labelmetrics.types import (
    CustomMetric as CustomMetric,
)
from labelmetrics.types import (
    DocumentEntity as DocumentEntity,
)
from labelmetrics.types import (
    DocumentRectangle as DocumentRectangle,
)
from labelmetrics.types import (
    DocumentTextSelection as DocumentTextSelection,
)
from labelmetrics.types import (
    GenericDataRowData as GenericDataRowData,
)
from labelmetrics.types import (
    ImageData as ImageData,
)
from labelmetrics.types import (
    Label as Label,
)
from labelmetrics.types import (
    Line as Line,
)
from labelmetrics.types import (
    Mask as Mask,
)
from labelmetrics.types import (
    MaskData as MaskData,
)
from labelmetrics.types import (
    MaskFrame as MaskFrame,
)
from labelmetrics.types import (
    MaskInstance as MaskInstance,
)
from labelmetrics.types import (
    ObjectAnnotation as ObjectAnnotation,
)
from labelmetrics.types import (
    Point as Point,
)
from labelmetrics.types import (
    Polygon as Polygon,
)
from labelmetrics.types import (
    Radio as Radio,
)
from labelmetrics.types import (
    Rectangle as Rectangle,
)
from labelmetrics.types import (
    RectangleUnit as RectangleUnit,
)
from labelmetrics.types import (
    ScalarMetric as ScalarMetric,
)
from labelmetrics.types import (
    ScalarMetricAggregation as ScalarMetricAggregation,
)
from labelmetrics.types import (
    ScalarMetricConfidenceValue as ScalarMetricConfidenceValue,
)
from labelmetrics.types import (
    ScalarMetricValue as ScalarMetricValue,
)
from labelmetrics.types import (
    Text as Text,
)
from labelmetrics.types import (
    TextData as TextData,
)
from labelmetrics.types import (
    TextEntity as TextEntity,
)
from labelmetrics.types import (
    VideoClassificationAnnotation as VideoClassificationAnnotation,
)
from labelmetrics.types import (
    VideoData as VideoData,
)
from labelmetrics.types import (
    VideoMaskAnnotation as VideoMaskAnnotation,
)
from labelmetrics.types import (
    VideoObjectAnnotation as VideoObjectAnnotation,
)
from labelmetrics.types import (
    interpolate as interpolate,
)
from labelmetrics.validation import (
    Report as Report,
)
from labelmetrics.validation import (
    validate as validate,
)
from labelmetrics.verification import (
    Verification as Verification,
)
from labelmetrics.verification import (
    verify as verify,
)

__version__: str
__all__: list[str]
