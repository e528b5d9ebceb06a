"""Arrow tables of annotation lines: their schema, the checks that make a line an annotation, and their columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from labelmetrics.formats.objects import page_place
from labelmetrics.kernels.batch import (
    Bools,
    Coded,
    Columns,
    DataRowKeys,
    Floats,
    Ints,
    Kind,
    NestedAnswer,
    Shapes,
    Texts,
)
from labelmetrics.kernels.matching import expand
from labelmetrics.kernels.rle import check
from labelmetrics.limits import FARTHEST
from labelmetrics.types import RectangleUnit

if TYPE_CHECKING:
    import pyarrow as pa

SHAPES = {
    "bbox": Kind.BOX,
    "polygon": Kind.POLYGON,
    "point": Kind.POINT,
    "line": Kind.LINE,
    "mask": Kind.MASK,
    "location": Kind.SPAN,
    "textSelections": Kind.TOKENS,
    "answer": Kind.ANSWER,
    "answer_list": Kind.ANSWER,
    "answer_text": Kind.TEXT,
}
"""The field that says what a line is; a line has exactly one of them."""

# Separators of texts that are joined to be told apart once per distinct value; the first two parts of an item name the
# question. Lines with names that hold one are not taken here.
ITEM, PART, ANSWERS = "\x1e", "\x1f", "\x1d"
SEPARATORS = "[\x1d-\x1f]"

UNITS = frozenset(unit.value for unit in RectangleUnit)


@cache
def _types() -> dict[str, Any]:
    import pyarrow as pa

    number, text = pa.float64(), pa.string()
    point = pa.struct([("x", number), ("y", number)])
    metrics = pa.list_(pa.struct([("name", text), ("value", number)]))
    scored = [("confidence", number), ("customMetrics", metrics)]
    leaf = pa.struct([("name", text), ("schemaId", text), *scored])

    def classification(answer: pa.DataType) -> pa.DataType:
        return pa.struct(
            [
                ("name", text),
                ("schemaId", text),
                ("answer", answer),
                ("answer_list", pa.list_(answer)),
                ("answer_text", text),
                *scored,
            ]
        )

    nested = pa.list_(classification(leaf))
    answer = pa.struct([("name", text), ("schemaId", text), *scored, ("classifications", nested)])
    return {
        "uuid": text,
        "dataRow": pa.struct([("id", text), ("globalKey", text)]),
        "name": text,
        "schemaId": text,
        "confidence": number,
        "customMetrics": metrics,
        "classifications": pa.list_(classification(answer)),
        "bbox": pa.struct([(side, number) for side in ("top", "left", "height", "width")]),
        "polygon": pa.list_(point),
        "point": point,
        "line": pa.list_(point),
        # Masks as PNG are not regular: decoding them takes longer than anything that is gained here.
        "mask": pa.struct([("size", pa.list_(pa.int64())), ("counts", text)]),
        "location": pa.struct([("start", pa.int64()), ("end", pa.int64())]),
        "messageId": text,
        "page": pa.int64(),
        "unit": text,
        "textSelections": pa.list_(pa.struct([("groupId", text), ("tokenIds", pa.list_(text)), ("page", pa.int64())])),
        "answer": answer,
        "answer_list": pa.list_(answer),
        "answer_text": text,
    }


ALWAYS = ("uuid", "dataRow", "name", "schemaId")


def line_schema(text: bytes | None = None) -> pa.Schema:
    """Schema of annotation lines; of those fields only that occur in ``text``, where it is given."""
    import pyarrow as pa

    types = _types()
    if text is not None:
        types = {name: kind for name, kind in types.items() if name in ALWAYS or f'"{name}"'.encode() in text}
    return pa.schema(types)


def _values(column: Any) -> pa.Array:
    import pyarrow as pa

    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


class _Rows:
    """Typed views of the columns of a table that may lack most of them."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self.n = table.num_rows
        self.columns = {name: _values(table.column(name)) for name in table.column_names}
        self.has = {name: self.valid(column) for name, column in self.columns.items()}

    @staticmethod
    def valid(column: pa.Array) -> Bools:
        if not column.null_count:
            return np.ones(len(column), bool)
        valid: Bools = column.is_valid().to_numpy(zero_copy_only=False)
        return valid

    def given(self, name: str) -> Bools:
        return self.has[name] if name in self.has else np.zeros(self.n, bool)

    def floats(self, column: pa.Array) -> Floats:
        """Numbers, NaN where null."""
        numbers: Floats = column.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
        return numbers

    def texts(self, name: str) -> Texts:
        """Texts, ``None`` where null."""
        if name not in self.columns:
            return np.full(self.n, None, object)
        found: Texts = self.columns[name].to_numpy(zero_copy_only=False)
        return found

    def coded(self, column: pa.Array | None, n: int | None = None) -> Coded:
        if column is None:
            return Coded.constant(None, self.n if n is None else n)
        encoded = column.dictionary_encode()
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        return Coded(codes, encoded.dictionary.to_pylist())


