"""Precision over recall as COCO defines it, at all thresholds and areas at once.

Semantics are those of pycocotools' ``COCOeval`` (https://github.com/cocodataset/cocoapi): detections of an image and
category choose in falling score; ties of score keep the order of images, then of detections.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from labelmetrics.kernels.batch import Bools, Floats, Ints
from labelmetrics.kernels.comparison import Comparison
from labelmetrics.kernels.dense import crowded_cells
from labelmetrics.kernels.matching import float_codes, stable_order
from labelmetrics.kernels.overlap import Overlaps, areas_of
from labelmetrics.kernels.pairs import Pairs

THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).round(2).tolist())
RECALLS = np.linspace(0.0, 1.0, 101)
AREAS = {"all": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
MOST_DETECTIONS = (1, 10, 100)

States = NDArray[np.bool_]
"""Booleans by (threshold, area, thing): what is compared for all things at once lies together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detections:
    """Ground truths, detections and the pairs of them that overlap.

    Parameters
    ----------
    category, image : ndarray of int64, shape (n,)
        Of each detection; ``image`` counts in the order that settles ties.
    score, area : ndarray of float64, shape (n,)
        Confidence and area of each detection; detections stand in their order within the image.
    thinned : ndarray of bool, shape (n,)
        Detections of cells so crowded that not all of their pairs are kept (:mod:`labelmetrics.kernels.dense`).
    truth_category, truth_image : ndarray of int64, shape (m,)
        Of each ground truth.
    truth_area : ndarray of float64, shape (m,)
        Area of each ground truth.
    crowd : ndarray of bool, shape (m,)
        Ground truths that are crowds: ignored, and never used up.
    detection, truth : ndarray of int64, shape (p,)
        The pairs of one image and category.
    overlap : ndarray of float64, shape (p,)
        Their overlap; over the detection's own area where the ground truth is a crowd.
    """

    category: Ints
    image: Ints
    score: Floats
    area: Floats
    thinned: Bools
    truth_category: Ints
    truth_image: Ints
    truth_area: Floats
    crowd: Bools
    detection: Ints
    truth: Ints
    overlap: Floats

    @classmethod
    def of(cls, comparison: Comparison, ordered: Sequence[bool]) -> Detections:
        """All that was compared; images and categories are the data rows and features of the batch.

        Where a side is ``ordered``, its positions in the input come before the order of the batch.
        """
        batch, pairs = comparison.batch, comparison.pairs
        sides = (batch.ground_truth, batch.prediction)
        first, second = sides
        cells = [batch.cell(side) for side in sides]
        areas = (areas_of(side, batch.shapes) for side in sides)
        truth_area, area = (np.where(np.isnan(own), 0.0, own) for own in areas)
        over_crowd = crowd_overlap(comparison, pairs)
        found = cls(
            category=second.feature,
            image=second.row,
            score=np.where(np.isnan(second.confidence), 1.0, second.confidence),
            area=area,
            thinned=np.isin(cells[1], crowded_cells(*cells)),
            truth_category=first.feature,
            truth_image=first.row,
            truth_area=truth_area,
            crowd=first.crowd,
            detection=pairs.second,
            truth=pairs.first,
            overlap=np.where(np.isnan(over_crowd), pairs.overlap, over_crowd),
        )
        if not any(ordered):
            return found
        return found.take(
            *(
                stable_order(side.position) if by_position else np.arange(len(side))
                for side, by_position in zip(sides, ordered, strict=True)
            )
        )

    def take(self, truth: Ints, detection: Ints) -> Detections:
        """Some ground truths and detections by their indices, in that order, and the pairs between them."""
        places = []
        for index, n in ((truth, len(self.crowd)), (detection, len(self.score))):
            place = np.full(n, -1)
            place[index] = np.arange(len(index))
            places.append(place)
        first, second = places[0][self.truth], places[1][self.detection]
        kept = np.flatnonzero((first >= 0) & (second >= 0))
        return Detections(
            category=self.category[detection],
            image=self.image[detection],
            score=self.score[detection],
            area=self.area[detection],
            thinned=self.thinned[detection],
            truth_category=self.truth_category[truth],
            truth_image=self.truth_image[truth],
            truth_area=self.truth_area[truth],
            crowd=self.crowd[truth],
            detection=second[kept],
            truth=first[kept],
            overlap=self.overlap[kept],
        )

    def renumbered(self, images: Ints, categories: Ints) -> Detections:
        """The same with a new number for each image and category; without those whose number is negative."""
        truth_image, truth_category = images[self.truth_image], categories[self.truth_category]
        image, category = images[self.image], categories[self.category]
        new = replace(self, image=image, category=category, truth_image=truth_image, truth_category=truth_category)
        if images.min(initial=0) >= 0 and categories.min(initial=0) >= 0:
            return new
        return new.take(
            np.flatnonzero((truth_image >= 0) & (truth_category >= 0)), np.flatnonzero((image >= 0) & (category >= 0))
        )

    def ranked(self, most: int) -> tuple[Detections, Ints]:
        """The detections that count, sorted by category and falling score, and their ranks within image and category.

        Of each image and category the ``most`` detections of highest score count.
        """
        n_images = int(max(self.image.max(initial=-1), self.truth_image.max(initial=-1))) + 1
        by_image = stable_order(self.image)
        by_score = by_image[stable_order(-float_codes(self.score[by_image]))]
        group = self.category * n_images + self.image
        order = by_score[stable_order(group[by_score])]
        rank = np.empty(len(order), np.int64)
        rank[order] = _positions(group[order])
        order = by_score[stable_order(self.category[by_score])]
        order = order[rank[order] < most]
        return self.take(np.arange(len(self.crowd)), order), rank[order]


