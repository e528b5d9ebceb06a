"""Input that is not as it should be: what is said about it, or what it gives, and that nothing is half-written."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from commands import box_line, ndjson, run
from PIL import Image

import labelmetrics as lm

BEFORE = b"what was there before\n"
GOOD = ndjson(box_line())


class Case:
    """A folder with both sides, an output that is there already, and the way to run on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "metrics.ndjson"
        self.output.write_bytes(BEFORE)

    def run(self, truth: bytes, guess: bytes, *options: str, names: tuple[str, str] = ("gt", "pr")) -> Result:
        files = [self.folder / name for name in names]
        for file, content in zip(files, (truth, guess), strict=True):
            file.write_bytes(content)
        return run("evaluate", *files, "-o", self.output, "--json", *options)

    def refused(self, truth: bytes, guess: bytes, *expected: str, options: tuple[str, ...] = ()) -> str:
        """The message; the run failed with it, and nothing was written or left behind."""
        before = {path.name for path in self.folder.iterdir()} | {"gt", "pr"}
        result = self.run(truth, guess, *options)
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        assert re.search("^Error: ", result.stderr, re.MULTILINE)
        for text in expected:
            assert text in result.stderr
        assert self.output.read_bytes() == BEFORE
        assert {path.name for path in self.folder.iterdir()} == before
        return result.stderr

    def summary(self, truth: bytes, guess: bytes, *options: str) -> dict[str, Any]:
        """The summary of a run without complaint."""
        result = self.run(truth, guess, *options)
        assert result.exit_code == 0, result.output
        summary: dict[str, Any] = json.loads(result.stdout)
        return summary

    def counts(self, truth: bytes, guess: bytes, *options: str) -> tuple[int, int, int]:
        overall = self.summary(truth, guess, *options)["overall"]
        return overall["tp"], overall["fp"], overall["fn"]


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


# ------------------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("empty", [b"", b"\n\n", b"  \r\n"])
def test_both_sides_empty(case: Case, empty: bytes) -> None:
    summary = case.summary(empty, empty)
    assert (summary["data_rows"], summary["overall"]["tp"]) == (0, 0)
    assert case.output.read_bytes() == b""


def test_no_predictions(case: Case) -> None:
    assert case.counts(GOOD, b"") == (0, 0, 1)


