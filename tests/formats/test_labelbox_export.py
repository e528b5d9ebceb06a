from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelmetrics.errors import InputError, SettingError
from labelmetrics.formats.labelbox_export import from_labelbox_export
from labelmetrics.kernels.batch import DataRowKey, Kind, NestedAnswer

BOX = {"name": "cat", "bounding_box": {"top": 1, "left": 2, "height": 3, "width": 4}}


def row(*labels: dict[str, Any], key: str = "r1", project: str = "p1", **more: Any) -> dict[str, Any]:
    return {
        "data_row": {"id": key, "global_key": f"{key}.jpg", "row_data": f"https://example.com/{key}.jpg"},
        "projects": {project: {"name": project.upper(), "labels": list(labels)}},
    } | more


def label(*objects: Any, classifications: Any = (), **more: Any) -> dict[str, Any]:
    return {"annotations": {"objects": list(objects), "classifications": list(classifications)} | more}


def read(*objects: Any, **settings: Any):
    return from_labelbox_export([row(label(*objects))], **settings).columns


def asked(*classifications: Any):
    return from_labelbox_export([row(label(classifications=classifications))]).columns


def faults(rows: Any, **settings: Any) -> dict[str | None, str]:
    with pytest.raises(InputError) as caught:
        from_labelbox_export(rows, **settings)
    return {
        fault.path and fault.path.removeprefix("$.projects.p1.labels[0].annotations"): fault.rule
        for fault in caught.value.faults
    }


# ----------------------------------------------------------------------------------------------------------- objects


def test_boxes():
    columns = read(BOX | {"feature_id": "f1", "feature_schema_id": "s1", "confidence": 0.5})
    assert columns.kind.tolist() == [Kind.BOX]
    assert columns.box.tolist() == [[2, 1, 6, 4]]
    assert columns.data_row.decode() == [DataRowKey("id", "r1")]
    assert columns.name.decode() == ["cat"]
    assert columns.schema_id.decode() == ["s1"]
    assert columns.uuid.tolist() == ["f1"]
    assert columns.confidence.tolist() == [0.5]
    assert columns.place.decode() == [None]
    assert columns.nested.decode() == [None]
    assert columns.listed == [DataRowKey("id", "r1")]


def test_vector_kinds():
    def points(*pairs: tuple[float, float]) -> list[dict[str, float]]:
        return [{"x": x, "y": y} for x, y in pairs]

    columns = read(
        {"name": "area", "polygon": points((0, 0), (4, 0), (4, 2), (0, 0))},
        {"name": "bow", "polygon": points((0, 0), (2, 2), (2, 0), (0, 2))},
        {"name": "way", "line": points((1, 5), (3, 2))},
        {"name": "eye", "point": {"x": 7, "y": 8}},
    )
    assert columns.kind.tolist() == [Kind.POLYGON, Kind.POLYGON, Kind.LINE, Kind.POINT]
    assert columns.shape.tolist() == [0, 1, 2, 3]
    assert columns.box.tolist() == [[0, 0, 4, 2], [0, 0, 2, 2], [1, 2, 3, 5], [7, 8, 7, 8]]
    area, bow, way, eye = columns.shapes.geometries
    assert area.area == 4
    assert bow.is_valid
    assert bow.area == 2
    assert [way.geom_type, eye.geom_type] == ["LineString", "Point"]


def test_text_spans_tokens_messages_and_pages():
    groups = [
        {"id": "g", "page_number": 2, "tokens": ["b", "a", "a"], "text": "..."},
        {"id": "h", "page_number": 1, "tokens": ["b"]},
    ]
    columns = read(
        {"name": "person", "location": {"start": 3, "end": 9, "token": "someone"}},
        {"name": "person", "conversational_location": {"message_id": "6", "location": {"start": 0, "end": 2}}},
        {"name": "title", "location": {"groups": groups}},
        BOX | {"page_number": 3},
    )
    assert columns.kind.tolist() == [Kind.SPAN, Kind.SPAN, Kind.TOKENS, Kind.BOX]
    assert columns.place.decode() == [None, "message=6", None, "page=3;unit=POINTS"]
    assert columns.box.tolist()[:2] == [[3, 0, 9, 0], [0, 0, 2, 0]]
    assert columns.shapes.tokens == [("1/b", "2/a", "2/b")]


