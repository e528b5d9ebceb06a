"""Lines that are taken as texts say what they say when they are parsed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from labelmetrics.errors import InputError
from labelmetrics.formats import metric_lines
from labelmetrics.formats.metric_lines import MetricReader, MetricValues, lines_of


def said(values: MetricValues) -> list[Any]:
    """All that columns say, metric by metric."""
    found = []
    for index in range(len(values)):
        shape = values.shapes[values.shape[index]]
        start, n = values.offset[index], len(shape.keys or (0,))
        numbers = (values.counts if shape.is_matrix else values.scalars)[start : start + n]
        found.append((values.rows[values.row[index]], shape, values.line[index], numbers.tolist()))
    return found


def by_both(texts: list[bytes]) -> tuple[list[Any], list[Any]]:
    """What lines say to a reader of texts, which parses what it cannot take, and to a reader that parses all."""
    found: tuple[list[Any], list[Any]] = ([], [])
    for place, takes_texts in enumerate((True, False)):
        reader = MetricReader()
        for number, text in enumerate(texts, 1):
            try:
                if not takes_texts or reader.add_text(text, None, number) is None:
                    (line,) = lines_of(text)
                    reader.add(line, None, number)
            except InputError as error:
                found[place].append([str(fault) for fault in error.faults])
        found[place].extend(said(reader.values()))
    return found


rows = st.fixed_dictionaries({}, optional={"id": st.sampled_from(["a", "é", 'q"', "b\\"])}) | st.fixed_dictionaries(
    {"globalKey": st.sampled_from(["a", "x", "\n", ""])}
)
numbers = st.sampled_from([0, 1, 0.5, -1, 1e300, True, None, "1", 2**70]) | st.integers(0, 3)
counts = st.lists(st.integers(-1, 300), min_size=3, max_size=4)
values = (
    numbers
    | counts
    | st.dictionaries(st.sampled_from(["0.1", "0.5", "1e-05", "2", "x"]), numbers, max_size=3)
    | st.dictionaries(st.sampled_from(["0.5", "0.1", "0.25"]), counts, min_size=1, max_size=3)
)
names = st.sampled_from(["cat", "dog", '"metricValue":', "a,b", "}", "é"])
lines = st.fixed_dictionaries(
    {"dataRow": rows, "metricName": names, "metricValue": values},
    optional={
        "uuid": st.sampled_from(["u1", "", None, 3, "ü"]),
        "featureName": names,
        "subclassName": names,
        "aggregation": st.sampled_from(["SUM", "CONFUSION_MATRIX", "MAX"]),
        "unknown": st.just(1),
    },
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(lines, max_size=8),
    st.permutations(["uuid", "dataRow", "metricName", "featureName", "metricValue", "subclassName", "aggregation"]),
    st.booleans(),
    st.booleans(),
)
def test_texts_say_what_they_say_parsed(
    drawn: list[dict[str, Any]], order: list[str], shuffled: bool, dense: bool
) -> None:
    texts = []
    for line in drawn:
        ordered = {name: line[name] for name in order if name in line} | line if shuffled else line
        if "uuid" in ordered:
            ordered = {"uuid": ordered["uuid"]} | ordered
        texts.append(json.dumps(ordered, separators=(",", ":") if dense else None).encode())
    ours, theirs = by_both(texts * 2)  # the second time they are known
    assert ours == theirs


@pytest.mark.parametrize(
    "text",
    [
        b'{"dataRow":{"id":"a"},"metricValue":1,"metricName":"m","metricValue":2}',
        b'{"uuid":"u","dataRow":{"id":"a"},"metricName":"m","metricValue":1,"uuid":"v"}',
        b'{"dataRow":{"id":"a"},"metricName":"m","metricValue":1,"dataRow":{"id":"b"}}',
        b'{"dataRow":{"id":"a"},"metricName":"m","metricValue":1}',
        b'{"dataRow":{"id":"a"},"metricName":"m","metricValue":',
        b'{"dataRow":{"id":"a"},"metricName":"m","metricValue": ',
        b'{"dataRow":{"id":"a"},"metricName":"m","metricValue":1]',
        b'{"dataRow":{"id":"a"},"metricName":"m","metricValue":01,"aggregation":"SUM"}',
        b'{"dataRow":{"id":"\xff"},"metricName":"m","metricValue":1,"aggregation":"SUM"}',
        b'{"dataRow":{"id":"a"},"metricName":"m","metricValue":{"0.5":[1,2,3,4},"aggregation":"CONFUSION_MATRIX"}',
        b'{"dataRow":{"id":"a"},"metricName":{"metricValue":1},"metricValue":1}',
        b"",
        b"[]",
    ],
)
def test_unusual_texts_say_what_they_say_parsed(text: bytes) -> None:
    plain = b'{"dataRow":{"id":"a"},"metricName":"m","metricValue":1,"aggregation":"SUM"}'
    ours, theirs = by_both([plain, text, plain, text])
    assert ours == theirs


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metric_lines, "VALUES_KEPT", 3)
    reader = MetricReader()
    for number in range(10):
        text = f'{{"dataRow":{{"id":"a"}},"metricName":"m","metricValue":{number},"aggregation":"SUM"}}'.encode()
        assert reader.add_text(text, None, number) is not None
    assert len(reader._numbers) <= 3
    assert reader.values().scalars.tolist() == list(range(10))


def test_after_a_restart_lines_are_new_and_what_was_learnt_stays() -> None:
    text = b'{"uuid":"u","dataRow":{"id":"a"},"metricName":"m","metricValue":1,"aggregation":"SUM"}'
    reader = MetricReader()
    assert reader.add_text(text, "f", 1) == ("u", ("id", "a"))
    reader.restart()
    assert len(reader) == 0
    assert reader.add_text(text.replace(b'"a"', b'"b"'), None, 5) == ("u", ("id", "b"))
    values = reader.values()
    assert [str(row) for row in values.rows] == ["id:b"]
    assert values.place(0) == {"file": None, "line": 5, "data_row": "id:b", "metric_key": "m"}
