"""Lines of one layout: read as a parser of JSON reads them, or not at all."""

import json

import hypothesis.strategies as st
import orjson
import pyarrow as pa
import pytest
from hypothesis import given

from labelmetrics import evaluate
from labelmetrics.errors import InputError
from labelmetrics.formats import layout
from labelmetrics.formats.layout import Layout, table_of_layout

NUMBER, TEXT = pa.float64(), pa.string()
SCHEMA = pa.schema(
    [
        ("uuid", TEXT),
        ("dataRow", pa.struct([("id", TEXT)])),
        ("name", TEXT),
        ("bbox", pa.struct([("top", NUMBER), ("left", NUMBER)])),
        ("page", pa.int64()),
        ("points", pa.list_(NUMBER)),
        ("score", NUMBER),
    ]
)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\'), max_size=9)
NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.integers(-999, 999), st.sampled_from([-0.0, 1e300])
)
LINE = st.fixed_dictionaries({
    "score": NUMBERS, "name": NAMES, "bbox": st.fixed_dictionaries({"left": NUMBERS, "top": NUMBERS}),
    "dataRow": st.fixed_dictionaries({"id": NAMES}), "page": st.integers(0, 99),
})  # fmt: skip


def written(lines, style="compact", end="\n"):
    separators = {"compact": (",", ":"), "spaced": (", ", ": "), "wide": (" ,\t", " : ")}[style]
    return "".join(
        json.dumps(line, ensure_ascii=False, separators=separators, sort_keys=True) + end for line in lines
    ).encode()


def test_of_a_line():
    found = Layout.of(b'{"a":"x","b":{"c":-1.5e3 ,"d":"y"}}\n')
    assert found.literals == [b'{"a":"', b'","b":{"c":', b' ,"d":"', b'"}}\n']
    assert found.paths == [("a",), ("b", "c"), ("b", "d")]
    assert found.is_text == [True, False, True]


@given(lines=st.lists(LINE, min_size=1, max_size=9), style=st.sampled_from(["compact", "spaced", "wide"]),
       end=st.sampled_from(["\n", "\r\n", " \n"]), is_whole=st.booleans())  # fmt: skip
def test_as_json_says(lines, style, end, is_whole):
    text = written(lines, style, end)
    table = table_of_layout(text if is_whole else text.removesuffix(b"\n"), SCHEMA)
    assert table.column_names == ["dataRow", "name", "bbox", "page", "score"]
    assert table.to_pylist() == [{name: line[name] for name in table.column_names} for line in lines]


def test_fields_that_lines_lack():
    table = table_of_layout(b'{"bbox":{"left":3}}\n', SCHEMA, ("uuid", "dataRow"))
    assert table.schema.names == ["uuid", "dataRow", "bbox"]
    assert table.to_pylist() == [{"uuid": None, "dataRow": None, "bbox": {"top": None, "left": 3.0}}]


def test_in_parts(monkeypatch):
    lines = [{"name": "cat" * (i % 7), "score": i / 7, "page": i} for i in range(300)]
    whole = table_of_layout(written(lines), SCHEMA)
    monkeypatch.setattr(layout, "PART", 100)
    parts = table_of_layout(written(lines), SCHEMA)
    assert parts.equals(whole)
    assert parts.column("score").to_pylist() == [line["score"] for line in lines]


@given(st.data())
def test_a_changed_character_is_seen(data):
    """Whatever is read from a damaged text is what a parser reads from it."""
    lines = [{"dataRow": {"id": f"row-{i}"}, "name": "cat", "score": i + 0.25, "page": i} for i in range(3)]
    text = bytearray(written(lines, data.draw(st.sampled_from(["compact", "spaced"]))))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from(list(b'"{}:,.-0e \n\r\tx1')).map(lambda code: bytes([code])) | st.just(b"")
        )
    table = table_of_layout(bytes(text), SCHEMA)
    if table is not None:
        assert table.to_pylist() == [
            {name: orjson.loads(line)[name] for name in table.column_names} for line in bytes(text).splitlines()
        ]
        assert all(orjson.loads(line).keys() == set(table.column_names) for line in bytes(text).splitlines())


@pytest.mark.parametrize("number", ["0", "-0", "0.5", "-0.25", "10", "1e5", "1E+05", "1.5e-7", "12.0e0", "0e1"])
def test_numbers(number):
    text = f'{{"score":1}}\n{{"score":{number}}}\n'.encode()
    assert table_of_layout(text, SCHEMA).column("score").to_pylist() == [1.0, json.loads(number)]


@pytest.mark.parametrize(
    "number",
    ["01", "-01", "00.5", ".5", "-.5", "1.", "-1.", "1.e5", "1.E5", "+1", "-", "--1", "1e", "1e+", "inf", "-inf", "nan",
     "NaN", "Infinity", "0x10", "1_000", "1 2", "", "true", "null", "[1]", "{}", '"1"'],
)  # fmt: skip
def test_what_is_no_number(number):
    assert table_of_layout(f'{{"score":1}}\n{{"score":{number}}}\n'.encode(), SCHEMA) is None
    assert table_of_layout(f'{{"score":{number}}}\n{{"score":1}}\n'.encode(), SCHEMA) is None


@pytest.mark.parametrize(
    "line",
    [
        '{"name":"a","name":"b"}',
        '{"bbox":{"top":1},"bbox":{"left":2}}',
        '{"bbox":{"top":1},"bbox":3}',
        '{"bbox":{}}',
        '{"name":"a","other":{}}',
        '{"name":"a","other":"b"}',
        '{"name":{"top":"a"}}',
        '{"bbox":"a"}',
        '{"name":1}',
        '{"page":"1"}',
        '{"points":1}',
        '{"points":[1]}',
        '{"name":"a\\n"}',
        '{"n\\u0061me":"a"}',
        '{"name":"a\tb"}',
        '{"name":null}',
        "{}",
        "[]",
        '"name"',
        "3",
        "",
        '{"name":"a"',
        '{"name":"a"}}',
        '{"name":"a"} {"name":"b"}',
        '{"bbox":' * 1200 + "1" + "}" * 1200,
    ],
)
def test_what_is_left_to_the_parser(line):
    assert table_of_layout(f"{line}\n".encode(), SCHEMA) is None
    assert table_of_layout(f"{line}\n{line}\n".encode(), SCHEMA) is None


@pytest.mark.parametrize(
    "line",
    ['{"page":1,"name":"a"}', '{"name":"a", "page":1}', '{"name":"a","page":1.5}', '{"name":"a","page":1}}', "",
     '{"name":"a","page":1},', '{"name":"a""page":1}', '{"name":"a","page":1}{"name":"a","page":1}', "  "],
)  # fmt: skip
@pytest.mark.parametrize("place", [1, 2])
def test_another_layout_among_lines(line, place):
    lines = ['{"name":"a","page":1}'] * 2
    lines.insert(place, line)
    assert table_of_layout("\n".join([*lines, ""]).encode(), SCHEMA) is None


def test_a_bad_number_is_told_by_its_line(tmp_path):
    line = '{{"dataRow":{{"id":"r"}},"name":"a","point":{{"x":{},"y":1}}}}\n'
    file = tmp_path / "lines.ndjson"
    file.write_text("".join(map(line.format, ["1", "2", "03"])))
    with pytest.raises(InputError, match="column") as caught:
        evaluate(file, [])
    assert [fault.line for fault in caught.value.faults] == [3]