def test_masks_are_resolved_by_the_caller():
    image = np.zeros((2, 3), np.uint8)
    image[:, 1:] = 255
    composite = np.zeros((2, 3, 4), np.uint8)
    composite[:, 2] = (9, 8, 7, 255)
    composite[:, 1] = (9, 8, 6, 255)
    behind = {
        "array": image,
        "colours": composite,
        "encoded": {"size": [2, 3], "counts": "24"},
        "runs": {"size": [2, 3], "counts": [2, 4]},
    }
    objects = [
        {"name": "sky", "mask": {"url": "array"}},
        {"name": "sky", "mask": {"url": "encoded"}},
        {"name": "sky", "mask": {"url": "runs"}},
        {"name": "sky", "mask": {"size": [2, 3], "counts": "24"}},
        {"name": "sky", "mask": {"url": "colours"}},
        {"name": "sky", "composite_mask": {"url": "colours", "color_rgb": [9, 8, 7]}},
    ]
    columns = read(*objects, resolve_mask=behind.__getitem__)
    assert (columns.kind == Kind.MASK).all()
    assert columns.shapes.masks[:5] == [{"size": [2, 3], "counts": b"24"}] * 5
    assert columns.box.tolist() == [[1, 0, 3, 2]] * 5 + [[2, 0, 3, 2]]


def test_masks_known_only_by_uri_are_never_fetched():
    one = {"name": "sky", "mask": {"url": "https://example.com/mask"}}
    with pytest.raises(InputError, match=r"never fetched.*resolve_mask="):
        read(one)
    assert faults([row(label(one))], resolve_mask={}.__getitem__) == {".objects[0].mask.url": "mask-uri"}


@pytest.mark.parametrize(
    "behind",
    [
        None,
        "text",
        np.zeros(3),
        {"size": [2, 3], "counts": "25"},
        {"size": [2, 3], "counts": [2, "4"]},
        {"size": [2], "counts": "24"},
        np.zeros((2, 2, 2)),
    ],
)
def test_unsound_masks(behind):
    one = {"name": "sky", "composite_mask": {"url": "x", "color_rgb": [1, 2, 3]}}
    assert set(faults([row(label(one))], resolve_mask=lambda _: behind).values()) <= {"type", "rle"}


def test_kinds_that_no_metric_reads():
    cuboid = {"name": "car", "annotation_kind": "ImageCuboid", "cuboid": {}}
    with pytest.raises(InputError, match=r'no metric reads ImageCuboid.*unsupported="skip"'):
        read(cuboid)
    assert len(read(cuboid, BOX, unsupported="skip")) == 1
    groups = row(label(groups={"Axial": {}}, relationships=[{"name": "next to"}]))
    assert faults([groups]) == {".groups": "unsupported"}
    assert len(from_labelbox_export([groups], unsupported="skip").columns) == 0
    with pytest.raises(SettingError):
        read(BOX, unsupported="ignore")


# --------------------------------------------------------------------------------------------------- classifications