def numbers(chosen: Bools) -> Ints:
    """What is chosen numbered from 0, -1 for the rest.

    >>> numbers(np.array([True, False, True])).tolist()
    [0, -1, 1]
    """
    return np.where(chosen, np.cumsum(chosen) - 1, -1)


def crowd_overlap(comparison: Comparison, pairs: Pairs) -> Floats:
    """What COCO takes for the overlap with a crowd: the share of the prediction that lies on it; NaN for the rest."""
    crowd = np.flatnonzero(comparison.batch.ground_truth.crowd[pairs.first])
    overlap = np.full(len(pairs), np.nan)
    if len(crowd):
        ends = pairs.first[crowd], pairs.second[crowd]
        overlap[crowd] = Overlaps(comparison.batch, comparison.buffer, coco_crowd=True).of(*ends)
    return overlap


def _positions(group: Ints) -> Ints:
    """Position of each element within its run of equal groups."""
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    return np.arange(len(group)) - np.repeat(starts, np.diff(np.append(starts, len(group))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """What became of each detection.

    Parameters
    ----------
    off : ndarray of bool, shape (A, n)
        Detections outside of each range of areas: ignored unless they are matched, and wrong otherwise.
    near : ndarray of int64, shape (c,)
        Detections that overlap enough with any ground truth; all others are unmatched.
    hit, ignored : ndarray of bool, shape (T, A, c)
        Which of those are true positives, and which neither right nor wrong.
    """

    off: States
    near: Ints
    hit: States
    ignored: States

    def whole(self) -> tuple[States, States]:
        """``hit`` and ``ignored`` of all detections, shape (T, A, n) each."""
        ignored = np.repeat(self.off[None], len(self.hit), axis=0)
        hit = np.zeros_like(ignored)
        hit[:, :, self.near], ignored[:, :, self.near] = self.hit, self.ignored
        return hit, ignored


def match(found: Detections, rank: Ints, thresholds: Floats, areas: Floats) -> Matched:
    """Match at all thresholds and areas, shapes (T,) and (A, 2).

    ``found`` and ``rank`` are as ``ranked`` gives them, thresholds rise.
    """
    n, low, high = len(found.score), areas[:, :1], areas[:, 1:]
    off = (found.area < low) | (found.area > high)
    ignored_truth = (found.truth_area < low) | (found.truth_area > high) | found.crowd
    limits = np.minimum(thresholds, 1 - 1e-10)
    pairs = np.flatnonzero(found.overlap >= limits[0])
    pairs = pairs[stable_order(found.truth[pairs] * n + found.detection[pairs])]
    partners = np.bincount(found.detection[pairs], minlength=n)
    near = np.flatnonzero(partners)
    detection = numbers(partners > 0)[found.detection[pairs]]
    truth, overlap = found.truth[pairs], found.overlap[pairs]
    # Detections that have but one ground truth are decided at once, if that one has only such detections.
    only = partners[near][detection] == 1
    torn = np.bincount(truth[~only], minlength=len(found.crowd)) > 0
    simple = only & (found.crowd[truth] | ~torn[truth])
    at, own = detection[simple], truth[simple]
    # They are matched from one threshold up to another.
    start, stop = np.zeros((2, len(near)), np.int16)
    drops = np.zeros((len(areas), len(near)), bool)
    stop[at] = np.searchsorted(limits, overlap[simple], "right")
    start[at] = np.where(found.crowd[own], 0, _highest_before(own, stop[at]))
    drops[:, at] = ignored_truth[:, own]
    step = np.arange(len(limits), dtype=np.int16)[:, None]
    matched = ((start <= step) & (step < stop))[:, None]
    # As np.where(matched, drops, off[:, near]), several times faster.
    hit, ignored = matched & ~drops, off[:, near] ^ (matched & (off[:, near] ^ drops))
    if not simple.all():
        rest = detection[~simple], truth[~simple], overlap[~simple]
        at, matched, dropped = _in_turns(*rest, rank[near], limits, ignored_truth, found.crowd)
        hit[:, :, at], ignored[:, :, at] = matched & ~dropped, np.where(matched, dropped, off[:, near[at]])
    return Matched(off=off, near=near, hit=hit, ignored=ignored)


def _highest_before(group: Ints, value: Ints) -> Ints:
    """Highest of the values that stand before each one in its run of equal groups; 0 for the first.

    >>> _highest_before(np.array([4, 4, 4, 7]), np.array([1, 3, 2, 5])).tolist()
    [0, 1, 3, 0]
    """
    # Values of later runs start above all of earlier ones.
    floor = np.cumsum(np.diff(group, prepend=-1) != 0) * (int(value.max(initial=0)) + 1)
    highest = np.maximum.accumulate(floor + value)
    before: Ints = np.maximum(np.append(0, highest[:-1]) - floor, 0)
    return before


def _in_turns(
    detection: Ints, truth: Ints, overlap: Floats, rank: Ints, limits: Floats, ignored_truth: Bools, crowd: Bools
) -> tuple[Ints, States, States]:
    """Let the detections of each rank choose together; those of one rank are never of the same image and category.

    Returns the detections, and for each whether it is matched, and whether with an ignored ground truth.
    """
    order = np.lexsort((-truth, -overlap, detection, rank[detection]))
    detection, truth, overlap = detection[order], truth[order], overlap[order]
    used, truth = np.unique(truth, return_inverse=True)
    # A threshold and area is one column of what follows.
    ignored = np.tile(ignored_truth[:, used].T, (1, len(limits)))
    stays = crowd[used]
    reaches = np.repeat(overlap[:, None] >= limits, len(ignored_truth), axis=1)
    # Ground truths that are not ignored come before any that are.
    passes = [reaches & ~ignored[truth], reaches & ignored[truth]]
    free = np.ones(ignored.shape, bool)
    starts = np.flatnonzero(np.diff(detection, prepend=-1))
    count = np.diff(np.append(starts, len(detection)))
    bounds = np.flatnonzero(np.diff(rank[detection[starts]], prepend=-1, append=np.iinfo(np.int64).max))
    matched = np.zeros((len(starts), ignored.shape[1]), bool)
    dropped = np.zeros_like(matched)
    for first, last in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        start, slots = starts[first:last], count[first:last]
        chosen = np.full((last - first, ignored.shape[1]), -1, np.int32)
        for allowed in passes:
            for slot in range(int(slots.max())):
                has = np.flatnonzero(slots > slot)
                pair = start[has] + slot
                open_ = allowed[pair] & free[truth[pair]] & (chosen[has] < 0)
                which, column = open_.nonzero()
                chosen[has[which], column] = truth[pair[which]]
        which, column = (chosen >= 0).nonzero()
        taken = chosen[which, column]
        free[taken, column] = stays[taken]
        matched[first + which, column] = True
        dropped[first + which, column] = ignored[taken, column]
    shape = (len(limits), len(ignored_truth), len(starts))
    return detection[starts], matched.T.reshape(shape), dropped.T.reshape(shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """Precision and recall of each category.

    Parameters
    ----------
    precision : ndarray of float64, shape (T, R, K, A)
        Highest precision at a recall of at least each of the R recalls; -1 where a category has no ground truth.
    recall : ndarray of float64, shape (T, K, A, M)
        Recall with at most 1, 10 and 100 detections of an image and category; -1 likewise.
    """

    precision: Floats
    recall: Floats


def coco_curves(
    found: Detections,
    n_categories: int,
    *,
    thresholds: Floats | None = None,
    areas: Floats | None = None,
    recalls: Floats = RECALLS,
    most: tuple[int, ...] = MOST_DETECTIONS,
) -> Curves:
    """Precision over recall of every category, at all thresholds and areas.

    Parameters
    ----------
    found : Detections
        What is compared.
    n_categories : int
        Number of categories K.
    thresholds : ndarray of float64, shape (T,), optional
        Overlaps that matches must reach; .50:.05:.95 unless given.
    areas : ndarray of float64, shape (A, 2), optional
        Least and greatest area of what counts; COCO's four ranges unless given.
    recalls : ndarray of float64, shape (R,)
        Recalls at which precision is read.
    most : tuple of int, rising
        How many detections of an image and category count; the greatest counts for precision.
    """
    limits = np.array(THRESHOLDS if thresholds is None else thresholds)
    ranges = np.array(list(AREAS.values()) if areas is None else areas)
    ranked, rank = found.ranked(max(most))
    result = match(ranked, rank, limits, ranges)
    inside = (found.truth_area >= ranges[:, :1]) & (found.truth_area <= ranges[:, 1:]) & ~found.crowd
    positives = np.stack([np.bincount(found.truth_category[part], minlength=n_categories) for part in inside])
    # A curve is that of a threshold, area and category.
    shape = (len(limits), len(ranges), n_categories)
    known = np.broadcast_to(positives > 0, shape)[..., None]
    columns = result.hit.reshape(shape[0] * shape[1], len(result.near))
    column = np.repeat(np.arange(len(columns)), np.count_nonzero(columns, axis=1))
    at = np.flatnonzero(columns)
    near = at - column * columns.shape[1]
    own = column * n_categories + ranked.category[result.near][near]
    counting, before = _counting(result, ranked.category, n_categories)
    counted = counting.ravel()[at] - before.ravel()[own]
    precision = np.where(known, _precision(own, counted, positives, recalls, len(limits)), -1.0)
    # Hits by how many detections have to count for them.
    group = np.searchsorted(most, rank[result.near], "right")[near]
    right = np.bincount(own * len(most) + group, minlength=known.size * len(most)).reshape(*shape, len(most))
    recall = np.full(right.shape, -1.0)
    np.divide(np.cumsum(right, axis=-1), positives[..., None], out=recall, where=known)
    return Curves(precision=precision.transpose(0, 3, 2, 1), recall=recall.transpose(0, 2, 1, 3))


def _counting(result: Matched, category: Ints, n_categories: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """How many detections count up to each near one, shape (T, A, c), and before each category, shape (T, A, K)."""
    near, off = result.near, result.off
    counts = np.zeros((len(off), off.shape[1] + 1), np.int32)
    np.cumsum(~off, axis=-1, out=counts[:, 1:])
    # Being matched decides, for near ones, whether they count, at each threshold anew.
    change = np.zeros((*result.hit.shape[:2], len(near) + 1), np.int32)
    np.cumsum(off[:, near].view(np.int8) - result.ignored.view(np.int8), axis=-1, out=change[..., 1:])
    first, first_near = (np.searchsorted(codes, np.arange(n_categories)) for codes in (category, category[near]))
    return counts[:, near + 1] + change[..., 1:], counts[:, first] + change[..., first_near]


def _precision(own: Ints, counted: Ints, positives: Ints, recalls: Floats, n_thresholds: int) -> Floats:
    """Precision of each curve at each recall, shape (T, A, K, R).

    ``own`` is the curve of each hit, sorted and by falling score; ``counted`` how many detections count on its curve
    up to it; ``positives`` are the ground truths of each area and category.
    """
    shape = (n_thresholds, *positives.shape)
    hits = np.bincount(own, minlength=int(np.prod(shape)))
    first = np.cumsum(hits) - hits
    right = np.arange(1, len(own) + 1) - first[own]
    value = right / (counted + np.spacing(1))
    # The k-th hit is the first at which recall reaches k / positives; ceil may be one off in floating point.
    share = positives[..., None].astype(np.float64)
    k = np.ceil(recalls * share)
    with np.errstate(divide="ignore", invalid="ignore"):
        k -= (k - 1) / share >= recalls
        k += k / share < recalls
    k = np.maximum(k, 1).astype(np.int64)
    first, hits = first.reshape(*shape, 1), hits.reshape(*shape, 1)
    bounds = np.concatenate([first + np.minimum(k - 1, hits), first + hits], axis=-1)
    # Highest value between the hits of neighbouring recalls, then from each recall on.
    between = np.maximum.reduceat(np.append(value, 0.0), bounds.ravel()).reshape(bounds.shape)[..., :-1]
    between = np.where(k <= hits, between, 0.0)
    highest: Floats = np.maximum.accumulate(between[..., ::-1], axis=-1)[..., ::-1]
    return highest


def summarize(curves: Curves) -> dict[str, float]:
    """COCO's twelve numbers from curves at its thresholds, areas and detections; -1 where none is defined."""

    def mean(values: Floats) -> float:
        defined = values[values > -1]
        return float(defined.mean()) if len(defined) else -1.0

    precision, recall = curves.precision, curves.recall
    return {
        "AP": mean(precision[:, :, :, 0]),
        "AP50": mean(precision[0, :, :, 0]),
        "AP75": mean(precision[5, :, :, 0]),
        **{f"AP{size}": mean(precision[:, :, :, a]) for a, size in enumerate("sml", 1)},
        **{f"AR{most}": mean(recall[:, :, 0, m]) for m, most in enumerate(MOST_DETECTIONS)},
        **{f"AR{size}": mean(recall[:, :, a, -1]) for a, size in enumerate("sml", 1)},
    }