def _nested_lists(column: pa.Array) -> tuple[Ints, Ints, pa.Array]:
    """Offset and length of each list, and the flat elements."""
    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    return np.cumsum(lengths) - lengths, lengths, column.flatten()


def is_sound(table: pa.Table) -> bool:
    """Whether every row is an annotation; a row that is not is looked at again by the models, which say why."""
    rows = _Rows(table)
    if not rows.n:
        return True
    fields = [name for name in SHAPES if name in rows.columns]
    if "dataRow" not in rows.columns or not fields:
        return False
    keys = [rows.valid(rows.columns["dataRow"].field(kind)) for kind in ("id", "globalKey")]
    shapes = np.sum([rows.given(name) for name in fields], axis=0)
    checks = [
        rows.has["dataRow"] & (keys[0] ^ keys[1]),
        rows.given("name") | rows.given("schemaId"),
        shapes == 1,
    ]
    names = [rows.columns["dataRow"].field(kind) for kind in ("id", "globalKey")]
    names += [rows.columns[name] for name in ("name", "schemaId") if name in rows.columns]
    if not all(check.all() for check in checks) or not _are_places(rows) or not all(map(_are_filled, names)):
        return False
    chosen = rows.given("answer") | rows.given("answer_list")
    if "classifications" in rows.columns and chosen.any():
        # What is nested in a chosen answer stands within the answer.
        _, lengths, _ = _nested_lists(rows.columns["classifications"])
        if lengths[chosen].any():
            return False
    return all(_CHECKS[name](rows.columns[name], rows) for name in rows.columns if name in _CHECKS)


def _are_places(rows: _Rows) -> bool:
    """Whether pages with their units stand beside boxes only, and messages beside spans and answers only."""
    page, unit, message = (rows.given(name) for name in ("page", "unit", "messageId"))
    in_message = np.logical_or.reduce(
        [rows.given(name) for name in ("location", "answer", "answer_list", "answer_text")]
    )
    if (message & ~in_message).any() or (page != unit).any() or (page & ~rows.given("bbox")).any():
        return False
    if not page.any():
        return True
    units = set(rows.coded(rows.columns["unit"]).values)
    return units <= UNITS and bool((rows.columns["page"].drop_null().to_numpy() >= 0).all())


def _complete(column: pa.Array, *fields: str) -> bool:
    """Whether no field is missing where the struct is there."""
    present = column.drop_null()
    return all(present.field(name).null_count == 0 for name in fields)


def _finite(column: pa.Array, *fields: str, most: float = np.finfo(float).max) -> bool:
    present = column.drop_null()
    return all(
        present.field(name).null_count == 0
        and bool((np.abs(present.field(name).to_numpy(zero_copy_only=False)) <= most).all())
        for name in fields
    )


