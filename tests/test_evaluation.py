"""Many data rows at once: the same numbers as one by one, in every form of input, and all that can be asked of them."""

from __future__ import annotations

import gzip
import html
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import builders as b
import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import ndjson
from hypothesis import given, settings, strategies as st

import labelmetrics as lm
from labelmetrics.curves import precision_recall
from labelmetrics.kernels.thresholds import threshold_name

ALL_LEVELS = ("data_row", "feature", "subclass")
SETTINGS: list[dict[str, Any]] = [
    {},
    {"include_subclasses": True, "iou": [0.3, 0.7]},
    {"matching": "coco", "confidences": [0.2, 0.4, 0.8]},
    {"masks": "instance", "confidences": 4, "include_subclasses": True},
]


def evaluate(truths: Any, guesses: Any, **options: Any) -> lm.Evaluation:
    defaults = {"buffer": 5.0, "answer_names": "question/answer", "missing_ground_truth": "empty"}
    return lm.evaluate(truths, guesses, **{**defaults, **options})


def metrics_of(evaluation: lm.Evaluation, level: Any = ALL_LEVELS) -> dict[Any, Any]:
    """Written values by data row, metric name, feature and subclass."""
    found = {}
    for line in evaluation.lines(level=level, over_limit="keep"):
        key = line["dataRow"]["globalKey"], line["metricName"], line.get("featureName"), line.get("subclassName")
        assert key not in found
        found[key] = line["metricValue"]
    return found


# ---------------------------------------------------------------------------------------------------- one computation


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.booleans(), st.sampled_from(SETTINGS))
def test_an_evaluation_is_the_built_ins_of_each_row(seed: int, coarse: bool, options: dict[str, Any]) -> None:
    truths, guesses = datasets.dataset(seed, coarse=coarse, scored="confidences" in options)
    evaluation = evaluate(truths, guesses, **options)
    found = metrics_of(evaluation, ("feature", "subclass"))
    keys = evaluation.manifest.confidence_keys
    plain: dict[str, Any] = {"buffer": 5.0, "answer_names": "question/answer"}
    plain |= {"confidences": keys} if keys else {}
    common = {**plain, "include_subclasses": options.get("include_subclasses", False)}
    masks = {"masks": options.get("masks", "auto")}
    expected = {}
    partners = {one.data.global_key: one.annotations for one in guesses}
    for one in truths:
        row = one.data.global_key
        sides = one.annotations, partners[row]
        metrics = b.values(lm.feature_miou_metric(*sides, **common, **masks))
        metrics |= b.values(lm.subclass_miou_metric(*sides, **plain, **masks))
        for iou in np.atleast_1d(options.get("iou", 0.5)).tolist():
            rule = {"iou": iou, "matching": options.get("matching", "platform")}
            metrics |= b.values(lm.feature_confusion_matrix_metric(*sides, **common, **rule))
            metrics |= b.values(lm.subclass_confusion_matrix_metric(*sides, **plain, **rule))
        for key, value in metrics.items():
            if not isinstance(value, dict):
                expected[row, *key] = list(value) if isinstance(value, tuple) else value
            elif len(value) > 1:  # fewer keys make no line
                expected[row, *key] = {f"{k}": list(v) if isinstance(v, tuple) else v for k, v in value.items()}
    assert found == expected


@settings(max_examples=10)
@given(st.integers(0, 2**32), st.sampled_from(SETTINGS))
def test_labels_lines_and_tables_are_one(seed: int, options: dict[str, Any]) -> None:
    truths, guesses = datasets.dataset(seed, scored="confidences" in options)
    rows = datasets.table_of(truths)
    expected = metrics_of(evaluate(truths, guesses, data_rows=rows, **options))
    sides = [datasets.lines_of(side) for side in (truths, guesses)]
    assert metrics_of(evaluate(*sides, data_rows=rows, **options)) == expected
    assert metrics_of(evaluate(iter(sides[0]), (line for line in sides[1]), data_rows=rows, **options)) == expected


def test_files_packed_and_not_and_tables_are_one(tmp_path: Path) -> None:
    truths, guesses = datasets.dataset(3, ("box", "radio"), scored=True)
    sides = [datasets.lines_of(side) for side in (truths, guesses)]
    options = {"data_rows": pa.Table.from_pylist(datasets.table_of(truths)), "confidences": 4}
    expected = evaluate(*sides, **options)
    texts = [ndjson(*side) for side in sides]
    for ending in ("", ".gz", ".zst"):
        files = [tmp_path / f"{name}.ndjson{ending}" for name in ("truths", "guesses")]
        for file, text in zip(files, texts, strict=True):
            write(file, text)
        for workers in (1, 2):
            found = evaluate(*files, workers=workers, **options)
            assert metrics_of(found) == metrics_of(expected)
            assert found.manifest == expected.manifest
        assert evaluate(str(files[0]), str(files[1]), **options).manifest == expected.manifest
    boxes = [[b_line(row, left) for row in "ab" for left in (at, at + 20)] for at in (0, 3)]
    tables = [pa.Table.from_pylist(side) for side in boxes]
    assert metrics_of(evaluate(*tables)) == metrics_of(evaluate(*boxes))
    assert not metrics_of(evaluate(pa.table({}), pa.table({})))


