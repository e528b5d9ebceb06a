"""The way through columns against the way through the models: what the one takes, the other takes as the same."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from commands import ndjson, run
from samples import more_lines

from labelmetrics.formats import annotation_lines
from labelmetrics.formats.annotation_lines import SPECIAL, _fast, _slow, _written, pieces_of
from labelmetrics.formats.bad_lines import BadLines
from labelmetrics.formats.blocks import Block
from labelmetrics.formats.layout import table_of_layout
from labelmetrics.formats.table import ALWAYS
from labelmetrics.kernels.batch import Columns
from labelmetrics.kernels.digest import digest
from labelmetrics.sample import write_sample

# Whatever a field may be replaced by, and what may be put beside it.
VALUES = [
    *(None, "", "x", "1", 0, -1, 1.5, 0.5, -0.0, 3.0, True, 10**20, 2**63, 1e300, [], {}, [None], [{}], [1, 2, 3]),
    *({"x": 1}, {"name": "z"}, "a\u0000b", "a\u001eb", "a\u001fb", "\u001d"),
]
NAMES = [
    *("page", "unit", "messageId", "uuid", "confidence", "classifications", "customMetrics", "schemaId", "answer"),
    *("x", "frames", "isBenchmarkReferenceLabel", "extra", "location", "value", "top", "featureName"),
]
BOX = {"top": 1, "left": 1, "height": 1, "width": 1}
OPTIONS = [{"name": "b"}, {"name": "c"}]
NESTED = [
    {
        "dataRow": {"id": "x"},
        "name": "q",
        "answer": {
            "name": "a",
            "confidence": 0.4,
            "classifications": [{"name": "n", "answer": OPTIONS}, {"name": "t", "answer": "free"}],
        },
    },
    {
        "dataRow": {"id": "x"},
        "name": "cat",
        "bbox": BOX,
        "classifications": [{"name": "n", "answer": "text"}],
        "customMetrics": [{"name": "m", "value": 1}],
    },
]


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    files = write_sample(tmp_path_factory.mktemp("sample"), rows=30, seed=3)
    written = [files[name].read_bytes().splitlines() for name in ("ground_truth", "predictions")]
    return [*(json.loads(line) for side in written for line in side), *more_lines(3, 0, scored=True), *NESTED]


def block(*lines: bytes) -> Block:
    """A block of lines."""
    return Block("lines", 1, b"".join(line + b"\n" for line in lines))


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*place, key))


def changed(line: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The line with one thing replaced, left out or added."""
    line = copy.deepcopy(line)
    *way, last = rng.choice([place for place in places(line) if place])
    holder: Any = line
    for key in way:
        holder = holder[key]
    value, kind = copy.deepcopy(rng.choice(VALUES)), rng.random()
    if kind < 0.2:
        del holder[last]
    elif kind < 0.4:
        line[rng.choice(NAMES)] = value
    elif kind < 0.6 and isinstance(holder[last], dict):
        holder[last][rng.choice(NAMES)] = value
    elif kind < 0.6 and isinstance(holder[last], list):
        holder[last].append(value)
    else:
        holder[last] = value
    return line


def slowly(texts: list[bytes]) -> tuple[Columns, BadLines]:
    log = BadLines()
    return _slow(enumerate(texts, 1), "f", log).columns, log


def same(left: Columns, right: Columns) -> bool:
    return digest(left) == digest(right) and left.uuid.tolist() == right.uuid.tolist()


@pytest.mark.parametrize("seed", range(4))
def test_what_columns_take_the_models_take_as_the_same(lines: list[dict[str, Any]], seed: int) -> None:
    rng = random.Random(seed)
    taken, texts = 0, []
    for _ in range(1500):
        text = json.dumps(changed(rng.choice(lines), rng)).encode()
        if any(name in text for name in SPECIAL):
            continue
        fast = _fast(block(text))
        slow, log = slowly([text])
        if fast is not None:
            assert not log.count, (text, log.faults)
            assert same(fast.columns, slow), text
            taken += 1
        if not log.count:
            texts.append(text)
    assert taken > 200
    # Together they are what they are alone: no line changes what another means.
    fast = _fast(block(*(text for text in texts if _fast(block(text)) is not None)))
    assert fast is not None
    slow, log = slowly([text for text in texts if _fast(block(text)) is not None])
    assert not log.count
    assert same(fast.columns, slow)


@pytest.mark.parametrize("seed", range(2))
def test_damaged_lines_of_a_layout_are_what_the_parser_makes_of_them(
    lines: list[dict[str, Any]], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)

    def found(text: bytes) -> tuple[Columns, list[Any]]:
        log = BadLines()
        return Columns.concat([piece.columns for piece in pieces_of(Block("f", 1, text), log)]), log.faults

    taken = 0
    for _ in range(400):
        separators = rng.choice([(",", ":"), (", ", ": ")])
        line = json.dumps(rng.choice(lines), separators=separators).encode() + rng.choice([b"\n", b"\r\n"])
        text = bytearray(line * 3)
        for _ in range(rng.randint(0, 2)):
            at = rng.randrange(len(text))
            text[at : at + rng.randint(0, 2)] = rng.choice([b"", *(bytes([one]) for one in b'"{}[]:,.-01ex \n\t\\')])
        columns, faults = found(bytes(text))
        taken += table_of_layout(bytes(text), _written(), ALWAYS) is not None
        with monkeypatch.context() as patch:
            patch.setattr(annotation_lines, "table_of_layout", lambda *_: None)
            other, other_faults = found(bytes(text))
        assert same(columns, other), text
        assert faults == other_faults, text
    assert taken > 50


def test_unchanged_lines_are_read_in_columns(lines: list[dict[str, Any]]) -> None:
    texts = [json.dumps(line).encode() for line in lines]
    regular = [text for text in texts if not any(name in text for name in SPECIAL)]
    fast = _fast(block(*regular))
    assert fast is not None
    assert same(fast.columns, slowly(regular)[0])


def test_messages_beside_pages_in_one_file(tmp_path) -> None:
    """They once lost their place where another line of the block had a page, and matched each other."""

    def side(message: str) -> bytes:
        entity = {"dataRow": {"id": "r"}, "name": "person", "location": {"start": 0, "end": 9}, "messageId": message}
        return ndjson({"dataRow": {"id": "r"}, "name": "table", "bbox": BOX, "page": 1, "unit": "POINTS"}, entity)

    files = [tmp_path / "gt", tmp_path / "pr"]
    for file, message in zip(files, ("m1", "m2"), strict=True):
        file.write_bytes(side(message))
    overall = json.loads(run("evaluate", *files, "--json").stdout)["overall"]
    assert (overall["tp"], overall["fp"], overall["fn"]) == (1, 1, 1)
