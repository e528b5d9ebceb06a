"""The built-ins of one data row: known values, names, settings and errors. ``tests/laws`` has what holds in general."""

from __future__ import annotations

from typing import Any

import builders as b
import numpy as np
import pytest

import labelmetrics.types as lm
from labelmetrics.errors import AnnotationError, DataRowError, LabelmetricsError, LabelmetricsWarning, SettingError
from labelmetrics.metrics import (
    confusion_matrix_metric,
    feature_confusion_matrix_metric,
    feature_miou_metric,
    miou_metric,
    pair_labels,
    subclass_confusion_matrix_metric,
    subclass_miou_metric,
)

MATRICES = [confusion_matrix_metric, feature_confusion_matrix_metric, subclass_confusion_matrix_metric]
OVERLAPS = [miou_metric, feature_miou_metric, subclass_miou_metric]


def by_feature(metrics: Any) -> dict[Any, Any]:
    return {feature: value for (_, feature, _), value in b.values(metrics).items()}


def red(x: float, colour: str = "red", **fields: Any) -> Any:
    return b.square(x, nested=[b.radio("colour", colour)], **fields)


class TestConfusionMatrix:
    def test_objects(self) -> None:
        truths = [b.square(0), b.square(100), b.square(0, "dog")]
        guesses = [b.square(1), b.square(2), b.square(50, "dog"), b.square(0, "cow")]
        assert by_feature(feature_confusion_matrix_metric(truths, guesses)) == {
            "cat": (1, 1, 0, 1),
            "cow": (0, 1, 0, 0),
            "dog": (0, 1, 0, 1),
        }
        (metric,) = confusion_matrix_metric(truths, guesses)
        assert (metric.metric_name, metric.feature_name, metric.value) == ("50pct_iou", None, (1, 3, 0, 2))
        assert metric.aggregation is lm.ConfusionMatrixAggregation.CONFUSION_MATRIX

    def test_the_highest_overlap_goes_first(self) -> None:
        # Taken in the order of the list, the first ground truth would use up the only match of the second.
        truths, guesses = [b.square(0), b.square(4)], [b.square(3), b.square(8)]
        assert by_feature(feature_confusion_matrix_metric(truths, guesses, iou=0.2)) == {"cat": (1, 1, 0, 1)}

    def test_an_overlap_of_the_threshold_is_no_match(self) -> None:
        half = [b.box(0, 0, 2, 1)], [b.box(0, 0, 1, 1)]
        assert by_feature(feature_confusion_matrix_metric(*half, iou=0.5)) == {"cat": (0, 1, 0, 1)}
        assert by_feature(feature_confusion_matrix_metric(*half, iou=0.499)) == {"cat": (1, 0, 0, 0)}
        assert by_feature(feature_confusion_matrix_metric(*half, matching="coco")) == {"cat": (1, 0, 0, 0)}

    def test_answers(self) -> None:
        truths = [b.radio("weather", "rain"), b.checklist("seen", ["road", "sky"])]
        guesses = [b.radio("weather", "snow"), b.checklist("seen", ["sky", "tree"])]
        metrics = feature_confusion_matrix_metric(truths, guesses)
        assert by_feature(metrics) == {
            "rain": (0, 0, 0, 1),
            "road": (0, 0, 0, 1),
            "sky": (1, 0, 0, 0),
            "snow": (0, 1, 0, 0),
            "tree": (0, 1, 0, 0),
        }
        assert {metric.metric_name for metric in metrics} == {"classification"}
        (metric,) = confusion_matrix_metric(truths, guesses)
        assert (metric.metric_name, metric.value) == ("classification", (1, 2, 0, 2))

    @pytest.mark.parametrize(
        ("iou", "name"), [(0.57, "57pct_iou"), (0.29, "29pct_iou"), (0.505, "50.5pct_iou"), (0.5, "50pct_iou")]
    )
    def test_the_name_is_exact(self, iou: float, name: str) -> None:
        for function in MATRICES:
            assert {metric.metric_name for metric in function([red(0)], [red(0)], iou=iou)} == {name}

    def test_nested_answers_must_be_equal(self) -> None:
        truths, guesses = [red(0), red(20)], [red(1, "blue"), red(3), red(20)]
        assert by_feature(feature_confusion_matrix_metric(truths, guesses)) == {"cat": (2, 1, 0, 0)}
        # The nearest prediction does not fit; it is passed over, and the next one is taken.
        found = feature_confusion_matrix_metric(truths, guesses, include_subclasses=True)
        assert by_feature(found) == {"cat": (2, 1, 0, 0)}
        assert by_feature(feature_confusion_matrix_metric([red(0)], [b.square(0)], True)) == {"cat": (0, 1, 0, 1)}

    def test_subclasses(self) -> None:
        truths, guesses = [red(0), red(20, "blue"), b.square(40)], [red(0), red(20), b.square(40)]
        assert b.values(subclass_confusion_matrix_metric(truths, guesses)) == {
            ("50pct_iou", "cat", "blue"): (0, 0, 0, 1),
            ("50pct_iou", "cat", "red"): (1, 1, 0, 0),
        }

    def test_subclasses_of_answers(self) -> None:
        def answer(nested: str) -> Any:
            return b.radio("weather", "rain", classifications=[b.radio("strength", nested)])

        assert b.values(subclass_confusion_matrix_metric([answer("light")], [answer("heavy")])) == {
            ("classification", "rain", "heavy"): (0, 1, 0, 0),
            ("classification", "rain", "light"): (0, 0, 0, 1),
        }

    def test_cocos_matching_goes_by_confidence(self) -> None:
        truths = [b.square(0), b.square(3)]
        guesses = [b.square(1, confidence=0.9), b.square(0, confidence=0.5), b.square(9, confidence=0.1)]
        # By overlap 0-0 and 3-1; by confidence the first prediction takes the nearest, the second has what is left.
        assert by_feature(feature_confusion_matrix_metric(truths, guesses, iou=0.5)) == {"cat": (2, 1, 0, 0)}
        assert by_feature(feature_confusion_matrix_metric(truths, guesses, iou=0.6, matching="coco")) == {
            "cat": (1, 2, 0, 1)
        }


