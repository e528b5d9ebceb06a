from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from stores import Run, new_run

import labelmetrics as lm
from labelmetrics.errors import NameTakenError
from labelmetrics.store import Store, aggregates, data_rows, exports, importing
from labelmetrics.store.importing import input_lines
from labelmetrics.types.metric import metric_uuid


def metric(row: str = "a", value: Any = 0.5, feature: str | None = "cat", **more: Any) -> dict[str, Any]:
    line = {"dataRow": {"globalKey": row}, "metricName": "m", "metricValue": value, "aggregation": "ARITHMETIC_MEAN"}
    return line | ({} if feature is None else {"featureName": feature}) | more


def matrix(row: str = "a", value: Any = (1, 2, 3, 4), **more: Any) -> dict[str, Any]:
    return metric(row, list(value), metricName="cm", aggregation="CONFUSION_MATRIX") | more


def held(run: Run) -> list[dict[str, Any]]:
    with run.store.read() as connection:
        return [json.loads(line) for line in b"".join(exports.metric_lines(connection, run.id)).splitlines()]


def in_any_order(lines: Iterable[Any]) -> list[str]:
    return sorted(json.dumps(line, sort_keys=True) for line in lines)


def without_uuid(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != "uuid"}


def test_lines_are_stored_and_told(run: Run) -> None:
    run.register("a", "b")
    lines = [metric("a"), matrix("b", (1, 2, 3, 400)), metric("a", {"0.1": 0.2, "0.5": 0.9}, metricName="k")]
    statuses = run.put(lines)
    assert [status["status"] for status in statuses] == ["SUCCESS"] * 3
    assert statuses[0]["dataRow"].keys() == {"id", "globalKey"}
    assert in_any_order(map(without_uuid, held(run))) == in_any_order(lines)


def test_lines_of_the_store_have_the_uuids_of_the_evaluation(run: Run) -> None:
    row = {"dataRow": {"globalKey": "a"}}
    box = {**row, "name": "cat", "bbox": {"top": 0, "left": 0, "height": 9, "width": 9}}
    written = list(lm.evaluate([box], [{**box, "confidence": 0.5}], confidences=[0.1, 0.6]).lines())
    run.register("a")
    run.put(written)
    assert in_any_order(held(run)) == in_any_order(written)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (b"{", "syntax"),
        (b"[]", "type"),
        (b'"text"', "type"),
        (b"null", "type"),
        (b"\xff\xfe", "encoding"),
        (b"[" * 100_000, "syntax"),
        (json.dumps(metric(value=float("nan"))).encode(), "syntax"),
        (json.dumps(metric(value="1")).encode(), "type"),
        (json.dumps(metric(value=True)).encode(), "type"),
        (json.dumps(metric(metricName="iou")).encode(), "reserved-name"),
        (json.dumps(metric(value=200_000)).encode(), "scalar-range"),
        (json.dumps(metric(value=-1)).encode(), "scalar-range"),
        (json.dumps(metric(value={"0.5": 1})).encode(), "confidence-keys"),
        (json.dumps(matrix(value=(1, 2, 3))).encode(), None),
        (json.dumps(matrix(value=(1, 2, 3, 10**11))).encode(), "count-max"),
        (json.dumps(metric("nowhere")).encode(), "unknown-data-row"),
        (json.dumps({**metric(), "dataRow": {}}).encode(), None),
        (json.dumps({**metric(), "dataRow": {"id": "a", "globalKey": "a"}}).encode(), None),
        (json.dumps({**metric(), "unknown": 1}).encode(), "unknown-field"),
        (json.dumps({"dataRow": {"globalKey": "a"}, "name": "cat", "bbox": {"top": "1"}}).encode(), None),
    ],
)
def test_a_line_that_cannot_be_stored_says_why_and_the_others_are_stored(
    run: Run, line: bytes, rule: str | None
) -> None:
    run.register("a")
    good = json.dumps(metric(feature="dog")).encode()
    first, bad, last = run.put(b"\n".join([json.dumps(metric()).encode(), line, good]))
    assert (first["status"], bad["status"], last["status"]) == ("SUCCESS", "FAILURE", "SUCCESS")
    assert bad["errors"][0]["message"]
    if rule is not None:
        assert bad["errors"][0]["name"] == rule
    assert len(held(run)) == 2


def test_what_bad_lines_name_is_told_as_far_as_it_can_be(run: Run) -> None:
    run.register("a")
    (status,) = run.put(json.dumps(metric(value=float("nan"), uuid="u")).encode())
    assert status["uuid"] == "u"
    assert status["dataRow"]["globalKey"] == "a"


def test_blank_lines_a_byte_order_mark_and_windows_ends_are_fine(run: Run) -> None:
    run.register("a")
    one, two = (json.dumps(metric(feature=name)).encode() for name in ("é\u2028", "dog"))
    assert len(run.put(b"\xef\xbb\xbf" + one + b"\r\n\r\n  \n" + two + b"\n\n")) == 2
    assert run.put(b"", "nothing") == []


def test_a_line_that_is_too_long_is_passed_over(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "LINE_BYTES", 1000)
    run.register("a")
    long = json.dumps(metric(feature="x" * 5000)).encode()
    statuses = run.put(b"\n".join([json.dumps(metric()).encode(), long, json.dumps(metric(feature="dog")).encode()]))
    assert [status["status"] for status in statuses] == ["SUCCESS", "FAILURE", "SUCCESS"]
    assert statuses[1]["errors"][0]["name"] == "line-length"