def test_classifications():
    columns = asked(
        {
            "name": "weather",
            "feature_schema_id": "q1",
            "radio_answer": {
                "name": "rain",
                "feature_schema_id": "a1",
                "confidence": 0.75,
                "classifications": [{"name": "much", "radio_answer": {"name": "yes"}}],
            },
        },
        {"name": "seen", "checklist_answers": [{"name": "cars"}, {"name": "people"}]},
        {"name": "note", "text_answer": {"content": "foggy"}, "confidence": 0.5},
        {"name": "mood", "message_id": "4", "conversational_radio_answer": {"name": "calm"}},
        {"name": "talk", "message_id": "4", "conversational_text_answer": {"content": ""}},
        {"name": "none", "checklist_answers": []},
    )
    assert columns.kind.tolist() == [Kind.ANSWER] * 3 + [Kind.TEXT, Kind.ANSWER, Kind.TEXT]
    assert columns.name.decode() == ["weather", "seen", "seen", "note", "mood", "talk"]
    assert columns.answer.decode() == ["rain", "cars", "people", None, "calm", None]
    assert columns.answer_id.decode()[0] == "a1"
    assert columns.place.decode()[3:] == [None, "message=4", "message=4"]
    assert columns.shapes.texts == ["foggy", ""]
    assert columns.shape.tolist() == [-1, -1, -1, 0, -1, 1]
    assert columns.confidence[[0, 3]].tolist() == [0.75, 0.5]
    assert columns.nested.decode()[0] == (NestedAnswer("much", None, "yes"),)


def test_nested_classifications_of_objects():
    questions = [
        {"name": "seen", "checklist_answers": [{"name": "b"}, {"name": "a"}, {"name": "a"}]},
        {"name": "plate", "feature_schema_id": "q", "text_answer": {"content": "B-1"}},
        {"name": "colour", "radio_answer": {"name": "red", "feature_schema_id": "a"}},
    ]
    columns = read(BOX | {"classifications": questions}, BOX | {"classifications": questions[::-1]})
    assert columns.nested.values == [
        (
            NestedAnswer("colour", None, "red", "a"),
            NestedAnswer("plate", "q", text="B-1"),
            NestedAnswer("seen", None, "a"),
            NestedAnswer("seen", None, "b"),
        )
    ]
    assert columns.nested.codes.tolist() == [0, 0]


def test_unsound_annotations():
    def box(**changes: Any) -> dict[str, Any]:
        return BOX | {"bounding_box": BOX["bounding_box"] | changes}

    objects = [
        box(width=-1),
        box(top="1"),
        box(left=float("nan")),
        BOX | {"bounding_box": None},
        BOX | {"name": None},
        BOX | {"confidence": 2},
        {"name": "a", "polygon": [{"x": 1, "y": 1}]},
        {"name": "a", "line": [{"x": 1, "y": 1}, 5]},
        {"name": "a", "location": {"start": 5, "end": 2}},
        {"name": "a", "location": {"groups": [{"tokens": "abc"}]}},
        {"name": "a", "location": {"groups": [5]}},
        BOX | {"classifications": [5]},
        BOX | {"classifications": [{"name": "q"}]},
        BOX | {"classifications": {}},
        BOX | {"classifications": "abc"},
    ]
    questions = [
        {"name": "q", "radio_answer": {"name": 5}},
        {"name": "q", "checklist_answers": [{"name": "a"}, "b"]},
        {"name": "q", "text_answer": {"content": None}},
        {"radio_answer": {"name": "a"}},
    ]
    assert faults([row(label(*objects, classifications=questions))]) == {
        ".objects[0].bounding_box": "negative-size",
        ".objects[1].bounding_box.top": "type",
        ".objects[2].bounding_box.left": "type",
        ".objects[3].bounding_box.left": "type",
        ".objects[4].name": "type",
        ".objects[5].confidence": "range",
        ".objects[6].polygon": "type",
        ".objects[7].line[1].x": "type",
        ".objects[8].location": "range",
        ".objects[9].location.groups[0].tokens": "type",
        ".objects[10].location.groups[0]": "type",
        ".objects[11].classifications[0]": "type",
        ".objects[12].classifications[0]": "type",
        ".objects[14].classifications": "type",
        ".classifications[0].radio_answer": "type",
        ".classifications[1].checklist_answers[1]": "type",
        ".classifications[2].text_answer": "type",
        ".classifications[3].name": "type",
    }


# ------------------------------------------------------------------------------------------------------------- video


def video(frames: Any, segments: Any = None, **more: Any) -> dict[str, Any]:
    return row({"annotations": {"frames": frames, "segments": segments or {}, "classifications": []} | more})