class TestMeanOverlap:
    def test_objects(self) -> None:
        truths, guesses = [b.square(0), b.square(100), b.square(0, "dog")], [b.square(5)]
        assert by_feature(feature_miou_metric(truths, guesses)) == {"cat": pytest.approx(1 / 6), "dog": 0.0}
        (metric,) = miou_metric(truths, guesses)
        assert (metric.metric_name, metric.feature_name) == ("custom_iou", None)
        assert metric.value == pytest.approx(1 / 12)
        assert metric.aggregation is lm.ScalarMetricAggregation.ARITHMETIC_MEAN

    def test_defaults_of_subclasses(self) -> None:
        sides = [red(0)], [red(0, "blue")]
        assert by_feature(feature_miou_metric(*sides)) == {"cat": 0.5}
        assert by_feature(miou_metric(*sides)) == {None: 1.0}

    @pytest.mark.parametrize(
        ("truth", "guess", "expected"),
        [((), (), 1.0), (("red",), (), 0.5), (("red",), ("red",), 1.0), (("red", "blue"), ("red",), 0.75)],
    )
    def test_agreement_of_nested_answers_is_half(self, truth: Any, guess: Any, expected: float) -> None:
        sides = [[b.square(0, nested=[b.checklist("colours", found)] if found else [])] for found in (truth, guess)]
        assert by_feature(feature_miou_metric(*sides)) == {"cat": expected}

    def test_answers(self) -> None:
        truths, guesses = [b.radio("w", "rain"), b.text("c", "x")], [b.radio("w", "rain"), b.text("c", "y")]
        assert by_feature(feature_miou_metric(truths, guesses)) == {"c": 0.0, "rain": 1.0}

    def test_subclasses(self) -> None:
        truths, guesses = [red(0), red(20, "blue")], [red(5), red(20)]
        assert b.values(subclass_miou_metric(truths, guesses)) == {
            ("custom_iou", "cat", "blue"): 0.0,
            ("custom_iou", "cat", "red"): pytest.approx(1 / 6),
        }

    def test_places_weigh_by_their_larger_side(self) -> None:
        def car(frame: int, x: float) -> Any:
            return lm.VideoObjectAnnotation(name="car", value=b.square(x).value, frame=frame, keyframe=True)

        truths, guesses = [car(1, 0), car(2, 0), car(2, 50)], [car(1, 0), car(3, 0)]
        assert by_feature(feature_miou_metric(truths, guesses)) == {"car": 1 / 4}


