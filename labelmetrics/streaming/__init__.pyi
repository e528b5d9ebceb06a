"""Public names for type checkers; see ``__init__.py``."""

from labelmetrics.streaming import functional as functional
from labelmetrics.streaming.configuration import (
    deserialize as deserialize,
    get as get,
    register_serializable as register_serializable,
    serialize as serialize,
)
from labelmetrics.streaming.means import (
    Mean as Mean,
    MeanMetricWrapper as MeanMetricWrapper,
    MeanTensor as MeanTensor,
    Sum as Sum,
)
from labelmetrics.streaming.metric import Metric as Metric
from labelmetrics.streaming.state import State as State
from labelmetrics.streaming.value import Value as Value

__all__: list[str]
