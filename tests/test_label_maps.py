"""Label maps: counts beside scikit-learn's, every form of map, and what is refused."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, strategies as st
from PIL import Image

import labelmetrics as lm
from labelmetrics import label_map_confusion
from labelmetrics.errors import AnnotationError, DataRowError, SettingError

TRUTH = np.array([[0, 0, 1, 1], [2, 2, 255, 255]], np.uint8)
GUESS = np.array([[0, 1, 1, 1], [2, 0, 0, 77]], np.uint8)


def png(pixels, mode=None, format="PNG"):
    image = Image.fromarray(pixels)
    if mode == "P":
        image.putpalette(list(range(256)) * 3)
    elif mode:
        image = image.convert(mode)
    file = io.BytesIO()
    image.save(file, format=format)
    return file.getvalue()


def huge_png(side):
    """An image that claims to be large, in a few bytes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def test_small_maps():
    found = label_map_confusion(TRUTH, GUESS, n_classes=3, ignore_class=255)
    assert found.matrix.tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    assert (found.tp.tolist(), found.fp.tolist(), found.fn.tolist()) == ([1, 2, 1], [1, 1, 0], [1, 0, 1])
    assert found.iou.tolist() == [1 / 3, 2 / 3, 1 / 2]
    assert found.miou == pytest.approx(0.5)
    assert found.accuracy == 4 / 6
    assert found.class_names == ["0", "1", "2"]
    assert found.to_pandas().loc["2", "0"] == 1
    assert "(all)" in repr(found)
    assert "<table>" in found._repr_html_()


@pytest.mark.reference
@given(
    st.integers(1, 40),
    st.sampled_from([np.uint8, np.int8, np.uint16, np.int32, np.int64, np.uint64]),
    st.sampled_from([None, 0, -1, 127]),
    st.integers(0, 2**32 - 1),
)
def test_counts_are_those_of_scikit_learn(n_classes, dtype, ignore, seed):
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    shape = (3, *rng.integers(1, 40, 2))
    truth, guess = (rng.integers(0, n_classes, shape).astype(dtype) for _ in range(2))
    if ignore is not None and np.iinfo(dtype).min <= ignore:
        truth[rng.random(shape) < 0.2] = ignore
    found = label_map_confusion(truth, guess, n_classes=n_classes, ignore_class=ignore)
    kept = np.ones(shape, bool) if ignore is None else truth != ignore
    if kept.any():
        expected = metrics.confusion_matrix(truth[kept], guess[kept], labels=list(range(n_classes)))
        assert found.matrix.tolist() == expected.tolist()
    whole = found.matrix.sum(0) + found.matrix.sum(1) - found.matrix.diagonal()
    for one in range(n_classes):
        if whole[one] and one != ignore:
            assert found.iou[one] == found.matrix[one, one] / whole[one]
        else:
            assert np.isnan(found.iou[one])
    parts = [
        label_map_confusion(one, two, n_classes=n_classes, ignore_class=ignore).matrix
        for one, two in zip(truth, guess, strict=True)
    ]
    assert (sum(parts) == found.matrix).all()


def test_more_pixels_than_a_block_and_many_classes():
    rng = np.random.default_rng(0)
    truth, guess = rng.integers(0, 300, (2, 400, 500))
    expected = np.zeros((300, 300), int)
    np.add.at(expected, (truth.ravel(), guess.ravel()), 1)
    assert (label_map_confusion(truth, guess, n_classes=300).matrix == expected).all()


@pytest.mark.parametrize("mode", [None, "P", "I;16", "1"])
def test_images(mode, tmp_path):
    truth, guess = np.minimum(TRUTH, 1), np.minimum(GUESS, 1)
    if mode == "1":
        files = [png(side.astype(bool)) for side in (truth, guess)]
    elif mode == "I;16":
        files = [png(side.astype(np.uint16)) for side in (truth, guess)]
    else:
        files = [png(side, mode) for side in (truth, guess)]
    expected = label_map_confusion(truth, guess, n_classes=2).matrix.tolist()
    assert label_map_confusion(*files, n_classes=2).matrix.tolist() == expected
    paths = [tmp_path / "truth.png", tmp_path / "guess.png"]
    for path, data in zip(paths, files, strict=True):
        path.write_bytes(data)
    assert label_map_confusion(paths[0], str(paths[1]), n_classes=2).matrix.tolist() == expected
    assert label_map_confusion(paths[:1], [files[1]], n_classes=2).matrix.tolist() == expected


def test_sixteen_bits_a_pixel():
    truth = np.array([[256, 1000]], np.uint16)
    found = label_map_confusion(png(truth), truth, n_classes=1001)
    assert np.flatnonzero(found.tp).tolist() == [256, 1000]


def test_metrics_of_data_rows(tmp_path):
    sides = {"b": TRUTH, "a": np.zeros((1, 4), int)}, {"b": GUESS, "a": np.array([[0, 0, 0, 1]])}
    found = label_map_confusion(*sides, class_names=["sky", "road", "car"], ignore_class=255)
    assert found.data_rows == ["a", "b"]
    assert found.row_iou[0, :2].tolist() == [3 / 4, 0.0]
    values = {
        (one.data_row.key[1], one.metric_name, one.feature_name): one.value
        for one in found.metrics(["confusion_matrix", "miou"])
    }
    assert values == {
        ("a", "label_map", "sky"): (3, 0, 0, 1),
        ("a", "label_map", "road"): (0, 1, 3, 0),
        ("a", "label_map_iou", None): 3 / 8,
        ("b", "label_map", "sky"): (1, 1, 3, 1),
        ("b", "label_map", "road"): (2, 1, 3, 0),
        ("b", "label_map", "car"): (1, 0, 4, 1),
        ("b", "label_map_iou", None): pytest.approx(0.5),
    }
    assert {one.feature_name for one in found.metrics(["iou"])} == {"sky", "road", "car"}
    lines = list(lm.NDJsonConverter.serialize(found.labels()))
    assert len(lines) == 12
    assert {line["dataRow"]["globalKey"] for line in lines} == {"a", "b"}
    rows = [{"globalKey": row} for row in found.data_rows]
    evaluation = lm.evaluate([], [], data_rows=rows).with_metrics(found.metrics())
    evaluation.write_ndjson(tmp_path / "metrics.ndjson")
    assert lm.validate(tmp_path / "metrics.ndjson").ok
    rolled = lm.aggregate(evaluation).get("label_map", "sky")
    assert (rolled.tp, rolled.fp, rolled.fn) == (found.tp[0], found.fp[0], found.fn[0])