class TestConfidences:
    GUESSES = (b.square(0, confidence=0.2), b.square(100, confidence=0.6), b.square(0, "dog", confidence=0.4))

    def test_matrices_hold_every_key(self) -> None:
        found = feature_confusion_matrix_metric([b.square(100)], self.GUESSES, confidences=[0.1, 0.5, 0.7])
        assert by_feature(found) == {
            "cat": {0.1: (1, 1, 0, 0), 0.5: (1, 0, 0, 0), 0.7: (0, 0, 0, 1)},
            "dog": {0.1: (0, 1, 0, 0), 0.5: (0, 0, 0, 0), 0.7: (0, 0, 0, 0)},
        }

    def test_scalars_leave_out_where_both_sides_are_empty(self) -> None:
        found = feature_miou_metric([b.square(100)], self.GUESSES, confidences=[0.1, 0.5, 0.7])
        assert by_feature(found) == {"cat": {0.1: 0.5, 0.5: 1.0, 0.7: 0.0}, "dog": {0.1: 0.0}}
        assert by_feature(feature_miou_metric([], self.GUESSES, confidences=[0.7, 0.8])) == {}
        assert miou_metric([], self.GUESSES, confidences=[0.7, 0.8]) == []
        assert by_feature(miou_metric([b.square(100)], self.GUESSES, confidences=[0.1, 0.5])) == {
            None: {0.1: 0.25, 0.5: 1.0}
        }

    def test_automatic_keys(self) -> None:
        (metric,) = confusion_matrix_metric([], self.GUESSES, confidences="auto")
        assert list(metric.value) == [0.2, 0.4]

    def test_a_number_of_keys(self) -> None:
        (metric,) = confusion_matrix_metric([], self.GUESSES, confidences=4)
        assert list(metric.value) == [0.0, 0.25, 0.5, 0.75]

    def test_predictions_without_confidence_count_as_certain(self) -> None:
        guesses = [*self.GUESSES[:1], b.square(100)]
        with pytest.warns(LabelmetricsWarning, match="1 of 2 predictions have no confidence"):
            (metric,) = confusion_matrix_metric([], guesses, confidences=[0.1, 1.0])
        assert metric.value == {0.1: (0, 2, 0, 0), 1.0: (0, 1, 0, 0)}
        (metric,) = confusion_matrix_metric([], guesses[1:], confidences=[0.1, 1.0])
        assert metric.value == {0.1: (0, 1, 0, 0), 1.0: (0, 1, 0, 0)}


class TestPlaces:
    """Frames, pages and messages never match each other."""

    @staticmethod
    def frame(number: int) -> Any:
        return lm.VideoObjectAnnotation(name="cat", value=b.square(0).value, frame=number, keyframe=True)

    @staticmethod
    def page(number: int) -> Any:
        corners = {"start": lm.Point(x=0, y=0), "end": lm.Point(x=9, y=9)}
        return b.objekt(lm.DocumentRectangle(**corners, page=number, unit=lm.RectangleUnit.POINTS))

    @staticmethod
    def message(number: int) -> Any:
        return b.objekt(lm.ConversationEntity(start=0, end=9, message_id=str(number)))

    @staticmethod
    def answer(number: int) -> Any:
        return b.radio("mood", "cat", message_id=str(number))

    @pytest.mark.parametrize("place", ["frame", "page", "message", "answer"])
    def test_places(self, place: str) -> None:
        at = getattr(self, place)
        assert by_feature(feature_confusion_matrix_metric([at(1)], [at(99)])) == {"cat": (0, 1, 0, 1)}
        assert by_feature(feature_confusion_matrix_metric([at(1), at(2)], [at(2)])) == {"cat": (1, 0, 0, 1)}
        assert by_feature(feature_miou_metric([at(1), at(2)], [at(2)])) == {"cat": 0.5}

    def test_units_of_pages(self) -> None:
        percent = lm.DocumentRectangle(
            start=lm.Point(x=0, y=0), end=lm.Point(x=9, y=9), page=1, unit=lm.RectangleUnit.PERCENT
        )
        assert by_feature(feature_miou_metric([self.page(1)], [b.objekt(percent)])) == {"cat": 0.0}


