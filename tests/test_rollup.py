"""Rollup of metric lines and evaluations."""

from __future__ import annotations

import gzip
import json
import math
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

import labelmetrics as lm
from labelmetrics.errors import DataRowError, InputError, LabelmetricsWarning, SettingError
from labelmetrics.formats.data_rows import read_data_rows
from labelmetrics.kernels.results import Groups, Results
from labelmetrics.kernels.thresholds import Grid
from labelmetrics.rollup import aggregate
from labelmetrics.types import ConfusionMatrixMetric, ImageData, Label, Point, ScalarMetric

KEYS = (0.1, 0.5, 0.9)


def line(
    row: str, value: Any, name: str | None = "m", feature: str | None = None, subclass: str | None = None, **more: Any
) -> dict[str, Any]:
    fields = {"metricName": name, "featureName": feature, "subclassName": subclass, "metricValue": value, **more}
    return {"dataRow": {"id": row}} | {field: one for field, one in fields.items() if one is not None}


def total(row: str, value: Any, *what: str) -> dict[str, Any]:
    return line(row, value, "m", *what, aggregation="SUM")


def shown(rollup: Any) -> list[tuple[Any, ...]]:
    return [
        (row.group, row.metric_name, row.feature_name, row.subclass_name, row.counts or row.value, row.data_rows)
        for row in rollup
    ]


def test_cat_and_dog_make_seven() -> None:
    lines = [total("a", 3, "cat"), total("a", 4, "dog")]
    assert aggregate(lines, by="data_row").get("m", group="id:a").value == 7


def test_data_row_follows_its_features_unless_set() -> None:
    lines = [total("a", 3, "cat"), total("a", 4, "dog"), total("a", 100), total("b", 1, "cat"), total("b", 2, "dog")]
    rows = aggregate(lines, by="data_row", explain=True)
    assert [rows.get("m", group=f"id:{row}").value for row in "ab"] == [100, 3]
    assert [rows.get("m", group=f"id:{row}").explicit for row in "ab"] == [("id:a",), ()]
    assert rows.get("m", group="id:a").children == ()
    assert rows.get("m", group="id:b").children == (("cat", 1), ("dog", 2))
    run = aggregate(lines, explain=True)
    assert run.get("m").value == 103
    assert run.get("m").children == (("id:a", 100), ("id:b", 3))
    assert run.get("m").explicit == ("id:a",)
    assert run.get("m", "cat").value == 4
    assert run.get("m", "cat").explicit == ()


def test_subclasses_make_their_feature() -> None:
    lines = [total("a", 3, "fruit", "orange"), total("a", 4, "fruit", "apple"), total("a", 1, "car")]
    assert shown(aggregate(lines, by="data_row")) == [
        ("id:a", "m", None, None, 8, 1),
        ("id:a", "m", "car", None, 1, 1),
        ("id:a", "m", "fruit", None, 7, 1),
        ("id:a", "m", "fruit", "apple", 4, 1),
        ("id:a", "m", "fruit", "orange", 3, 1),
    ]


def test_ratios_come_from_summed_counts() -> None:
    lines = [line("a", [1, 0, 0, 0], feature="cat"), line("b", [0, 9, 0, 0], feature="cat")]
    row = aggregate(lines).get("m", "cat")
    assert (row.tp, row.fp, row.tn, row.fn) == (1, 9, 0, 0)
    assert (row.precision, row.recall, row.f1) == (0.1, 1.0, 2 / 11)
    nothing = aggregate([line("a", [0, 0, 5, 0])]).get("m")
    assert (nothing.precision, nothing.recall, nothing.f1) == (None, None, None)
    scalar = aggregate([line("a", 0.5)]).get("m")
    assert [scalar.tp, scalar.fp, scalar.tn, scalar.fn] == [None] * 4
    assert (scalar.precision, scalar.recall, scalar.f1, scalar.counts) == (None, None, None, None)