def write(file: Path, text: bytes) -> None:
    with (
        pa.CompressedOutputStream(str(file), "zstd")
        if file.suffix == ".zst"
        else (gzip.open(file, "wb") if file.suffix == ".gz" else file.open("wb")) as stream
    ):
        stream.write(text)


def test_a_table_that_holds_no_annotations() -> None:
    fine = pa.Table.from_pylist([b_line("a")])
    with pytest.raises(lm.InputError, match="columns that no annotation has: colour"):
        lm.evaluate(fine.append_column("colour", pa.array(["red"])), fine)
    with pytest.raises(lm.InputError, match="not one of annotations"):
        lm.evaluate(fine.set_column(0, "bbox", pa.array(["here"])), fine)
    with pytest.raises(lm.InputError, match="rows that are not annotations"):
        lm.evaluate(fine.drop_columns("dataRow"), fine)


def b_line(row: str, left: float = 0, **more: Any) -> dict[str, Any]:
    box = {"top": 0.0, "left": float(left), "height": 10.0, "width": 10.0}
    return {"uuid": f"{row}-{left}", "dataRow": {"globalKey": row}, "name": "cat", "bbox": box, **more}


def test_order_of_lines_cannot_matter_beside_labels() -> None:
    truth = [datasets.label("a", [b.box(0, 0, 4, 4, nested=[b.radio("colour", "red")])])]
    lines = [
        line
        for colour, confidence in (("red", 0.2), ("blue", 0.9))
        for line in datasets.lines_of(
            [datasets.label("a", [b.box(0, 0, 4, 4, nested=[b.radio("colour", colour)], confidence=confidence)])]
        )
    ]
    found = [evaluate(truth, order, include_subclasses=True) for order in (lines, lines[::-1])]
    assert metrics_of(found[0]) == metrics_of(found[1])
    assert found[0].objects.column("order").to_pylist() == [0, None, None]


def test_a_label_without_predictions_needs_no_ground_truth() -> None:
    labels = [datasets.label("a", [b.square(0)]), datasets.label("b")]
    evaluation = lm.evaluate(labels[:1], labels)
    assert (evaluation.results.rows, evaluation.summary().empty_rows) == (["a", "b"], 1)
    assert lm.evaluate(labels[:1], labels, missing_ground_truth="skip").results.rows == ["a"]


# ------------------------------------------------------------------------------------------------ a part of the rows


@settings(max_examples=15)
@given(st.integers(0, 2**32), st.sampled_from(SETTINGS), st.data())
def test_a_slice_is_the_evaluation_of_its_rows(seed: int, options: dict[str, Any], data: Any) -> None:
    truths, guesses = datasets.dataset(seed, scored="confidences" in options, rows=5)
    if isinstance(options.get("confidences"), int):
        options = {**options, "confidences": [0.1, 0.6]}
    names = [one.data.global_key for one in truths]
    chosen = data.draw(st.sets(st.sampled_from(names), min_size=1))
    whole = evaluate(truths, guesses, **options)
    part = whole.slice(chosen)
    alone = evaluate(*([one for one in side if one.data.global_key in chosen] for side in (truths, guesses)), **options)
    assert metrics_of(part) == metrics_of(alone)
    assert part.summary() == alone.summary()
    assert findings(part, chosen) == findings(alone, chosen)
    assert nonzero(part.confusion_table()) == nonzero(alone.confusion_table())
    assert part.manifest.model_dump(exclude={"digests"}) == alone.manifest.model_dump(exclude={"digests"})
    assert whole.slice(names).summary() == whole.summary()


def findings(evaluation: lm.Evaluation, rows: set[str]) -> Any:
    """What is explained, without numbers of objects."""
    return [
        [{k: v for k, v in one.items() if k not in ("ground_truth", "prediction")} for one in found.to_dicts()]
        for found in map(evaluation.explain, sorted(rows))
    ]


def nonzero(table: Any) -> dict[Any, int]:
    names = table.features
    return {(names[i], names[j]): int(table.counts[i, j]) for i, j in zip(*np.nonzero(table.counts), strict=True)}


