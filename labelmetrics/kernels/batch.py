"""Annotations as columns: one side as it was read, and both sides in the order and coding that the kernels work on.

A reader of any format fills :class:`Columns`; :func:`join` brings two of them to common codes and to the canonical
order. Strings are held once per distinct value (:class:`Coded`), geometries in one store per kind (:class:`Shapes`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from itertools import repeat
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Texts = NDArray[np.object_]


class Kind(IntEnum):
    """What an annotation is; decides how two of them overlap."""

    BOX = 0
    """Axis-parallel rectangle: the four numbers of ``box`` are all of it."""
    POLYGON = 1
    """Area geometry of shapely, in ``Shapes.geometries``."""
    POINT = 2
    """Point of shapely, in ``Shapes.geometries``; compared after buffering."""
    LINE = 3
    """Line of shapely, in ``Shapes.geometries``; compared after buffering."""
    MASK = 4
    """COCO run-length encoding, in ``Shapes.masks``."""
    SPAN = 5
    """Span of characters: ``box`` holds start, 0, end, 0."""
    TOKENS = 6
    """Set of document tokens, in ``Shapes.tokens``."""
    ANSWER = 7
    """Chosen answer of a radio or checklist question."""
    TEXT = 8
    """Free text answer, in ``Shapes.texts``."""

    @property
    def is_classification(self) -> bool:
        return self >= Kind.ANSWER


@dataclass(frozen=True, slots=True)
class Coded:
    """A column of strings, or of other hashable values, held as codes into its distinct values.

    Parameters
    ----------
    codes : ndarray of int64, shape (n,)
        Index into ``values``; -1 is null.
    values : sequence, length n_distinct
        Distinct values, in any order.

    Examples
    --------
    >>> column = Coded.of(["cat", None, "dog", "cat"])
    >>> column.codes.tolist(), column.values
    ([0, -1, 1, 0], ['cat', 'dog'])
    >>> column.decode()
    ['cat', None, 'dog', 'cat']
    """

    codes: Ints
    values: Sequence[Any]

    @classmethod
    def of(cls, items: Iterable[Hashable]) -> Coded:
        """Code a sequence; ``None`` is null."""
        seen: dict[Hashable, int] = {}
        codes = [-1 if item is None else seen.setdefault(item, len(seen)) for item in items]
        return cls(np.array(codes, np.int64), list(seen))

    @classmethod
    def constant(cls, value: Hashable, n: int) -> Coded:
        """One value (or null) ``n`` times."""
        if value is None:
            return cls(np.full(n, -1, np.int64), [])
        return cls(np.zeros(n, np.int64), [value])

    @classmethod
    def concat(cls, columns: Sequence[Coded]) -> Coded:
        """One column below the other, with common codes."""
        if columns and all(column.values == columns[0].values for column in columns[1:]):
            return cls(np.concatenate([column.codes for column in columns]), columns[0].values)
        seen: dict[Hashable, int] = {}
        parts = []
        for column in columns:
            lookup = np.array([*(seen.setdefault(value, len(seen)) for value in column.values), -1], np.int64)
            parts.append(lookup[column.codes])
        return cls(np.concatenate(parts) if parts else np.empty(0, np.int64), list(seen))

    def take(self, index: NDArray[Any] | slice) -> Coded:
        """The rows at ``index`` (integers, a boolean mask or a stretch)."""
        return Coded(self.codes[index], self.values)

    def map(self, function: Callable[[Any], Hashable]) -> Coded:
        """Apply ``function`` once per distinct value; null stays null, ``None`` becomes null."""
        values = [function(value) for value in self.values]
        distinct = set(values)
        if len(distinct) == len(values) and None not in distinct:
            return Coded(self.codes, values)
        mapped = Coded.of(values)
        return Coded(np.append(mapped.codes, -1)[self.codes], mapped.values)

    def decode(self) -> list[Any]:
        """The column as a list."""
        values = [*self.values, None]
        return [values[code] for code in self.codes.tolist()]

    def __len__(self) -> int:
        return len(self.codes)


class NestedAnswer(NamedTuple):
    """One answer nested in an annotation, with what names its question and its answer.

    ``text`` holds a free text answer; then ``answer`` and ``answer_id`` are ``None``.
    """

    question: str | None
    question_id: str | None
    answer: str | None = None
    answer_id: str | None = None
    text: str | None = None


class DataRowKey(NamedTuple):
    """Identity of a data row: ``kind`` is ``"id"`` or ``"globalKey"``."""

    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


class DataRowKeys(Sequence[DataRowKey]):
    """Distinct data-row keys, which are made when they are looked at.

    Parameters
    ----------
    ids, global_keys : sequence of str
        Keys of either kind; the ids come first.

    Examples
    --------
    >>> keys = DataRowKeys([], ["a", "b"])
    >>> keys[1], keys.kinds
    (DataRowKey(kind='globalKey', value='b'), {'globalKey'})
    """

    def __init__(self, ids: Sequence[str], global_keys: Sequence[str]) -> None:
        self._ids, self._global_keys = ids, global_keys

    @overload
    def __getitem__(self, index: int) -> DataRowKey: ...

    @overload
    def __getitem__(self, index: slice) -> list[DataRowKey]: ...

    def __getitem__(self, index: int | slice) -> DataRowKey | list[DataRowKey]:
        if isinstance(index, slice):
            return list(self)[index]
        at = range(len(self))[index]
        n = len(self._ids)
        return DataRowKey("id", self._ids[at]) if at < n else DataRowKey("globalKey", self._global_keys[at - n])

    def __iter__(self) -> Iterator[DataRowKey]:
        for kind, values in (("id", self._ids), ("globalKey", self._global_keys)):
            yield from map(DataRowKey._make, zip(repeat(kind), values, strict=False))

    def __len__(self) -> int:
        return len(self._ids) + len(self._global_keys)

    @property
    def kinds(self) -> set[str]:
        """Kinds that occur."""
        return {kind for kind, values in (("id", self._ids), ("globalKey", self._global_keys)) if values}

    @property
    def texts(self) -> list[str]:
        """The keys without their kinds."""
        return [*self._ids, *self._global_keys]


def _no_geometries() -> NDArray[np.object_]:
    return np.empty(0, object)


@dataclass(frozen=True, slots=True)
class Shapes:
    """What does not fit into four numbers, one store per kind; ``Columns.shape`` is the index into the store.

    Parameters
    ----------
    geometries : ndarray of object
        shapely geometries of polygons, points and lines.
    masks : list of dict
        COCO run-length encodings, ``{"size": [height, width], "counts": bytes}``.
    tokens : list of tuple of str
        Document tokens, each as ``"page/token id"``, sorted and distinct.
    texts : list of str
        Free texts.
    """

    geometries: NDArray[np.object_] = field(default_factory=_no_geometries)
    masks: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[tuple[str, ...]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def size(self, kind: Kind) -> int:
        """Number of entries in the store of ``kind``."""
        match kind:
            case Kind.POLYGON | Kind.POINT | Kind.LINE:
                return len(self.geometries)
            case Kind.MASK:
                return len(self.masks)
            case Kind.TOKENS:
                return len(self.tokens)
            case Kind.TEXT:
                return len(self.texts)
            case _:
                return 0

    @classmethod
    def concat(cls, stores: Sequence[Shapes]) -> Shapes:
        """All stores, one behind the other."""
        return cls(
            np.concatenate([_no_geometries(), *(store.geometries for store in stores)]),
            [mask for store in stores for mask in store.masks],
            [tokens for store in stores for tokens in store.tokens],
            [text for store in stores for text in store.texts],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The annotations of one side, as a reader found them; ``n`` rows.

    Parameters
    ----------
    data_row : Coded of DataRowKey
        Which data row each annotation belongs to; never null.
    place : Coded of str
        Frame, page and unit, or message, as text (``"frame=3"``, ``"page=1;unit=POINTS"``, ``"message=m1"``);
        null is the whole data row.
    name, schema_id : Coded of str
        Name and schema id of the object, or of the question.
    answer, answer_id : Coded of str
        Name and schema id of the chosen answer (``Kind.ANSWER`` only).
    kind : ndarray of int8, shape (n,)
        Values of :class:`Kind`.
    box : ndarray of float64, shape (n, 4)
        Left, top, right, bottom in pixels, of every geometry; start, 0, end, 0 of spans; zeros elsewhere.
    shape : ndarray of int64, shape (n,)
        Index into the store of the annotation's kind, -1 where there is none.
    shapes : Shapes
        The stores.
    confidence : ndarray of float64, shape (n,)
        In [0, 1]; NaN where none was given.
    nested : Coded of tuple of NestedAnswer
        Nested answers, sorted and distinct; null where there are none.
    area : ndarray of float64, shape (n,)
        Area as the file gives it (COCO); NaN where it does not.
    crowd : ndarray of bool, shape (n,)
        COCO's ``iscrowd``.
    uuid : ndarray of object, shape (n,)
        Given uuids, nearly all of them distinct; ``None`` where there is none.
    listed : list of DataRowKey
        Data rows that the input names without any annotation (COCO's images, a label without annotations).
    """

    data_row: Coded
    place: Coded
    name: Coded
    schema_id: Coded
    answer: Coded
    answer_id: Coded
    kind: NDArray[np.int8]
    box: Floats
    shape: Ints
    shapes: Shapes
    confidence: Floats
    nested: Coded
    area: Floats
    crowd: Bools
    uuid: Texts
    listed: list[DataRowKey] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.kind)

    @property
    def key_kinds(self) -> set[str]:
        """Kinds of the keys of data rows."""
        values = self.data_row.values
        kinds = values.kinds if isinstance(values, DataRowKeys) else {key.kind for key in values}
        return kinds | {key.kind for key in self.listed}

    @classmethod
    def empty(cls) -> Columns:
        """No annotations."""
        return cls.make(data_row=Coded.of([]), name=Coded.of([]), kind=Kind.BOX, box=np.empty((0, 4)))

    @classmethod
    def make(
        cls, *, data_row: Coded, name: Coded, kind: Kind | NDArray[np.int8], box: Floats | None = None, **columns: Any
    ) -> Columns:
        """Columns with everything that is not given absent (null, NaN, False, no shape)."""
        n = len(data_row)
        absent = Coded.constant(None, n)
        defaults: dict[str, Any] = {
            "place": absent,
            "schema_id": absent,
            "answer": absent,
            "answer_id": absent,
            "shape": np.full(n, -1, np.int64),
            "shapes": Shapes(),
            "confidence": np.full(n, np.nan),
            "nested": absent,
            "area": np.full(n, np.nan),
            "crowd": np.zeros(n, bool),
            "uuid": np.full(n, None, object),
        }
        return cls(
            data_row=data_row,
            name=name,
            kind=np.full(n, kind, np.int8) if isinstance(kind, Kind) else kind,
            box=np.zeros((n, 4)) if box is None else box,
            **{**defaults, **columns},
        )

    def take(self, index: NDArray[Any]) -> Columns:
        """The annotations at ``index`` (integers or a boolean mask); the stores are shared."""
        coded = ("data_row", "place", "name", "schema_id", "answer", "answer_id", "nested")
        plain = ("kind", "box", "shape", "confidence", "area", "crowd", "uuid")
        return replace(
            self,
            **{name: getattr(self, name).take(index) for name in coded},
            **{name: getattr(self, name)[index] for name in plain},
        )

    @classmethod
    def concat(cls, parts: Sequence[Columns]) -> Columns:
        """All parts, one below the other."""
        if len(parts) == 1:
            return parts[0]
        parts = parts or [cls.empty()]
        shapes, shape = concat_shapes(parts)
        coded = ("data_row", "place", "name", "schema_id", "answer", "answer_id", "nested")
        plain = ("kind", "box", "confidence", "area", "crowd", "uuid")
        columns: dict[str, Any] = {name: Coded.concat([getattr(part, name) for part in parts]) for name in coded}
        columns |= {name: np.concatenate([getattr(part, name) for part in parts]) for name in plain}
        return cls(
            **columns,
            shape=shape,
            shapes=shapes,
            listed=[key for part in parts for key in part.listed],
        )


def concat_shapes(parts: Sequence[Columns]) -> tuple[Shapes, Ints]:
    """The stores of all parts in one, and ``Columns.shape`` of all parts as indices into it."""
    shapes = []
    offsets = dict.fromkeys(Kind, 0)
    for part in parts:
        shift = np.array([offsets[kind] for kind in Kind], np.int64)[part.kind]
        shapes.append(np.where(part.shape < 0, -1, part.shape + shift))
        for kind in Kind:
            offsets[kind] += part.shapes.size(kind)
    return Shapes.concat([part.shapes for part in parts]), np.concatenate(shapes)