def test_values_are_not_carried_forward() -> None:
    """Row b is defined at 0.1 only; carried to 0.5, its nine false positives would drag the precision down."""
    lines = [
        line("a", {"0.1": [5, 5, 0, 0], "0.5": [5, 0, 0, 0]}),
        line("b", {"0.1": [0, 9, 0, 0], "0.9": [0, 0, 0, 0]}),
    ]
    assert aggregate(lines, confidence=0.1).get("m").counts == (5, 14, 0, 0)
    row = aggregate(lines, confidence=0.5).get("m")
    assert (row.precision, row.data_rows) == (1.0, 1)


def test_plain_values_are_defined_at_every_key() -> None:
    lines = [line("a", {"0.1": 1, "0.5": 3}), line("b", 7), line("b", 1, "plain")]
    found = aggregate(lines, confidence=0.5)
    assert found.get("m").value == 5
    assert found.get("plain").value == 1


def test_explicit_parent_that_is_undefined_at_the_key_follows_its_children() -> None:
    lines = [line("a", {"0.1": 9, "0.9": 9}), line("a", {"0.1": 1, "0.5": 2, "0.9": 3}, feature="cat")]
    assert [aggregate(lines, confidence=key).get("m").value for key in KEYS] == [9, 2, 9]


def test_confidence_must_be_a_key() -> None:
    lines = [line("a", {"0.1": 1, "0.5": 3}), line("a", {"0.2": 1, "0.6": 3}, "other")]
    with pytest.raises(SettingError, match=r"m: 0\.1, 0\.5; other: 0\.2, 0\.6"):
        aggregate(lines, confidence=0.3)
    with pytest.raises(SettingError, match=r"m: 0\.1, 0\.5"):
        aggregate(lines)
    with pytest.raises(SettingError, match="is not a key of every metric"):
        aggregate(lines, confidence=0.15, nearest=True)
    assert [row.value for row in aggregate(lines, confidence=0.55, nearest=True)] == [3, 1]
    assert aggregate(lines, confidence=0.6, nearest=True, metric="m").get("m").value == 3
    with pytest.raises(SettingError, match="no confidence keys"):
        aggregate([line("a", 1)], confidence=0.5)


def test_keys_that_differ_by_a_rounding_are_one() -> None:
    lines = [line("a", {"0.1": 1, "0.3": 3}), line("b", {"0.1": 1, "0.30000000000000004": 5})]
    assert aggregate(lines, confidence=0.3).get("m").value == 4


def test_two_aggregations_are_an_error() -> None:
    lines = [line("a", 1), total("b", 2), total("c", 3)]
    with pytest.raises(InputError, match="SUM here and by ARITHMETIC_MEAN on line 1") as caught:
        aggregate(lines)
    (fault,) = caught.value.faults
    assert (fault.rule, fault.line, fault.data_row) == ("aggregation", 2, "id:b")
    assert len(aggregate([line("a", 1, "x"), total("a", 1)])) == 2


def test_metric_key_twice_is_an_error() -> None:
    lines = [line("a", 1, feature="cat"), line("b", 1, feature="cat"), line("a", {"0.5": 2, "1": 3}, feature="cat")]
    with pytest.raises(InputError, match="same metric key as line 1") as caught:
        aggregate(lines)
    assert [fault.line for fault in caught.value.faults] == [3]
    with pytest.raises(InputError):
        aggregate([line("a", 1)] * 2000)


@pytest.mark.parametrize("aggregation", ["GEOMETRIC_MEAN", "HARMONIC_MEAN"])
def test_negative_values_have_no_geometric_mean(aggregation: str) -> None:
    assert aggregate([line("a", 0, aggregation=aggregation), line("b", 2, aggregation=aggregation)]).get("m").value == 0
    with pytest.raises(InputError, match="negative"):
        aggregate([line("a", -1, aggregation=aggregation)])