def test_slices_by_table() -> None:
    rows = [
        {"globalKey": "a", "split": "TEST", "metadata": {"city": "Graz"}},
        {"globalKey": "b", "split": "TRAINING", "metadata": {"city": "Wien"}},
        {"globalKey": "c"},
    ]
    evaluation = lm.evaluate([b_line("a"), b_line("b")], [b_line("a", 1)], data_rows=rows)
    assert evaluation.slice(split="TEST").results.rows == ["a"]
    assert evaluation.slice(lambda row: row["metadata"].get("city") == "Wien").results.rows == ["b"]
    assert evaluation.slice("globalKey:c").summary().empty_rows == 1
    assert evaluation.slice([]).summary().data_rows == 0
    assert not list(evaluation.slice([]).lines())
    with pytest.raises(lm.SettingError, match="split must be one of"):
        evaluation.slice(split="test")
    with pytest.raises(lm.SettingError, match="no data row 'd'"):
        evaluation.slice(["d"])
    with pytest.raises(lm.SettingError, match="near it: sample"):
        lm.evaluate([b_line("sample")], []).explain("samples")


# ------------------------------------------------------------------------------------------------------- what is kept


@pytest.mark.parametrize("options", SETTINGS)
def test_saved_and_loaded_it_is_the_same(tmp_path: Path, options: dict[str, Any]) -> None:
    def sharpness(truths: list[Any], guesses: list[Any]) -> list[Any]:
        return [lm.ScalarMetric(metric_name="n", value=len(guesses), feature_name="box-1")]

    truths, guesses = datasets.dataset(11, scored=True)
    made = evaluate(truths, guesses, custom=[sharpness], **options)
    path = tmp_path / "results.lmeval"
    made.save(path)
    made.save(path)  # replaces its like
    found = lm.load(path)
    assert found.manifest == made.manifest
    assert {name: table.num_rows for name, table in found.tables().items()} == {
        name: table.num_rows for name, table in made.tables().items()
    }
    for name, table in made.tables().items():
        assert found.tables()[name].to_pylist() == table.to_pylist(), name
    assert metrics_of(found) == metrics_of(made)
    assert found.summary() == made.summary()
    assert repr(found.explain(found.results.rows[0])) == repr(made.explain(made.results.rows[0]))
    assert nonzero(found.confusion_table(iou=0.4)) == nonzero(made.confusion_table(iou=0.4))
    assert lm.verify(path, truths, guesses, custom=[sharpness])
    assert [one.name for one in tmp_path.iterdir()] == ["results.lmeval"]


def test_nothing_is_written_over(tmp_path: Path) -> None:
    evaluation = lm.evaluate([b_line("a")], [])
    other = tmp_path / "mine"
    other.mkdir()
    (other / "diary.txt").write_text("dear diary")
    with pytest.raises(lm.InputError, match="is no evaluation file, so it is not replaced"):
        evaluation.save(other)
    assert (other / "diary.txt").read_text() == "dear diary"
    with pytest.raises(lm.InputError, match="is no evaluation file"):
        lm.load(other)
    with pytest.raises(lm.InputError, match="cannot be written"):
        evaluation.save(other / "diary.txt" / "x.lmeval")


def test_metric_lines_that_are_no_metrics_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x.lmeval"
    evaluation = lm.evaluate([b_line("a")], [])
    evaluation.save(path)
    for line in ("no json", '{"metricName": "m", "metricValue": 1}', json.dumps(b_line("a"))):
        pq.write_table(pa.table({"line": [line]}), path / "metrics.parquet")
        with pytest.raises(lm.InputError):
            lm.load(path)


def test_verify_reports_what_cannot_even_be_loaded(tmp_path: Path) -> None:
    path = tmp_path / "x.lmeval"
    sides = [b_line("a")], [b_line("a", 1)]

    def count(truths: list[Any], guesses: list[Any]) -> list[Any]:
        return [lm.ScalarMetric(metric_name="n", value=len(guesses))]

    lm.evaluate(*sides, custom=[count]).save(path)
    pq.write_table(pa.table({"line": ["no json"]}), path / "metrics.parquet")
    assert repr(lm.verify(path, *sides, custom=[count])) == "custom metrics: differ"
    found = lm.verify(
        lm.evaluate(*sides), sides[0], [*sides[1], b_line("b")], data_rows=[{"globalKey": r} for r in "ab"]
    )
    assert not found
    assert "number of predictions: 1, recomputed 2" in repr(found)
    assert "objects: has 2 rows, recomputed 3" in repr(found)


# --------------------------------------------------------------------------------------------------------- its faces


@pytest.fixture(scope="module")
def evaluation() -> lm.Evaluation:
    truths, guesses = datasets.dataset(5, scored=True, rows=8)
    return evaluate(truths, guesses, confidences=[0.2, 0.6], include_subclasses=True, iou=[0.4, 0.6])