def test_no_ground_truth_is_an_error_until_said_what_it_means(case: Case) -> None:
    case.refused(b"", GOOD, "there is no ground truth for 1 data row with 1 prediction.", "--missing-ground-truth skip")
    far = ndjson(box_line("b"))
    case.refused(far, GOOD, "no data row in common: the ground truths name such as globalKey:b", "row globalKey:a: no")
    assert case.counts(b"", GOOD, "--missing-ground-truth", "empty") == (0, 1, 0)
    assert case.counts(b"", GOOD, "--missing-ground-truth", "skip") == (0, 0, 0)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: b"\xef\xbb\xbf" + text, id="byte-order-mark"),
        pytest.param(lambda text: text.replace(b"\n", b"\r\n"), id="crlf"),
        pytest.param(lambda text: text.replace(b"\n", b"\n\n  \n"), id="blank-lines"),
        pytest.param(lambda text: text[:-1], id="no-newline-at-the-end"),
        pytest.param(lambda text: b"[" + b",".join(text.splitlines()) + b"]", id="one-array"),
        pytest.param(gzip.compress, id="gzip"),
    ],
)
def test_the_same_in_other_clothes(case: Case, change: Any) -> None:
    truth, guess = ndjson(box_line(), box_line("b")), ndjson(box_line(), box_line(left=50))
    plain = case.run(truth, guess)
    expected = case.output.read_bytes()
    changed = case.run(change(truth), change(guess))
    assert changed.stdout == plain.stdout
    assert case.output.read_bytes() == expected != BEFORE


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(b'{"dataRow": {"globalKey": "a"}, "na', "[syntax]", id="truncated"),
        pytest.param(b"nonsense", "[syntax]", id="no-json"),
        pytest.param(b"null", "$", id="null"),
        pytest.param(b"[1, 2]", "$", id="array"),
        pytest.param(b'"text"', "$", id="text"),
        pytest.param(b"{}", "dataRow", id="empty-object"),
        pytest.param(GOOD.strip() + GOOD.strip(), "[syntax]", id="two-in-a-line"),
        pytest.param(GOOD.strip().replace(b"cat", b"c\xff\xfet"), "UTF-8", id="invalid-utf-8"),
        pytest.param(GOOD.strip().replace(b'"width": 10', b'"width": NaN'), "[syntax]", id="nan"),
        pytest.param(GOOD.strip().replace(b'"width": 10', b'"width": Infinity'), "[syntax]", id="infinity"),
        pytest.param(GOOD.strip().replace(b'"width": 10', b'"width": 1e999'), "infinity", id="overflow"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "depth", id="deep"),
        pytest.param(ndjson(box_line(width="10")).strip(), "$.bbox.width", id="number-as-string"),
        pytest.param(ndjson(box_line(width=True)).strip(), "$.bbox.width", id="bool-as-number"),
        pytest.param(ndjson(box_line(width=None)).strip(), "$.bbox.width", id="null-as-number"),
        pytest.param(ndjson(box_line(width=-10)).strip(), "$.bbox.width", id="negative-size"),
        pytest.param(ndjson(box_line(width=10**400)).strip(), "infinity", id="integer-beyond-floats"),
        pytest.param(ndjson(box_line(confidence=1.5)).strip(), "$.confidence", id="confidence-above-1"),
        pytest.param(ndjson(box_line(confidence="0.5")).strip(), "$.confidence", id="confidence-as-string"),
        pytest.param(ndjson(box_line(colour="red")).strip(), "$.colour", id="unknown-key"),
        pytest.param(ndjson(box_line() | {"name": 5}).strip(), "$.name", id="name-is-a-number"),
        pytest.param(
            ndjson(box_line() | {"dataRow": {"id": "a", "globalKey": "a"}}).strip(), "$.dataRow", id="two-keys"
        ),
        pytest.param(ndjson(box_line() | {"dataRow": {}}).strip(), "$.dataRow", id="no-key"),
        pytest.param(ndjson(box_line() | {"point": {"x": 1, "y": 1}}).strip(), "$", id="two-geometries"),
    ],
)
@pytest.mark.parametrize("side", [0, 1])
def test_a_line_that_cannot_be_read(case: Case, line: bytes, expected: str, side: int) -> None:
    sides = [GOOD, GOOD]
    sides[side] = GOOD + b"\n" + line
    name = ("gt", "pr")[side]
    case.refused(*sides, "1 line cannot be read", f"{name}:3: ", expected)
    # Passed over, the rest counts as if the line were not there.
    result = case.run(*sides, "--on-bad-line", "skip", "--bad-lines", str(case.folder / "bad.ndjson"))
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["overall"]["tp"] == 1
    (bad,) = map(json.loads, (case.folder / "bad.ndjson").read_text().splitlines())
    assert bad["line"] == 3
    assert bad["file"].endswith(name)
    assert bad["text"] == line.decode(errors="replace")
    assert bad["reason"]


@pytest.mark.parametrize("last", [1_000_005, 2**53])
def test_a_segment_without_end(case: Case, last: int) -> None:
    keyframes = [{"frame": frame, "bbox": box_line()["bbox"]} for frame in (5, last)]
    line = {"dataRow": {"globalKey": "a"}, "name": "car", "segments": [{"keyframes": keyframes}]}
    expected = "the segment holds more than 1000000 frames"
    case.refused(ndjson(line), ndjson(box_line()), "gt:1: $.segments[0].keyframes", expected)
    assert [(fault.path, fault.message) for fault in lm.validate([line]).faults] == [
        ("$.segments[0].keyframes", expected)
    ]


def test_all_bad_lines_are_told(case: Case) -> None:
    bad = ndjson(*(box_line(width=-1) for _ in range(15)))
    message = case.refused(GOOD, GOOD + bad, "15 lines cannot be read", "pr:2: ", "pr:11: ", "... and 5 more")
    assert "pr:12: " not in message


def test_bad_lines_within_a_bound(case: Case) -> None:
    truth = GOOD + ndjson(b"x", b"y")
    assert case.counts(truth, GOOD, "--max-bad-lines", "2") == (1, 0, 0)
    case.output.write_bytes(BEFORE)
    case.refused(truth, GOOD, "2 lines cannot be read", "at most 1", options=("--max-bad-lines", "1"))
    result = case.run(truth, GOOD, "--max-bad-lines", "1", "--on-bad-line", "error")
    assert result.exit_code == 2
    assert "--on-bad-line error" in result.stderr