def test_frames_between_given_ones_are_interpolated():
    other = BOX | {"bounding_box": {"top": 5, "left": 2, "height": 3, "width": 8}}
    frames = {
        "3": {"objects": {"f": BOX}, "classifications": []},
        "7": {"objects": {"f": other}, "classifications": []},
        "20": {"objects": {"f": BOX}},
    }
    columns = from_labelbox_export([video(frames, {"f": [[3, 8]]})]).columns
    assert columns.place.decode() == [f"frame={frame}" for frame in (3, 4, 5, 6, 7, 8, 20)]
    assert columns.box.tolist() == [
        [2, 1, 6, 4],
        [2, 2, 7, 5],
        [2, 3, 8, 6],
        [2, 4, 9, 7],
        [2, 5, 10, 8],
        [2, 5, 10, 8],
        [2, 1, 6, 4],
    ]
    assert len(from_labelbox_export([video(frames)]).columns) == 3
    assert len(from_labelbox_export([video(frames, {"f": [[9, 12]]})]).columns) == 3


def test_lines_move_only_between_equal_numbers_of_corners():
    def line(*xs: float) -> dict[str, Any]:
        return {"objects": {"f": {"name": "way", "line": [{"x": x, "y": 0} for x in xs]}}}

    columns = from_labelbox_export([video({"1": line(0, 4), "3": line(2, 8)}, {"f": [[1, 3]]})]).columns
    assert columns.box[:, [0, 2]].tolist() == [[0, 4], [1, 6], [2, 8]]
    columns = from_labelbox_export([video({"1": line(0, 4), "3": line(2, 8, 9)}, {"f": [[1, 3]]})]).columns
    assert columns.box[:, [0, 2]].tolist() == [[0, 4], [0, 4], [2, 9]]


def test_classifications_of_frames_hold():
    question = {"name": "scene", "feature_id": "c", "radio_answer": {"name": "street"}}
    frames = {"2": {"objects": {}, "classifications": [question]}}
    whole = [{"name": "note", "text_answer": {"content": "x"}}]
    columns = from_labelbox_export([video(frames, {"c": [[2, 4]]}, classifications=whole)]).columns
    assert columns.place.decode() == [None, "frame=2", "frame=3", "frame=4"]
    assert columns.answer.decode() == [None, "street", "street", "street"]


def test_unsound_videos():
    frames = {"1": {"objects": {"f": BOX}}}
    assert faults([video({"first": {}})]) == {".frames.first": "type"}
    assert faults([video(frames, {"f": [[1, 10**9]]})]) == {".segments.f[0]": "type"}
    assert faults([video(frames, {"f": [5]})]) == {".segments.f[0]": "type"}
    assert faults([video({"1": {"objects": {"f": 5}}})]) == {".frames.1.objects[0]": "type"}
    assert faults([video({"1": {"objects": {"f": BOX | {"name": 1}}}})]) == {".frames.1.objects.f.name": "type"}
    assert faults([video([5])]) == {".frames": "type"}


# -------------------------------------------------------------------------------------------- data rows and projects


def test_data_rows():
    fields = [
        {"schema_id": "1", "schema_name": "split", "value": [{"schema_id": "2", "schema_name": "valid"}]},
        {"schema_id": "3", "schema_name": "weather", "value": "rain"},
        {"schema_id": "4", "schema_name": "tags", "value": [{"schema_name": "a"}, {"schema_name": "b"}]},
    ]
    first = row(label(BOX), media_attributes={"width": 640, "height": 480, "mime_type": "image/jpeg"})
    first["metadata_fields"] = fields
    first["data_row"]["external_id"] = "e1"
    rows = [first, row(label(), key="r2"), row(key="r3"), row(key="r4", project="p1", projects={})]
    export = from_labelbox_export(rows)
    assert export.project == "p1"
    assert [key.value for key in export.columns.listed] == ["r1", "r2"]
    table = export.data_rows.to_pylist()
    assert [one["id"] for one in table] == ["r1", "r2", "r3", "r4"]
    assert table[0] == {
        "id": "r1",
        "globalKey": "r1.jpg",
        "media_path": "https://example.com/r1.jpg",
        "width": 640,
        "height": 480,
        "split": "VALIDATION",
        "metadata": '{"external_id":"e1","split":"valid","tags":["a","b"],"weather":"rain"}',
    }
    assert table[1]["split"] is table[1]["metadata"] is None
    rows[0]["media_attributes"] = {"width": 2**63, "height": "480"}
    assert from_labelbox_export(rows).data_rows.to_pylist()[0]["width"] is None