def _are_filled(names: pa.Array) -> bool:
    """Whether no name is empty."""
    import pyarrow.compute as pc

    return not pc.any(pc.equal(pc.binary_length(names), 0)).as_py()


def _is_box(column: pa.Array, rows: _Rows) -> bool:
    present = column.drop_null()
    if not _finite(present, "top", "left", "height", "width", most=FARTHEST):
        return False
    left, top, width, height = (present.field(name).to_numpy() for name in ("left", "top", "width", "height"))
    return all(
        bool((size >= 0).all() and (start + size <= FARTHEST).all()) for start, size in ((left, width), (top, height))
    )


def _is_point(column: pa.Array, rows: _Rows) -> bool:
    return _finite(column, "x", "y", most=FARTHEST)


def _are_points(least: int) -> Callable[[pa.Array, _Rows], bool]:
    def check(column: pa.Array, rows: _Rows) -> bool:
        _, lengths, points = _nested_lists(column)
        return bool((lengths[rows.valid(column)] >= least).all()) and not points.null_count and _is_point(points, rows)

    return check


def _is_location(column: pa.Array, rows: _Rows) -> bool:
    present = column.drop_null()
    if not _complete(present, "start", "end"):
        return False
    start, end = (present.field(name).to_numpy() for name in ("start", "end"))
    return bool(((start >= 0) & (start <= end)).all())


def _is_confidence(column: pa.Array, rows: _Rows) -> bool:
    values = column.drop_null().to_numpy(zero_copy_only=False)
    return bool(((values >= 0) & (values <= 1)).all())


def _is_metrics(column: pa.Array, rows: _Rows) -> bool:
    metrics = column.flatten()
    return not metrics.null_count and _complete(metrics, "name") and _finite(metrics, "value")


def _is_answer(column: pa.Array, rows: _Rows) -> bool:
    """Whether answers have a name or an id; also their confidence, metrics and nested classifications."""
    present = column.drop_null()
    named = rows.valid(present.field("name")) | rows.valid(present.field("schemaId"))
    names = {field.name for field in present.type}
    return (
        bool(named.all())
        and all(_are_filled(present.field(name)) for name in ("name", "schemaId"))
        and _is_confidence(present.field("confidence"), rows)
        and _is_metrics(present.field("customMetrics"), rows)
        and ("classifications" not in names or _are_classifications(present.field("classifications"), rows))
    )


def _are_answers(column: pa.Array, rows: _Rows) -> bool:
    answers = column.flatten()
    return not answers.null_count and _is_answer(answers, rows)


def _are_classifications(column: pa.Array, rows: _Rows) -> bool:
    items = column.flatten()
    if not len(items):
        return True
    if items.null_count:
        return False
    answers = [items, items.field("answer"), items.field("answer_list").flatten()]
    names = [part.field(name) for part in answers for name in ("name", "schemaId")]
    if any(map(_has_separator, [*names, items.field("answer_text")])):
        return False
    if not all(_are_filled(items.field(name)) for name in ("name", "schemaId")):
        return False
    given = [rows.valid(items.field(name)) for name in ("answer", "answer_list", "answer_text")]
    named = rows.valid(items.field("name")) | rows.valid(items.field("schemaId"))
    return (
        bool((np.sum(given, axis=0) == 1).all() and named.all())
        and _is_answer(items.field("answer"), rows)
        and _are_answers(items.field("answer_list"), rows)
        and _is_confidence(items.field("confidence"), rows)
        and _is_metrics(items.field("customMetrics"), rows)
    )


def _has_separator(texts: pa.Array) -> bool:
    import pyarrow.compute as pc

    return bool(pc.any(pc.match_substring_regex(texts.drop_null().unique(), SEPARATORS)).as_py())


def _is_selection(column: pa.Array, rows: _Rows) -> bool:
    parts = column.flatten()
    return (
        not parts.null_count
        and _complete(parts, "groupId", "tokenIds", "page")
        and not parts.field("tokenIds").flatten().null_count
        and bool((parts.field("page").to_numpy(zero_copy_only=False) >= 1).all())
    )


