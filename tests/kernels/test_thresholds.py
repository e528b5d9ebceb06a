from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from labelmetrics.errors import SettingError
from labelmetrics.kernels.thresholds import Grid, nearest_key, read_confidences, read_thresholds, threshold_name

NONE = np.empty(0)


@pytest.mark.parametrize(
    ("threshold", "name"),
    [
        (0.57, "57pct_iou"),
        (0.29, "29pct_iou"),
        (0.505, "50.5pct_iou"),
        (0.5, "50pct_iou"),
        (0.1, "10pct_iou"),
        (1e-7, "0.00001pct_iou"),
        (np.float64(0.75), "75pct_iou"),
        (0.999, "99.9pct_iou"),
    ],
)
def test_names_of_thresholds(threshold: float, name: str) -> None:
    assert threshold_name(threshold) == name


@given(st.integers(1, 9999))
def test_names_of_thresholds_are_exact(n: int) -> None:
    assert Decimal(threshold_name(n / 10_000).removesuffix("pct_iou")) == Decimal(n) / 100


@pytest.mark.parametrize(
    ("iou", "thresholds"),
    [(0.5, (0.5,)), ([0.75, 0.5], (0.5, 0.75)), (np.array([0.5, 0.6]), (0.5, 0.6)), (np.float32(0.5), (0.5,))],
)
def test_thresholds(iou: Any, thresholds: Any) -> None:
    assert read_thresholds(iou) == thresholds


@pytest.mark.parametrize(
    "iou", [0, 1, -0.5, 1.5, 50, float("nan"), float("inf"), True, "0.5", None, [], [0.5, 0.5], [0.5, 1]]
)
def test_thresholds_that_cannot_be_used(iou: Any) -> None:
    with pytest.raises(SettingError, match="iou must"):
        read_thresholds(iou)


@pytest.mark.parametrize(
    ("asked", "keys"),
    [
        (None, ()),
        ([0.7, 0.1, 0.5], (0.1, 0.5, 0.7)),
        ((0, 1), (0.0, 1.0)),
        (np.array([0.25, 0.5]), (0.25, 0.5)),
        (iter([0.25, 0.5]), (0.25, 0.5)),
        (2, (0.0, 0.5)),
        (np.int64(4), (0.0, 0.25, 0.5, 0.75)),
        (15, tuple(k / 15 for k in range(15))),
    ],
)
def test_confidence_keys(asked: Any, keys: Any) -> None:
    assert read_confidences(asked, NONE) == keys


@pytest.mark.parametrize(
    "asked",
    [
        0, 1, 16, -3, True, 0.5, "all", object(), [], [0.5], [0.1, 0.1], [0.1, 1.1], [-0.1, 0.5], [0.1, float("nan")],
        [0.1, "0.5"], [False, True], [k / 20 for k in range(16)],
    ],
)  # fmt: skip
def test_confidence_keys_that_cannot_be_used(asked: Any) -> None:
    with pytest.raises(SettingError, match="confidence"):
        read_confidences(asked, NONE)


def test_automatic_keys_are_quantiles() -> None:
    present = np.append(np.arange(100) / 100, np.nan)
    assert read_confidences("auto", present) == pytest.approx([k / 10 for k in range(10)], abs=0.011)
    assert set(read_confidences("auto", present)) <= set(present.tolist())


@pytest.mark.parametrize(
    ("present", "keys"), [([0.5], (0.0, 0.5)), ([0.0, 0.0], (0.0, 1.0)), ([1.0], (0.0, 1.0)), ([0.2, 0.9], (0.0, 0.2))]
)
def test_automatic_keys_of_few_confidences(present: Any, keys: Any) -> None:
    assert read_confidences("auto", np.array(present)) == keys


def test_automatic_keys_need_confidences() -> None:
    with pytest.raises(SettingError, match="there are none"):
        read_confidences("auto", np.array([np.nan]))


def test_levels() -> None:
    grid = Grid((0.5,), (0.1, 0.5, 0.9))
    assert grid.n_levels == 4
    # At a key take part those of at least this confidence; absent counts as 1.
    assert grid.level(np.array([0.05, 0.1, 0.5, 0.89, 0.9, 1.0, np.nan])).tolist() == [1, 2, 3, 3, 4, 4, 4]
    assert Grid((0.5,)).level(np.array([0.0, np.nan])).tolist() == [1, 1]


def test_nearest_key() -> None:
    keys = (0.1, 0.3, 0.5)
    assert nearest_key(keys, 0.3) == 1
    assert nearest_key(keys, 0.1 + 0.2) == 1
    assert nearest_key(keys, 0.45, nearest=True) == 1
    assert nearest_key(keys, 0.9, nearest=True) == 2
    with pytest.raises(SettingError, match=r"its keys are: 0\.1, 0\.3, 0\.5"):
        nearest_key(keys, 0.45)
    with pytest.raises(SettingError, match="not a key"):
        nearest_key(keys, 0.05, nearest=True)
    with pytest.raises(SettingError, match="made without confidences"):
        nearest_key((), 0.5)