def test_splits_and_slices() -> None:
    table = [{"id": "a", "split": "TRAINING"}, {"id": "b", "split": "TEST"}, {"id": "c"}, {"id": "d", "split": "TEST"}]
    lines = [total(row, value) for row, value in zip("abcd", (1, 2, 4, 8), strict=True)]
    splits = aggregate(lines, by="split", data_rows=table)
    assert shown(splits) == [
        ("TEST", "m", None, None, 10, 2),
        ("TRAINING", "m", None, None, 1, 1),
        ("UNASSIGNED", "m", None, None, 4, 1),
    ]
    with pytest.raises(SettingError, match="3 groups"):
        splits.get("m")
    with pytest.raises(SettingError, match="table of data rows"):
        aggregate(lines, by="split")
    slices = aggregate(lines, by="slice", slices={"night": ["a", "id:c"], "all": "abcd", "none": []})
    assert shown(slices) == [("all", "m", None, None, 15, 4), ("night", "m", None, None, 5, 2)]
    assert aggregate(lines, by="slice", slices={"s": [("id", "d")]}).get("m").value == 8
    with pytest.raises(SettingError, match="slice 'some' names 1 data row not in the table of data rows: 'x'"):
        aggregate(lines, by="slice", slices={"some": ["a", "x"]}, data_rows=table)
    assert aggregate(lines[:1], by="slice", slices={"some": ["a", "b"]}, data_rows=table).get("m").value == 1
    with pytest.warns(LabelmetricsWarning, match="slice 'gone': no line is about any of its data rows"):
        assert not len(aggregate(lines, by="slice", slices={"gone": ["x"]}))
    for wrong in (
        {"by": "slice"},
        {"slices": {}},
        {"by": "galaxy"},
        {"by": "slice", "slices": {"s": 5}},
        {"metric": 5},
    ):
        with pytest.raises(SettingError):
            aggregate(lines, **wrong)


def test_data_rows_with_two_kinds_of_keys() -> None:
    lines = [total("a", 1, "cat"), total("a", 2, "dog") | {"dataRow": {"globalKey": "x"}}]
    with pytest.raises(DataRowError, match="cannot be told apart"):
        aggregate(lines)
    table = [{"id": "a", "globalKey": "x"}, {"id": "b", "globalKey": "y"}]
    assert aggregate(lines, by="data_row", data_rows=table).get("m").value == 3
    assert aggregate(lines, by="slice", slices={"s": ["globalKey:x"]}, data_rows=table).get("m").data_rows == 1
    with pytest.raises(DataRowError, match="1 data row not in the table"):
        aggregate([*lines, total("q", 1)], data_rows=table)


def test_filters() -> None:
    lines = [total("a", 3, "cat", "old"), total("a", 4, "dog"), line("a", 1, "other", "cat")]
    assert [row.feature_name for row in aggregate(lines, feature="cat")] == ["cat", "cat", "cat"]
    assert [row.subclass_name for row in aggregate(lines, subclass="old", by="data_row", explain=True)] == ["old"]
    assert {row.metric_name for row in aggregate(lines, metric=["other"])} == {"other"}
    for wrong in ({"metric": "n"}, {"feature": "x"}, {"subclass": "x"}):
        with pytest.raises(SettingError, match="there is no"):
            aggregate(lines, **wrong)


def test_sources(tmp_path: Path) -> None:
    lines = [total("a", 3, "cat"), {"dataRow": {"id": "a"}, "name": "cat", "point": {"x": 1, "y": 2}}, total("b", 4)]
    plain, packed = tmp_path / "m.ndjson", tmp_path / "m.ndjson.gz"
    plain.write_text("\n".join(map(json.dumps, lines)))
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    models = [ScalarMetric.model_validate(one) for one in (lines[0], lines[2])]
    labels = [Label(data=ImageData(uid=one.data_row.id), annotations=[one]) for one in models]
    for source in (plain, str(packed), lines, models, labels, iter(lines), plain.open("rb"), [plain]):
        assert aggregate(source).get("m").value == 7
    with pytest.raises(InputError, match="expected a path or lines"):
        aggregate(3)


def test_bad_lines_are_all_named(tmp_path: Path) -> None:
    path = tmp_path / "m.ndjson"
    good = json.dumps(total("a", 1))
    path.write_text("\n".join([good, "{", '{"dataRow": {"id": "b"}, "metricName": "m"}', "[]", good[:-5]]))
    with pytest.raises(InputError, match="4 lines cannot be read") as caught:
        aggregate(path)
    assert [(fault.file, fault.line) for fault in caught.value.faults] == [(str(path), n) for n in (2, 3, 4, 5)]
    with pytest.raises(InputError, match=r"\$.dataRow"):
        aggregate([ScalarMetric(metric_name="m", value=1)])
    with pytest.raises(InputError, match="cannot be added up"):
        aggregate([line("a", [2**63, 0, 0, 0])])
    with pytest.raises(InputError, match="external_id"):
        aggregate([Label(data=ImageData(external_id="x"), annotations=[ScalarMetric(value=1)])])


