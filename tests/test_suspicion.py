"""Suspected label errors, on real labels that people looked at again and on small cases."""

import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest

import labelmetrics as lm
from labelmetrics import suspects
from labelmetrics.errors import SettingError


def answer(name, confidence=None):
    return {"name": "class", "answer": {"name": name, **({} if confidence is None else {"confidence": confidence})}}


def test_more_true_errors_than_by_confidence_alone(shared):
    """As many as docs/concepts.md says."""
    folder = shared / "cifar10_predictions"
    checked = {one["id"]: one["mturk"]["given"] < 3 for one in json.loads((folder / "cifar10_mturk.json").read_text())}
    labels = np.load(folder / "cifar10_test_set_original_labels.npy")
    probabilities = np.load(folder / "cifar10_test_set_pyx.npy")
    assert (labels == probabilities.argmax(1)).mean() == pytest.approx(0.9294)

    def line(row, **fields):
        return {"dataRow": {"globalKey": str(row)}, **fields}

    truths = [line(row, **answer(f"class {labels[row]}")) for row in checked]
    guesses = [
        line(row, **answer(f"class {one}", min(float(p), 1.0)))
        for row in checked
        for one, p in enumerate(probabilities[row])
    ]
    page = Path(__file__).parents[1].joinpath("docs", "concepts.md").read_text(encoding="utf-8")
    told = re.search(
        r"Of the (\d+) test labels of CIFAR-10 .*?, (\d+) were not confirmed; "
        r"among the first (\d+) suspects there are (\d+), among the (\d+) of highest confidence (\d+)\.",
        " ".join(page.split()),
    )
    n_checked, n_wrong, first, n_found, most_confident, n_by_confidence = map(int, told.groups())
    assert (len(checked), sum(checked.values())) == (n_checked, n_wrong)
    found = suspects(lm.evaluate(truths, guesses), limit=first)
    assert sum(checked[int(one["data_row"])] for one in found) == n_found
    by_confidence = sorted(checked, key=lambda row: -probabilities[row].max())[:most_confident]
    assert sum(checked[row] for row in by_confidence) == n_by_confidence
    assert n_found / first > max(n_by_confidence / most_confident, n_wrong / n_checked)


def box(name, x, confidence=None, width=10):
    value = lm.Rectangle.from_xyhw(x, 0, 10, width)
    return lm.ObjectAnnotation(name=name, value=value, confidence=confidence)


def label(*annotations, row="a"):
    return lm.Label(data=lm.ImageData(global_key=row), annotations=list(annotations))


def test_what_may_be_wrong():
    truth = label(box("cat", 0), box("cat", 100), box("dog", 200), box("cat", 300), box("cat", 500))
    guess = label(
        box("cat", 0, 0.9), box("cat", 200, 0.8), box("dog", 400, 0.7), box("cat", 306, 0.6), box("cat", 500, 0.5)
    )
    found = [
        (row["suspicion"], row["feature"], row["model"], row["score"])
        for row in suspects(lm.evaluate([truth], [guess]))
    ]
    assert found == [
        ("wrong label", "dog", "cat", 0.8),
        ("missing label", "dog", "dog", 0.7),
        ("loose label", "cat", "cat", 0.6),
        ("spurious label", "cat", None, 0.5),
    ]


def test_limit_and_what_agrees():
    perfect = label(box("cat", 0, 0.9))
    assert len(suspects(lm.evaluate([perfect], [perfect]))) == 0
    two = lm.evaluate([label()], [label(box("cat", 0, 0.9), box("cat", 50, 0.3))])
    assert [row["score"] for row in suspects(two)] == [0.9, 0.3]
    assert [row["score"] for row in suspects(two, limit=1)] == [0.9]
    with pytest.raises(SettingError):
        suspects(two, limit=-1)


def found(evaluation, **settings):
    return [(row["suspicion"], row["feature"], row["model"], row["score"]) for row in suspects(evaluation, **settings)]


def test_labels_that_were_found_are_not_suspected():
    truth = label(box("cat", 0), box("dog", 0))
    guess = label(box("cat", 0, 0.9), box("dog", 0, 0.8), box("cat", 1, 0.7), box("cow", 0, 0.6), box("dog", 7, 0.5))
    assert found(lm.evaluate([truth], [guess])) == []


