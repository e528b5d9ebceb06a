"""Public names for type checkers; see ``__init__.py``."""

from labelmetrics.streaming import functional as functional
from labelmetrics.streaming.accuracy_metrics import (
    Accuracy as Accuracy,
    BinaryAccuracy as BinaryAccuracy,
    CategoricalAccuracy as CategoricalAccuracy,
    SparseCategoricalAccuracy as SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy as SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy as TopKCategoricalAccuracy,
)
from labelmetrics.streaming.areas import (
    AUC as AUC,
)
from labelmetrics.streaming.collection import (
    MetricCollection as MetricCollection,
)
from labelmetrics.streaming.configuration import (
    deserialize as deserialize,
    get as get,
    register_serializable as register_serializable,
    serialize as serialize,
)
from labelmetrics.streaming.confusion import (
    ConfusionMatrix as ConfusionMatrix,
)
from labelmetrics.streaming.constraint_metrics import (
    PrecisionAtRecall as PrecisionAtRecall,
    RecallAtPrecision as RecallAtPrecision,
    SensitivityAtSpecificity as SensitivityAtSpecificity,
    SpecificityAtSensitivity as SpecificityAtSensitivity,
)
from labelmetrics.streaming.determination import (
    R2Score as R2Score,
)
from labelmetrics.streaming.f_scores import (
    F1Score as F1Score,
    FBetaScore as FBetaScore,
)
from labelmetrics.streaming.iou_metrics import (
    BinaryIoU as BinaryIoU,
    IoU as IoU,
    MeanIoU as MeanIoU,
    OneHotIoU as OneHotIoU,
    OneHotMeanIoU as OneHotMeanIoU,
)
from labelmetrics.streaming.margin_metrics import (
    CategoricalHinge as CategoricalHinge,
    Hinge as Hinge,
    SquaredHinge as SquaredHinge,
)
from labelmetrics.streaming.means import (
    Mean as Mean,
    MeanMetricWrapper as MeanMetricWrapper,
    MeanTensor as MeanTensor,
    Sum as Sum,
)
from labelmetrics.streaming.metric import (
    Metric as Metric,
)
from labelmetrics.streaming.probability_metrics import (
    BinaryCrossentropy as BinaryCrossentropy,
    CategoricalCrossentropy as CategoricalCrossentropy,
    KLDivergence as KLDivergence,
    Poisson as Poisson,
    SparseCategoricalCrossentropy as SparseCategoricalCrossentropy,
)
from labelmetrics.streaming.recording.entries import (
    MetricEntry as MetricEntry,
    MetricMetadata as MetricMetadata,
    Numeric as Numeric,
    Progress as Progress,
)
from labelmetrics.streaming.recording.history import (
    History as History,
)
from labelmetrics.streaming.recording.learner_metrics import (
    Adaptor as Adaptor,
    IterationSpeed as IterationSpeed,
    LearnerMetric as LearnerMetric,
    LearningRate as LearningRate,
    Loss as Loss,
    Step as Step,
)
from labelmetrics.streaming.recording.log_files import (
    read_history as read_history,
)
from labelmetrics.streaming.recording.recorder import (
    Recorder as Recorder,
)
from labelmetrics.streaming.recording.system_metrics import (
    CpuMemory as CpuMemory,
    CpuTemperature as CpuTemperature,
    CpuUse as CpuUse,
    CudaUse as CudaUse,
    GpuTemperature as GpuTemperature,
)
from labelmetrics.streaming.recording.tensorboard import (
    TensorBoard as TensorBoard,
)
from labelmetrics.streaming.regression_metrics import (
    CosineSimilarity as CosineSimilarity,
    LogCoshError as LogCoshError,
    MeanAbsoluteError as MeanAbsoluteError,
    MeanAbsolutePercentageError as MeanAbsolutePercentageError,
    MeanSquaredError as MeanSquaredError,
    MeanSquaredLogarithmicError as MeanSquaredLogarithmicError,
    RootMeanSquaredError as RootMeanSquaredError,
)
from labelmetrics.streaming.spreading import (
    merged as merged,
    updated as updated,
)
from labelmetrics.streaming.state import (
    State as State,
)
from labelmetrics.streaming.synchronisation import (
    gather_with_torch as gather_with_torch,
)
from labelmetrics.streaming.threshold_metrics import (
    FalseNegatives as FalseNegatives,
    FalsePositives as FalsePositives,
    Precision as Precision,
    Recall as Recall,
    TrueNegatives as TrueNegatives,
    TruePositives as TruePositives,
)
from labelmetrics.streaming.value import (
    Value as Value,
)

__all__: list[str]
