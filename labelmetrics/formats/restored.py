"""The objects of an evaluation turned back into columns, for whatever compares them anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from labelmetrics.kernels.batch import Coded, Columns, Floats, Ints, Kind, NestedAnswer, Shapes

if TYPE_CHECKING:
    import pyarrow as pa

VECTORS = (Kind.POLYGON, Kind.POINT, Kind.LINE)


def coded(column: pa.ChunkedArray) -> Coded:
    """A column of text, held as codes.

    >>> import pyarrow as pa
    >>> coded(pa.chunked_array([["cat", None, "cat"]])).codes.tolist()
    [0, -1, 0]
    """
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    # Casting gets rid of a dictionary with nulls or repeats in it.
    encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    return Coded(encoded.indices.fill_null(-1).to_numpy().astype(np.int64), encoded.dictionary.to_pylist())


def numbers(column: pa.ChunkedArray) -> Floats:
    """A column of numbers; null is NaN."""
    found: Floats = column.cast("float64").fill_null(np.nan).to_numpy()
    return found


def restored_columns(objects: pa.Table) -> Columns:
    """Columns of rows of the table of objects; the name of each annotation is its feature.

    Answers are named by their feature alone. What metrics cannot see (uuids) is left out.

    Parameters
    ----------
    objects : pyarrow.Table
        Some of its rows.

    Returns
    -------
    Columns
        One row each, in their order.
    """
    kinds = coded(objects.column("kind"))
    kind = np.array([Kind[value.upper()] for value in kinds.values], np.int8)[kinds.codes]
    shape, shapes = _shapes(objects, kind)
    box = np.stack([numbers(objects.column(side)) for side in ("left", "top", "right", "bottom")], axis=1)
    feature = coded(objects.column("feature"))
    return Columns.make(
        data_row=coded(objects.column("data_row")),
        place=coded(objects.column("place")),
        name=feature,
        answer=Coded(np.where(kind == Kind.ANSWER, feature.codes, -1), feature.values),
        kind=kind,
        box=np.nan_to_num(box),
        shape=shape,
        shapes=shapes,
        confidence=numbers(objects.column("confidence")),
        nested=_nested(objects.column("nested")),
        area=numbers(objects.column("area")),
        crowd=objects.column("crowd").to_numpy(),
    )


def _nested(column: pa.ChunkedArray) -> Coded:
    import pyarrow.compute as pc

    joined = coded(pc.binary_join(column, "\n"))
    return joined.map(lambda text: tuple(NestedAnswer(item, None, item) for item in text.split("\n")))


def _shapes(objects: pa.Table, kind: Any) -> tuple[Ints, Shapes]:
    """Index of each object into the store of its kind, and the stores."""
    import orjson
    import pyarrow as pa
    import shapely

    geometry = objects.column("geometry").combine_chunks()
    shape = np.full(len(kind), -1)

    def contents(*kinds: Kind) -> list[bytes]:
        at = np.flatnonzero(np.isin(kind, kinds))
        shape[at] = np.arange(len(at))
        found: list[bytes] = geometry.take(pa.array(at)).to_pylist()
        return found

    masks = [orjson.loads(text) for text in contents(Kind.MASK)]
    return shape, Shapes(
        geometries=shapely.from_wkb(np.array(contents(*VECTORS), object)),
        masks=[{"size": one["size"], "counts": one["counts"].encode()} for one in masks],
        tokens=[tuple(text.decode().split("\n")) for text in contents(Kind.TOKENS)],
        texts=[text.decode() for text in contents(Kind.TEXT)],
    )
