"""The page as a file: what is in it, what is never in it, and what is refused."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import builders as b
import numpy as np
import pytest
from datasets import dataset, label
from PIL import Image

import labelmetrics as lm
from labelmetrics.errors import SettingError, SettingMismatchError
from labelmetrics.reporting import pictures, report as module


def evaluated(seed: int = 3, rows: int = 12, **settings: Any) -> lm.Evaluation:
    return lm.evaluate(
        *dataset(seed, coarse=True, scored=True, rows=rows), missing_ground_truth="empty", buffer=70.0, **settings
    )


def of_labels(truths: list[Any], guesses: list[Any], **options: Any) -> lm.HtmlReport:
    return lm.report(lm.evaluate([label("a", truths)], [label("a", guesses)]), **options)


def said(made: lm.HtmlReport) -> Any:
    found = re.findall(r'<script type="application/json" id="data">(.*?)</script>', made.html, re.DOTALL)
    assert len(found) == 1
    return json.loads(found[0])


def test_class_by_class_is_that_of_the_evaluation() -> None:
    evaluation = evaluated()
    table = evaluation.confusion_table()
    matrix = said(lm.report(evaluation))["matrix"]
    assert matrix["names"] == table.features
    counts = np.zeros(table.counts.size, np.int64)
    flat = matrix["counts"][0]
    counts[flat[::2]] = flat[1::2]
    assert counts.reshape(table.counts.shape).tolist() == table.counts.tolist()


def test_examples_are_objects_of_their_cells() -> None:
    truths = [b.square(0, "cat"), b.square(50, "cat"), b.square(100, "dog")]
    guesses = [
        b.square(1, "dog", confidence=0.9),
        b.square(51, "cat", confidence=0.8),
        b.square(200, "cat", confidence=0.7),
    ]
    found = said(of_labels(truths, guesses))
    matrix, levels = found["matrix"], found["levels"]
    assert matrix["names"] == ["cat", "dog", "(background)"]

    def ends(level: int) -> dict[int, list[list[float | None]]]:
        """Left sides of the objects behind each cell."""
        return {
            int(cell): [
                [None if end < 0 else matrix["objects"][end][3] for end in pair]
                for *pair, stretches in examples
                if any(start <= level < stop for start, stop in zip(stretches[::2], stretches[1::2], strict=True))
            ]
            for cell, examples in matrix["examples"].items()
        }

    assert ends(0) == {0: [[50, 51]], 1: [[0, 1]], 2: [], 5: [[100, None]], 6: [[None, 200]]}
    assert ends(levels.index(0.85)) == {0: [], 1: [[0, 1]], 2: [[50, None]], 5: [[100, None]], 6: []}


def test_pictures_say_what_became_of_each_object_at_each_confidence() -> None:
    found = said(of_labels([b.square(0), b.square(50)], [b.square(1, confidence=0.52), b.square(100, confidence=0.3)]))
    (picture,) = found["gallery"]["pictures"]
    outcomes = {(one["truth"], one["box"][0]): one["outcome"] for one in picture["objects"]}
    levels = found["levels"]
    assert outcomes == {
        (True, 0): "".join("T" if level <= 0.52 else "N" for level in levels),
        (True, 50): "N" * len(levels),
        (False, 1): "".join("T" if level <= 0.52 else "-" for level in levels),
        (False, 100): "".join("F" if level <= 0.3 else "-" for level in levels),
    }
    assert {one["box"][0]: one["path"] for one in picture["objects"]}[50] == "M50 0H60V10H50Z"


def test_suspects_are_those_of_the_command() -> None:
    evaluation = evaluated()
    found = said(lm.report(evaluation))["gallery"]
    wanted = lm.suspects(evaluation, limit=len(found["suspects"])).to_dicts()
    assert [(one["why"], found["pictures"][one["picture"]]["row"]) for one in found["suspects"]] == [
        (one["why"], one["data_row"]) for one in wanted
    ]
    for one in found["suspects"]:
        assert one["object"] in [each["object"] for each in found["pictures"][one["picture"]]["objects"]]


def test_all_kinds_of_objects_have_an_outline() -> None:
    pixels = np.zeros((40, 60), np.uint8)
    pixels[10:30, 20:50] = 1
    pixels[15:20, 30:40] = 0
    things = [
        b.mask(pixels, "mask"),
        b.polygon([(0, 0), (10, 0), (10, 10)], "polygon"),
        b.line([(0, 0), (5, 5), (9, 0)], "line"),
        b.point(3, 4, "point"),
        b.square(0, "box"),
    ]
    found = said(lm.report(lm.evaluate([label("a", things)], [label("a", [])], buffer=70.0)))
    features = found["features"]
    paths = {features[one["feature"]]: one["path"] for one in found["gallery"]["pictures"][0]["objects"]}
    assert paths["polygon"].startswith("M")
    assert paths["line"] == "M0 0L5 5L9 0"
    assert paths["point"] == "M-1 4H7M3 0V8"
    assert paths["mask"].count("M") == 2  # its outline, and that of the hole
    assert "50 30" in paths["mask"]


def test_answers_and_texts_have_none() -> None:
    found = said(
        of_labels([b.radio("weather", "rain"), b.span(0, 5, "word")], [b.radio("weather", "snow", confidence=0.7)])
    )
    objects = found["gallery"]["pictures"][0]["objects"]
    assert {one["path"] for one in objects} == {None}
    assert found["gallery"]["pictures"][0]["size"] is None


HOSTILE = "</script><img src=x onerror=alert(1)>'\"&\u2028"


def test_no_text_of_others_becomes_html() -> None:
    things = [b.square(0, HOSTILE), b.square(50, HOSTILE)]
    labelled = label(HOSTILE, things)
    evaluation = lm.evaluate([labelled], [label(HOSTILE, [b.square(90, HOSTILE, confidence=0.5)])])
    made = lm.report(evaluation, title=HOSTILE)
    assert "<img" not in made.html.replace(module.escape(HOSTILE), "")
    assert made.html.count("</script>") == 2
    assert "\u2028" not in re.sub(r"<(title|h1)>.*?</\1>", "", made.html, flags=re.DOTALL)
    assert said(made)["features"] == [HOSTILE]
    assert "<img" not in made._repr_html_()


def test_marks_of_the_template_in_texts_stay_texts() -> None:
    made = of_labels([b.square(0, "{{SCRIPT}}")], [], title="{{DATA}} {{STYLE}}")
    assert made.html.count("<title>{{DATA}} {{STYLE}}</title>") == 1
    assert said(made)["features"] == ["{{SCRIPT}}"]


def test_it_needs_no_network() -> None:
    made = lm.report(evaluated())
    assert "default-src 'none'" in made.html
    addresses = re.findall(r"""(?:src|href)=["'](?!data:)[^"']+|https?://[^"'\s<]+|url\([^)]*\)|@import""", made.html)
    assert set(addresses) <= {"http://www.w3.org/2000/svg"}


def image_of(folder: Path, name: str, size: tuple[int, int] = (900, 600)) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (200, 30, 30)).save(path)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("a.jpg", {"globalKey": "a"}),
        ("images/1.png", {"globalKey": "a", "media_path": "images/1.png"}),
        ("1.png", {"globalKey": "a", "media_path": "elsewhere\\images\\1.png"}),
    ],
)
def test_images_are_found_and_made_small(tmp_path: Path, name: str, row: dict[str, str]) -> None:
    image_of(tmp_path, name)
    sides = [label("a", [b.square(0)])], [label("a", [])]
    found = said(lm.report(lm.evaluate(*sides, data_rows=[row]), images=tmp_path))["images"]["a"]
    kind, _, content = found.partition(",")
    assert kind == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as small:
        assert small.size == (480, 320)


@pytest.mark.parametrize("key", ["../secret.png", "secret", "broken.png"])
def test_nothing_outside_of_the_folder_is_read_and_no_broken_image(tmp_path: Path, key: str) -> None:
    image_of(tmp_path, "secret.png")
    images = tmp_path / "images"
    images.mkdir()
    (images / "secret").symlink_to(tmp_path / "secret.png")
    (images / "broken.png").write_bytes(b"no image")
    sides = [label(key, [b.square(0)])], [label(key, [])]
    assert said(lm.report(lm.evaluate(*sides), images=images))["images"] == {}


def test_without_a_table_the_image_says_how_large_a_data_row_is(tmp_path: Path) -> None:
    image_of(tmp_path, "a.jpg")
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (900, 600)).save(tmp_path / "b.jpg", exif=turned)
    sides = [label(key, [b.square(0)]) for key in "abc"], [label(key, []) for key in "abc"]
    found = said(lm.report(lm.evaluate(*sides), images=tmp_path))
    assert {one["row"]: one["size"] for one in found["gallery"]["pictures"]} == {
        "a": [900, 600],
        "b": [600, 900],
        "c": [10.4, 10.4],
    }
    assert sorted(found["matrix"]["rows"]) == [["a", None, 900, 600], ["b", None, 600, 900], ["c", None, None, None]]


def test_images_beyond_the_room_for_them_are_left_out_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.jpg", "b.jpg"):
        image_of(tmp_path, name)
    evaluation = lm.evaluate([label(key, [b.square(0)]) for key in "ab"], [label(key, []) for key in "ab"])
    whole = said(lm.report(evaluation, images=tmp_path))
    assert sorted(whole["images"]) == ["a", "b"]
    monkeypatch.setattr(pictures, "ROOM", len(whole["images"]["a"]) + 1)
    found = said(lm.report(evaluation, images=tmp_path))
    assert len(found["images"]) == 1
    assert found["notes"] == ["1 image left out, to keep this file small"]


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no such folder"):
        lm.report(evaluated(), images=tmp_path / "nowhere")


def test_the_same_evaluation_gives_the_same_page(tmp_path: Path) -> None:
    evaluation = evaluated()
    evaluation.save(tmp_path / "run.lmeval")
    first = lm.report(evaluation, title="run", seed=1)
    assert lm.report(tmp_path / "run.lmeval", seed=1).html == first.html
    first.save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text("utf-8") == first.html


def test_a_baseline_is_compared_feature_by_feature() -> None:
    truths = [label("a", [b.square(0), b.square(50, "dog")])]
    run = lm.evaluate(truths, [label("a", [b.square(0), b.square(50, "dog")])])
    before = lm.evaluate(truths, [label("a", [b.square(0), b.square(90, "cow")])])
    found = said(lm.report(run, baseline=before))
    assert found["features"] == ["cat", "cow", "dog"]
    assert [row[0] for row in found["figures"]["counts"]] == [[1, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert [row[0] for row in found["figures"]["before"]] == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    _, change = found["figures"]["intervals"]
    assert change["f1"][0][0] == [0.0, 0.0]
    assert change["f1"][0][1] is None  # without a cow in either, there is nothing to compare


def test_a_baseline_on_another_ground_truth_or_by_other_settings_is_refused() -> None:
    run, other = evaluated(1), evaluated(2)
    with pytest.raises(SettingError, match="another ground truth"):
        lm.report(run, baseline=other)
    unlike = evaluated(1, iou=0.7)
    with pytest.raises(SettingMismatchError, match="other settings"):
        lm.report(run, baseline=unlike)


def test_large_evaluations_are_sampled_and_say_so() -> None:
    evaluation = evaluated(rows=12)
    found = said(lm.report(evaluation, sample=5, seed=4))
    assert found["dataRows"] == 5
    assert "5 data rows drawn at random from 12 data rows" in found["notes"][0]
    assert f"F1 {evaluation.summary().overall.f1:.3f}" in found["notes"][0]
    with pytest.raises(SettingError, match="at least 1"):
        lm.report(evaluation, sample=0)


def test_features_with_fewest_annotations_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FEATURES", 2)
    truths = [b.square(20 * index, name) for index, name in enumerate(["ape", "bee", "bee", "cow", "cow"])]
    found = said(of_labels(truths, []))
    assert found["features"] == ["bee", "cow", "(other features)"]
    assert found["figures"]["truths"] == [2, 2, 1]
    assert "are told apart" in found["notes"][0]


def test_data_rows_that_only_one_run_has_are_told() -> None:
    truths = [label("a", [b.square(0)])]
    run = lm.evaluate(truths, [label("a", [b.square(0)])])
    before = lm.evaluate(truths, [label("a", []), label("b", [b.square(0)])], missing_ground_truth="empty")
    found = said(lm.report(run, baseline=before, allow_unlike_settings=True))
    assert "0 data rows only in the run, 1 only in the baseline and not looked at" in found["notes"]


def test_an_empty_evaluation_says_that_it_is_one() -> None:
    with pytest.raises(SettingError, match="without data rows"):
        lm.report(lm.evaluate([], []))
    found = said(of_labels([], []))
    assert (found["features"], found["matrix"], found["gallery"]["pictures"]) == ([], None, [])


def test_thresholds_are_those_that_were_evaluated() -> None:
    evaluation = evaluated(iou=[0.5, 0.75])
    assert said(lm.report(evaluation, iou=0.75))["match"] == "IoU > 0.75"
    with pytest.raises(SettingError, match=r"0\.6"):
        lm.report(evaluation, iou=0.6)


def test_it_shows_itself_in_notebooks() -> None:
    made = of_labels([b.square(0)], [], title="Cats")
    assert made._repr_html_().startswith('<iframe title="Cats" srcdoc="&lt;!doctype html&gt;')
    assert "Cats" in repr(made)
