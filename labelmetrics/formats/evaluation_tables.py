"""An evaluation as Arrow tables: what became of each object, which pairs met, and what was counted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from labelmetrics.kernels.batch import Bools, Coded, Columns, Floats, Ints, Kind, Shapes
from labelmetrics.kernels.comparison import Comparison
from labelmetrics.kernels.curves import Detections, crowd_overlap
from labelmetrics.kernels.dense import crowded_cells, union
from labelmetrics.kernels.join import Side
from labelmetrics.kernels.matching import stable_order
from labelmetrics.kernels.overlap import areas_of
from labelmetrics.kernels.pairs import Pairs
from labelmetrics.kernels.results import Groups, Results
from labelmetrics.kernels.thresholds import Grid, threshold_name
from labelmetrics.kernels.vocabulary import TEXT_MARK

if TYPE_CHECKING:
    import pyarrow as pa

SIDES = ("ground_truth", "prediction")
OUTCOMES = ("TP", "FP", "FN", "ignored")
REASONS = (
    "below threshold",
    "wrong class",
    "duplicate",
    "prediction taken",
    "subclass differs",
    "text differs",
    "no counterpart",
    "crowd",
)


def objects_table(
    comparison: Comparison, columns: tuple[Columns, Columns], ordered: Sequence[bool] = (False, False)
) -> pa.Table:
    """One row per ground truth and prediction: data row by data row, ground truths first.

    ``object`` numbers them; ``outcome``, ``partner``, ``overlap`` and ``reason`` are given per
    threshold, with the name of its metric as suffix. ``nearest`` is the annotation of the other side with the highest
    overlap, one of the same feature first. ``order`` is the position in the input, on sides where that means something
    (``ordered``): COCO settles ties of score by it.
    """
    import pyarrow as pa

    batch = comparison.batch
    sides = (batch.ground_truth, batch.prediction)
    n = [len(side) for side in sides]
    arranged, number = _numbered(comparison)

    def both(values: Any) -> NDArray[Any]:
        return np.concatenate([values(side) for side in sides])

    place = pa.array([value or None for value in batch.places], pa.string())
    nested = pa.array(
        [[f"{q}/{a.removeprefix(TEXT_MARK)}" for q, a in sorted(items)] or None for items in batch.nested],
        pa.list_(pa.string()),
    )
    box = both(lambda side: side.box)
    questions = _questions(comparison, columns)
    # Answers and texts have no extent.
    extent = both(lambda side: side.kind < Kind.TOKENS)
    uuid = np.concatenate([side.uuid[part.position] for side, part in zip(columns, sides, strict=True)])
    table: dict[str, Any] = {
        "object": pa.array(number),
        "side": _dictionary(np.repeat([0, 1], n), SIDES),
        "data_row": _dictionary(both(lambda side: side.row), batch.rows),
        "place": place.take(pa.array(both(lambda side: side.place))),
        "feature": _dictionary(both(lambda side: side.feature), batch.features),
        "question": _dictionary(questions.codes, questions.values),
        "kind": _dictionary(both(lambda side: side.kind), [kind.name.lower() for kind in Kind]),
        "nested": nested.take(pa.array(both(lambda side: side.nested))),
        "confidence": _numbers(both(lambda side: side.confidence)),
        **{
            name: pa.array(box[:, corner], mask=~extent)
            for corner, name in enumerate(("left", "top", "right", "bottom"))
        },
        "geometry": pa.array([g for side in sides for g in _geometry(side, batch.shapes)], pa.binary()),
        "area": _numbers(np.concatenate([areas_of(side, batch.shapes) for side in sides])),
        "crowd": pa.array(both(lambda side: side.crowd)),
        "uuid": pa.array(uuid, pa.string()),
        "order": pa.array(both(lambda side: side.position), mask=~np.repeat(ordered, n)),
    }
    reasons = _Reasons(comparison, columns)
    nearest, nearest_overlap = reasons.nearest()
    table["nearest"], table["nearest_overlap"] = _objects(number, nearest), _numbers(nearest_overlap)
    for index, threshold in enumerate(comparison.grid.thresholds):
        suffix = threshold_name(threshold)
        partner, overlap, ignored = (
            np.concatenate([getattr(outcome, name)[index] for outcome in comparison.outcomes])
            for name in ("partner", "overlap", "ignored")
        )
        # Positions of partners among the objects of both sides.
        partner = np.where((partner >= 0) & (np.arange(sum(n)) < n[0]), partner + n[0], partner)
        outcome = np.where(partner < 0, np.repeat([2, 1], n), 0)
        outcome[ignored] = OUTCOMES.index("ignored")
        table[f"outcome_{suffix}"] = _dictionary(outcome, OUTCOMES)
        table[f"partner_{suffix}"] = _objects(number, partner)
        table[f"overlap_{suffix}"] = _numbers(overlap)
        table[f"reason_{suffix}"] = _dictionary(reasons.at(index, threshold), REASONS)
    return pa.table(table).take(pa.array(arranged))


def _numbered(comparison: Comparison) -> tuple[Ints, Ints]:
    """Order of the objects, ground truths and then predictions, data row by data row; and the number of each."""
    batch = comparison.batch
    order = np.argsort(np.concatenate([batch.ground_truth.row, batch.prediction.row]), kind="stable")
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    return order, number


def _objects(number: Ints, position: Ints) -> Any:
    """Numbers of objects, given by their positions; null where that is negative."""
    import pyarrow as pa

    nobody = position < 0
    return pa.array(number[np.where(nobody, 0, position)] if len(number) else position, mask=nobody)


def pairs_table(comparison: Comparison) -> pa.Table:
    """Pairs of a ground truth and a prediction of one data row and place, by ``object`` number.

    All of the same feature with an overlap above 0, and those of unlike features from 0.1 up; of crowded cells, those
    that decide matches. ``crowd_overlap`` is what COCO takes for the overlap with a crowd: the share of the prediction
    that lies on it.
    """
    import pyarrow as pa

    batch = comparison.batch
    pairs = union([comparison.pairs, comparison.across])
    _, number = _numbered(comparison)
    return pa.table(
        {
            "ground_truth": number[pairs.first],
            "prediction": number[len(batch.ground_truth) + pairs.second],
            "overlap": pairs.overlap,
            "same_feature": batch.ground_truth.feature[pairs.first] == batch.prediction.feature[pairs.second],
            "crowd_overlap": _numbers(crowd_overlap(comparison, pairs)),
        }
    )


def _questions(comparison: Comparison, columns: tuple[Columns, Columns]) -> Coded:
    """Question of each answer and free text, null for objects."""
    sides = (comparison.batch.ground_truth, comparison.batch.prediction)
    asked = []
    for side, one in zip(sides, columns, strict=True):
        name = one.schema_id if (one.name.codes < 0).any() else one.name
        part = name.take(side.position)
        asked.append(Coded(np.where(side.kind >= Kind.ANSWER, part.codes, -1), part.values))
    column = Coded.concat(asked)
    # Sorted, so that the order of lines cannot be seen.
    values, codes = np.unique(np.array(column.values, object), return_inverse=True)
    return Coded(np.append(codes, -1)[column.codes], values.tolist())


def _numbers(values: Floats) -> Any:
    import pyarrow as pa

    return pa.array(values, mask=np.isnan(values))


def _dictionary(codes: NDArray[Any], values: Any) -> Any:
    """Dictionary-coded text; -1 is null."""
    import pyarrow as pa

    codes = codes.astype(np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), pa.array(list(values), pa.string()))


def _geometry(side: Side, shapes: Shapes) -> list[bytes | None]:
    """WKB of vectors, run-length encodings as JSON, tokens and texts as text; null where the box says it all."""
    import orjson
    import shapely

    wkb = shapely.to_wkb(shapes.geometries) if len(shapes.geometries) else []
    found: list[bytes | None] = []
    for kind, shape in zip(side.kind.tolist(), side.shape.tolist(), strict=True):
        match kind:
            case Kind.POLYGON | Kind.POINT | Kind.LINE:
                found.append(wkb[shape])
            case Kind.MASK:
                mask = shapes.masks[shape]
                found.append(orjson.dumps({"size": list(mask["size"]), "counts": mask["counts"].decode()}))
            case Kind.TOKENS:
                found.append("\n".join(shapes.tokens[shape]).encode())
            case Kind.TEXT:
                found.append(shapes.texts[shape].encode())
            case _:
                found.append(None)
    return found


class _Reasons:
    """Why annotations are unmatched."""

    def __init__(self, comparison: Comparison, columns: tuple[Columns, Columns]) -> None:
        self.comparison = comparison
        self.columns = columns
        batch = comparison.batch
        self.n = (len(batch.ground_truth), len(batch.prediction))
        across = comparison.across
        self.unlike = across.take(batch.ground_truth.feature[across.first] != batch.prediction.feature[across.second])

    def nearest(self) -> tuple[Ints, Floats]:
        """Nearest annotation of the other side, as position among both sides (-1 where there is none); its overlap."""
        found, overlaps = [], []
        for which in (0, 1):
            best = np.full(self.n[which], -1)
            overlap = np.full(self.n[which], np.nan)
            for pairs in (self.unlike, self.comparison.pairs):
                own, other = (pairs.first, pairs.second) if which == 0 else (pairs.second, pairs.first)
                rising = np.argsort(pairs.overlap, kind="stable")
                best[own[rising]], overlap[own[rising]] = other[rising], pairs.overlap[rising]
            found.append(np.where(best < 0, -1, best + (self.n[0] if which == 0 else 0)))
            overlaps.append(overlap)
        return np.concatenate(found), np.concatenate(overlaps)

    def at(self, index: int, threshold: float) -> Ints:
        """Index into REASONS of each annotation, -1 for matched ones."""
        comparison, batch = self.comparison, self.comparison.batch
        coco = comparison.matching == "coco"

        def reaches(pairs: Pairs) -> Bools:
            return pairs.overlap >= threshold if coco else pairs.overlap > threshold

        near = reaches(comparison.pairs)
        agrees = np.ones(len(comparison.pairs), bool)
        if comparison.include_subclasses:
            agrees = (
                batch.ground_truth.nested[comparison.pairs.first] == batch.prediction.nested[comparison.pairs.second]
            )
        results = []
        for which, (side, outcome) in enumerate(
            zip((batch.ground_truth, batch.prediction), comparison.outcomes, strict=True)
        ):
            own = (comparison.pairs.first, comparison.pairs.second)[which]
            unlike = (self.unlike.first, self.unlike.second)[which]

            def marked(at: Ints, n: int = self.n[which]) -> Bools:
                mark = np.zeros(n, bool)
                mark[at] = True
                return mark

            reason = np.full(self.n[which], REASONS.index("no counterpart"))
            # From the weakest reason to the strongest.
            reason[marked(own)] = REASONS.index("below threshold")
            reason[marked(unlike[reaches(self.unlike)])] = REASONS.index("wrong class")
            reason[self._other_answer(which, index)] = REASONS.index("wrong class")
            reason[self._other_text(which)] = REASONS.index("text differs")
            reason[marked(own[near & ~agrees])] = REASONS.index("subclass differs")
            reason[marked(own[near & agrees])] = REASONS.index(("prediction taken", "duplicate")[which])
            reason[outcome.partner[index] >= 0] = -1
            reason[outcome.ignored[index]] = REASONS.index("crowd")
            results.append(reason)
            del side
        return np.concatenate(results)

    def _other_answer(self, which: int, index: int) -> Bools:
        """Unmatched answers whose question the other side answered otherwise."""
        batch = self.comparison.batch
        sides = (batch.ground_truth, batch.prediction)
        questions = _questions(self.comparison, self.columns)
        parts = np.split(questions.codes, [self.n[0]])
        asked = [
            np.where(
                (side.kind == Kind.ANSWER) & (outcome.partner[index] < 0),
                batch.site(side) * (len(questions.values) + 1) + part,
                -1 - place,
            )
            for place, (side, part, outcome) in enumerate(zip(sides, parts, self.comparison.outcomes, strict=True))
        ]
        return np.isin(asked[which], asked[1 - which])

    def _other_text(self, which: int) -> Bools:
        batch = self.comparison.batch
        sides = (batch.ground_truth, batch.prediction)
        cells = [np.where(side.kind == Kind.TEXT, batch.cell(side), -1 - i) for i, side in enumerate(sides)]
        return np.isin(cells[which], cells[1 - which])


def counts_table(results: Results) -> pa.Table:
    """Counts of every group at every threshold and level.

    Groups follow each other by data row, feature and subclass; a feature as a whole comes before its subclasses.
    """
    import pyarrow as pa

    grid, groups = results.grid, _all_groups(results)
    n, times, levels = len(groups), len(grid.thresholds), grid.n_levels

    def spread(values: NDArray[Any]) -> NDArray[Any]:
        return np.repeat(values, times * levels)

    def by_group(counts: Ints) -> Ints:
        return counts.transpose(2, 0, 1).ravel()

    return pa.table(
        {
            **_names(results, groups, spread),
            "iou": np.tile(np.repeat(np.array(grid.thresholds), levels), n),
            "confidence": _numbers(np.tile([np.nan, *grid.keys], times * n)),
            "ground_truths": spread(groups.n_truth),
            "predictions": by_group(np.broadcast_to(groups.n_guess, (times, levels, n))),
            "tp": by_group(groups.tp),
            "fp": by_group(groups.fp),
            "tn": np.zeros(n * times * levels, np.int64),
            "fn": by_group(groups.fn),
        }
    )


def iou_table(results: Results) -> pa.Table:
    """Mean overlap of every group and level, in the order of the counts; null where both sides are empty."""
    import pyarrow as pa

    grid, groups = results.grid, _all_groups(results)
    return pa.table(
        {
            **_names(results, groups, lambda values: np.repeat(values, grid.n_levels)),
            "confidence": _numbers(np.tile([np.nan, *grid.keys], len(groups))),
            "miou": _numbers(groups.iou.T.ravel()),
        }
    )


def _all_groups(results: Results) -> Groups:
    """Features and subclasses in one order."""
    both = Groups.concat([results.by_feature, results.by_subclass])
    return both.take(np.lexsort((both.subclass, both.feature, both.row)))


def _names(results: Results, groups: Groups, spread: Any) -> dict[str, Any]:
    return {
        "data_row": _dictionary(spread(groups.row), results.rows),
        "feature": _dictionary(spread(groups.feature), results.features),
        "subclass": _dictionary(spread(groups.subclass), results.subclasses),
    }


def results_of_tables(
    counts: pa.Table,
    iou: pa.Table,
    *,
    rows: list[str],
    features: list[str],
    classifications: list[str],
    subclasses: list[str],
    grid: Grid,
) -> Results:
    """The results that :func:`counts_table` and :func:`iou_table` were made from.

    Raises
    ------
    ValueError, KeyError
        The tables do not fit together.
    """
    import pyarrow as pa

    times, levels = len(grid.thresholds), grid.n_levels
    n = len(counts) // (times * levels)
    given = counts.select(["iou", "confidence"]).slice(0, times * levels).to_pylist()
    if n * times * levels != len(counts) or (n and [tuple(one.values()) for one in given] != _grid(grid)):
        raise ValueError("the table of counts has other thresholds or confidence keys than the manifest")

    def numbers(name: str) -> Ints:
        found: Ints = counts.column(name).to_numpy().reshape(n, times, levels).transpose(1, 2, 0)
        return found

    head = counts.select(["data_row", "feature", "subclass"]).take(pa.array(np.arange(n) * times * levels))
    overlaps = iou.column("miou").cast("float64").fill_null(np.nan).to_numpy().reshape(n, levels).T
    both = Groups(
        row=_codes(head, "data_row", rows),
        feature=_codes(head, "feature", features),
        subclass=_codes(head, "subclass", subclasses),
        n_truth=numbers("ground_truths")[0, 0],
        n_guess=numbers("predictions")[0],
        tp=numbers("tp"),
        fp=numbers("fp"),
        fn=numbers("fn"),
        iou=overlaps,
    )
    return Results(
        rows=rows,
        features=features,
        is_classification=np.isin(np.array(features, object), np.array(classifications, object)),
        subclasses=subclasses,
        grid=grid,
        by_feature=both.take(both.subclass < 0),
        by_subclass=both.take(both.subclass >= 0),
    )


def _codes(table: pa.Table, name: str, values: Sequence[str]) -> Ints:
    """Index of each row's text in ``values``, which must hold it; -1 is null."""
    lookup = {value: code for code, value in enumerate(values)}
    column = table.column(name).combine_chunks()
    if not hasattr(column, "dictionary"):
        column = column.dictionary_encode()
    known = np.array([*(lookup[value] for value in column.dictionary.to_pylist()), -1], np.int64)
    found: Ints = known[column.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    return found


def detections_of_tables(objects: pa.Table, pairs: pa.Table, *, rows: list[str], features: list[str]) -> Detections:
    """The detections of the comparison that :func:`objects_table` and :func:`pairs_table` were made from.

    Raises
    ------
    KeyError, IndexError
        The tables do not fit together.
    """
    side, row, feature = (
        _codes(objects, name, values) for name, values in (("side", SIDES), ("data_row", rows), ("feature", features))
    )
    places = objects.column("place").combine_chunks().cast("string").dictionary_encode()
    place = places.indices.fill_null(-1).to_numpy(zero_copy_only=False) + 1
    cell = (row * len(features) + feature) * (len(places.dictionary) + 1) + place
    order = objects.column("order").fill_null(-1).to_numpy()
    # Where positions in the input mean something, they come before the order of the table.
    truth, guess = (at[stable_order(order[at])] for at in (np.flatnonzero(side == 0), np.flatnonzero(side == 1)))
    number = objects.column("object").to_numpy()
    position = np.zeros(number.max(initial=-1) + 1, np.int64)
    for one in (truth, guess):
        position[number[one]] = np.arange(len(one))
    same = pairs.filter(pairs.column("same_feature"))
    area = objects.column("area").fill_null(0.0).to_numpy()
    crowded = crowded_cells(np.sort(cell[truth]), np.sort(cell[guess]))
    over_crowd = same.column("crowd_overlap").to_numpy()
    return Detections(
        category=feature[guess],
        image=row[guess],
        score=objects.column("confidence").fill_null(1.0).to_numpy()[guess],
        area=area[guess],
        thinned=np.isin(cell[guess], crowded),
        truth_category=feature[truth],
        truth_image=row[truth],
        truth_area=area[truth],
        crowd=objects.column("crowd").to_numpy()[truth],
        detection=position[same.column("prediction").to_numpy()],
        truth=position[same.column("ground_truth").to_numpy()],
        overlap=np.where(np.isnan(over_crowd), same.column("overlap").to_numpy(), over_crowd),
    )


def _grid(grid: Grid) -> list[tuple[float, float | None]]:
    """Threshold and confidence key of each row of a group."""
    return [*product(grid.thresholds, [None, *grid.keys])]
