from __future__ import annotations

from typing import Any

import builders as b
import numpy as np
import pytest
from hypothesis import given, strategies as st

from labelmetrics.formats.objects import columns_of
from labelmetrics.kernels.batch import Coded, Columns, DataRowKey, Kind, Shapes

texts = st.lists(st.none() | st.sampled_from("abcd"), max_size=8)


@given(texts, texts)
def test_codes_stand_for_their_values(one: Any, two: Any) -> None:
    first, second = Coded.of(one), Coded.of(two)
    assert first.decode() == one
    assert len(first) == len(one)
    assert sorted(first.values) == sorted({value for value in one if value is not None})
    both = Coded.concat([first, second])
    assert both.decode() == one + two
    assert len(set(both.values)) == len(both.values)
    index = np.arange(0, len(one), 2)
    assert first.take(index).decode() == one[::2]
    mapped = first.map(lambda value: None if value == "a" else value.upper())
    assert mapped.decode() == [None if value in (None, "a") else value.upper() for value in one]


def test_constant_and_empty_columns() -> None:
    assert Coded.constant("a", 2).decode() == ["a", "a"]
    assert Coded.constant(None, 2).decode() == [None, None]
    assert Coded.concat([]).decode() == []


def test_data_row_keys_are_readable() -> None:
    assert str(DataRowKey("globalKey", "a.jpg")) == "globalKey:a.jpg"


def sample() -> list[Any]:
    return [
        b.box(0, 0, 2, 2, confidence=0.5),
        b.polygon([(0, 0), (4, 0), (4, 4)]),
        b.mask(np.eye(3)),
        b.tokens("ab"),
        b.radio("q", "yes"),
        b.text("q2", "some"),
        b.line([(0, 0), (3, 3)], nested=[b.radio("colour", "red")]),
    ]


def test_joined_columns_are_those_of_all_annotations() -> None:
    parts = [
        columns_of(sample(), "r1"),
        columns_of(sample()[::-1], "r2"),
        Columns.empty(),
        columns_of(sample()[:3], "r1"),
    ]
    both = Columns.concat(parts)
    assert len(both) == sum(map(len, parts))
    for kind in Kind:
        assert both.shapes.size(kind) == sum(part.shapes.size(kind) for part in parts)
    for name in ("data_row", "name", "answer", "nested"):
        assert getattr(both, name).decode() == [value for part in parts for value in getattr(part, name).decode()]
    position = 0
    for part in parts:
        for index in range(len(part)):
            assert shape_of(both, position) == shape_of(part, index)
            position += 1
    assert Columns.concat(parts[:1]) is parts[0]
    assert len(Columns.concat([])) == 0


def shape_of(columns: Columns, index: int) -> Any:
    at, shapes = columns.shape[index], columns.shapes
    match Kind(columns.kind[index]):
        case Kind.POLYGON | Kind.LINE:
            return shapes.geometries[at].wkt
        case Kind.MASK:
            return shapes.masks[at]
        case Kind.TOKENS:
            return shapes.tokens[at]
        case Kind.TEXT:
            return shapes.texts[at]
    return at


def test_selected_columns() -> None:
    columns = columns_of(sample())
    found = columns.take(columns.kind == Kind.MASK)
    assert (len(found), found.name.decode(), found.shape.tolist()) == (1, ["cat"], [0])
    assert found.shapes is columns.shapes


def test_absent_is_the_default() -> None:
    columns = Columns.make(data_row=Coded.of(["r"]), name=Coded.of(["cat"]), kind=np.array([0], np.int8))
    assert np.isnan(columns.confidence).all()
    assert columns.place.decode() == columns.uuid.tolist() == columns.nested.decode() == [None]
    assert (columns.shape.tolist(), columns.crowd.tolist()) == ([-1], [False])


@pytest.mark.parametrize("kind", list(Kind))
def test_empty_stores(kind: Kind) -> None:
    assert Shapes().size(kind) == 0
    assert Shapes.concat([]).size(kind) == 0
