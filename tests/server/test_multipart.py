"""Forms with files, cut anywhere, as clients and nobody else would send them."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from labelmetrics.server.multipart import Data, End, Part, PartReader, boundary_of, part_names, placed
from labelmetrics.server.refusals import Refusal
from labelmetrics.server.settings import Settings

SETTINGS = Settings()


def form(*parts: tuple[str, bytes], boundary: str = "XYZ") -> bytes:
    made = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + content + b"\r\n"
        for name, content in parts
    )
    return made + f"--{boundary}--\r\n".encode()


def read(body: bytes, cuts: list[int] | None = None, boundary: bytes = b"XYZ") -> list[tuple[str, bytes]]:
    reader = PartReader(boundary, SETTINGS)
    found: list[tuple[str, bytes]] = []
    is_open = False
    places = [0, *sorted(cuts or []), len(body)]
    for start, end in pairwise(places):
        for event in reader.feed(body[start:end]):
            match event:
                case Part(name):
                    assert not is_open
                    is_open = True
                    found.append((name, b""))
                case Data(data):
                    assert is_open
                    found[-1] = (found[-1][0], found[-1][1] + data)
                case End():
                    assert is_open
                    is_open = False
    reader.finish()
    assert not is_open
    return found


CONTENT = st.one_of(
    st.binary(max_size=60),
    st.lists(st.sampled_from([b"\r\n", b"--", b"XYZ", b"XY", b"\r", b"\n", b"-", b"a", b"\r\n--XY"]), max_size=12).map(
        b"".join
    ),
).filter(lambda content: b"\r\n--XYZ" not in b"\r\n" + content)


@given(st.lists(CONTENT, max_size=4), st.data())
def test_parts_come_out_as_they_went_in(contents: list[bytes], data: st.DataObject) -> None:
    parts = [(f"part {number}", content) for number, content in enumerate(contents)]
    body = form(*parts)
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=10))
    assert read(body, cuts) == parts
    assert read(b"something before\r\n" + body, cuts) == parts
    assert read(body + b"something behind", cuts) == parts


def test_byte_by_byte() -> None:
    body = form(("a", b"1"), ("b", b""), ("c", b"\r\n"))
    assert read(body, list(range(len(body)))) == [("a", b"1"), ("b", b""), ("c", b"\r\n")]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "ends before"),
        (form(("a", b"1"))[:-6], "ends before"),
        (b"x" * 20_000, "does not begin"),
        (b"--XYZ\r\n" + b"a" * 20_000, "headers of a part"),
        (b"--XYZ\r\nno colon\r\n\r\n\r\n--XYZ--", "no colon"),
        (b"--XYZ\r\nA: b\r\n\r\n\r\n--XYZ--", "Content-Disposition"),
        (b'--XYZ\r\nContent-Disposition: file; name="x"\r\n\r\n\r\n--XYZ--', "Content-Disposition"),
        (b"--XYZ\r\nContent-Disposition: form-data\r\n\r\n\r\n--XYZ--", "Content-Disposition"),
        (b'--XYZ more\r\nContent-Disposition: form-data; name="x"\r\n\r\n\r\n--XYZ--', "followed by something else"),
        (b"--XYZ\r\nContent-Transfer-Encoding: base64\r\n\r\n\r\n--XYZ--", "base64"),
        (form(*[("a", b"")] * 9), "at most 8 parts"),
    ],
)
def test_what_is_no_form(body: bytes, expected: str) -> None:
    with pytest.raises(Refusal, match=expected):
        read(body)


@pytest.mark.parametrize(
    ("header", "name", "filename"),
    [
        (b'form-data; name="a b"; filename="c d"', "a b", "c d"),
        ('form-data; name="é"; filename="中"'.encode(), "é", "中"),
        (b"form-data; name=a; filename=b", "a", "b"),
        (b'form-data; name="a; filename=x"', "a; filename=x", None),
        (b'form-data; name="a\\b"', "a\\b", None),
        (b'FORM-DATA; NAME="a"', "a", None),
        (b'form-data; name="\xff"', "\ufffd", None),
        (b'form-data; filename="f"; name=""', "", "f"),
    ],
)
def test_names(header: bytes, name: str, filename: str | None) -> None:
    reader = PartReader(b"XYZ", SETTINGS)
    (part, *_) = reader.feed(b"--XYZ\r\nContent-Disposition: " + header + b"\r\n\r\n\r\n--XYZ--")
    assert isinstance(part, Part)
    assert (part.name, part.filename) == (name, filename)


@pytest.mark.parametrize("header", ["multipart/form-data", "multipart/form-data; boundary=", "x; boundary=é"])
def test_a_boundary_is_needed(header: str) -> None:
    with pytest.raises(Refusal, match="boundary"):
        boundary_of(header)


# ---- which file stands for which variable


def place(key: str, path: str, files: dict[str, Any], variables: Any = None) -> Any:
    operations = {"query": "q", "variables": {"file": None} if variables is None else variables}
    return placed(json.dumps(operations).encode(), json.dumps({key: [path]}).encode(), files)["variables"]


@pytest.mark.parametrize("key", ["x.ndjson", 'a"b', "a\nb", "a\r\nb", "%22"])
def test_a_file_is_found_by_its_escaped_name(key: str) -> None:
    assert place(key, "variables.file", {part_names(key)[1]: "the file", "other": "no"}) == {"file": "the file"}
    assert place(key, "variables.file", {key: "the file", "other": "no"}) == {"file": "the file"}


def test_the_only_file_is_taken_whatever_its_name() -> None:
    assert place("a", "variables.file", {"b": "the file"}) == {"file": "the file"}
    with pytest.raises(Refusal, match="there is no part"):
        place("a", "variables.file", {"b": "1", "c": "2"})


def test_deeper_places() -> None:
    variables = {"data": {"file": None}}
    assert place("a", "variables.data.file", {"a": "x"}, variables) == {"data": {"file": "x"}}


@pytest.mark.parametrize(
    "path", ["file", "variables", "variables.other", "variables.file.more", "query", "variables.", "", "variables.a.b"]
)
def test_places_that_there_are_not(path: str) -> None:
    with pytest.raises(Refusal, match=re.escape(repr(path))):
        place("a", path, {"a": "x"}, {"file": None, "a": "text"})


@pytest.mark.parametrize(
    ("operations", "mapping", "files", "expected"),
    [
        (None, b"{}", {}, "no part 'operations'"),
        (b"{}", None, {}, "no part 'map'"),
        (b"{", b"{}", {}, "no JSON"),
        (b"[]", b"{}", {}, "no JSON object"),
        (b"[" * 100_000, b"{}", {}, "no JSON"),
        (b"{}", b'{"a": "b"}', {}, "a list of places"),
        (b"{}", b'{"a": [1]}', {}, "a list of places"),
        (b"{}", b'{"a": ["variables.x"]}', {}, "there is no part"),
        (b'{"variables": {"x": null, "y": null}}', b'{"a": ["variables.x", "variables.y"]}', {"a": 1}, "in 2 places"),
        (b'{"variables": {"x": null}}', b'{"a": ["variables.x"], "%22": ["variables.x"]}', {"a": 1}, "no part"),
    ],
)
def test_parts_that_do_not_fit(operations: Any, mapping: Any, files: Any, expected: str) -> None:
    with pytest.raises(Refusal, match=expected):
        placed(operations, mapping, files)