def test_summary_adds_up(evaluation: lm.Evaluation) -> None:
    matches = evaluation.matches.to_pandas()
    summary = evaluation.summary()
    counted = Counter(zip(matches["feature"], matches["side"], matches["outcome"], strict=True))
    for row in summary.features:
        name = row.feature
        assert row.tp == counted[name, "prediction", "TP"] == counted[name, "ground_truth", "TP"]
        assert (row.fp, row.fn) == (counted[name, "prediction", "FP"], counted[name, "ground_truth", "FN"])
        assert row.ground_truths == row.tp + row.fn
        assert row.predictions == row.tp + row.fp
        assert row.precision == (row.tp / row.predictions if row.predictions else None)
    assert summary.overall.tp == sum(row.tp for row in summary.features)
    assert summary.iou == "IoU > 0.4"
    assert evaluation.summary(iou=0.6, confidence=0.2).caption.startswith("8 data rows, IoU > 0.6, confidence >= 0.2")
    assert evaluation.summary(confidence=0.5, nearest=True) == evaluation.summary(confidence=0.2)
    with pytest.raises(lm.SettingError, match=r"iou 0.5 was not evaluated; there is 0.4, 0.6"):
        evaluation.summary(iou=0.5)
    with pytest.raises(lm.SettingError, match=r"0\.5"):
        evaluation.summary(confidence=0.5)


def test_summary_in_other_forms(evaluation: lm.Evaluation) -> None:
    summary = evaluation.summary()
    frame = summary.to_pandas()
    assert frame["feature"].tolist() == [*evaluation.results.features, "(all)"]
    assert frame["tp"].tolist() == [row.tp for row in summary]
    flat = evaluation.to_flat_dict()
    assert flat["f1"] == summary.overall.f1
    first = summary.features[0]
    assert flat[f"{first.feature}/tp"] == first.tp
    assert all(isinstance(value, int | float) for value in flat.values())
    assert json.loads(json.dumps(summary.to_dict()))["overall"]["tp"] == summary.overall.tp
    assert "IoU &gt; 0.4" in evaluation._repr_html_()
    assert repr(evaluation).startswith("<Evaluation of 8 data rows")


def test_names_are_escaped() -> None:
    line = b_line("<i>row</i>") | {"name": "<b>cat</b>"}
    evaluation = lm.evaluate([line], [line])
    tables = [evaluation, evaluation.matches, evaluation.explain("<i>row</i>"), evaluation.confusion_table()]
    for table in tables:
        html = table._repr_html_()
        assert "<b>" not in html
        assert "<i>" not in html
    assert "&lt;b&gt;cat&lt;/b&gt;" in evaluation._repr_html_()


def test_matches_point_at_each_other(evaluation: lm.Evaluation) -> None:
    for iou in (0.4, 0.6):
        rows = {row["object"]: row for row in evaluation.matches_at(iou)}
        assert len(rows) == len(evaluation.matches)
        for row in rows.values():
            if row["partner"] is None:
                assert row["outcome"] in ("FP", "FN")
                assert row["reason"]
                continue
            other = rows[row["partner"]]
            assert other["partner"] == row["object"]
            assert row["outcome"] == "TP"
            assert (row["data_row"], row["feature"], row["place"]) == (
                other["data_row"],
                other["feature"],
                other["place"],
            )
            assert row["overlap"] == other["overlap"]
            assert row["overlap"] > iou or row["kind"] in ("answer", "text")
    ranked = evaluation.matches.sort("confidence", descending=True).to_dicts()
    scores = [row["confidence"] for row in ranked if row["confidence"] is not None]
    assert scores == sorted(scores, reverse=True)