def test_a_metric_key_may_occur_once_in_an_import(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "LINES", 2)  # within one part, and in another one
    run.register("a", "b")
    lines = [metric("a", 0.1), metric("a", 0.2), metric("b", 0.3), metric("a", 0.4), metric("b", 0.5, "dog")]
    statuses = run.put(lines)
    assert [status["status"] for status in statuses] == ["SUCCESS", "FAILURE", "SUCCESS", "FAILURE", "SUCCESS"]
    assert statuses[3]["errors"][0]["name"] == "duplicate-metric-key"
    assert [line["metricValue"] for line in held(run)] == [0.1, 0.3, 0.5]


def test_a_later_import_replaces_what_an_earlier_one_stored(run: Run) -> None:
    run.register("a", "b")
    run.put([metric("a", 0.1), metric("b", 0.2)], "first")
    run.put([metric("a", {"0.2": 0.7, "0.5": 0.8}), metric("a", 1, "dog")], "second")
    values = {(line["dataRow"]["globalKey"], line["featureName"]): line["metricValue"] for line in held(run)}
    assert values == {("a", "cat"): {"0.2": 0.7, "0.5": 0.8}, ("b", "cat"): 0.2, ("a", "dog"): 1}


def test_a_metric_name_has_one_aggregation(run: Run) -> None:
    run.register("a")
    _, other = run.put([metric(), metric(feature="dog", aggregation="SUM")])
    assert other["errors"][0]["name"] == "aggregation"
    (later,) = run.put([metric(feature="dog", aggregation="SUM")], "later")
    assert "ARITHMETIC_MEAN" in later["errors"][0]["message"]


def test_given_uuids_are_kept(run: Run) -> None:
    run.register("a")
    run.put([metric(uuid="mine")])
    assert held(run)[0]["uuid"] == "mine"


def test_lines_name_rows_by_the_keys_that_are_asked_for(run: Run) -> None:
    with run.store.write() as connection:
        data_rows.register_table(connection, run.id, [{"id": "r1", "globalKey": "g1"}, {"id": "r2"}])
    sent = [{**metric(), "dataRow": {"id": row}} for row in ("r1", "r2")]
    run.put(sent)
    with run.store.read() as connection:
        by_id = b"".join(exports.metric_lines(connection, run.id, by_id=True)).splitlines()
    assert in_any_order(without_uuid(json.loads(line)) for line in by_id) == in_any_order(sent)
    assert [line["dataRow"] for line in held(run)] == [{"globalKey": "g1"}, {"id": "r2"}]
    for text in by_id + [json.dumps(line).encode() for line in held(run)]:
        line = json.loads(text)
        assert line["uuid"] == metric_uuid(*line["dataRow"].items(), "m", "cat")


def test_the_same_lines_by_the_same_name_are_no_new_import(run: Run) -> None:
    run.register("a")
    sent = run.take(run.send([metric()]))
    assert run.send([metric()]) == sent
    with pytest.raises(NameTakenError, match="'import-2' is free"):
        run.send([metric(value=1)])
    with pytest.raises(NameTakenError):
        run.send([metric()], kind="ground_truths")


def test_inputs_are_ascii_json_whatever_was_sent(run: Run) -> None:
    texts = ['{"a": "é\u2028"}', "{broken", '{"n": NaN}', "", '["\U0001f600"]']
    sent = run.send("\n".join(texts).encode() + b"\n\xff\xfe\n")
    text = b"".join(input_lines(run.store, sent)).decode("ascii")
    said = json.loads("[" + ",".join(text.splitlines()) + "]")  # as the platform's client reads it
    assert said[:2] == [{"a": "é\u2028"}, "{broken"]
    assert str(said[2]["n"]) == "nan"
    assert said[3:] == [["\U0001f600"], "��"]


def test_what_is_stored_does_not_depend_on_the_parts(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.register("a", "b", "c")
    lines = [metric(row, value, feature) for value, (row, feature) in enumerate((r, f) for f in "xyz" for r in "abc")]
    run.put(lines, "at once")
    whole = held(run)
    monkeypatch.setattr(importing, "LINES", 1)
    run.put(lines, "one by one")
    assert held(run) == whole


ROWS, FEATURES = ("a", "b", "c"), ("cat", "dog", None)
counts = st.lists(st.integers(0, 10**10) | st.integers(0, 255), min_size=4, max_size=4)
values = st.one_of(
    counts,
    st.dictionaries(st.sampled_from([0.1, 0.25, 0.5, 1.0]), counts, min_size=2).map(
        lambda d: {repr(k): d[k] for k in d}
    ),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.tuples(st.sampled_from(ROWS), st.sampled_from(FEATURES), values), max_size=8), max_size=4))
def test_the_store_holds_what_a_dictionary_would(
    tmp_path_factory: pytest.TempPathFactory, sent: list[list[tuple[str, str, Any]]]
) -> None:
    with Store.open(tmp_path_factory.mktemp("home")) as store:
        run = new_run(store)
        run.register(*ROWS)
        expected: dict[tuple[str, str], Any] = {}
        for number, lines in enumerate(sent):
            run.put(
                [matrix(row, (), metricValue=value, featureName=feature) for row, feature, value in lines], str(number)
            )
            first: dict[tuple[str, str], Any] = {}
            for row, feature, value in lines:
                first.setdefault((row, feature), value)
            expected |= first
        assert {
            (line["dataRow"]["globalKey"], line.get("featureName")): line["metricValue"] for line in held(run)
        } == expected
        if expected and not any(isinstance(value, dict) for value in expected.values()):
            with store.read() as connection:
                ours = aggregates.aggregate_run(connection, run.id)
            assert ours.to_dicts() == lm.aggregate(held(run)).to_dicts()