@pytest.mark.parametrize(
    "wrong",
    [
        {"metricValue": "1"},
        {"metricValue": True},
        {"metricValue": math.nan},
        {"metricValue": 10**400},
        {"metricValue": [1, 2, 3]},
        {"metricValue": [1, 2, 3, True]},
        {"metricValue": [1, 2, 3, -1]},
        {"metricValue": [1, 2, 3, 0.5]},
        {"metricValue": {}},
        {"metricValue": {"0.5": 1, "0.50": 2}},
        {"metricValue": {"0.1": [1, 0, 0, 0], "0.5": "abcd"}},
        {"metricValue": {"0.1": 1, "0.5": None}},
        {"dataRow": {"id": "a", "globalKey": "b"}},
        {"dataRow": {"id": 3}},
        {"dataRow": None},
        {"uuid": 3},
        {"colour": "red"},
        {"metricName": ["m"]},
        {"aggregation": "MEDIAN"},
        {"featureName": None, "subclassName": "x"},
    ],
)
def test_lines_of_a_known_shape_are_checked_too(wrong: dict[str, Any]) -> None:
    value = wrong.get("metricValue")
    known: Any = 1
    if isinstance(value, list):
        known = [1, 0, 0, 0]
    elif isinstance(value, dict):
        known = {key: [1, 0, 0, 0] if isinstance(value.get("0.1"), list) else 1 for key in value if key != "0.50"}
    for before in ([], [line("z", known, feature="cat")]) if known else ([],):
        with pytest.raises(InputError):
            aggregate(
                [*before, line("a", 1, feature="cat") | wrong], confidence=0.5 if isinstance(value, dict) else None
            )


def test_lines_of_a_known_shape_may_be_written_otherwise() -> None:
    matrices = [
        line("a", {"0.5": [1, 0, 0, 0], "0.10": [2, 0, 0, 0]}),
        line("b", {"0.5": [1, 0, 0, 0], "0.10": [2, 0, 0, 0]}),
        line("c", {"0.1": [2.0, 0, 0, 0], "0.5": (1, 0, 0, 0)}),
        line("d", {0.5: [1, 0, 0, 0], 0.1: [2, 0, 0, 0]}),
        line("e", {0.5: [1, 0, 0, 0], 0.1: [2, 0, 0, 0]}),
    ]
    assert aggregate(matrices, confidence=0.1).get("m").tp == 10
    assert aggregate(matrices, confidence=0.5).get("m").tp == 5
    more = [line("a", 1), line("b", np.float32(1)), line("c", 4, uuid="u", isBenchmarkReferenceLabel=True)]
    assert aggregate(more).get("m").value == 2


def test_result_as_table() -> None:
    pytest.importorskip("pandas")
    lines = [total("a", 3, "cat"), line("a", [1, 0, 0, 0], "<b>", "cat", "old")]
    rollup = aggregate(lines, explain=True)
    frame = rollup.to_pandas()
    dicts = rollup.to_dicts()
    assert list(frame["value"].dropna()) == [3, 3]
    assert list(frame["precision"].dropna()) == [1, 1, 1]
    assert [one["level"] for one in dicts] == list(frame["level"])
    assert json.loads(json.dumps(dicts)) == dicts
    assert len(rollup) == 5
    assert rollup[-1].metric_name == "m"
    assert "&lt;b&gt;" in rollup._repr_html_()
    assert "rollup by run" in repr(rollup)
    headings, rows = rollup.shown(2)
    assert headings[:2] == ["metric", "feature"]
    assert [row[0] for row in rows] == ["<b>", "<b>"]
    assert rollup.get("x") is None
    assert rollup.get("m", "cat", "old") is None
    assert rollup.get("m", group="run").value == 3
    assert len(aggregate([])) == 0
    assert aggregate([]).to_arrow().num_rows == 0
    assert "the first 50 of 60" in repr(aggregate([line(str(n), 1) for n in range(60)], by="data_row"))