def test_projects():
    rows = [row(label(BOX)), row(label(BOX), key="r2", project="p2")]
    with pytest.raises(InputError, match=r'choose one with project=: p1 \("P1"\), p2 \("P2"\)'):
        from_labelbox_export(rows)
    for wanted in ("p2", "P2"):
        export = from_labelbox_export(rows, wanted)
        assert [key.value for key in export.columns.listed] == ["r2"]
        assert export.data_rows.num_rows == 2
    with pytest.raises(InputError, match="no project 'p3'"):
        from_labelbox_export(rows, "p3")
    with pytest.raises(InputError, match="export a project"):
        from_labelbox_export([])


def test_several_labels():
    skipped = label(BOX) | {"performance_details": {"skipped": True}}
    assert len(from_labelbox_export([row(skipped, label(BOX, BOX))]).columns) == 2
    assert from_labelbox_export([row(skipped)]).columns.listed == []
    several = [row(label(BOX), label(BOX, BOX))]
    assert faults(several) == {"$.projects.p1.labels": "several-labels"}
    assert len(from_labelbox_export(several, choose_label=lambda labels: labels[-1]).columns) == 2


def test_unsound_rows():
    assert faults([5]) == {"$": "type"}
    assert faults([{"data_row": {}}]) == {"$.data_row.id": "type"}
    assert faults([row(projects=[1])]) == {"$.projects": "type"}
    assert faults([row(label(BOX)), row(label(BOX))]) == {"$.data_row.id": "duplicate-data-row"}
    assert faults([row(5)]) == {"$.projects.p1.labels[0]": "type"}  # type: ignore[arg-type]
    assert faults([row({"annotations": 5})]) == {"": "type"}
    assert faults([row(projects={"p1": 5})]) == {"$.projects.p1": "type"}
    assert faults([row(label(BOX), metadata_fields=5)]) == {"$.metadata_fields": "type"}
    assert faults([row(label(BOX), media_attributes=[5])]) == {"$.media_attributes": "type"}


@pytest.mark.parametrize("form", ["lines", "array", "gzip", "text"])
def test_sources(tmp_path: Path, form):
    rows = [row(label(BOX)), row(label(BOX), key="r2")]
    lines = "\n\r\n".join(map(json.dumps, rows)) + "\n"
    source: Any = tmp_path / "export.ndjson"
    if form == "text":
        source = lines.splitlines()
    else:
        data = (json.dumps(rows, indent=1) if form == "array" else lines).encode()
        source.write_bytes(gzip.compress(data) if form == "gzip" else data)
    assert len(from_labelbox_export(source).columns) == 2


def test_faults_say_the_line(tmp_path: Path):
    path = tmp_path / "export.ndjson"
    path.write_text(json.dumps(row(label(BOX))) + "\n{\n" + json.dumps({"data_row": {}}))
    with pytest.raises(InputError) as caught:
        from_labelbox_export(path)
    assert [(fault.line, fault.rule, fault.file) for fault in caught.value.faults] == [
        (2, "syntax", str(path)),
        (3, "type", str(path)),
    ]
    path.write_text("[1, ")
    assert faults(path) == {None: "syntax"}
    path.write_text(json.dumps(row(label(BOX))) + "\n" + json.dumps(row(label(BOX | {"name": 1}), key="r2")))
    with pytest.raises(InputError, match=r"export.ndjson:2: .*name: data row id:r2"):
        from_labelbox_export(path)
