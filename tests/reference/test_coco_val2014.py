"""Real annotations: ``evaluate`` on a hundred COCO images gives what the Labelbox SDK gives row by row."""

from collections import defaultdict

import numpy as np
import orjson
import pytest

import labelmetrics as lm
from labelmetrics.formats.coco import read_ground_truth, read_results
from labelmetrics.kernels.rle import decode

pytestmark = pytest.mark.reference


@pytest.fixture(params=["bbox", "segm"])
def real(request, shared):
    folder = shared / "coco_val2014_100"
    geometry = request.param
    paths = (
        folder / "instances_val2014_100.json",
        folder / f"instances_val2014_fake{'bbox' if geometry == 'bbox' else 'segm'}100_results.json",
    )
    return geometry, *paths


def by_row(columns):
    """Labelbox objects of each data row."""
    lb = pytest.importorskip("labelbox.types")
    rows = defaultdict(list)
    names, keys = columns.name.decode(), columns.data_row.decode()
    for index, (key, name) in enumerate(zip(keys, names, strict=True)):
        if columns.kind[index] == 0:
            left, top, right, bottom = columns.box[index].tolist()
            value = lb.Rectangle(start=lb.Point(x=left, y=top), end=lb.Point(x=right, y=bottom))
        else:
            pixels = decode(columns.shapes.masks[columns.shape[index]]).astype(np.uint8)
            value = lb.Mask(mask=lb.MaskData.from_2D_arr(pixels), color=(1, 1, 1))
        rows[key.value].append(lb.ObjectAnnotation(name=name, value=value))
    return rows


def test_lines_are_those_of_the_sdk(real, tmp_path):
    metrics = pytest.importorskip("labelbox.data.metrics")
    geometry, truth_path, guess_path = real
    truth, images = read_ground_truth(truth_path, geometry)
    guess = read_results(guess_path, images, geometry)
    truths, guesses = by_row(truth), by_row(guess)
    evaluation = lm.evaluate(truth_path, guess_path, geometry=geometry)
    found = {
        (line["dataRow"]["globalKey"], line["metricName"], line.get("featureName")): line["metricValue"]
        for line in evaluation.lines(level=("data_row", "feature"), over_limit="keep")
    }
    expected = {}
    # The SDK takes seconds for the masks of one image, so it is asked about every fifth.
    rows = sorted(set(truths) | set(guesses))[:: 5 if geometry == "segm" else 1]
    for row in rows:
        pair = truths[row], guesses[row]
        for made in (
            metrics.confusion_matrix_metric(*pair),
            metrics.feature_confusion_matrix_metric(*pair),
            metrics.miou_metric(*pair),
            metrics.feature_miou_metric(*pair, include_subclasses=False),
        ):
            for metric in made:
                value = metric.value if isinstance(metric.value, float) else [int(v) for v in metric.value]
                expected[row, metric.metric_name, metric.feature_name] = value
    assert {key for key in found if key[0] in rows} == expected.keys()
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, abs=2e-6), key

    path = tmp_path / "metrics.ndjson"
    evaluation.write_ndjson(path)
    report = lm.validate(path)
    assert report.ok, report
    assert report.lines == len(path.read_bytes().splitlines())
    assert all(orjson.loads(line)["uuid"] for line in path.read_bytes().splitlines())
