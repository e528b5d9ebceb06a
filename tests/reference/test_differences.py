"""Each difference of ``docs/differences.md``: what the Labelbox SDK does, and what this package does."""

from __future__ import annotations

import doctest
import json
import re
import sys
import warnings
from pathlib import Path
from typing import Any

import builders as b
import numpy as np
import pytest
from servers import serving

import labelmetrics.types as lm
from labelmetrics import metrics
from labelmetrics.errors import AnnotationError, DataRowError, SettingError

pytest.importorskip("labelbox")
pytestmark = pytest.mark.reference

import labelbox.data.metrics as sdk  # noqa: E402
import labelbox.types as lb  # noqa: E402
from labelbox.data.metrics.group import get_label_pairs  # noqa: E402

PAGE = Path(__file__).resolve().parents[2] / "docs" / "differences.md"


def both(function: str, make: Any, *args: Any, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Values by feature of the SDK and of this package; ``make(kit)`` gives ground truths and predictions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # divisions by zero in the SDK
        theirs = b.values(getattr(sdk, function)(*make(lb), *args, **kwargs))
    mine = b.values(getattr(metrics, function)(*make(lm), *args, **kwargs))
    # The same from the SDK's own objects.
    assert repr(mine) == repr(b.values(getattr(metrics, function)(*make(lb), *args, **kwargs)))
    return tuple({feature: value for (_, feature, _), value in side.items()} for side in (theirs, mine))


def matrices(make: Any, *args: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return both("feature_confusion_matrix_metric", make, *args)


def overlaps(make: Any, *args: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return both("feature_miou_metric", make, *args)


def only_mine(function: str, make: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
    found = [
        {metric.feature_name: metric.value for metric in getattr(metrics, function)(*make(kit), *args, **kwargs)}
        for kit in (lm, lb)
    ]
    assert found[0] == found[1]
    return found[0]


def _on_frame(kit: Any, frame: int) -> list[Any]:
    return [kit.VideoObjectAnnotation(name="car", value=b.rectangle(0, 0, 9, 9, kit), frame=frame, keyframe=True)]


def _on_page(kit: Any, page: int) -> list[Any]:
    corners = {"start": kit.Point(x=0, y=0), "end": kit.Point(x=9, y=9)}
    return [b.objekt(kit.DocumentRectangle(**corners, page=page, unit=kit.RectangleUnit.POINTS), "car", kit=kit)]


def _in_message(kit: Any, message: int) -> list[Any]:
    return [b.objekt(kit.ConversationEntity(start=0, end=9, message_id=str(message)), "car", kit=kit)]


@pytest.mark.parametrize("make", [_on_frame, _on_page, _in_message])
def test_frames_pages_and_messages(make: Any) -> None:
    theirs, mine = matrices(lambda kit: (make(kit, 1), make(kit, 99)))
    assert theirs == {"car": (1, 0, 0, 0)}
    assert mine == {"car": (0, 1, 0, 1)}
    theirs, mine = overlaps(lambda kit: (make(kit, 1), make(kit, 99)), False)
    assert (theirs, mine) == ({"car": 1.0}, {"car": 0.0})
    theirs, mine = matrices(lambda kit: (make(kit, 1), make(kit, 1)))
    assert theirs == mine == {"car": (1, 0, 0, 0)}


def test_two_questions_with_the_same_answer() -> None:
    def make(kit: Any) -> Any:
        truth = [b.radio("indoors", "yes", kit), b.radio("at night", "yes", kit)]
        return truth, [b.radio("indoors", "yes", kit), b.radio("at night", "no", kit)]

    theirs, mine = matrices(make)
    assert theirs == {"no": (0, 1, 0, 0)}
    assert mine == {"at night/yes": (0, 0, 0, 1), "indoors/yes": (1, 0, 0, 0), "no": (0, 1, 0, 0)}
    theirs, mine = matrices(lambda kit: ([b.radio("indoors", "yes", kit)], [b.radio("at night", "yes", kit)]))
    assert theirs == {"yes": (1, 0, 0, 0)}
    assert mine == {"at night/yes": (0, 1, 0, 0), "indoors/yes": (0, 0, 0, 1)}
    named = only_mine("feature_confusion_matrix_metric", make, answer_names="question/answer")
    assert list(named) == ["at night/no", "at night/yes", "indoors/yes"]


def test_nested_questions_with_the_same_answer() -> None:
    def make(kit: Any) -> Any:
        return tuple([b.square(0, nested=[b.radio(q, "yes", kit)], kit=kit)] for q in ("occluded", "blurred"))

    theirs, mine = matrices(make, True)
    assert (theirs, mine) == ({"cat": (1, 0, 0, 0)}, {"cat": (0, 1, 0, 1)})
    theirs, mine = overlaps(make, True)
    assert (theirs, mine) == ({"cat": 1.0}, {"cat": 0.5})


def test_repeated_answers() -> None:
    rain = [b.radio("weather", "rain", kit) for kit in (lb, lm)]
    assert sdk.feature_confusion_matrix_metric([rain[0]] * 2, [rain[0]]) == []
    theirs, mine = matrices(lambda kit: ([b.radio("weather", "rain", kit)] * 2, [b.radio("weather", "rain", kit)]))
    assert (theirs, mine) == ({}, {"rain": (1, 0, 0, 0)})
    theirs, mine = matrices(lambda kit: ([], [b.radio("weather", "rain", kit)] * 2))
    assert (theirs, mine) == ({"rain": (0, 2, 0, 0)}, {"rain": (0, 1, 0, 0)})


@pytest.mark.parametrize(("guess", "counts", "overlap"), [("a dog", (1, 0, 0, 0), 1.0), ("a cat", (0, 1, 0, 1), 0.0)])
def test_free_text(guess: str, counts: Any, overlap: float) -> None:
    def make(kit: Any) -> Any:
        return [b.text("caption", "a dog", kit)], [b.text("caption", guess, kit)]

    with pytest.raises(ValueError, match="Unsupported subclass"):
        sdk.feature_confusion_matrix_metric(*make(lb))
    assert only_mine("feature_confusion_matrix_metric", make) == {"caption": counts}
    theirs, mine = overlaps(make)
    assert theirs == mine == {"caption": overlap}


@pytest.mark.parametrize(("iou", "theirs", "mine"), [(0.29, "28", "29"), (0.57, "56", "57"), (0.505, "50", "50.5")])
def test_names_of_thresholds(iou: float, theirs: str, mine: str) -> None:
    for function in ("confusion_matrix_metric", "feature_confusion_matrix_metric"):
        (metric,) = getattr(sdk, function)([b.square(0, kit=lb)], [b.square(0, kit=lb)], iou=iou)
        assert metric.metric_name == f"{theirs}pct_iou"
        (metric,) = getattr(metrics, function)([b.square(0)], [b.square(0)], iou=iou)
        assert metric.metric_name == f"{mine}pct_iou"


def test_thresholds_outside_0_and_1() -> None:
    (metric,) = sdk.feature_confusion_matrix_metric([b.square(0, kit=lb)], [b.square(0, kit=lb)], iou=1.5)
    assert metric.metric_name == "150pct_iou"
    with pytest.raises(ValueError):
        sdk.confusion_matrix_metric([], [], iou=1.5)
    for function in ("confusion_matrix_metric", "feature_confusion_matrix_metric", "subclass_confusion_matrix_metric"):
        with pytest.raises(SettingError, match="iou must lie between 0 and 1"):
            getattr(metrics, function)([], [], iou=1.5)


def test_name_of_a_matrix_over_objects_and_answers() -> None:
    def make(kit: Any) -> list[Any]:
        return [b.radio("weather", "rain", kit), b.square(0, kit=kit)]

    named = [sdk.confusion_matrix_metric(side, side)[0].metric_name for side in (make(lb), make(lb)[::-1])]
    assert named == ["classification", "50pct_iou"]
    for side in (make(lb), make(lb)[::-1], make(lm)):
        (metric,) = metrics.confusion_matrix_metric(side, side)
        assert (metric.metric_name, metric.value) == ("50pct_iou", (2, 0, 0, 0))


def test_pairs_that_do_not_overlap() -> None:
    def red(x: float, kit: Any) -> Any:
        return b.square(x, nested=[b.radio("colour", "red", kit)], kit=kit)

    theirs, mine = overlaps(lambda kit: ([red(0, kit)], [red(100, kit)]), True)
    assert (theirs, mine) == ({"cat": 0.5}, {"cat": 0.0})
    # The SDK's value hangs on the order of the lists.
    plain = [b.square(300, kit=lb), red(200, lb)]
    ordered = [sdk.feature_miou_metric([red(0, lb), b.square(100, kit=lb)], p)[0].value for p in (plain, plain[::-1])]
    assert ordered == [0.0, 0.25]


def test_nested_answers_that_are_absent() -> None:
    def make(kit: Any, *nested: Any) -> Any:
        sides = [
            kit.ObjectAnnotation(name="cat", value=b.rectangle(0, 0, 9, 9, kit), classifications=n) for n in nested
        ]
        return [sides[0]], [sides[1]]

    with pytest.raises(TypeError):
        sdk.feature_miou_metric(*make(lb, None, []))
    assert only_mine("feature_miou_metric", lambda kit: make(kit, None, [])) == {"cat": 1.0}
    with pytest.raises(TypeError):
        sdk.feature_confusion_matrix_metric(*make(lb, [b.checklist("colours", [], lb)], []), True)
    empty = only_mine(
        "feature_confusion_matrix_metric", lambda kit: make(kit, [b.checklist("colours", [], kit)], []), True
    )
    assert empty == {"cat": (1, 0, 0, 0)}


def test_masks_and_vectors_in_one_feature() -> None:
    pixels = [[1, 1, 0], [1, 1, 0]]
    theirs, mine = overlaps(lambda kit: ([b.mask(pixels, kit=kit)], [b.box(0, 0, 2, 2, kit=kit)]), True)
    assert np.isnan(theirs["cat"])
    assert mine == {"cat": 1.0}
    theirs, mine = matrices(
        lambda kit: ([b.mask(pixels, kit=kit)], [b.mask(pixels, kit=kit), b.box(0, 0, 2, 2, kit=kit)])
    )
    assert theirs == {"cat": (1, 0, 0, 0)}  # the box is left out
    assert mine == {"cat": (1, 1, 0, 0)}


def test_points_and_boxes_in_one_feature() -> None:
    def counts(make: Any) -> Any:
        theirs = b.values(sdk.feature_confusion_matrix_metric(*make(lb)))
        return *theirs.values(), only_mine("feature_confusion_matrix_metric", make, buffer=70.0)["cat"]

    # The box as prediction: the SDK widens nothing. The point as prediction: it widens the box as well.
    found = counts(lambda kit: ([b.point(70, 70, kit=kit)], [b.box(0, 0, 140, 140, kit=kit)]))
    assert found == ((0, 1, 0, 1), (1, 0, 0, 0))
    found = counts(lambda kit: ([b.box(0, 0, 140, 140, kit=kit)], [b.point(70, 70, kit=kit)]))
    assert found == ((0, 1, 0, 1), (1, 0, 0, 0))
    found = counts(lambda kit: ([b.box(70, 70, 71, 71, kit=kit)], [b.point(70, 70, kit=kit)]))
    assert found == ((1, 0, 0, 0), (0, 1, 0, 1))


def test_masks_of_unlike_sizes() -> None:
    def make(kit: Any) -> Any:
        return [b.mask(np.ones((4, 4)), kit=kit)], [b.mask(np.ones((1, 4)), kit=kit)]

    assert [metric.value for metric in sdk.feature_miou_metric(*make(lb))] == [1.0]  # stretched
    with pytest.raises(ValueError):
        sdk.feature_miou_metric([b.mask(np.ones((4, 4)), kit=lb)], [b.mask(np.ones((3, 4)), kit=lb)])
    for kit in (lb, lm):
        for function in ("feature_miou_metric", "feature_confusion_matrix_metric"):
            with pytest.raises(AnnotationError, match="masks of unlike sizes"):
                getattr(metrics, function)(*make(kit))


def test_empty_masks() -> None:
    def make(kit: Any) -> Any:
        return [b.mask(np.zeros((4, 4)), kit=kit)], [b.mask(np.zeros((4, 4)), kit=kit)]

    for include_subclasses in (False, True):
        theirs, mine = overlaps(make, include_subclasses)
        assert np.isnan(theirs["cat"])
        assert mine == {"cat": 0.0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        theirs, mine = matrices(make)
    assert theirs == mine == {"cat": (0, 1, 0, 1)}


def test_polygons_that_cross_themselves() -> None:
    hourglass = [(0, 0), (4, 0), (0, 4), (4, 4)]
    theirs, mine = overlaps(lambda kit: ([b.polygon(hourglass, kit=kit)], [b.box(0, 0, 4, 4, kit=kit)]))
    assert theirs == {"cat": pytest.approx(0.25)}
    assert mine == {"cat": pytest.approx(0.5)}


def test_small_coordinates() -> None:
    theirs, mine = overlaps(lambda kit: ([b.box(0, 0, 3e-7, 1, kit=kit)], [b.box(0, 0, 3e-7, 1, kit=kit)]))
    assert (theirs, mine) == ({"cat": 0.0}, {"cat": 1.0})


def test_text_selections_in_documents() -> None:
    def make(kit: Any) -> Any:
        return [b.tokens("ab", kit=kit)], [b.tokens("abcd", kit=kit)]

    for function in ("feature_miou_metric", "feature_confusion_matrix_metric"):
        with pytest.raises(ValueError, match="Unexpected annotation"):
            getattr(sdk, function)(*make(lb))
    assert only_mine("feature_miou_metric", make) == {"cat": 0.5}
    assert only_mine("feature_confusion_matrix_metric", make, iou=0.4) == {"cat": (1, 0, 0, 0)}


def test_one_name_for_an_object_and_an_answer() -> None:
    def make(kit: Any) -> Any:
        return [b.square(0, "rain", kit=kit)], [b.radio("weather", "rain", kit)]

    with pytest.raises(TypeError):
        sdk.feature_confusion_matrix_metric(*make(lb))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        assert [np.isnan(metric.value) for metric in sdk.feature_miou_metric(*make(lb))] == [True]
    for kit in (lb, lm):
        for function in ("feature_miou_metric", "feature_confusion_matrix_metric"):
            with pytest.raises(AnnotationError, match="'rain' means two things"):
                getattr(metrics, function)(*make(kit))


def test_one_object_in_a_list_twice() -> None:
    def make(kit: Any) -> Any:
        return [b.square(0, kit=kit)] * 2, [b.square(0, kit=kit), b.square(0, kit=kit)]

    theirs, mine = matrices(make)
    assert (theirs, mine) == ({"cat": (1, 1, 0, 0)}, {"cat": (2, 0, 0, 0)})


def test_pairing_labels() -> None:
    theirs = [lb.Label(data=lb.GenericDataRowData(uid=uid)) for uid in "aab"]
    assert list(get_label_pairs(theirs[1:], theirs[1:])) != []
    assert len(get_label_pairs(theirs, theirs)) == 2
    mine = [lm.Label(data=lm.ImageData(uid=uid)) for uid in "aab"]
    for labels in (mine, theirs):
        with pytest.raises(DataRowError, match="two ground truths share uid 'a'"):
            metrics.pair_labels(labels, labels)
        assert list(metrics.pair_labels(labels[1:], labels[:0:-1])) == ["a", "b"]
    with pytest.raises(ValueError):
        get_label_pairs(theirs, theirs, match_on="global_key")


def test_the_local_server(tmp_path: Path) -> None:
    import_by_url = """mutation($run: ID!) { createModelErrorAnalysisPredictionImport(
      data: {modelRunId: $run, name: "by url", fileUrl: "http://localhost/lines"}) { id } }"""
    line = {"dataRow": {"globalKey": "a"}, "metricName": "m", "metricValue": 1, "aggregation": "SUM"}
    with serving(tmp_path / "home") as server:
        made = server.request("POST", "/api/runs", json={"model": "no ontology", "run": "r"}).json()["run"]["id"]
        (refused,) = server.graphql(import_by_url, {"run": made})["errors"]
        assert refused["extensions"]["code"] == "OPERATION_NOT_ALLOWED"
        path, headers = f"/api/runs/{made}/predictions?name=first", {"Content-Type": "application/x-ndjson"}
        first = server.request("POST", path, data=json.dumps(line), headers=headers).json()
        while first["state"] == "RUNNING":  # a slow machine: the answer waits for small imports, but not for ever
            first = server.request("GET", f"/api/imports/{first['id']}").json()
        assert (first["state"], first["lines"], first["failures"]) == ("FINISHED", 1, 1)  # the run has no such data row
        assert server.request("POST", path, data=json.dumps(line), headers=headers).json() == first
        other = server.request("POST", path, data=json.dumps({**line, "metricValue": 2}), headers=headers)
        assert other.status_code == 409
        assert "'first-2' is free" in other.json()["message"]


def test_streaming_metrics() -> None:
    """Each of its sections has a test in ``test_keras_differences``."""
    section = PAGE.read_text().partition("\n## Streaming metrics\n")[2]
    headings = re.findall(r"^### (.+)$", section, re.MULTILINE)
    slugs = ["test_" + re.sub(r"\W+", "_", heading.lower()) for heading in headings]
    source = (Path(__file__).parent / "test_keras_differences.py").read_text()
    assert re.findall(r"^def (test_\w+)", source, re.MULTILINE) == slugs


def test_every_section_of_the_page_has_a_test() -> None:
    headings = re.findall(r"^## (.+)$", PAGE.read_text(), re.MULTILINE)
    slugs = ["test_" + re.sub(r"\W+", "_", heading.lower()) for heading in headings]
    here = [name for name in vars(sys.modules[__name__]) if name.startswith("test_")]
    assert [name for name in here if name in slugs] == slugs


def test_examples_of_the_page() -> None:
    assert doctest.testfile(str(PAGE), module_relative=False).failed == 0
