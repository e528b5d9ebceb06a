"""What users write and what goes on the wire: labels, annotations, geometries and metric annotations."""

from labelmetrics.types.annotation import ObjectAnnotation
from labelmetrics.types.base import CustomMetric, DataRow
from labelmetrics.types.classification import (
    Checklist,
    ClassificationAnnotation,
    ClassificationAnswer,
    Radio,
    Text,
)
from labelmetrics.types.entity import ConversationEntity, DocumentEntity, DocumentTextSelection, TextEntity
from labelmetrics.types.geometry import DocumentRectangle, Geometry, Line, Point, Polygon, Rectangle, RectangleUnit
from labelmetrics.types.label import GenericDataRowData, ImageData, Label, TextData, VideoData
from labelmetrics.types.mask import Mask, MaskData
from labelmetrics.types.metric import (
    ConfusionMatrixAggregation,
    ConfusionMatrixMetric,
    ConfusionMatrixMetricConfidenceValue,
    ConfusionMatrixMetricValue,
    ScalarMetric,
    ScalarMetricAggregation,
    ScalarMetricConfidenceValue,
    ScalarMetricValue,
)
from labelmetrics.types.video import (
    MaskFrame,
    MaskInstance,
    VideoClassificationAnnotation,
    VideoMaskAnnotation,
    VideoObjectAnnotation,
    interpolate,
)

__all__ = [
    "Checklist",
    "ClassificationAnnotation",
    "ClassificationAnswer",
    "ConfusionMatrixAggregation",
    "ConfusionMatrixMetric",
    "ConfusionMatrixMetricConfidenceValue",
    "ConfusionMatrixMetricValue",
    "ConversationEntity",
    "CustomMetric",
    "DataRow",
    "DocumentEntity",
    "DocumentRectangle",
    "DocumentTextSelection",
    "GenericDataRowData",
    "Geometry",
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
]