def _is_mask(column: pa.Array, rows: _Rows) -> bool:
    present = column.drop_null()
    _, lengths, sizes = _nested_lists(present.field("size"))
    return _complete(present, "size", "counts") and bool((lengths == 2).all()) and not sizes.null_count


_CHECKS: dict[str, Callable[[Any, _Rows], bool]] = {
    "confidence": _is_confidence,
    "customMetrics": _is_metrics,
    "classifications": _are_classifications,
    "bbox": _is_box,
    "polygon": _are_points(3),
    "point": _is_point,
    "line": _are_points(2),
    "mask": _is_mask,
    "location": _is_location,
    "textSelections": _is_selection,
    "answer": _is_answer,
    "answer_list": _are_answers,
}


def columns_of_table(table: pa.Table, *, brief: bool = False) -> Columns | None:
    """Columns of sound annotation lines; ``None`` where a mask's encoding does not hold together.

    ``brief`` ones are for looking at: equal data rows have codes of their own, and uuids are left out.
    """
    rows = _Rows(table)
    geometry = _Geometry(rows)
    if not geometry.sound:
        return None
    line, answer = _spread(rows)
    kind, box, shape = geometry.kind[line], geometry.box[line], geometry.shape[line]
    n = len(kind)
    own = rows.floats(rows.columns["confidence"]) if "confidence" in rows.columns else np.full(rows.n, np.nan)
    confidence = own[line]
    nested = _item_sets(rows.columns.get("classifications"), rows)
    answer_name, answer_id = Coded.constant(None, n), Coded.constant(None, n)
    if answer is not None:
        at, answers = answer
        scores = rows.floats(answers.field("confidence"))
        confidence[at] = np.where(np.isnan(scores), confidence[at], scores)
        answer_name = _placed(rows.coded(answers.field("name")), at, n)
        answer_id = _placed(rows.coded(answers.field("schemaId")), at, n)
        inner = _item_sets(answers.field("classifications"), rows)
        outer = nested.take(line)
        nested = Coded.concat([outer, inner])
        codes = nested.codes[:n].copy()
        codes[at] = nested.codes[n:]
        nested = Coded(codes, nested.values)
    else:
        nested = nested.take(line)
    return Columns(
        data_row=_data_rows(rows, brief=brief).take(line),
        place=_places(rows).take(line),
        name=rows.coded(rows.columns.get("name")).take(line),
        schema_id=rows.coded(rows.columns.get("schemaId")).take(line),
        answer=answer_name,
        answer_id=answer_id,
        kind=kind,
        box=box,
        shape=shape,
        shapes=geometry.shapes,
        confidence=confidence,
        nested=nested,
        area=np.full(n, np.nan),
        crowd=np.zeros(n, bool),
        uuid=np.full(n, None, object) if brief else rows.texts("uuid")[line],
    )


def _placed(column: Coded, at: Ints, n: int) -> Coded:
    codes = np.full(n, -1, np.int64)
    codes[at] = column.codes
    return Coded(codes, column.values)


def _spread(rows: _Rows) -> tuple[Ints | slice, tuple[Ints, pa.Array] | None]:
    """Line of each annotation (a checklist has one per answer), and where answers are with the answers themselves."""
    import pyarrow as pa

    single, listed = rows.given("answer"), rows.given("answer_list")
    if not single.any() and not listed.any():
        return slice(None), None
    count = np.ones(rows.n, np.int64)
    found = []
    if single.any():
        found.append(rows.columns["answer"].drop_null())
    if listed.any():
        _, lengths, flat = _nested_lists(rows.columns["answer_list"])
        count[listed] = lengths[listed]
        found.append(flat)
    line, _ = expand(np.arange(rows.n), count)
    at = [np.flatnonzero(mask[line]) for mask in (single, listed) if mask.any()]
    return line, (np.concatenate(at), pa.concat_arrays(found))