def test_lines_passed_over_are_counted_aloud(case: Case) -> None:
    result = case.run(GOOD + ndjson(b"x", b"y"), GOOD, "--on-bad-line", "skip", "--quiet")
    assert result.exit_code == 0
    assert "2 lines" in result.stderr


def test_refused_lines_are_written_even_where_they_are_an_error(case: Case) -> None:
    bad = case.folder / "bad.ndjson"
    result = case.run(GOOD + b"x\n", GOOD, "--bad-lines", str(bad))
    assert result.exit_code == 2
    assert [json.loads(line)["text"] for line in bad.read_text().splitlines()] == ["x"]


def test_a_long_line_is_read_and_a_longer_one_is_not(case: Case) -> None:
    long = ndjson(box_line("b", uuid="x" * (20 << 20)))  # longer than a block
    assert case.counts(GOOD + long + ndjson(box_line("c")), GOOD) == (1, 0, 2)
    case.output.write_bytes(BEFORE)
    case.refused(GOOD + ndjson(box_line("b", uuid="x" * (65 << 20))), GOOD, "gt:2: ", "longer than 64 MiB")


@pytest.mark.parametrize(
    ("shape", "path"),
    [
        ({"bbox": {"left": 10**30, "top": 0, "width": 1, "height": 1}}, "bbox.left"),
        ({"bbox": {"left": 1e12, "top": 0, "width": 1, "height": 1}}, "bbox"),
        ({"point": {"x": 1e308, "y": 0}}, "point.x"),
        ({"line": [{"x": 0, "y": 0}, {"x": 0, "y": -1e308}]}, "line[1].y"),
        ({"polygon": [{"x": 0, "y": 0}, {"x": 1, "y": 0}, {"x": 1, "y": 1e155}]}, "polygon[2].y"),
    ],
)
def test_coordinates_too_far_away(case: Case, shape: dict[str, Any], path: str) -> None:
    far = ndjson({"dataRow": {"globalKey": "a"}, "name": "cat", **shape})
    case.refused(far, GOOD, f"gt:1: $.{path}", "must be", "1000000000000", options=("--buffer", "3"))


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"name": ""}, "name"),
        ({"dataRow": {"globalKey": ""}}, "dataRow.globalKey"),
        ({"classifications": [{"name": "age", "answer": {"name": ""}}]}, "classifications[0].answer.name"),
    ],
)
def test_empty_names(case: Case, change: dict[str, Any], path: str) -> None:
    message = case.refused(ndjson(box_line() | change), GOOD, f"gt:1: $.{path}: ", "must not be empty [empty]")
    assert "1 line cannot be read" in message


def test_texts_that_are_not_unicode_in_python() -> None:
    half = "\ud800"
    line = {"dataRow": {"id": half}, "metricName": half, "metricValue": 1, half: 1}
    report = lm.validate([line])
    assert report.by_rule() == {"encoding": 2, "unknown-field": 1}
    str(report).encode()
    with pytest.raises(lm.InputError) as caught:
        lm.evaluate([{"dataRow": {"id": half}, "name": half, "point": {"x": 1, "y": 2}}], [])
    str(caught.value).encode()


def test_a_line_that_is_no_annotation_has_one_fault(case: Case) -> None:
    table = ndjson({"id": "a", "width": 3, "height": 4, "media": "x", "split": None, "city": "Graz"})
    message = case.refused(table, GOOD, "gt:1: $: is no annotation: none of its fields is one (id, width, height,")
    assert message.count("gt:1") == 1


def test_files_that_are_not_files(case: Case) -> None:
    empty = case.folder / "empty"
    empty.mkdir()
    for path, expected in ((case.folder / "none", "No such file"), (empty, "there are no files of ground truth")):
        result = run("evaluate", path, path, "-o", case.output)
        assert result.exit_code == 2
        assert expected in result.stderr
        assert case.output.read_bytes() == BEFORE


def test_a_damaged_archive(case: Case) -> None:
    packed = gzip.compress(GOOD * 1000)
    for damaged in (packed[:-20], packed[:40] + b"\0" * 20 + packed[60:], packed[:12]):
        case.refused(damaged, GOOD, "gt")


