"""JSON texts of metric values, which are made once per distinct value."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from labelmetrics.formats import metric_columns
from labelmetrics.formats.metric_columns import matrix_texts, scalar_texts
from labelmetrics.kernels.results import Matrices

KEYS = (0.1, 0.5, 0.9)


def matrices(draw: Any, n: int) -> Matrices:
    counts = st.lists(st.sampled_from([0, 1, 2, 1 << 40]), min_size=4 * n, max_size=4 * n)
    return Matrices(*(np.array(draw(counts), np.int64).reshape(4, n) for _ in range(3)))


@pytest.mark.parametrize("odd", [metric_columns.ODD, 0])
@given(st.data(), st.integers(0, 9))
def test_matrices(odd: int, data: st.DataObject, n: int) -> None:
    counts = matrices(data.draw, n)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metric_columns, "ODD", odd)  # with 0 all columns are taken to be equal, which is noticed
        keyed, plain = (matrix_texts(counts, keys).array().to_pylist() for keys in (KEYS, ()))
    for index in range(n):
        lists = [
            [int(tp), int(fp), 0, int(fn)] for tp, fp, fn in zip(*(part[:, index] for part in counts), strict=True)
        ]
        assert json.loads(plain[index]) == lists[0]
        assert json.loads(keyed[index]) == dict(zip(map(str, KEYS), lists[1:], strict=True))


@given(st.lists(st.lists(st.sampled_from([np.nan, 0.0, 0.25, 0.1, 1.0]), min_size=4, max_size=4)))
def test_scalars(columns: list[list[float]]) -> None:
    values = np.array(columns, np.float64).reshape(-1, 4).T
    texts, keep = scalar_texts(np.ascontiguousarray(values), KEYS)
    wanted = [{str(k): v for k, v in zip(KEYS, column[1:], strict=True) if not np.isnan(v)} for column in columns]
    assert keep.tolist() == [len(one) >= 2 for one in wanted]
    assert [json.loads(text) for text in texts.array().to_pylist()] == [one for one in wanted if len(one) >= 2]
