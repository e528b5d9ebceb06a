"""Suspected label errors, on real labels that people looked at again and on small cases."""

import json

import numpy as np
import pytest

import labelmetrics as lm
from labelmetrics.errors import SettingError
from labelmetrics.suspects import suspects


def answer(name, confidence=None):
    return {"name": "class", "answer": {"name": name, **({} if confidence is None else {"confidence": confidence})}}


def test_more_true_errors_than_by_confidence_alone(shared, record_property):
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
    found = suspects(lm.evaluate(truths, guesses), top=50)
    share = np.mean([checked[int(one["data_row"])] for one in found])
    by_confidence = sorted(checked, key=lambda row: -probabilities[row].max())[:50]
    record_property("share of true label errors among 50 suspects", float(share))
    assert share > np.mean([checked[row] for row in by_confidence])
    assert share > np.mean(list(checked.values()))


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


def test_top_and_what_agrees():
    perfect = label(box("cat", 0, 0.9))
    assert len(suspects(lm.evaluate([perfect], [perfect]))) == 0
    two = lm.evaluate([label()], [label(box("cat", 0, 0.9), box("cat", 50, 0.3))])
    assert [row["score"] for row in suspects(two)] == [0.9, 0.3]
    assert [row["score"] for row in suspects(two, top=1)] == [0.9]
    with pytest.raises(SettingError):
        suspects(two, top=-1)