def packed(*parts: bytes) -> bytes:
    packer = zlib.compressobj(1, wbits=31)
    return b"".join([*map(packer.compress, parts), packer.flush()])


def test_a_bomb_of_gzip(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Little that unpacks to much: refused as soon as it is too much."""
    blank = b" " * (1 << 24)
    bomb = packed(b'{"uuid": "', *[blank] * 6)
    assert len(bomb) < 1 << 20
    case.refused(bomb, GOOD, "longer than 64 MiB")
    monkeypatch.setattr("labelmetrics.formats.blocks.ARRAY_BYTES", 64 << 20)
    case.refused(packed(b"[", *[blank] * 6), GOOD, "more than 64 MiB", "NDJSON")


# ------------------------------------------------------------------------------------------------------- annotations


def polygon_line(*corners: tuple[float, float], row: str = "a", **more: Any) -> dict[str, Any]:
    points = [{"x": x, "y": y} for x, y in corners]
    return {"dataRow": {"globalKey": row}, "name": "cat", "polygon": points, **more}


def mask_line(mask: dict[str, Any], row: str = "a", name: str = "cat") -> dict[str, Any]:
    return {"dataRow": {"globalKey": row}, "name": name, "mask": mask}


def rle(pixels: Any) -> dict[str, Any]:
    from labelmetrics.kernels.rle import compress

    encoded = compress(np.asarray(pixels, bool))
    return {"size": encoded["size"], "counts": encoded["counts"].decode()}


SQUARE = [[1, 1], [1, 1]]


def test_a_polygon_that_crosses_itself_is_repaired(case: Case) -> None:
    """An hourglass: its two triangles, as the platform takes it."""
    hourglass = polygon_line((0, 0), (10, 10), (10, 0), (0, 10))
    triangle = polygon_line((0, 0), (5, 5), (0, 10))
    summary = case.summary(ndjson(hourglass), ndjson(hourglass))
    assert summary["overall"]["miou"] == 1.0
    summary = case.summary(ndjson(hourglass), ndjson(triangle), "--iou", "0.4")
    assert (summary["overall"]["tp"], summary["overall"]["miou"]) == (1, pytest.approx(0.5))


def test_a_polygon_of_two_corners_is_none(case: Case) -> None:
    case.refused(ndjson(polygon_line((0, 0), (1, 1))), GOOD, "gt:1: $.polygon")


def test_a_polygon_without_area_overlaps_with_nothing(case: Case) -> None:
    flat = ndjson(polygon_line((0, 0), (5, 0), (9, 0)))
    assert case.counts(flat, flat) == (0, 1, 1)


def test_an_empty_mask_overlaps_with_nothing(case: Case) -> None:
    empty = ndjson(mask_line(rle(np.zeros((4, 4)))))
    assert case.counts(empty, empty) == (0, 1, 1)


def test_masks_of_unlike_sizes(case: Case) -> None:
    small, large = ndjson(mask_line(rle(np.ones((4, 4))))), ndjson(mask_line(rle(np.ones((4, 5)))))
    case.refused(small, large, "size", "a")


@pytest.mark.parametrize(
    "mask",
    [
        pytest.param({"size": [4, 4], "counts": "0@"}, id="too-short"),
        pytest.param({"size": [2, 2], "counts": rle(np.ones((9, 9)))["counts"]}, id="too-long"),
        pytest.param({"size": [4, 4], "counts": "\u00e9\u00e9"}, id="no-encoding"),
        pytest.param({"size": [4, 4], "counts": ""}, id="no-counts"),
        pytest.param({"size": [-4, 4], "counts": "`0"}, id="negative-size"),
        pytest.param({"size": [1 << 30, 1 << 30], "counts": "`0"}, id="gigantic"),
        pytest.param({"size": [4], "counts": "`0"}, id="one-side"),
        pytest.param({"size": [4, 4]}, id="counts-missing"),
    ],
)
def test_an_encoding_that_does_not_fill_its_size(case: Case, mask: dict[str, Any]) -> None:
    case.refused(ndjson(mask_line(mask)), ndjson(mask_line(rle(SQUARE))), "gt:1: $.mask")


def png(size: tuple[int, int]) -> dict[str, str]:
    stream = io.BytesIO()
    Image.new("L", size, 255).save(stream, "PNG")
    return {"png": base64.b64encode(stream.getvalue()).decode()}


def test_a_mask_as_png(case: Case) -> None:
    assert case.counts(ndjson(mask_line(png((2, 2)))), ndjson(mask_line(rle(SQUARE)))) == (1, 0, 0)


def bomb() -> dict[str, str]:
    """A PNG of some kilobytes that says it is 60,000 by 60,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    content = zlib.compress(b"\0" * 1_000_000)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", content) + chunk(b"IEND", b"")
    return {"png": base64.b64encode(data).decode()}


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        pytest.param(bomb(), "pixels", id="bomb"),
        pytest.param({"png": "!!!"}, "base64", id="no-base64"),
        pytest.param({"png": base64.b64encode(b"GIF89a").decode()}, "image", id="no-png"),
        pytest.param({"png": png((64, 64))["png"][:60]}, "", id="truncated"),
    ],
)
def test_a_png_that_is_none_or_too_much(case: Case, mask: dict[str, str], expected: str) -> None:
    case.refused(ndjson(mask_line(mask)), GOOD, "gt:1: ", "mask", expected)