def test_two_questions_that_both_answer_yes_are_two_features() -> None:
    truths = [b.radio("indoors", "yes"), b.radio("at night", "yes")]
    found = feature_confusion_matrix_metric(truths, truths[:1])
    assert by_feature(found) == {"at night/yes": (0, 0, 0, 1), "indoors/yes": (1, 0, 0, 0)}
    (metric,) = confusion_matrix_metric(truths, truths[:1])
    assert metric.value == (1, 0, 0, 1)


def test_names_of_answers_can_be_chosen() -> None:
    truths = [b.radio("weather", "rain")]
    for function in (feature_confusion_matrix_metric, feature_miou_metric):
        assert list(by_feature(function(truths, [], answer_names="question/answer"))) == ["weather/rain"]
        assert list(by_feature(function(truths, [], answer_names="answer"))) == ["rain"]


def test_points_are_widened() -> None:
    sides = [b.point(0, 0)], [b.point(30, 0)]
    with pytest.warns(LabelmetricsWarning, match="widened by 70 pixels"):
        by_default = by_feature(feature_miou_metric(*sides))
    assert by_default == by_feature(feature_miou_metric(*sides, buffer=70.0)) == {"cat": pytest.approx(0.573, abs=1e-3)}
    assert by_feature(feature_miou_metric(*sides, buffer=10)) == {"cat": 0.0}
    assert by_feature(feature_miou_metric(*sides, buffer={"cat": 70})) == by_default


@pytest.mark.parametrize("masks", ["auto", "semantic"])
def test_a_vector_of_low_confidence_leaves_masks_as_they_are_above_it(masks: Any) -> None:
    truths = [b.mask([[1, 1, 0, 0]]), b.mask([[0, 0, 1, 1]])]
    guesses = [b.mask([[1, 1, 1, 1]], confidence=0.9), b.box(0, 0, 1, 1, confidence=0.1)]
    (metric,) = feature_miou_metric(truths, guesses, False, confidences=[0, 0.5], masks=masks)
    assert metric.value == {0.0: 0.25, 0.5: 1.0}
    assert feature_miou_metric(truths, guesses[:1], False, masks=masks)[0].value == 1.0


def test_masks_beside_vectors() -> None:
    pixels = np.zeros((8, 8))
    pixels[:4, :4] = 1
    triangle = b.polygon([(0, 0), (4, 0), (0, 4)])
    found = by_feature(feature_miou_metric([b.mask(pixels)], [b.box(0, 0, 4, 4), triangle]))
    assert found == {"cat": 0.5}
    boxes = [b.box(0, 0, 4, 4) for _ in range(3)]
    assert by_feature(feature_confusion_matrix_metric(boxes, [b.mask(pixels)])) == {"cat": (1, 0, 0, 2)}


def test_inputs_may_be_any_iterables() -> None:
    sides = iter([b.square(0)]), (b.square(x) for x in (0, 50))
    assert by_feature(feature_confusion_matrix_metric(ground_truths=sides[0], predictions=sides[1])) == {
        "cat": (1, 1, 0, 0)
    }