def test_every_reason_is_explained() -> None:
    def label(*annotations: Any) -> lm.Label:
        return lm.Label(data=lm.ImageData(uid="a"), annotations=list(annotations))

    red, blue = ([b.radio("colour", colour)] for colour in ("red", "blue"))
    truth = label(
        b.square(0, "found"), b.square(100, "shifted"), b.square(200, "mistaken"), b.square(300, "twice"),
        b.square(400, "nested", nested=red), b.square(500, "lost"), b.square(601, "shared"), b.square(602, "shared"),
        b.text("caption", "a dog"), b.radio("weather", "rain"),
    )  # fmt: skip
    guess = label(
        b.square(1, "found"), b.square(108, "shifted"), b.square(201, "other"), b.square(301, "twice"),
        b.square(302, "twice"), b.square(400, "nested", nested=blue), b.square(700, "ghost"), b.square(601, "shared"),
        b.text("caption", "a cat"), b.radio("weather", "snow"),
    )  # fmt: skip
    evaluation = lm.evaluate([truth], [guess], include_subclasses=True)
    found = {(one.outcome, one.feature, one.reason) for one in evaluation.explain("id:a")}
    assert found == {
        *(("TP", name, None) for name in ("found", "twice", "shared")),
        *((outcome, "shifted", "below threshold") for outcome in ("FP", "FN")),
        *((outcome, name, "wrong class") for outcome, name in (("FP", "other"), ("FN", "mistaken"))),
        *((outcome, name, "wrong class") for outcome, name in (("FP", "snow"), ("FN", "rain"))),
        ("FP", "twice", "duplicate"),
        ("FN", "shared", "prediction taken"),
        *((outcome, "nested", "subclass differs") for outcome in ("FP", "FN")),
        ("FP", "ghost", "no counterpart"),
        ("FN", "lost", "no counterpart"),
        *((outcome, "caption", "text differs") for outcome in ("FP", "FN")),
    }
    told = repr(evaluation.explain("a"))
    assert "the nested answers differ: colour/blue against colour/red" in told
    assert "the ground truth there is 'mistaken'" in told
    assert "the ground truth has another text" in told


def iou(one: Any, other: Any) -> float:
    shapes = one.value.shapely, other.value.shapely
    return float(shapes[0].intersection(shapes[1]).area / shapes[0].union(shapes[1]).area)


def test_confusion_table_is_that_of_a_plain_loop() -> None:
    for seed in range(5):
        truths, guesses = datasets.dataset(seed, ("box", "radio"), rows=6)
        table = evaluate(truths, guesses).confusion_table(iou=0.3)
        expected: Counter[tuple[str, str]] = Counter()
        partners = {one.data.global_key: one.annotations for one in guesses}
        for one in truths:
            sides = [
                [x for x in side if isinstance(x, lm.ObjectAnnotation)]
                for side in (one.annotations, partners[one.data.global_key])
            ]
            free = [dict(enumerate(side)) for side in sides]
            overlaps = sorted((-iou(t, g), i, j) for i, t in free[0].items() for j, g in free[1].items())
            for overlap, i, j in overlaps:
                if -overlap > 0.3 and i in free[0] and j in free[1]:
                    expected[free[0].pop(i).name, free[1].pop(j).name] += 1
            expected.update((x.name, "(background)") for x in free[0].values())
            expected.update(("(background)", x.name) for x in free[1].values())
        assert nonzero(table) == expected
        assert table.to_pandas().to_numpy().tolist() == table.counts.tolist()
        assert repr(table).startswith("IoU > 0.3\nground truth")
    with pytest.raises(lm.SettingError, match=r"at least 0\.1"):
        evaluate(truths, guesses).confusion_table(iou=0.05)


def test_labels_hold_the_lines(evaluation: lm.Evaluation) -> None:
    labels = list(evaluation.labels(level=ALL_LEVELS, over_limit="keep"))
    written = list(lm.NDJsonConverter.serialize(labels))
    assert written == list(evaluation.lines(level=ALL_LEVELS, over_limit="keep"))
    assert len({one.data.global_key for one in labels}) == len(labels)


def test_parquet_has_the_lines(evaluation: lm.Evaluation, tmp_path: Path) -> None:
    evaluation.write_parquet(tmp_path / "metrics.parquet", over_limit="keep")
    table = pq.read_table(tmp_path / "metrics.parquet").to_pylist()
    lines = list(evaluation.lines(over_limit="keep"))
    assert [row["uuid"] for row in table] == [line["uuid"] for line in lines]
    assert [json.loads(row["value"]) for row in table] == [line["metricValue"] for line in lines]


