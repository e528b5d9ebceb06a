"""Validation of metric and prediction lines."""

from __future__ import annotations

import base64
import gzip
import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from PIL import Image

import labelmetrics as lm
from labelmetrics import validation
from labelmetrics.errors import InputError, LabelmetricsWarning, SettingError
from labelmetrics.limits import Limits
from labelmetrics.validation import Report, validate


def line(row: str, value: Any = 1, name: str | None = "m", **more: Any) -> dict[str, Any]:
    return {"dataRow": {"id": row}, "metricValue": value, **({"metricName": name} if name else {}), **more}


def rules(report: Report) -> list[tuple[str, int | None]]:
    return [(fault.rule, fault.line) for fault in report.faults]


def text(*lines: Any) -> io.BytesIO:
    return io.BytesIO(b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines))


def png() -> str:
    file = io.BytesIO()
    Image.new("RGB", (2, 2), (1, 2, 3)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


BOX = {
    "dataRow": {"id": "a"},
    "name": "cat",
    "uuid": "u1",
    "bbox": {"top": 1, "left": 1, "height": 2, "width": 2},
}
RADIO = {"dataRow": {"id": "a"}, "name": "weather", "answer": {"name": "rain"}}
CHECKLIST = {"dataRow": {"id": "a"}, "name": "seen", "answer": [{"name": "car"}, {"name": "bus"}]}
FREE = {"dataRow": {"id": "a"}, "name": "remark", "answer": "none"}
MASKS = {
    "dataRow": {"id": "a"},
    "masks": {
        "frames": [{"index": 1, "imBytes": png()}],
        "instances": [{"colorRGB": [1, 2, 3], "name": "road"}],
    },
}
TRUTH = [BOX, RADIO, CHECKLIST, FREE, MASKS]


def test_sound_lines() -> None:
    report = validate([line("a"), line("b", 2), BOX, RADIO, line("a", [1, 0, 0, 0], "50pct_iou", featureName="cat")])
    assert report.ok
    assert (report.lines, report.metrics, report.annotations, report.data_rows) == (5, 3, 2, 2)
    assert str(report) == "no faults in 5 lines: 3 metrics, 2 other annotations, 2 data rows"
    report.raise_for_faults()
    nothing = validate([])
    assert nothing.ok
    assert nothing.lines == 0


@pytest.mark.parametrize(
    ("bad", "rule", "path"),
    [
        (b"{", "syntax", None),
        (b'{"dataRow": {"id": "a"}, "metricValue": NaN}', "syntax", None),
        (b'{"dataRow": {"id": "\xff"}, "metricValue": 1}', "encoding", None),
        (b"[1]", "type", "$"),
        (b"null", "type", "$"),
        (line("a", "1"), "type", "$.metricValue"),
        (line("a", True), "type", "$.metricValue"),
        (line("a", [1, 2, 3]), "counts", "$.metricValue"),
        (line("a", [1, 2, 3, -4]), "greater-than-equal", "$.metricValue[3]"),
        (line("a", {"0.1": 1, "1.5": 2}), "less-than-equal", '$.metricValue["1.5"]'),
        (line("a", {"x": 1}), "confidence-key", "$.metricValue.x"),
        (line("a", colour="red"), "unknown-field", "$.colour"),
        (line("a", subclassName="old"), "subclass", "$"),
        (line("a", name="iou"), "reserved-name", "$.metricName"),
        (line("a", aggregation="MEDIAN"), "enum", "$.aggregation"),
        ({"metricValue": 1, "metricName": "m"}, "missing", "$.dataRow"),
        (line("a") | {"dataRow": {"id": "a", "globalKey": "b"}}, "data-row", "$.dataRow"),
        ({"dataRow": {"id": "a"}, "metricName": "m"}, "kind", "$"),
        ({"dataRow": {"id": "a"}, "name": "x"}, "kind", "$"),
        ({"dataRow": {"id": "a"}, "relationship": {}}, "unsupported-kind", "$.relationship"),
        (BOX | {"bbox": {"top": 1, "left": 1, "height": -2, "width": 2}}, "greater-than-equal", "$.bbox.height"),
        (line("a", -1), "scalar-range", "$.metricValue"),
        (line("a", 100_001), "scalar-range", "$.metricValue"),
        (line("a", {"0.1": 1, "0.5": 100_001}), "scalar-range", '$.metricValue["0.5"]'),
        (line("a", [0, 10**10 + 1, 0, 0]), "count-max", "$.metricValue[1]"),
        (line("a", {"0.1": [0] * 4, "0.5": [0, 0, 0, 10**11]}), "count-max", '$.metricValue["0.5"][3]'),
        (line("a", [0, 10**20, 0, 0]), "count-max", "$.metricValue"),
        (line("a", {"0.5": 1}), "confidence-keys", "$.metricValue"),
        (line("a", {str(k / 16): 1 for k in range(16)}), "confidence-keys", "$.metricValue"),
    ],
)
def test_a_bad_line_among_good_ones(bad: Any, rule: str, path: str | None) -> None:
    report = validate(text(line("z", name="other"), line("y", 3, "other"), b"", bad, BOX))
    (fault,) = report.faults
    assert (fault.rule, fault.path, fault.line) == (rule, path, 4)
    assert not report.ok
    with pytest.raises(InputError, match="1 fault in 4 lines"):
        report.raise_for_faults()


def test_reserved_name_says_what_to_call_it() -> None:
    (fault,) = validate([line("a", name="Precision")]).faults
    assert "precision_custom" in str(fault)
    (fault,) = validate([line("a", name="Speed")], limits=Limits(reserved_names=frozenset({"speed"}))).faults
    assert "speed_custom" in str(fault)


def test_faults_have_place_key_and_remedy(tmp_path: Path) -> None:
    path = tmp_path / "m.ndjson"
    path.write_text(json.dumps(line("a", "1", featureName="cat", subclassName="old")))
    (fault,) = validate(path).faults
    assert (fault.file, fault.line, fault.data_row, fault.metric_key) == (str(path), 1, "id:a", "m / cat / old")
    assert fault.remedy


def test_metric_key_twice() -> None:
    lines = [line("a", featureName="cat"), line("b"), line("a", 2, featureName="cat"), line("a", 2)]
    (fault,) = validate(lines).faults
    assert (fault.rule, fault.line, fault.data_row, fault.metric_key) == ("duplicate-metric-key", 3, "id:a", "m / cat")
    assert "line 1" in fault.message


def test_metric_key_twice_in_two_files(tmp_path: Path) -> None:
    for name in "12":
        (tmp_path / name).write_text(json.dumps(line("a")))
    assert validate(tmp_path / "1").ok
    report = validate([tmp_path / "1", str(tmp_path / "2")])
    (fault,) = report.faults
    assert (fault.file, fault.line) == (str(tmp_path / "2"), 1)
    assert f"line 1 of {tmp_path / '1'}" in fault.message


def test_uuid_twice() -> None:
    report = validate([BOX, BOX | {"name": "dog"}, line("a", uuid="u1"), line("b", uuid="u2"), line("c", uuid=None)])
    assert rules(report) == [("duplicate-uuid", 2), ("duplicate-uuid", 3)]
    label = lm.Label(data=lm.ImageData(uid="a"), annotations=[lm.ScalarMetric(value=n, uuid="u") for n in (1, 2)])
    assert ("duplicate-uuid", 1) in rules(validate([label]))


def test_two_aggregations() -> None:
    lines = [line("a"), line("b", aggregation="SUM"), line("c", [1, 0, 0, 0]), line("d", 1, "n", aggregation="SUM")]
    report = validate(lines)
    assert rules(report) == [("aggregation", 2), ("aggregation", 3)]
    assert "ARITHMETIC_MEAN on line 1" in report.faults[0].message


@pytest.mark.parametrize(
    ("values", "lines"),
    [
        ([{".1": 1}, {"0.1": 1, "0.5": 1}, {"0.5": 2, "0.1": 1}], None),
        ([{"0.1": 1, "0.5": 1}, {"0.1": 1, "0.5": 1, "0.9": 1}, {"0.5": 1, "0.9": 1}], []),
        ([{"0.1": 1, "0.5": 1}, {"0.1": 1, "0.9": 1}], [2]),
        ([{"0.1": 1, "0.5": 1}, 3, 4], [2]),
        ([3, 4, 5, {"0.1": 1, "0.5": 1}], [1]),
        ([{"0.1": [1, 0, 0, 0], "0.5": [1, 0, 0, 0]}, {"0.1": [1, 0, 0, 0], "0.9": [1, 0, 0, 0]}], [2]),
        ([{"0.1": [0] * 4, "0.5": [0] * 4}, {"0.1": [0] * 4, "0.5": [0] * 4, "0.9": [0] * 4}], [1]),
    ],
)
def test_unlike_keys(values: list[Any], lines: list[int] | None) -> None:
    report = validate([line(str(number), value) for number, value in enumerate(values)])
    if lines is None:
        assert not report.ok  # ".1" is no number of JSON
    else:
        assert [fault.line for fault in report.faults if fault.rule == "unlike-keys"] == lines
        assert set(report.by_rule()) <= {"unlike-keys"}


def test_unlike_keys_name_lines() -> None:
    few, many = {"0.1": 1, "0.5": 1}, {"0.1": 1, "0.2": 1, "0.9": 1}
    report = validate([line(str(n), few if n < 9 else many) for n in range(11)])
    (fault,) = report.faults
    assert fault.message == (
        "has the keys 0.1, 0.5 on lines 1, 2, 3, 4, 5 and 4 more, and the keys 0.1, 0.2, 0.9 on line 10"
    )


def test_too_many_metrics_on_a_data_row() -> None:
    lines = [line("a", name=f"m{n}") for n in range(21)] + [line("b", name=f"m{n}") for n in range(20)]
    (fault,) = validate([*lines, line("b", name="m0")]).faults[:1]
    assert (fault.rule, fault.line, fault.data_row) == ("metrics-per-data-row", 21, "id:a")
    assert rules(validate([*lines, line("b", name="m0")]))[1:] == [("duplicate-metric-key", 42)]
    assert validate(lines, limits=Limits(metrics_per_data_row=21)).ok


def test_too_many_data_rows() -> None:
    report = validate([line("a"), BOX | {"dataRow": {"id": "b"}}], limits=Limits(data_rows_per_run=1))
    assert rules(report) == [("data-rows-per-run", None)]


def test_two_kinds_of_keys() -> None:
    lines = [line("a"), line("b", 2), line("c") | {"dataRow": {"globalKey": "c"}}]
    assert rules(validate(lines)) == [("data-row-keys", 1), ("data-row-keys", 3)]
    table = [{"id": "a"}, {"id": "b"}, {"globalKey": "c"}]
    assert validate(lines, data_rows=table).ok


def test_unknown_to_the_ground_truth(tmp_path: Path) -> None:
    lines = [
        line("a", featureName="cat"),
        line("a", 2, featureName="weather/rain"),
        line("a", 2, featureName="rain"),
        line("a", 2, featureName="remark"),
        *[{key: value for key, value in one.items() if key != "uuid"} for one in TRUTH],
    ]
    path = tmp_path / "gt.ndjson"
    path.write_text("\n".join(map(json.dumps, TRUTH[:-1])))
    for truth in (TRUTH, iter(TRUTH)):
        assert validate(lines, ground_truth=truth).ok
    assert rules(validate(lines, ground_truth=path)) == [("unknown-feature", 9)]
    assert validate(lines, ground_truth=path, known_features=["road"]).ok
    assert validate([line("a", featureName="new")], known_features=["new"]).ok
    more = [line("q", featureName="dog"), line("q", name="n"), BOX | {"name": "dog", "dataRow": {"id": "a"}}, *lines]
    report = validate(more, ground_truth=TRUTH)
    assert rules(report) == [("unknown-data-row", 1), ("unknown-feature", 1)]
    assert "(on 2 lines" in report.faults[0].message
    assert report.faults[1].message.startswith("the ground truth has no feature 'dog' (on 2 lines")
    assert validate(more, ground_truth=TRUTH, data_rows=[{"id": "q"}], known_features=["dog"]).ok
    other = validate([line("a") | {"dataRow": {"globalKey": "a"}}], ground_truth=TRUTH)
    assert rules(other) == [("data-row-keys", None)]
    with pytest.raises(InputError):
        validate(lines, ground_truth=[{"dataRow": 1}])


def test_labels_evaluations_and_models() -> None:
    boxes = [
        lm.ObjectAnnotation(name="cat", value=lm.Rectangle.from_xyhw(x, 0, 4, 4), confidence=0.4 + x / 10)
        for x in (0, 1, 2)
    ]
    labels = [lm.Label(data=lm.ImageData(uid=row), annotations=boxes) for row in "ab"]
    for confidences in (None, 4, "auto"):
        evaluation = lm.evaluate(labels, labels, confidences=confidences)
        assert validate(evaluation.lines(), ground_truth=labels).ok
        assert validate(evaluation.labels(), ground_truth=evaluation).ok
    metrics = [lm.ScalarMetric(metric_name="m", value=1, data_row=("id", "a")), lm.ScalarMetric(value=1)]
    assert rules(validate(metrics)) == [("missing", 2)]
    nowhere = lm.Label(data=lm.ImageData(external_id="x"), annotations=[lm.ScalarMetric(value=1)])
    assert rules(validate([nowhere, labels[0]])) == [("annotation", 1)]


def test_own_output_with_undefined_keys_is_sound() -> None:
    """Where only predictions are, mIoU is undefined above the highest confidence, and its line has fewer keys."""

    def label(row: str, *confidences: float | None) -> lm.Label:
        boxes = [
            lm.ObjectAnnotation(name="cat", value=lm.Rectangle.from_xyhw(0, 0, 4, 4), confidence=confidence)
            for confidence in confidences
        ]
        return lm.Label(data=lm.ImageData(uid=row), annotations=boxes)

    evaluation = lm.evaluate(
        [label("a", None), label("b"), label("c")],
        [label("a", 0.9), label("b", 0.5), label("c", 0.7)],
        confidences=[0.1, 0.4, 0.6, 0.8],
    )
    assert len({len(one["metricValue"]) for one in evaluation.lines(metrics=["miou"])}) == 3
    assert validate(evaluation.lines()).ok


def test_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "KEPT", 3)
    report = validate([line(str(n), -1) for n in range(5)] + [line("<b>", "x")])
    assert len(report.faults) == 3
    assert report.fault_count == 6
    assert report.by_rule() == {"scalar-range": 5, "type": 1}
    assert str(report).startswith("6 faults in 6 lines")
    assert str(report).endswith("... and 3 more")
    assert report.to_dicts()[-1]["rule"] == "type"
    assert "id:&lt;b&gt;" in report._repr_html_()
    assert "the first" not in report._repr_html_()


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        validate(tmp_path / "absent.ndjson")
    with pytest.raises(InputError):
        validate({"dataRow": {"id": "a"}})
    whole = gzip.compress(b"\n".join(json.dumps(line(str(n))).encode() for n in range(9000)))
    cut, good = tmp_path / "cut.gz", tmp_path / "good.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    good.write_bytes(gzip.compress(json.dumps(line("z")).encode()))
    report = validate([cut, good])
    assert [fault.file for fault in report.faults] == [str(cut)]
    assert report.metrics >= 1