class TestErrors:
    @pytest.mark.parametrize("function", MATRICES)
    @pytest.mark.parametrize("iou", [0, 1, 1.5, "0.5", [0.5], None, True])
    def test_thresholds(self, function: Any, iou: Any) -> None:
        with pytest.raises(SettingError, match="iou must lie between 0 and 1"):
            function([], [], iou=iou)

    @pytest.mark.parametrize("function", MATRICES + OVERLAPS)
    @pytest.mark.parametrize(
        "settings",
        [{"confidences": [0.5]}, {"confidences": "all"}, {"answer_names": "short"}, {"confidences": "auto"}],
    )
    def test_settings(self, function: Any, settings: Any) -> None:
        with pytest.raises(SettingError):
            function([b.square(0)], [b.square(0)], **settings)

    def test_settings_of_some(self) -> None:
        with pytest.raises(SettingError, match="masks must be one of auto, semantic, instance, got 'pixels'"):
            miou_metric([], [], masks="pixels")  # type: ignore[arg-type]
        with pytest.raises(SettingError, match="matching must be one of platform, coco, got 'best'"):
            confusion_matrix_metric([], [], matching="best")  # type: ignore[arg-type]
        with pytest.raises(SettingError, match="buffer must be"):
            miou_metric([b.point(0, 0)], [], buffer=-1)
        with pytest.raises(SettingError, match="needs the size of the image"):
            miou_metric([b.point(0, 0)], [], buffer="2%")

    @pytest.mark.parametrize("function", MATRICES + OVERLAPS)
    @pytest.mark.parametrize(
        ("truths", "guesses", "message"),
        [
            ([b.square(0, "rain")], [b.radio("weather", "rain")], "'rain' means two things"),
            ([b.mask(np.ones((2, 2)))], [b.mask(np.ones((2, 3)))], "masks of unlike sizes"),
            ([b.square(0)], [b.square(0, "c" * 25)], "features cannot be identified"),
            ([b.square(0), "cat"], [], r"\$\[1\]: a value of type NoneType"),
        ],
    )
    def test_annotations(self, function: Any, truths: Any, guesses: Any, message: str) -> None:
        with pytest.raises(AnnotationError, match=message) as caught:
            function(truths, guesses)
        assert isinstance(caught.value, LabelmetricsError)
        assert isinstance(caught.value, ValueError)


class TestPairLabels:
    @staticmethod
    def labels(*keys: str, kind: str = "uid") -> list[lm.Label]:
        return [lm.Label(data=lm.GenericDataRowData(**{kind: key})) for key in keys]

    @pytest.mark.parametrize("kind", ["uid", "global_key"])
    def test_pairs_in_the_order_of_the_ground_truths(self, kind: Any) -> None:
        truths, guesses = self.labels("b", "a", kind=kind), self.labels("a", "b", kind=kind)
        paired = pair_labels(truths, iter(guesses), match_on=kind)
        assert list(paired) == ["b", "a"]
        assert paired["b"][0] is truths[0]
        assert paired["b"][1] is guesses[1]

    def test_external_ids(self) -> None:
        (label,) = self.labels("a")
        if not hasattr(label.data, "external_id"):
            pytest.skip("data rows have no external id")
        label.data.external_id = "x"
        assert list(pair_labels([label], [label], match_on="external_id")) == ["x"]

    def test_data_rows_on_one_side(self) -> None:
        truths, guesses = self.labels("a", "b"), self.labels("b", "c")
        assert list(pair_labels(truths, guesses, filter_mismatch=True)) == ["b"]
        with pytest.raises(DataRowError, match="2 data rows with a label on one side only") as caught:
            pair_labels(truths, guesses)
        assert [(fault.data_row, fault.message) for fault in caught.value.faults] == [
            ("uid=a", "no prediction"),
            ("uid=c", "no ground truth"),
        ]

    def test_keys_that_are_missing_or_twice(self) -> None:
        with pytest.raises(DataRowError, match="a ground truth has no uid"):
            pair_labels(self.labels("a", kind="global_key"), [])
        with pytest.raises(DataRowError, match="two predictions share uid 'a'"):
            pair_labels([], self.labels("a", "a"))
        with pytest.raises(SettingError, match="match_on must be"):
            pair_labels([], [], match_on="name")  # type: ignore[arg-type]


def test_lists_of_labels_are_told_what_to_do() -> None:
    label = lm.Label(data=lm.ImageData(uid="a"), annotations=[b.square(0)])
    with pytest.raises(AnnotationError, match=r"got a list of Labels: pass label\.annotations, or .* with evaluate"):
        miou_metric([label], [label])


def test_counts_of_one_are_singular() -> None:
    one, other = (lm.Label(data=lm.ImageData(uid=row)) for row in "ab")
    with pytest.raises(DataRowError, match="2 data rows with a label on one side only"):
        pair_labels([one], [other])
    with pytest.raises(DataRowError, match="1 data row with"):
        pair_labels([one], [])