def test_metric_without_a_name() -> None:
    lines = [line("a", 1, None), line("b", 3, None), line("a", 5)]
    assert [(row.metric_name, row.value) for row in aggregate(lines)] == [(None, 2), ("m", 5)]
    assert aggregate(lines).get(None).value == 2


def test_order_is_that_of_the_bytes() -> None:
    lines = [total(row, 1, feature) for row in ("b", "Z", "é") for feature in ("ä", "z", "A")]
    rows = aggregate(lines, by="data_row")
    assert [row.group for row in rows if row.level == "data_row"] == ["id:Z", "id:b", "id:é"]
    assert [row.feature_name for row in aggregate(lines)] == [None, "A", "z", "ä"]


# Laws

values = st.floats(0, 1e6, allow_subnormal=False)
keyed = st.one_of(values, st.dictionaries(st.sampled_from(KEYS), values, min_size=1))
places = st.sampled_from([(), ("cat",), ("cat", "old"), ("cat", "young"), ("dog",), ("dog", "old")])
metrics = st.dictionaries(st.tuples(st.sampled_from("abc"), places), keyed, max_size=14)
methods = st.sampled_from(["ARITHMETIC_MEAN", "GEOMETRIC_MEAN", "HARMONIC_MEAN", "SUM"])


def written(found: dict[Any, Any], aggregation: str) -> list[dict[str, Any]]:
    return [line(row, value, "m", *place, aggregation=aggregation) for (row, place), value in found.items()]


def at(value: Any, key: float) -> Any:
    return value.get(key) if isinstance(value, dict) else value


@given(metrics, methods, st.sampled_from(KEYS), st.randoms())
def test_rollup_at_a_key_is_rollup_of_the_values_there(
    found: Any, method: str, key: float, order: random.Random
) -> None:
    if not any(isinstance(value, dict) and key in value for value in found.values()):
        return
    lines = written(found, method)
    restricted = {where: at(value, key) for where, value in found.items() if at(value, key) is not None}
    for by in ("run", "data_row"):
        whole = shown(aggregate(lines, by=by, confidence=key))
        assert whole == shown(aggregate(written(restricted, method), by=by))
        order.shuffle(lines)
        assert whole == shown(aggregate(lines, by=by, confidence=key))


@given(st.lists(st.tuples(st.sampled_from(["cat", "dog"]), *[st.integers(0, 9)] * 4), max_size=12), st.integers(0, 12))
def test_counts_of_shards_add_up(rows: list[Any], cut: int) -> None:
    lines = [line(str(index), list(counts), feature=feature) for index, (feature, *counts) in enumerate(rows)]
    parts = [aggregate(part).get("m") for part in (lines[:cut], lines[cut:])]
    whole = aggregate(lines).get("m")
    summed = np.sum([part.counts for part in parts if part], axis=0)
    assert whole is None or whole.counts == tuple(summed.tolist())


@given(st.lists(st.floats(-1e12, 1e12), min_size=1))
def test_sums_over_data_rows_are_exact(numbers: list[float]) -> None:
    lines = [total(str(index), value) for index, value in enumerate(numbers)]
    assert aggregate(lines).get("m").value == math.fsum(numbers)
    means = [line(str(index), value) for index, value in enumerate(numbers)]
    assert aggregate(means).get("m").value == math.fsum(numbers) / len(numbers)


# Evaluations


def boxes(*boxes: tuple[str, float, float]) -> list[lm.ObjectAnnotation]:
    return [
        lm.ObjectAnnotation(
            name=name,
            value=lm.Rectangle(start=Point(x=x, y=0), end=Point(x=x + 8, y=8)),
            confidence=confidence,
            classifications=[
                lm.ClassificationAnnotation(
                    name="age", value=lm.Radio(answer=lm.ClassificationAnswer(name="old" if x % 2 else "young"))
                )
            ],
        )
        for name, x, confidence in boxes
    ]