def test_line_endings_blank_lines_and_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "m.ndjson"
    path.write_bytes(b"\xef\xbb\xbf" + b"\r\n\r\n".join(json.dumps(line(row)).encode() for row in "ab") + b"\r\n\r\n")
    report = validate(path)
    assert report.ok
    assert report.metrics == 2
    path.write_bytes(b"")
    with pytest.warns(LabelmetricsWarning, match="there are no lines to check"):
        assert validate(path).lines == 0
    path.write_text(json.dumps([line("a"), line("a")], indent=2))
    assert rules(validate(path)) == [("duplicate-metric-key", 2)]


# Anything at all: a report or an error of this package.

anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from(
    [
        "uuid",
        "dataRow",
        "metricName",
        "metricValue",
        "featureName",
        "subclassName",
        "aggregation",
        "name",
        "schemaId",
        "answer",
        "bbox",
        "polygon",
        "segments",
        "frames",
        "masks",
        "mask",
        "confidence",
        "classifications",
    ]
)
almost = st.builds(
    lambda base, changes: {name: value for name, value in {**base, **changes}.items() if value != "GONE"},
    st.sampled_from([line("a"), line("a", [1, 0, 0, 0], "n"), line("b", {"0.1": 1, "0.5": 2}), *TRUTH]),
    st.dictionaries(fields, anything | st.just("GONE"), max_size=2),
)