def test_written_lines_have_their_provenance(evaluation: lm.Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "metrics.ndjson"
    told = evaluation.write_ndjson(path, over_limit="fit", limits=lm.Limits(metrics_per_data_row=5))
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert told.lines == len(lines)
    assert told.fitted
    assert max(Counter(line["dataRow"]["globalKey"] for line in lines).values()) <= 5
    assert json.loads((tmp_path / "metrics.ndjson.provenance.json").read_text()) == told.model_dump(mode="json")
    with pytest.raises(lm.LimitError, match="--over-limit fit"):
        evaluation.write_ndjson(tmp_path / "other.ndjson", limits=lm.Limits(metrics_per_data_row=5))
    assert not (tmp_path / "other.ndjson").exists()
    with pytest.raises(lm.SettingError, match="unknown metrics miuo; there are confusion_matrix, miou"):
        list(evaluation.lines(metrics="miuo"))
    only = list(evaluation.lines(metrics="miou", level="data_row"))
    assert {line["metricName"] for line in only} == {"custom_iou"}


@settings(max_examples=10)
@given(st.integers(0, 2**32))
def test_rows_are_their_features_rolled_up_to_the_last_bit(seed: int) -> None:
    evaluation = evaluate(*datasets.dataset(seed, rows=2, most=30))
    found = metrics_of(evaluation)
    rolled = lm.aggregate(list(evaluation.lines(level="feature", over_limit="keep")), by="data_row")
    for row in evaluation.results.rows:
        value = rolled.get("custom_iou", group=f"globalKey:{row}")
        assert (None if value is None else value.value) == found.get((row, "custom_iou", None, None))


def test_row_matrices_are_by_metric_name(evaluation: lm.Evaluation) -> None:
    """Those of objects and of answers stay apart, and each is the sum of its features."""
    found = metrics_of(evaluation)
    names = {name for _, name, _, _ in found if name != "custom_iou"}
    assert names == {threshold_name(0.4), threshold_name(0.6), "classification"}
    for (row, name, feature, subclass), value in found.items():
        if name == "custom_iou" or feature or subclass:
            continue
        parts = [v for (r, n, f, s), v in found.items() if (r, n) == (row, name) and f and not s]
        assert value == {key: np.sum([part[key] for part in parts], axis=0).tolist() for key in value}


def test_metrics_are_added(evaluation: lm.Evaluation) -> None:
    row = evaluation.results.rows[0]
    about = {"dataRow": {"globalKey": row}, "metricName": "m", "featureName": "box-1"}
    first = evaluation.with_metrics([{**about, "metricValue": 1}])
    second = first.with_metrics(
        [lm.ScalarMetric(metric_name="m", feature_name="box-1", value=2, data_row={"globalKey": row})]
    )
    assert not evaluation.custom
    assert [line["metricValue"] for line in second.lines(metrics="m")] == [2]
    bad = [
        ([lm.ScalarMetric(metric_name="m", value=2)], "line 1: .*dataRow is missing"),
        ([{**about, "metricValue": 1, "dataRow": {"globalKey": "elsewhere"}}], "there is no data row 'globalKey:else"),
        ([b_line(row)], r"line 1: \$: holds no metric"),
        ([{**about, "metricValue": 1}] * 2, "line 2: .*metric m / box-1: the metric key occurs a second time"),
        ({**about, "metricValue": 1}, "expected a path or lines, got an object"),
        ([{**about, "metricName": "custom_iou", "metricValue": 1, "aggregation": "SUM"}], "two aggregations"),
    ]
    for lines, message in bad:
        with pytest.raises(lm.InputError, match=message):
            evaluation.with_metrics(lines)


def test_metrics_are_added_from_files_and_labels(tmp_path: Path) -> None:
    evaluation = lm.evaluate([b_line("a"), b_line("b")], [b_line("a")])
    lines = [{"dataRow": {"globalKey": row}, "metricName": "m", "metricValue": n} for n, row in enumerate("ab")]
    (tmp_path / "m.ndjson").write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    added = evaluation.with_metrics(tmp_path / "m.ndjson")
    again = evaluation.with_metrics(added.labels(metrics="m"))
    assert [line["metricValue"] for line in added.lines(metrics="m")] == [0, 1]
    assert list(again.lines()) == list(added.lines())


def test_metrics_are_chosen_by_the_names_they_are_written_by() -> None:
    answer = {"dataRow": {"globalKey": "a"}, "name": "weather", "answer": {"name": "rain"}}
    evaluation = lm.evaluate([b_line("a"), answer], [b_line("a"), answer], iou=[0.5, 0.75])
    for metrics, expected in (
        ("75pct_iou", ["75pct_iou"]),
        (["classification", "custom_iou"], ["custom_iou", "classification"]),
        ("confusion_matrix", ["50pct_iou", "75pct_iou", "classification"]),
    ):
        assert [line["metricName"] for line in evaluation.lines(metrics=metrics)] == expected
    with pytest.raises(lm.SettingError, match=r"unknown metrics 60pct_iou; there are .*50pct_iou, 75pct_iou"):
        evaluation.lines(metrics=["60pct_iou"])  # at the call, before any line is taken
    with pytest.raises(lm.SettingError, match="metrics is a name or a list of names, got 5"):
        evaluation.labels(metrics=5)
    with pytest.raises(lm.SettingError, match="level is a name or a list of names"):
        evaluation.lines(level=[1])


def test_custom_metrics_beyond_the_limits_are_not_written(tmp_path: Path) -> None:
    metrics = [
        lm.ScalarMetric(metric_name="m", feature_name="cat", value=-1),
        lm.ConfusionMatrixMetric(metric_name="n", value=[10**11, 0, 0, 0]),
    ]
    evaluation = lm.evaluate([b_line("a")], [], custom=[lambda truths, guesses: metrics])
    writing = (
        evaluation.lines,
        evaluation.labels,
        lambda: evaluation.write_ndjson(tmp_path / "m.ndjson"),
        lambda: evaluation.write_parquet(tmp_path / "m.parquet"),
    )
    for write in writing:
        with pytest.raises(lm.LimitError, match="data row globalKey:a: metric m / cat: scalars go from 0 to 100,000"):
            write()
    assert not list(tmp_path.iterdir())
    assert len(list(evaluation.lines(metrics="miou"))) == 1
    assert len(list(evaluation.lines(over_limit="keep"))) == 4
    assert len(list(evaluation.lines(metrics="n", limits=lm.Limits(count_max=10**12)))) == 1


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda one: one.write_ndjson("x.csv"), "x.csv: a file of metric lines ends in .ndjson or .jsonl"),
        (lambda one: one.write_parquet("x.ndjson"), "x.ndjson: a metric table ends in .parquet"),
        (lambda one: one.save("x.ndjson.gz"), "x.ndjson.gz: an evaluation file ends in .lmeval"),
    ],
)
def test_endings_say_what_is_written(write: Any, message: str) -> None:
    with pytest.raises(lm.SettingError, match=message):
        write(lm.evaluate([], []))


