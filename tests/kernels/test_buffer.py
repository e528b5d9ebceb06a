from __future__ import annotations

from typing import Any

import builders as b
import numpy as np
import pytest

from labelmetrics.errors import LabelmetricsWarning, SettingError
from labelmetrics.formats.objects import columns_of
from labelmetrics.kernels.buffer import DEFAULT_BUFFER, buffer_widths
from labelmetrics.kernels.join import Batch, join


def batch(row: str = "r1") -> Batch:
    truths = [b.point(0, 0, "nose"), b.line([(0, 0), (1, 1)], "road"), b.square(0, "car")]
    return join(columns_of(truths, row), columns_of(truths[:1], row))


def widths(buffer: Any, diagonals: Any = None, of: Batch | None = None) -> dict[str, float]:
    found = of or batch()
    first, second = buffer_widths(found, buffer, diagonals)
    by_feature = {found.features[code]: width for code, width in zip(found.ground_truth.feature, first, strict=True)}
    assert second.tolist() == [by_feature["nose"]]
    return {name: float(width) for name, width in by_feature.items()}


def test_pixels() -> None:
    assert widths(5) == {"nose": 5, "road": 5, "car": 0}
    assert widths(np.float64(2.5)) == {"nose": 2.5, "road": 2.5, "car": 0}


def test_share_of_the_image() -> None:
    assert widths("2%", np.array([500.0])) == {"nose": 10, "road": 10, "car": 0}


def test_width_per_feature() -> None:
    assert widths({"nose": 3, "road": "10%"}, np.array([50.0])) == {"nose": 3, "road": 5, "car": 0}


def test_features_that_are_not_named_get_the_default() -> None:
    with pytest.warns(LabelmetricsWarning, match="widened by 70 pixels"):
        assert widths({"nose": 3}) == {"nose": 3, "road": 70, "car": 0}


def test_the_default_warns() -> None:
    with pytest.warns(LabelmetricsWarning, match="widened by 70 pixels"):
        assert widths(DEFAULT_BUFFER) == {"nose": 70, "road": 70, "car": 0}
    assert widths(70.0) == {"nose": 70, "road": 70, "car": 0}


def test_nothing_to_widen() -> None:
    boxes = columns_of([b.square(0)])
    # Neither a warning nor a look at the width.
    assert [side.tolist() for side in buffer_widths(join(boxes, boxes), DEFAULT_BUFFER)] == [[0.0], [0.0]]


@pytest.mark.parametrize("buffer", [0, -1, "2", "two%", "%", "0%", "-1%", True, None, float("nan"), float("inf"), [3]])
def test_widths_that_cannot_be_used(buffer: Any) -> None:
    with pytest.raises(SettingError, match="buffer must be a number of pixels above 0"):
        widths(buffer)


@pytest.mark.parametrize("diagonals", [None, np.array([np.nan])])
def test_share_of_an_image_of_unknown_size(diagonals: Any) -> None:
    with pytest.raises(SettingError, match="of data row r1: give a table of data rows"):
        widths("2%", diagonals)
    with pytest.raises(SettingError, match="needs the size of the image: give"):
        widths("2%", diagonals, batch(""))
