"""JSON Schemas: current, valid, and of one mind with the models."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings, strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ValidationError

import labelmetrics as lm
from labelmetrics.errors import InputError
from labelmetrics.formats.data_rows import read_data_rows
from labelmetrics.formats.manifest import Counts, Digests, Manifest, PartFile, PartsManifest, Provenance, Settings
from labelmetrics.formats.metric_lines import is_metric
from labelmetrics.formats.ndjson import parse_json
from labelmetrics.formats.schema import schemas, write_schemas

FOLDER = Path(__file__).parents[2] / "schemas"
VALIDATORS = {name: Draft202012Validator(schema) for name, schema in schemas().items()}

ROW = {"dataRow": {"id": "a"}}
METRICS: list[dict[str, Any]] = [
    {**ROW, "metricValue": 1},
    {**ROW, "metricValue": 0.5, "metricName": "m", "featureName": "cat", "subclassName": "old", "aggregation": "SUM"},
    {**ROW, "metricValue": {"0.1": 1, "5e-1": 2}, "metricName": "m", "uuid": "u", "isBenchmarkReferenceLabel": True},
    {"dataRow": {"globalKey": "a"}, "metricValue": [1, 0, 0, 2], "metricName": "m", "aggregation": "CONFUSION_MATRIX"},
    {**ROW, "metricValue": {"0": [1, 0, 0, 2], "1.0": [1, 0, 0, 0]}, "metricName": "m", "aggregation": None},
]
BBOX = {"top": 1, "left": 2.5, "height": 3, "width": 0}
POINTS = [{"x": 1, "y": 1}, {"x": 5, "y": 1}, {"x": 5, "y": 5}]
RADIO = {"name": "age", "answer": {"name": "old", "confidence": 0.5}}
NESTED = [RADIO, {"schemaId": "s", "answer": [{"name": "x", "classifications": [RADIO]}]}, {"name": "t", "answer": "y"}]
ANNOTATIONS: list[dict[str, Any]] = [
    {**ROW, "name": "cat", "bbox": BBOX, "confidence": 0.5, "customMetrics": [{"name": "m", "value": 1}]},
    {**ROW, "name": "cat", "bbox": BBOX, "page": 0, "unit": "POINTS", "classifications": NESTED, "uuid": "u"},
    {**ROW, "schemaId": "s", "polygon": POINTS, "classifications": []},
    {**ROW, "name": "cat", "line": POINTS[:2], "isBenchmarkReferenceLabel": False},
    {**ROW, "name": "cat", "point": POINTS[0]},
    {**ROW, "name": "cat", "mask": {"size": [2, 3], "counts": [2, 4]}},
    {**ROW, "name": "cat", "mask": {"instanceURI": "https://example.com", "colorRGB": [1, 2, 3]}},
    {**ROW, "name": "cat", "location": {"start": 0, "end": 9}, "messageId": "m"},
    {**ROW, "name": "cat", "location": {"start": 0, "end": 9}},
    {**ROW, "name": "cat", "textSelections": [{"tokenIds": ["t"], "groupId": "g", "page": 1}]},
    {**ROW, **RADIO, "messageId": "m"},
    {**ROW, **NESTED[1], "frames": [{"start": 0, "end": 9}]},
    {**ROW, "name": "q", "answer": "text", "classifications": [RADIO]},
    {**ROW, "name": "q", "answer": [{"value": "text", "frames": [{"start": 0, "end": 9}]}]},
    {**ROW, "name": "car", "segments": [{"keyframes": [{"frame": 0, "bbox": BBOX}, {"frame": 9, "bbox": BBOX}]}]},
    {
        **ROW,
        "masks": {
            "frames": [{"index": 1, "instanceURI": "https://example.com"}],
            "instances": [{"colorRGB": [1, 2, 3], "name": "road", "schemaId": "s"}],
        },
        "confidence": 0.5,
    },
]
OPTIONS = Settings(iou=[0.5], confidences=[0.1, 0.5], buffer={"cat": "2%", "dog": 3})
DIGESTS = Digests(ground_truth="0" * 32, prediction="f" * 32)
MANIFEST = Manifest(
    labelmetrics="0.1.0",
    settings=OPTIONS,
    key_kind="id",
    digests=DIGESTS,
    counts=Counts(data_rows=1, ground_truths=2, predictions=2, features=1, subclasses=0),
    features=["cat"],
    classifications=["cat"],
    subclasses=[],
    confidence_keys=[0.1, 0.5],
)
PROVENANCE = Provenance(
    labelmetrics="0.1.0",
    settings=OPTIONS,
    confidence_keys=[],
    digests=DIGESTS,
    fitted=False,
    lines=3,
    digest_of_lines="a" * 64,
)

PARTS = PartsManifest(
    **{name: value for name, value in dict(PROVENANCE).items() if name != "digest_of_lines"},
    parts=[PartFile(name="part-0000.ndjson", lines=3, bytes=99, sha256="b" * 64)],
)


def places(value: Any, *before: Any) -> Iterator[tuple[Any, ...]]:
    """Paths to everything within a value."""
    yield before
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, *before, key)


VALUES: list[Any] = [
    None,
    True,
    0,
    1,
    -1,
    0.5,
    1.5,
    300,
    1e13,
    -1e13,
    "x",
    "",
    [],
    {},
    [1],
    ["x"],
    {"a": 1},
    [0, 1, 2, 3],
    {"0.5": 1},
]
VALUES += ["iou", " Precision ", "SUM", "CONFUSION_MATRIX", {"2": 1}, {"0.5": [1, 0, 0, 0], "x": 1}]
FIELDS = ["extra", "x", "id", "globalKey", "name", "page", "unit", "messageId", "frame", "frames", "metricName"]
FIELDS += [
    "featureName",
    "subclassName",
    "classifications",
    "uuid",
    "confidence",
    "point",
    "answer",
    "value",
    "aggregation",
]


@st.composite
def changed(draw: st.DrawFn, goods: list[dict[str, Any]]) -> dict[str, Any]:
    """A good line with up to two changes, which often make it a bad one."""
    line = copy.deepcopy(draw(st.sampled_from(goods)))
    for _ in range(draw(st.integers(0, 2))):
        *way, last = draw(st.sampled_from([place for place in places(line) if place] or [("x",)]))
        inner: Any = line
        for step in way:
            inner = inner[step]
        kind = draw(st.sampled_from(["set", "drop", "add"]))
        if kind == "add" and isinstance(inner, dict):
            inner[draw(st.sampled_from(FIELDS))] = copy.deepcopy(draw(st.sampled_from(VALUES)))
        elif kind == "drop" and inner:
            del inner[last]
        else:
            inner[last] = copy.deepcopy(draw(st.sampled_from(VALUES)))
    return line


def is_read(line: Any) -> bool:
    try:
        parse_json(json.dumps(line))
    except InputError as error:
        # What no schema can say.
        beyond = {"span", "rle-counts", "rle-size", "frames", "base64"}
        return all(fault.rule in beyond for fault in error.faults)
    return True


def fits(name: str, value: Any) -> bool:
    return VALIDATORS[name].is_valid(value)


def test_schemas_are_current(tmp_path: Path) -> None:
    """If this fails, run ``labelmetrics schema`` and look at what has changed."""
    written = write_schemas(tmp_path)
    assert {path.name for path in written} == {path.name for path in FOLDER.iterdir()}
    for path in written:
        assert path.read_text() == (FOLDER / path.name).read_text()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be made"):
        write_schemas(tmp_path / "file")


@pytest.mark.parametrize("name", schemas())
def test_schemas_are_valid(name: str) -> None:
    Draft202012Validator.check_schema(schemas()[name])
    assert schemas()[name]["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("line", [*METRICS, *ANNOTATIONS])
def test_good_lines(line: dict[str, Any]) -> None:
    assert is_read(line)
    assert fits("metric_line", line) == is_metric(line)
    assert fits("annotation_line", line) == (not is_metric(line))


@given(changed(METRICS))
@settings(max_examples=500)
def test_metric_lines_agree_with_the_models(line: dict[str, Any]) -> None:
    if is_metric(line):
        assert fits("metric_line", line) == is_read(line)


@given(changed(ANNOTATIONS))
@settings(max_examples=500)
def test_annotation_lines_agree_with_the_models(line: dict[str, Any]) -> None:
    # Whatever stands beside masks under the name of one of their parts is passed over.
    if not is_metric(line) and not {"masks", "frames"} <= line.keys():
        assert fits("annotation_line", line) == is_read(line)


@given(st.dictionaries(st.floats(-0.5, 1.5), st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_confidence_keys_agree_with_the_models(keyed: dict[float, float]) -> None:
    line = {**ROW, "metricValue": {repr(key): value for key, value in keyed.items()}}
    assert fits("metric_line", line) == (is_read(line) and len(set(keyed)) == len(keyed))


@given(st.text(max_size=3), st.sampled_from(["iou", "f1", "true_positive_count", "iou_custom"]), st.booleans())
@example(" ", "IoU", False)
def test_reserved_names_agree_with_the_models(around: str, name: str, upper: bool) -> None:
    line = {
        **ROW,
        "metricValue": 1,
        "metricName": around.strip("\x1c\x1d\x1e\x1f\x85") + (name.upper() if upper else name),
    }
    assert fits("metric_line", line) == is_read(line)


def test_lines_of_the_package_fit() -> None:
    box = lm.ObjectAnnotation(name="cat", value=lm.Rectangle.from_xyhw(0, 0, 4, 4), confidence=0.5)
    labels = [lm.Label(data=lm.ImageData(uid="a"), annotations=[box])]
    for line in lm.NDJsonConverter.serialize(labels):
        assert fits("annotation_line", line)
    for confidences in (None, 4):
        evaluation = lm.evaluate(labels, labels, confidences=confidences)
        assert all(fits("metric_line", line) for line in evaluation.lines())
        assert fits("manifest", json.loads(evaluation.manifest.model_dump_json()))


def test_fixtures_fit(shared: Path) -> None:
    folder = shared / "labelbox_assets" / "ndjson"
    n = 0
    for path in sorted(folder.glob("*.json")):
        for line in json.loads(path.read_text()):
            if "relationship" in line or "messageEvaluationTask" in line:
                continue
            name = "metric_line" if is_metric(line) else "annotation_line"
            assert not list(VALIDATORS[name].iter_errors(line)), (path.name, line)
            n += 1
    assert n > 50


def is_model(model: type[BaseModel], value: Any) -> bool:
    try:
        model.model_validate_json(json.dumps(value))
    except ValidationError as error:
        return all(one["type"] == "classifications" for one in error.errors())
    return True


@given(changed([MANIFEST.model_dump(), PROVENANCE.model_dump(), PARTS.model_dump()]))
def test_manifests_and_provenance_agree_with_the_models(value: dict[str, Any]) -> None:
    for name, model in (("manifest", Manifest), ("parts", PartsManifest), ("provenance", Provenance)):
        assert fits(name, value) == is_model(model, value)


def test_classifications_are_features() -> None:
    with pytest.raises(ValidationError, match="dog is not among the features"):
        Manifest.model_validate(MANIFEST.model_dump() | {"classifications": ["dog"]})


def row_is_read(row: dict[str, Any]) -> bool:
    try:
        read_data_rows([row])
    except InputError:
        return False
    return True


KEYS = st.sampled_from([None, "", "a", 3, True])
SIZES = st.sampled_from([None, 3, -3, [1]])


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "id": KEYS,
            "globalKey": KEYS,
            "mediaPath": st.sampled_from([None, "x.jpg", 3]),
            "width": SIZES,
            "height": SIZES,
            "split": st.sampled_from([None, "TEST", "TRAINING", "OTHER", 3]),
            "metadata": st.sampled_from([None, "{}", {"weather": "rain"}, [1], 3]),
            "colour": st.just("red"),
        },
    )
)
def test_data_rows_agree_with_their_reader(row: dict[str, Any]) -> None:
    if row:
        assert fits("data_row", row) == row_is_read(row)