@given(st.lists(almost | anything, max_size=6))
def test_any_lines_give_a_report(lines: list[Any]) -> None:
    report = validate([one for one in lines if not isinstance(one, str)], ground_truth=TRUTH)
    assert report.ok == (report.fault_count == 0)
    assert str(report)
    again = validate(io.BytesIO(b"\n".join(json.dumps(one).encode() for one in lines)))
    assert again.lines == len(lines)
    json.dumps(again.to_dicts())


@given(
    st.binary(max_size=60) | st.lists(st.sampled_from(b'{}[]":,0.1e-\n\\metricValuedataRowid '), max_size=40).map(bytes)
)
def test_any_bytes_give_a_report(data: bytes) -> None:
    assert validate(io.BytesIO(data)).lines >= 0


@given(st.binary(max_size=60))
@pytest.mark.filterwarnings("ignore:there are no lines to check")
def test_any_file_gives_a_report_or_an_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "x"
    for start in (b"", b"[", b"\x1f\x8b", b"\x28\xb5\x2f\xfd"):
        path.write_bytes(start + data)
        assert isinstance(validate(path), Report)


def test_numbers_beyond_floats() -> None:
    report = validate([line("a", math.inf), line("b", 10**400), line("c", [10**400, 0, 0, 0])])
    assert [fault.line for fault in report.faults] == [1, 2, 3]


def test_one_metric_and_no_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a path or a list, got one ScalarMetric: put it into a list"):
        validate(lm.ScalarMetric(metric_name="m", value=1))
    (tmp_path / "empty").touch()
    with pytest.warns(LabelmetricsWarning, match="there are no lines to check"):
        assert validate([tmp_path / "empty"]).ok


def test_a_metric_table_is_not_read_as_lines(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    lm.evaluate([], []).write_parquet(path)
    for read in (validate, lm.aggregate):
        with pytest.raises(InputError, match=r"m\.parquet: is a Parquet table, and lines of NDJSON are read here"):
            read(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("confidence_keys", (5, 2)),
        ("confidence_keys", (0, 2)),
        ("confidence_keys", [2]),
        ("scalar_max", -1),
        ("scalar_max", math.nan),
        ("count_max", "many"),
        ("metrics_per_data_row", 0),
        ("data_rows_per_run", True),
    ],
)
def test_limits_that_nothing_can_keep(name: str, value: Any) -> None:
    with pytest.raises(SettingError, match=f"the limit {name} must be"):
        Limits(**{name: value})
