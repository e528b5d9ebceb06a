"""Keras on its NumPy backend, for comparison; import it before anything imports Keras."""

from __future__ import annotations

import os
import warnings
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

os.environ["KERAS_BACKEND"] = "numpy"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if find_spec("keras") is None:
    pytest.skip("Keras is not installed", allow_module_level=True)
import keras  # an error, not a skip, where its backend is missing

if keras.backend.backend() != "numpy":
    pytest.skip("Keras runs on another backend", allow_module_level=True)


def compare(ours: Any, theirs: Any, batches: list[tuple[Any, ...]], tolerance: float = 2e-6) -> None:
    """Update both with every batch, and compare the result after each and after a reset."""
    for turn in range(2):
        for batch in batches:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                theirs.update_state(*batch)
            ours.update_state(*batch)
            close(ours.result(), theirs.result(), tolerance)
        if not turn:
            ours.reset_state()
            theirs.reset_state()


def close(ours: Any, theirs: Any, tolerance: float = 2e-6) -> None:
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=tolerance, atol=tolerance)


def weights(rng: np.random.Generator, shape: tuple[int, ...], *, column: bool = True) -> Any:
    """None, or weights of some rank that Keras takes for values of ``shape``, zeros among them.

    ``column`` says whether it takes a column where there is one axis.
    """
    forms = [None, shape[:1], shape[: rng.integers(1, len(shape) + 1)], ()]
    if column or len(shape) > 1:
        forms.append((*shape[:1], 1))
    form = forms[rng.integers(len(forms))]
    if form is None:
        return None
    kind = rng.integers(3)
    drawn = rng.integers(0, 4, form) if kind else rng.random(form)
    return np.asarray(drawn, [np.float64, np.int64, np.float32][kind])