def test_an_object_is_listed_once_with_its_strongest_suspicion():
    truth, guess = label(box("cat", 0)), label(box("dog", 0, 0.6), box("cow", 0, 0.9), box("cat", 8, 0.95))
    assert found(lm.evaluate([truth], [guess])) == [("loose label", "cat", "cat", 0.95)]
    apart = lm.evaluate([truth], [label(box("dog", 0, 0.6), box("cow", 0, 0.9))])
    assert found(apart) == [("wrong label", "cat", "cow", 0.9)]


def test_of_a_wrong_label_the_unfound_object_is_listed():
    """Not the nearest one of the predicted class, which overlaps less."""
    truth = label(box("cat", 9), box("dog", 0))
    guess = label(box("cat", 0, 0.9), box("cat", 9, 0.8))
    assert found(lm.evaluate([truth], [guess])) == [("wrong label", "dog", "cat", 0.9)]


def test_answers():
    def weather(*answers, row="a"):
        annotations = [
            lm.ClassificationAnnotation(
                name=question, value=lm.Radio(answer=lm.ClassificationAnswer(name=name, confidence=confidence))
            )
            for question, name, confidence in answers
        ]
        return lm.Label(data=lm.ImageData(uid=row), annotations=annotations)

    truth = [weather(("sky", "rain", None), ("road", "wet", None)), weather(("sky", "snow", None), row="b")]
    guess = [
        weather(("sky", "rain", 0.75), ("sky", "snow", 0.25), ("road", "wet", 0.5)),
        weather(("sky", "fog", 0.5), ("sky", "rain", 0.25), row="b"),
    ]
    evaluation = lm.evaluate(truth, guess)
    assert found(evaluation) == [("wrong label", "snow", "fog", 1.0), ("wrong label", "rain", "snow", 0.25)]
    assert found(evaluation, feature="fog") == [("wrong label", "snow", "fog", 1.0)]
    assert [row["data_row"] for row in suspects(evaluation.slice(["a"]))] == ["a"]
    checklist = lm.Checklist(answer=[lm.ClassificationAnswer(name=name) for name in ("car", "bus")])
    both = lm.Label(data=lm.ImageData(uid="a"), annotations=[lm.ClassificationAnnotation(name="seen", value=checklist)])
    assert found(lm.evaluate([both], [both])) == []


@pytest.mark.parametrize("name", ["relabel.csv", "relabel.ndjson", "relabel.jsonl.gz"])
def test_relabel_lists(name, tmp_path):
    evaluation = lm.evaluate([label()], [label(box("cat", 3, 0.9))])
    suspects(evaluation).write(tmp_path / name)
    data = (tmp_path / name).read_bytes()
    text = (gzip.decompress(data) if name.endswith(".gz") else data).decode()
    if name.endswith(".csv"):
        assert text.splitlines()[0].startswith('"data_row","object","side"')
        assert len(text.splitlines()) == 2
        return
    line = json.loads(text)
    assert line["dataRow"] == {"globalKey": "a"}
    assert (line["suspicion"], line["left"], line["right"], line["confidence"]) == ("missing label", 3.0, 13.0, 0.9)
    assert line["why"] == "'cat' is predicted with confidence 0.900 where nothing is labelled"
    assert "place" not in line


def test_keys_are_of_their_kind_and_sorting_keeps_it(tmp_path):
    data = lm.ImageData(uid="r1")
    sides = ([lm.Label(data=data, annotations=side)] for side in ([], [box("cat", 0, 0.5), box("cat", 50, 0.7)]))
    rows = suspects(lm.evaluate(*sides)).sort("score")
    rows.write(tmp_path / "x.ndjson")
    lines = list(map(json.loads, (tmp_path / "x.ndjson").read_text().splitlines()))
    assert [(line["dataRow"], line["score"]) for line in lines] == [({"id": "r1"}, 0.5), ({"id": "r1"}, 0.7)]
    with pytest.raises(SettingError, match="relabel list ends in"):
        rows.write(tmp_path / "x.txt")


def test_unknown_things():
    evaluation = lm.evaluate([label(box("cat", 0))], [label()])
    for settings in ({"feature": "cow"}, {"iou": 0.75}, {"limit": -1}):
        with pytest.raises(SettingError):
            suspects(evaluation, **settings)