def test_a_mask_known_by_its_address_is_never_fetched(case: Case) -> None:
    address = {"instanceURI": "http://127.0.0.1:9/mask.png", "colorRGB": [255, 255, 255]}
    case.refused(ndjson(mask_line(address)), GOOD, "gt:1: ", "address")


def test_uuids_given_twice_are_two_annotations(case: Case) -> None:
    """The uuid does not tell annotations apart: what is matched is what is there."""
    twice = ndjson(box_line(uuid="u"), box_line(uuid="u", left=50))
    assert case.counts(twice, twice) == (2, 0, 0)


def test_an_object_here_and_a_classification_there(case: Case) -> None:
    answer = {"dataRow": {"globalKey": "a"}, "name": "weather", "answer": {"name": "cat"}}
    case.refused(GOOD, ndjson(box_line(), answer), "cat")


def test_features_by_name_here_and_by_id_there(case: Case) -> None:
    by_id = box_line()
    del by_id["name"]
    by_id["schemaId"] = "c" * 25
    case.refused(GOOD, ndjson(by_id), "name")


# --------------------------------------------------------------------------------------------------------- data rows


def by_id(line: dict[str, Any], row: str = "id-a") -> dict[str, Any]:
    return line | {"dataRow": {"id": row}}


@pytest.mark.parametrize(
    ("truth", "guess"),
    [
        pytest.param(GOOD, ndjson(by_id(box_line())), id="unlike-sides"),
        pytest.param(ndjson(box_line(), by_id(box_line())), GOOD, id="mixed-side"),
    ],
)
def test_id_and_global_key(case: Case, truth: bytes, guess: bytes) -> None:
    case.refused(truth, guess, "by id and by globalKey", "--data-rows")
    rows = case.folder / "rows.ndjson"
    rows.write_bytes(ndjson({"id": "id-a", "globalKey": "a"}))
    assert case.counts(truth, guess, "--data-rows", str(rows))[0] == 1