class _Texts(Sequence[str]):
    """Texts of an Arrow array, made when they are looked at."""

    def __init__(self, array: pa.Array) -> None:
        self._array = array

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        found: str | list[str] = (
            self._array[index].to_pylist() if isinstance(index, slice) else self._array[index].as_py()
        )
        return found

    def __len__(self) -> int:
        return len(self._array)


def _data_rows(rows: _Rows, *, brief: bool) -> Coded:
    column = rows.columns["dataRow"]
    if brief:
        parts = [column.field(kind) for kind in ("id", "globalKey")]
        kept = [_Texts(part) if not part.null_count else () for part in parts]
        if sum(map(len, kept)) == rows.n:
            return Coded(np.arange(rows.n), DataRowKeys(*kept))
    ids, keys = (rows.coded(column.field(kind)) for kind in ("id", "globalKey"))
    codes = np.where(ids.codes >= 0, ids.codes, keys.codes + len(ids.values))
    return Coded(codes, DataRowKeys(list(ids.values), list(keys.values)))


def _places(rows: _Rows) -> Coded:
    messages = rows.coded(rows.columns.get("messageId")).map(lambda message: f"message={message}")
    if not rows.given("page").any():
        return messages
    pages = rows.coded(rows.columns["page"])
    units = rows.coded(rows.columns.get("unit"))
    n = len(units.values) + 1
    distinct, codes = np.unique(np.where(pages.codes < 0, -1, pages.codes * n + units.codes + 1), return_inverse=True)
    first = int((distinct < 0).any())
    values = [
        page_place(pages.values[code // n], [None, *units.values][code % n]) for code in distinct[first:].tolist()
    ]
    on_message = np.where(messages.codes < 0, -1, len(values) + messages.codes)
    return Coded(np.where(pages.codes < 0, on_message, codes - first), [*values, *messages.values])


def _item_sets(column: pa.Array | None, rows: _Rows) -> Coded:
    """Nested answers of each row as a coded set; told apart as joined text, so that each distinct set is made once."""
    import pyarrow as pa
    import pyarrow.compute as pc

    n = rows.n if column is None else len(column)
    if column is None or not pc.any(pc.fill_null(pc.greater(pc.list_value_length(column), 0), False)).as_py():
        return Coded.constant(None, n)
    _, lengths, items = _nested_lists(column)

    def text(array: pa.Array, *names: str) -> list[pa.Array]:
        return [pc.fill_null(array.field(name), "") for name in names]

    def joined(*parts: pa.Array | str) -> pa.Array:
        return pc.binary_join_element_wise(*parts, PART)

    radio = items.field("answer")
    answer = joined(*text(radio, "name", "schemaId"))
    listed = items.field("answer_list")
    _, many, flat = _nested_lists(listed)
    checked = pc.binary_join(
        pa.ListArray.from_arrays(
            np.append(0, np.cumsum(many)).astype(np.int32), joined(*text(flat, "name", "schemaId"))
        ),
        ANSWERS,
    )
    free = items.field("answer_text")
    choice = pc.case_when(
        pc.make_struct(free.is_valid(), listed.is_valid()),
        pc.binary_join_element_wise("T", pc.fill_null(free, ""), ""),
        pc.binary_join_element_wise("L", checked, ""),
        pc.binary_join_element_wise("L", answer, ""),
    )
    whole = joined(*text(items, "name", "schemaId"), choice)
    sets = pc.binary_join(pa.ListArray.from_arrays(np.append(0, np.cumsum(lengths)).astype(np.int32), whole), ITEM)
    return rows.coded(sets, n).map(_parse_items)


def _parse_items(text: str) -> tuple[NestedAnswer, ...] | None:
    found = set()
    for item in text.split(ITEM) if text else ():
        question, question_id, choice = item.split(PART, 2)
        names = question or None, question_id or None
        if choice[0] == "T":
            found.add(NestedAnswer(*names, text=choice[1:]))
        else:
            for answer in choice[1:].split(ANSWERS) if choice[1:] else ():
                name, schema_id = answer.split(PART)
                found.add(NestedAnswer(*names, name or None, schema_id or None))
    return tuple(sorted(found, key=lambda item: tuple(part or "" for part in item))) or None


class _Geometry:
    """Kind, box and shape of each line."""

    def __init__(self, rows: _Rows) -> None:
        self.rows = rows
        self.kind = np.zeros(rows.n, np.int8)
        self.box = np.zeros((rows.n, 4))
        self.shape = np.full(rows.n, -1, np.int64)
        self.geometries: list[NDArray[np.object_]] = []
        self.masks: list[dict[str, Any]] = []
        self.tokens: list[tuple[str, ...]] = []
        self.texts: list[str] = []
        self.sound = True
        for name, kind in SHAPES.items():
            given = rows.given(name)
            if given.any():
                self.kind[given] = kind
                at = np.flatnonzero(given)
                getattr(self, f"_{kind.name.lower()}")(at, rows.columns[name].drop_null(), kind)

    @property
    def shapes(self) -> Shapes:
        none = np.empty(0, object)
        return Shapes(np.concatenate([none, *self.geometries]), self.masks, self.tokens, self.texts)

    def _box(self, at: Ints, column: pa.Array, kind: Kind) -> None:
        left, top, width, height = (self.rows.floats(column.field(name)) for name in ("left", "top", "width", "height"))
        self.box[at] = np.column_stack([left, top, left + width, top + height])

    def _polygon(self, at: Ints, column: pa.Array, kind: Kind) -> None:
        import shapely

        points, owner = self._points(column)
        self._keep(at, shapely.polygons(shapely.linearrings(points, indices=owner)))

    def _line(self, at: Ints, column: pa.Array, kind: Kind) -> None:
        import shapely

        points, owner = self._points(column)
        self._keep(at, shapely.linestrings(points, indices=owner))

    def _point(self, at: Ints, column: pa.Array, kind: Kind) -> None:
        import shapely

        self._keep(at, shapely.points(self._coordinates(column)))

    def _points(self, column: pa.Array) -> tuple[Floats, Ints]:
        _, lengths, flat = _nested_lists(column)
        return self._coordinates(flat), np.repeat(np.arange(len(column)), lengths)

    def _coordinates(self, column: pa.Array) -> Floats:
        return np.column_stack([self.rows.floats(column.field(axis)) for axis in "xy"])

    def _keep(self, at: Ints, made: NDArray[np.object_]) -> None:
        import shapely

        self.shape[at] = sum(map(len, self.geometries)) + np.arange(len(made))
        self.box[at] = shapely.bounds(made)
        self.geometries.append(made)

    def _mask(self, at: Ints, column: pa.Array, kind: Kind) -> None:
        sizes = column.field("size").flatten().to_numpy().reshape(-1, 2)
        checked = check(column.field("counts").to_pylist(), sizes)
        self.sound = not checked.problems
        self.shape[at] = np.arange(len(at))
        self.box[at] = checked.box
        self.masks = checked.masks

    def _span(self, at: Ints, column: pa.Array, kind: Kind) -> None:
        self.box[at, 0] = column.field("start").to_numpy()
        self.box[at, 2] = column.field("end").to_numpy()

    def _tokens(self, at: Ints, column: pa.Array, kind: Kind) -> None:
        self.shape[at] = np.arange(len(at))
        self.tokens = [
            tuple(sorted({f"{part['page']}/{token}" for part in parts for token in part["tokenIds"]}))
            for parts in column.to_pylist()
        ]

    def _answer(self, at: Ints, column: pa.Array, kind: Kind) -> None:
        """Answers have no shape."""

    def _text(self, at: Ints, column: pa.Array, kind: Kind) -> None:
        self.shape[at] = np.arange(len(at))
        self.texts = column.to_pylist()