@pytest.fixture(scope="module")
def sides() -> tuple[list[Label], list[Label]]:
    rng = random.Random(7)

    def side(seed: int) -> list[Label]:
        return [
            Label(
                data=ImageData(global_key=f"row {row}"),
                annotations=[
                    *boxes(
                        *(
                            (rng.choice(["cat", "dog", "cow"]), rng.randrange(60), rng.random())
                            for _ in range(rng.randrange(9))
                        )
                    ),
                    lm.ClassificationAnnotation(
                        name="weather",
                        value=lm.Radio(
                            answer=lm.ClassificationAnswer(name=rng.choice(["sun", "rain"]), confidence=rng.random())
                        ),
                    ),
                ],
            )
            for row in range(12)
        ]

    return side(1), side(2)


def filtered(labels: list[Label], key: float) -> list[Label]:
    def score(one: Any) -> float:
        return one.confidence if one.confidence is not None else one.value.answer.confidence

    return [Label(data=one.data, annotations=[a for a in one.annotations if score(a) >= key]) for one in labels]


def numbers(rollup: Any) -> dict[Any, Any]:
    """Values by what they are about, without matrices that are all zeros: recomputed, they are not there."""
    return {
        tuple(about): value for *about, value, _ in shown(rollup) if not (isinstance(value, tuple) and not any(value))
    }


@pytest.mark.parametrize("by", ["run", "data_row", "split"])
def test_rollup_at_a_key_is_recomputation_there(sides: Any, by: Any) -> None:
    truth, guess = sides
    options = {"iou": [0.3, 0.5], "data_rows": [{"globalKey": f"row {n}", "split": "TEST"} for n in range(12)]}
    evaluation = lm.evaluate(truth, guess, confidences=KEYS, **options)
    for key in KEYS:
        recomputed = lm.evaluate(truth, filtered(guess, key), **options)
        assert numbers(aggregate(evaluation, by=by, confidence=key)) == numbers(aggregate(recomputed, by=by))
    assert numbers(aggregate(evaluation, by=by)) == numbers(aggregate(lm.evaluate(truth, guess, **options), by=by))
    nearest = aggregate(evaluation, by=by, confidence=0.6, nearest=True)
    assert numbers(nearest) == numbers(aggregate(evaluation, by=by, confidence=0.5))
    with pytest.raises(SettingError, match="its keys are"):
        aggregate(evaluation, by=by, confidence=0.6)


@pytest.mark.parametrize("confidences", [None, KEYS])
def test_evaluation_and_its_lines_roll_up_to_the_same(sides: Any, confidences: Any) -> None:
    evaluation = lm.evaluate(*sides, confidences=confidences)
    lines = list(evaluation.lines(level=["feature", "subclass"], over_limit="keep"))
    for key in confidences or [None]:
        of_lines = aggregate(lines, confidence=key, by="data_row")
        of_evaluation = aggregate(evaluation, confidence=key, by="data_row")
        # A line needs two keys, so means of overlaps at one key alone are not written, nor do they reach data rows.
        metric = "50pct_iou" if confidences else None
        assert [row for row in shown(of_lines) if row[1] == (metric or row[1])] == [
            row for row in shown(of_evaluation) if row[1] == (metric or row[1])
        ]
        given = {row for row in shown(of_lines) if row[2]}
        assert given <= set(shown(of_evaluation))


def evaluation_like(custom: list[Any]) -> Any:
    """The little of an evaluation that a rollup reads."""
    zeros = np.zeros(1, np.int64)
    matrix = np.ones((1, 1, 1), np.int64)
    groups = Groups(
        row=zeros, feature=zeros, subclass=zeros - 1, n_truth=zeros + 2, n_guess=np.full((1, 1), 2),
        tp=matrix, fp=matrix, fn=matrix, iou=np.full((1, 1), 0.5),
    )  # fmt: skip
    results = Results(
        rows=["a", "b"], features=["cat"], is_classification=np.array([False]), subclasses=[], grid=Grid((0.5,)),
        by_feature=groups, by_subclass=groups.take(np.array([False])),
    )  # fmt: skip
    table: pa.Table = read_data_rows([{"id": "a"}, {"id": "b", "split": "TEST"}])
    return SimpleNamespace(results=results, key_kind="id", custom=custom, data_rows=table)