def test_evaluation_files_are_written_as_a_whole(tmp_path: Path) -> None:
    evaluation = lm.evaluate([b_line("a")], [])
    path = tmp_path / "r.lmeval"
    evaluation.save(path)
    for write in (evaluation.write_parquet, lambda to: evaluation.write_ndjson(to.with_suffix(".ndjson"))):
        with pytest.raises(lm.InputError, match=r"lies within the evaluation file r\.lmeval"):
            write(path / "counts.parquet")
    (path / "notes.txt").touch()
    with pytest.raises(lm.InputError, match=r"also holds notes\.txt, so it is not replaced"):
        evaluation.save(path)
    assert len(lm.load(path).summary().rows()) == 2


# ------------------------------------------------------------------------------------------------- metrics of one's own


def test_custom_metrics_see_what_was_given() -> None:
    truths, guesses = datasets.dataset(8, scored=True)
    seen: dict[str, list[Any]] = {"labels": [], "lines": []}

    def looking(into: str) -> Any:
        def look(row_truths: list[Any], row_guesses: list[Any]) -> list[Any]:
            seen[into].append([sorted(map(told, side)) for side in (row_truths, row_guesses)])
            return [lm.ScalarMetric(metric_name="n", value=len(row_guesses))]

        return look

    rows = datasets.table_of(truths)
    of_labels = evaluate(truths, guesses, custom=[looking("labels")], data_rows=rows)
    of_lines = evaluate(*map(datasets.lines_of, (truths, guesses)), custom=[looking("lines")], data_rows=rows)
    assert seen["labels"] == seen["lines"]
    given = {one.data.global_key: one.annotations for one in truths}
    objects = [[x for x in given[row] if isinstance(x, lm.ObjectAnnotation)] for row in of_labels.results.rows]
    assert [sum("Object" in text for text in sides[0]) for sides in seen["labels"]] == list(map(len, objects))
    lines = [list(one.lines(metrics="n")) for one in (of_labels, of_lines)]
    assert lines[0] == lines[1]
    assert [line["dataRow"]["globalKey"] for line in lines[0]] == of_labels.results.rows


def told(annotation: Any) -> str:
    value = annotation.value
    shape = value.to_array().tolist() if isinstance(value, lm.Mask) else value.model_dump(exclude={"text_selections"})
    return f"{type(annotation).__name__} {annotation.name} {annotation.confidence} {shape}"


def boom(truths: list[Any], guesses: list[Any]) -> list[Any]:
    raise ZeroDivisionError("nothing there")


def word(truths: list[Any], guesses: list[Any]) -> list[Any]:
    return ["good"]


def nameless(truths: list[Any], guesses: list[Any]) -> list[Any]:
    return [lm.ScalarMetric(value=1)]


def twice(truths: list[Any], guesses: list[Any]) -> list[Any]:
    return [lm.ScalarMetric(metric_name="m", value=n) for n in range(2)]


def leaving(truths: list[Any], guesses: list[Any]) -> list[Any]:
    raise SystemExit(3)


def summed(truths: list[Any], guesses: list[Any]) -> list[Any]:
    return [lm.ScalarMetric(metric_name="custom_iou", value=1, aggregation=lm.ScalarMetricAggregation.SUM)]


