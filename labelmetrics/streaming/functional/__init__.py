"""Pure functions of labels and predictions, one value for each sample; each is what a mean metric averages.

>>> from labelmetrics.streaming import functional
>>> functional.mean_absolute_error([[1, 2], [3, 4]], [[1, 3], [3, 4]])
array([0.5, 0. ])
"""

from labelmetrics.streaming.functional.classification import (
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from labelmetrics.streaming.functional.margin import categorical_hinge, hinge, squared_hinge
from labelmetrics.streaming.functional.probability import (
    binary_crossentropy,
    categorical_crossentropy,
    kl_divergence,
    poisson,
    sparse_categorical_crossentropy,
)
from labelmetrics.streaming.functional.regression import (
    cosine_similarity,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    squared_error,
)

__all__ = [
    "accuracy",
    "binary_accuracy",
    "binary_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_hinge",
    "cosine_similarity",
    "hinge",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_error",
    "squared_hinge",
    "top_k_categorical_accuracy",
]