def test_a_key_that_no_mean_is_defined_at() -> None:
    """A scalar is left off a line where it is undefined; the matrices say that the key is there."""
    box = boxes(("cat", 0, 0.6))
    evaluation = lm.evaluate(
        *([Label(data=ImageData(uid="r"), annotations=a)] for a in ([], box)), confidences=[0.1, 0.5, 0.9]
    )
    lines = list(evaluation.lines(level=["feature", "subclass"]))
    for nearest in (False, True):
        found = aggregate(lines, confidence=0.9, nearest=nearest)
        assert shown(found) == shown(aggregate(evaluation, confidence=0.9, nearest=nearest))
        assert {row[1] for row in shown(found)} == {"50pct_iou"}
    assert aggregate(lines, confidence=0.5).get("custom_iou").value == 0


def test_custom_metrics_of_an_evaluation() -> None:
    found = aggregate(evaluation_like([("b", ScalarMetric(metric_name="m", value=3, feature_name="new"))]))
    assert shown(found) == [
        ("run", "50pct_iou", None, None, (1, 1, 0, 1), 1),
        ("run", "50pct_iou", "cat", None, (1, 1, 0, 1), 1),
        ("run", "custom_iou", None, None, 0.5, 1),
        ("run", "custom_iou", "cat", None, 0.5, 1),
        ("run", "m", None, None, 3, 1),
        ("run", "m", "new", None, 3, 1),
    ]
    keyed = evaluation_like([("b", ScalarMetric(metric_name="m", value={0.2: 3, 0.4: 4}))])
    assert aggregate(keyed, confidence=0.4, by="split").get("m", group="TEST").value == 4
    assert aggregate(keyed, metric="custom_iou").get("custom_iou").value == 0.5
    with pytest.raises(SettingError, match=r"m: 0\.2, 0\.4"):
        aggregate(keyed)
    with pytest.raises(SettingError, match="no confidence keys"):
        aggregate(evaluation_like([]), confidence=0.5)
    with pytest.raises(SettingError, match="its own table"):
        aggregate(keyed, data_rows=[{"id": "a"}])
    with pytest.raises(InputError, match="has the metric key of a built-in one"):
        aggregate(evaluation_like([("a", ScalarMetric(metric_name="custom_iou", value=1, feature_name="cat"))]))
    with pytest.raises(InputError, match="two aggregations"):
        aggregate(evaluation_like([("a", ConfusionMatrixMetric(metric_name="custom_iou", value=[1, 0, 0, 0]))]))


def test_fitted_lines_are_no_whole(sides: Any, tmp_path: Any) -> None:
    evaluation = lm.evaluate(*sides)
    path = tmp_path / "metrics.ndjson.gz"
    assert evaluation.write_ndjson(path, over_limit="fit", limits=lm.Limits(metrics_per_data_row=3)).fitted
    for source in (path, str(path), [path]):
        with pytest.raises(SettingError, match="features were left out of these lines"):
            aggregate(source)
    lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    for metric, feature in {(line["metricName"], line["featureName"]) for line in lines if "featureName" in line}:
        ours, whole = (shown(aggregate(one, metric=metric, feature=feature)) for one in (path, evaluation))
        assert ours == [row for row in whole if row[3] is None]
    assert shown(aggregate(path, metric="custom_iou")) == [
        row for row in shown(aggregate(evaluation, metric="custom_iou")) if row[2] is None
    ]
    sidecar = path.with_name(path.name + ".provenance.json")
    other = sidecar.read_text().replace('"lines": ', '"lines": 1')
    for text in ("{}", other.replace(json.loads(other)["digest_of_lines"], "0" * 64)):
        sidecar.write_text(text)
        with pytest.warns(lm.LabelmetricsWarning, match="does not belong to the lines beside it"):
            aggregate(path)
    sidecar.unlink()
    assert len(aggregate(path))
    evaluation.write_ndjson(path)
    assert len(aggregate(path))
