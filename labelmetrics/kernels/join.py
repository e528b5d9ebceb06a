"""Two sides of columns brought to common codes, one identity rule and one order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelmetrics.kernels.batch import (
    Bools,
    Coded,
    Columns,
    Floats,
    Ints,
    Kind,
    Shapes,
    concat_shapes,
)
from labelmetrics.kernels.matching import float_codes, stable_order
from labelmetrics.kernels.vocabulary import AnswerNames, Names, NestedItem, Vocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The annotations of one side, sorted by data row, feature and place.

    ``position`` is each annotation's index in the columns it came from; the other columns are those of
    :class:`~labelmetrics.kernels.batch.Columns` with codes that both sides share.
    """

    row: Ints
    feature: Ints
    place: Ints
    kind: NDArray[np.int8]
    box: Floats
    shape: Ints
    confidence: Floats
    nested: Ints
    area: Floats
    crowd: Bools
    position: Ints

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Ground truths and predictions with common codes.

    Parameters
    ----------
    rows : list of str
        Data rows, sorted; ``Side.row`` is the index.
    vocabulary : Vocabulary
        Features and nested answers.
    places : list of str
        Places, sorted; the first is ``""``, the whole data row.
    nested : list of frozenset
        Distinct sets of nested answers; the first is empty.
    shapes : Shapes
        Stores of both sides.
    ground_truth, prediction : Side
        The annotations.
    """

    rows: list[str]
    vocabulary: Vocabulary
    places: list[str]
    nested: list[frozenset[NestedItem]]
    shapes: Shapes
    ground_truth: Side
    prediction: Side

    @property
    def features(self) -> list[str]:
        """Written feature names, sorted."""
        return self.vocabulary.features

    @property
    def is_classification(self) -> Bools:
        """Whether a feature is an answer or a free text, shape (n_features,)."""
        return self.vocabulary.is_classification

    def cell(self, side: Side) -> Ints:
        """Code of (data row, feature, place): only annotations of one cell are compared."""
        return self.group(side) * len(self.places) + side.place

    def group(self, side: Side) -> Ints:
        """Code of (data row, feature): what a feature metric is about."""
        return side.row * len(self.features) + side.feature

    def site(self, side: Side) -> Ints:
        """Code of (data row, place): where a class-agnostic comparison takes place."""
        return side.row * len(self.places) + side.place


def join(
    ground_truth: Columns,
    prediction: Columns,
    *,
    rows: Sequence[str] | None = None,
    canonical: tuple[bool, bool] = (False, False),
    answer_names: AnswerNames = "auto",
    vocabulary: Vocabulary | None = None,
) -> Batch:
    """Bring two sides to common codes and to the order that decides ties.

    Parameters
    ----------
    ground_truth, prediction : Columns
        The two sides; ``data_row`` holds text or data-row keys.
    rows : sequence of str, optional
        All data rows, sorted; taken from the columns unless given. Must hold every data row of the columns.
    canonical : tuple of bool, default (False, False)
        Of each side, whether annotations of one cell are sorted by geometry, confidence (falling), nested answers and
        uuid, so that the order of lines cannot matter; otherwise they keep their positions.
    answer_names : {"auto", "answer", "question/answer"}
        How answers are named; ``"auto"`` names the question where two of them share an answer.
    vocabulary : Vocabulary, optional
        What names mean, where these annotations are a part of a larger input.

    Raises
    ------
    AnnotationError
        Names and ids do not identify all features, or a feature is an object here and a classification there.
    """
    sides = (ground_truth, prediction)
    row = Coded.concat([side.data_row for side in sides])
    if row.values == rows:
        row_codes = row.codes
    else:
        names = [str(value) for value in row.values]
        if rows is None:
            rows = sorted(names)
        row_codes = _positions(names, rows)[row.codes]
    place = Coded.concat([side.place for side in sides])
    places = sorted({"", *place.values})
    place_codes = np.append(_positions(place.values, places), 0)[place.codes]
    kind = np.concatenate([side.kind for side in sides])
    if vocabulary is None:
        vocabulary = Vocabulary.of(Names.of(sides), answer_names)
    features = vocabulary.features
    feature_codes = np.concatenate([vocabulary.feature_codes(side) for side in sides])
    nested_sets, nested_codes = vocabulary.nested_sets(Coded.concat([side.nested for side in sides]))
    shapes, shape_codes = _code_texts(kind, *concat_shapes(sides))

    def side(columns: Columns, start: int, is_canonical: bool) -> Side:
        span = slice(start, start + len(columns))
        row, feature, place = row_codes[span], feature_codes[span], place_codes[span]
        nested, shape = nested_codes[span], shape_codes[span]
        cell = (row * len(features) + feature) * len(places) + place
        order = _Order(columns, shape, shapes, nested_sets, nested).sort(cell) if is_canonical else stable_order(cell)
        order, confidence = _collapse(order, cell[order], columns.kind, shape, columns.confidence)
        return Side(
            row=row[order],
            feature=feature[order],
            place=place[order],
            kind=columns.kind[order],
            box=columns.box[order],
            shape=shape[order],
            confidence=confidence,
            nested=nested[order],
            area=columns.area[order],
            crowd=columns.crowd[order],
            position=order,
        )

    return Batch(
        rows=list(rows),
        vocabulary=vocabulary,
        places=places,
        nested=nested_sets,
        shapes=shapes,
        ground_truth=side(ground_truth, 0, canonical[0]),
        prediction=side(prediction, len(ground_truth), canonical[1]),
    )


def _positions(values: Sequence[str], among: Sequence[str]) -> Ints:
    lookup = {value: code for code, value in enumerate(among)}
    return np.array([lookup[value] for value in values], np.int64)


def _code_texts(kind: NDArray[np.int8], shapes: Shapes, shape: Ints) -> tuple[Shapes, Ints]:
    """Give equal free texts equal codes, so that equality of texts is equality of integers."""
    is_text = kind == Kind.TEXT
    if not is_text.any():
        return shapes, shape
    texts = sorted(set(shapes.texts))
    shape = shape.copy()
    shape[is_text] = _positions(shapes.texts, texts)[shape[is_text]]
    return Shapes(shapes.geometries, shapes.masks, shapes.tokens, texts), shape


def _collapse(order: Ints, cell: Ints, kind: NDArray[np.int8], shape: Ints, confidence: Floats) -> tuple[Ints, Floats]:
    """Drop repeats of the same answer in one cell; the most confident stays (absent counts as 1)."""
    kept = confidence[order]
    classes = np.flatnonzero(kind[order] >= Kind.ANSWER)
    if not len(classes):
        return order, kept
    value = np.where(kind[order[classes]] == Kind.TEXT, shape[order[classes]], -1)
    score = np.where(np.isnan(kept[classes]), 1.0, kept[classes])
    ranked = np.lexsort((classes, -score, value, cell[classes]))
    first = np.zeros(len(classes), bool)
    first[ranked[_run_starts(cell[classes][ranked], value[ranked])]] = True
    stays = np.ones(len(order), bool)
    stays[classes[~first]] = False
    return order[stays], kept[stays]


def _run_starts(*keys: NDArray[Any]) -> Bools:
    """True where any of the sorted keys differs from the element before."""
    n = len(keys[0])
    start = np.ones(n, bool)
    if n > 1:
        start[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return start


@dataclass(frozen=True, slots=True)
class _Order:
    """The canonical order of one cell: geometry, confidence (falling), nested answers, uuid."""

    columns: Columns
    shape: Ints
    shapes: Shapes
    nested_sets: list[frozenset[NestedItem]]
    nested: Ints

    def sort(self, cell: Ints) -> Ints:
        """Positions in canonical order."""
        with np.errstate(over="ignore"):
            left = float_codes(self.columns.box[:, 0].astype(np.float32))
        order = stable_order(left)
        order = order[stable_order(cell[order])]
        # Ties of the first half of the first number are rare; only they are compared in full.
        same = ~_run_starts(cell[order], left[order])
        if not same.any():
            return order
        run = np.cumsum(~same)
        tied = np.flatnonzero(np.append(same[1:], False) | same)
        index = order[tied]
        confidence = self.columns.confidence[index]
        refined = np.lexsort(
            (
                _ranks([uuid or "" for uuid in self.columns.uuid[index].tolist()]),
                _ranks([tuple(sorted(self.nested_sets[code])) for code in self.nested[index].tolist()]),
                self.columns.area[index],
                self.columns.crowd[index],
                -np.where(np.isnan(confidence), np.inf, confidence),
                _ranks([self._shape_key(i) for i in index.tolist()]),
                *(self.columns.box[index, corner] for corner in (3, 2, 1)),
                self.columns.kind[index],
                self.columns.box[index, 0],
                run[tied],
            )
        )
        order[tied] = order[tied[refined]]
        return order

    def _shape_key(self, index: int) -> Any:
        kind, shape = Kind(self.columns.kind[index]), self.shape[index]
        match kind:
            case Kind.POLYGON | Kind.POINT | Kind.LINE:
                return self.shapes.geometries[shape].wkb
            case Kind.MASK:
                mask = self.shapes.masks[shape]
                return repr(mask["size"]).encode() + mask["counts"]
            case Kind.TOKENS:
                return "\x00".join(self.shapes.tokens[shape]).encode()
            case Kind.TEXT:
                return self.shapes.texts[shape].encode()
            case _:
                return b""


def _ranks(values: list[Any]) -> Ints:
    lookup = {value: rank for rank, value in enumerate(sorted(set(values)))}
    return np.array([lookup[value] for value in values], np.int64)