def test_keys_that_are_ids_and_maps_without_data_rows():
    ids = label_map_confusion({"r1": TRUTH}, {"r1": GUESS}, n_classes=3, ignore_class=255, key_kind="id")
    assert {one.data_row.key for one in ids.metrics()} == {("id", "r1")}
    assert [label.data.uid for label in ids.labels()] == ["r1"]
    plain = label_map_confusion([TRUTH], [GUESS], n_classes=3, ignore_class=255)
    assert all(one.data_row is None for one in plain.metrics())
    with pytest.raises(SettingError, match="need data rows"):
        next(plain.labels())


def test_nothing_to_count():
    empty = label_map_confusion([], [], n_classes=2)
    assert (empty.miou, empty.accuracy, empty.matrix.sum()) == (None, None, 0)
    ignored = label_map_confusion({"a": TRUTH[1:, 2:]}, {"a": GUESS[1:, 2:]}, n_classes=2, ignore_class=255)
    assert list(ignored.metrics()) == []
    assert label_map_confusion(np.zeros((0, 5), int), np.zeros((0, 5), int), n_classes=2).miou is None


def test_an_ignored_class_that_is_predicted_is_wrong_and_no_part_of_the_mean():
    found = label_map_confusion(np.array([[0, 0, 1]]), np.array([[0, 1, 0]]), n_classes=2, ignore_class=1)
    assert found.matrix.tolist() == [[1, 1], [0, 0]]
    assert (found.iou[0], found.miou) == (0.5, 0.5)
    assert np.isnan(found.iou[1])


@pytest.mark.parametrize(
    ("truth", "guess", "message"),
    [
        (TRUTH, TRUTH[:1], r"size \(2, 4\), the prediction \(1, 4\)"),
        (TRUTH.astype(float), TRUTH, "ground truth of map 0: a label map holds integers, got float64"),
        (TRUTH, GUESS.astype(complex), "prediction of map 0: a label map holds integers"),
        (TRUTH, GUESS, "ground truth holds 255, classes are 0 to 2; ignore_class"),
        (TRUTH[:, :2], np.full((2, 2), 3), "prediction holds 3, classes are 0 to 2$"),
        (TRUTH[:, :2], np.full((2, 2), -1), "prediction holds -1"),
        ([TRUTH[None]], TRUTH[None], r"the shape \(height, width\), got \(1, 2, 4\)"),
        (b"no image", TRUTH, "ground truth of map 0: what should be the PNG of a label map is none"),
        (png(TRUTH)[:-40], TRUTH, "what should be the PNG of a label map is none"),
        (png(TRUTH, format="BMP"), TRUTH, "what should be the PNG of a label map is none"),
        (png(TRUTH, "RGB"), TRUTH, r"got \(2, 4, 3\)"),
        (png(TRUTH, "LA"), TRUTH, r"got \(2, 4, 2\)"),
        ("absent.png", TRUTH, "absent.png: No such file"),
        ([[[0, 1]]], TRUTH, "is an array, a PNG or its path, got list"),
    ],
)
def test_maps_that_are_refused(truth, guess, message):
    with pytest.raises(AnnotationError, match=message):
        label_map_confusion(truth, guess, n_classes=3)


@pytest.mark.parametrize("side", [12_000, 20_000, 2**31 - 1])
def test_decompression_bombs(side, monkeypatch):
    monkeypatch.setattr("labelmetrics.types.mask.MAX_PIXELS", 11_000**2)
    with pytest.raises(AnnotationError, match=r"data row globalKey:a: .*too (large|many)"):
        label_map_confusion({"a": huge_png(side)}, {"a": TRUTH}, n_classes=3)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"n_classes": 0},
        {"n_classes": 10**9},
        {"n_classes": 2.0},
        {"n_classes": 2, "class_names": ["a"]},
        {"class_names": "ab"},
        {"class_names": ["a", "a"]},
        {"class_names": [1, 2]},
        {"n_classes": 2, "ignore_class": 0.5},
        {"n_classes": 2, "key_kind": "uid"},
    ],
)
def test_settings_that_are_refused(settings):
    with pytest.raises(SettingError):
        label_map_confusion(TRUTH, TRUTH, **settings)


def test_sides_that_do_not_fit_together():
    for sides in (([TRUTH], []), ([TRUTH], {"a": TRUTH})):
        with pytest.raises(SettingError):
            label_map_confusion(*sides, n_classes=3, ignore_class=255)
    with pytest.raises(DataRowError, match="2 data rows"):
        label_map_confusion({"a": TRUTH}, {"b": TRUTH}, n_classes=3)
    with pytest.raises(SettingError, match="kinds"):
        list(label_map_confusion([TRUTH], [TRUTH], n_classes=256).metrics(["f1"]))