def test_data_rows_of_one_side_only(case: Case) -> None:
    truth, guess = ndjson(box_line("a"), box_line("b")), ndjson(box_line("a"), box_line("c"), box_line("d"))
    case.refused(truth, guess, "2 data rows with 2 predictions", "globalKey:c", "globalKey:d")
    rows = case.folder / "rows.csv"
    rows.write_text("globalKey\na\nb\nc\n")
    case.refused(
        truth,
        guess,
        "there is no ground truth for 1 data row with 1 prediction",
        "globalKey:d",
        options=("--data-rows", str(rows)),
    )
    assert case.counts(truth, guess, "--missing-ground-truth", "skip") == (1, 0, 1)
    assert case.counts(truth, guess, "--missing-ground-truth", "empty") == (1, 2, 1)
    assert case.counts(truth, guess, "--missing-ground-truth", "skip", "--missing-predictions", "skip") == (1, 0, 0)
    case.output.write_bytes(BEFORE)
    case.refused(truth, ndjson(box_line("a")), "1 data row", options=("--missing-predictions", "error"))


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        pytest.param(b'{"globalKey": "a"}\n{"globalKey": "a"}\n', "rows.ndjson", "the same globalKey", id="twice"),
        pytest.param(b'{"globalKey": "a", "size": 1}\n', "rows.ndjson", "unknown columns size", id="unknown-column"),
        pytest.param(b'{"width": 5}\n', "rows.ndjson", "needs an id or a globalKey", id="no-key"),
        pytest.param(b'{"globalKey": "a", "width": "5"}\n', "rows.ndjson", "width", id="width-as-text"),
        pytest.param(b'{"globalKey": 5}\n', "rows.ndjson", "globalKey", id="key-is-a-number"),
        pytest.param(b'{"globalKey": "a", "split": "TEST SET"}\n', "rows.ndjson", "split must be one of", id="split"),
        pytest.param(b'{"globalKey": "a"\n', "rows.ndjson", "[syntax]", id="no-json"),
        pytest.param(
            b'{"globalKey": "a", "width": 1}\n{"globalKey": "b", "width": "x"}\n', "rows.ndjson", "", id="mix"
        ),
        pytest.param(b"[1]\n", "rows.ndjson", "rows.ndjson", id="no-object"),
        pytest.param(b"\xff\xfe", "rows.ndjson", "rows.ndjson", id="no-text"),
        pytest.param(b"nonsense", "rows.parquet", "rows.parquet", id="no-parquet"),
        pytest.param(b"", "rows.csv", "rows.csv", id="empty-csv"),
        pytest.param(b'{"globalKey": "a", "width": -5}\n', "rows.ndjson", "width", id="negative-width"),
    ],
)
def test_a_table_of_data_rows_with_faults(case: Case, content: bytes, name: str, expected: str) -> None:
    rows = case.folder / name
    rows.write_bytes(content)
    case.refused(GOOD, GOOD, expected, options=("--data-rows", str(rows)))


# ------------------------------------------------------------------------------------------------------ other formats


def coco(**changes: Any) -> bytes:
    document = {
        "images": [{"id": 1, "width": 20, "height": 20}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 5, 5], "iscrowd": 0, "area": 25}],
    }
    return json.dumps(document | changes).encode()


DETECTION = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 5, 5], "score": 0.5}


def test_coco(case: Case) -> None:
    assert case.counts(coco(), json.dumps([DETECTION]).encode()) == (1, 0, 0)


@pytest.mark.parametrize(
    ("truth", "guess", "expected"),
    [
        pytest.param(coco(images=5), b"[]", "gt", id="images-are-a-number"),
        pytest.param(coco()[:-5], b"[]", "gt", id="truncated"),
        pytest.param(coco(), json.dumps([DETECTION | {"image_id": 9}]).encode(), "pr", id="unknown-image"),
        pytest.param(coco(), json.dumps([DETECTION | {"bbox": [0, 0, -5, 5]}]).encode(), "pr", id="negative-size"),
        pytest.param(coco(), json.dumps([DETECTION | {"score": "0.5"}]).encode(), "pr", id="score-as-text"),
        pytest.param(coco(), b'[{"image_id": 1, "bbox": [NaN', "pr", id="truncated-results"),
    ],
)
def test_coco_with_faults(case: Case, truth: bytes, guess: bytes, expected: str) -> None:
    case.refused(truth, guess, expected, options=("--format", "coco"))


def test_a_format_that_it_is_not(case: Case) -> None:
    case.refused(GOOD, GOOD, "gt", options=("--format", "coco"))
    case.refused(GOOD, GOOD, "gt", options=("--format", "labelbox-export"))
    case.refused(coco(), GOOD, "gt", options=("--format", "ndjson"))


# ---------------------------------------------------------------------------------------------------------- Unicode


def test_names_that_could_steer_a_terminal_are_shown_as_text(case: Case) -> None:
    result = run("evaluate", *sides(case.folder, name="\x1b[31mcat\u202e\n"))
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    assert "\\x1b[31mcat" in result.output


def test_names_in_any_script(case: Case) -> None:
    result = run("evaluate", *sides(case.folder, name="猫 – Катя – 😀"), "-o", case.output, "--level", "feature")
    assert result.exit_code == 0
    assert "猫 – Катя – 😀" in result.stdout
    assert json.loads(case.output.read_text().splitlines()[0])["featureName"] == "猫 – Катя – 😀"


def sides(folder: Path, name: str) -> list[Path]:
    files = [folder / "gt", folder / "pr"]
    for file in files:
        file.write_bytes(ndjson(box_line(name=name)))
    return files