def alike(truths: list[Any], guesses: list[Any]) -> list[Any]:
    return [lm.ConfusionMatrixMetric(metric_name="50pct_iou", feature_name="cat", value=[1, 0, 0, 0])]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (boom, "the custom metric boom failed on data row globalKey:a: ZeroDivisionError: nothing there"),
        (word, "the custom metric word returned str on data row globalKey:a"),
        (nameless, "the custom metric nameless returned a metric without metric_name"),
        (twice, "a custom metric is given twice"),
        (leaving, "the custom metric leaving failed on data row globalKey:a: SystemExit: 3"),
        (summed, "metric custom_iou: is aggregated by SUM here and by ARITHMETIC_MEAN elsewhere"),
        (alike, "metric 50pct_iou / cat: there is a built-in metric of this name .give it another name"),
    ],
)
def test_custom_metrics_that_go_wrong(function: Any, message: str) -> None:
    with pytest.raises(lm.InputError, match=message):
        lm.evaluate([b_line("a")], [], custom=[function])


# ----------------------------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"iou": 1.0}, "iou must lie between 0 and 1"),
        ({"iou": []}, "iou"),
        ({"iou": float("nan")}, "iou"),
        ({"confidences": [0.5]}, "2 to 15"),
        ({"confidences": [0.5, 1.5]}, r"must lie in \[0, 1\], got 1.5"),
        ({"confidences": 16}, "15"),
        ({"matching": "hungarian"}, "matching"),
        ({"masks": "panoptic"}, "masks"),
        ({"buffer": -1}, "buffer"),
        ({"buffer": 1e200}, "buffer"),
        ({"buffer": "7 miles"}, "buffer"),
        ({"answer_names": "question"}, "answer_names"),
        ({"format": "yaml"}, "format"),
        ({"geometry": "points"}, "geometry"),
        ({"missing_ground_truth": "guess"}, "missing_ground_truth"),
        ({"missing_predictions": None}, "missing_predictions"),
        ({"on_bad_line": "ignore"}, "on_bad_line"),
        ({"custom": boom}, r"custom is a list of functions: write custom=\[boom\]"),
        ({"custom": [5]}, "custom is a list of functions, got 5"),
        ({"iou": "0.5"}, "got '0.5', which is no number"),
        ({"workers": 0}, "workers must be a whole number of at least 1, got 0"),
    ],
)
def test_settings_that_do_not_exist(options: dict[str, Any], message: str) -> None:
    with pytest.raises(lm.SettingError, match=message):
        lm.evaluate([b_line("a")], [b_line("a")], **options)


def test_data_rows_without_predictions_or_ground_truth() -> None:
    sides = [b_line("a"), b_line("b")], [b_line("b"), b_line("c")]
    with pytest.raises(lm.DataRowError, match=r"missing_ground_truth"):
        lm.evaluate(*sides)
    counts = {
        how: [getattr(lm.evaluate(*sides, **how).summary().overall, name) for name in ("tp", "fp", "fn")]
        for how in map(_Options, (("empty", "empty"), ("skip", "empty"), ("empty", "skip"), ("skip", "skip")))
    }
    assert list(counts.values()) == [[1, 1, 1], [1, 0, 1], [1, 1, 0], [1, 0, 0]]
    with pytest.raises(lm.DataRowError, match="missing_predictions"):
        lm.evaluate(*sides, missing_ground_truth="skip", missing_predictions="error")


class _Options(dict[str, str]):
    """Settings for data rows of one side, as a key."""

    def __init__(self, both: tuple[str, str]) -> None:
        super().__init__(missing_ground_truth=both[0], missing_predictions=both[1])

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))


def test_progress_is_told() -> None:
    told: list[tuple[str, float]] = []
    lm.evaluate([b_line("a")], [], progress=lambda step, share: told.append((step, share)))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert "custom metrics" not in dict(told)
    lm.evaluate([b_line("a")], [], progress=lambda *step: told.append(step), custom=[lambda truths, guesses: []])
    assert "custom metrics" in dict(told)


def test_explanations_say_what_a_match_is() -> None:
    rules = (("platform", "IoU > 0.5", "not more than 0.5"), ("coco", "IoU >= 0.5", "less than 0.5"))
    for matching, rule, short in rules:
        told = lm.evaluate([b_line("a")], [b_line("a", 6)], matching=matching).explain("a")
        assert told.caption == f"data row a, {rule}"
        assert html.escape(told.caption) in told._repr_html_()
        assert all(short in finding.why for finding in told)


def test_tables_need_pandas_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluation = lm.evaluate([b_line("a")], [b_line("a")])
    monkeypatch.setitem(sys.modules, "pandas", None)
    tables = [evaluation.summary(), evaluation.matches, evaluation.confusion_table(), lm.aggregate(evaluation)]
    for table in (*tables, precision_recall(evaluation)):
        with pytest.raises(ImportError, match=r"pip install 'labelmetrics\[pandas\]'"):
            table.to_pandas()
