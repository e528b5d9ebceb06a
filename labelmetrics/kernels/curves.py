"""Precision over recall as COCO defines it, at all thresholds and areas at once.

Semantics are those of pycocotools' ``COCOeval`` (https://github.com/cocodataset/cocoapi): detections of an image and
category choose in falling score; ties of score keep the order of images, then of detections.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelmetrics.kernels.batch import Bools, Floats, Ints
from labelmetrics.kernels.matching import stable_order

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
    truth_category: Ints
    truth_image: Ints
    truth_area: Floats
    crowd: Bools
    detection: Ints
    truth: Ints
    overlap: Floats

    def ranked(self, most: int) -> tuple[Detections, Ints]:
        """The detections that count, sorted by category and falling score, and their ranks within image and category.

        Of each image and category the ``most`` detections of highest score count.
        """
        n_images = int(max(self.image.max(initial=-1), self.truth_image.max(initial=-1))) + 1
        by_image = stable_order(self.image)
        by_score = by_image[np.argsort(-self.score[by_image], kind="stable")]
        group = self.category * n_images + self.image
        # Integers from here on: a stable sort by group keeps the order of scores.
        order = by_score[stable_order(group[by_score])]
        rank = np.empty(len(order), np.int64)
        rank[order] = _positions(group[order])
        order = by_score[stable_order(self.category[by_score])]
        order = order[rank[order] < most]
        place = np.full(len(self.score), -1)
        place[order] = np.arange(len(order))
        kept = np.flatnonzero(place[self.detection] >= 0)
        return Detections(
            category=self.category[order],
            image=self.image[order],
            score=self.score[order],
            area=self.area[order],
            truth_category=self.truth_category,
            truth_image=self.truth_image,
            truth_area=self.truth_area,
            crowd=self.crowd,
            detection=place[self.detection[kept]],
            truth=self.truth[kept],
            overlap=self.overlap[kept],
        ), rank[order]


def _positions(group: Ints) -> Ints:
    """Position of each element within its run of equal groups."""
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    return np.arange(len(group)) - np.repeat(starts, np.diff(np.append(starts, len(group))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """What became of each detection, by (threshold, area, detection).

    ``hit`` are true positives, ``ignored`` neither right nor wrong.
    """

    hit: States
    ignored: States


def match(found: Detections, rank: Ints, thresholds: Floats, areas: Floats) -> Matched:
    """Match at all thresholds and areas, shapes (T,) and (A, 2); ``found`` and ``rank`` as ``ranked`` gives them."""
    n, low, high = len(found.score), areas[:, :1], areas[:, 1:]
    ignored_truth = (found.truth_area < low) | (found.truth_area > high) | found.crowd
    limits = np.minimum(thresholds, 1 - 1e-10)
    near = np.flatnonzero(found.overlap >= limits.min())
    detection, truth, overlap = found.detection[near], found.truth[near], found.overlap[near]
    alone = np.bincount(detection, minlength=n)[detection] == 1
    alone &= found.crowd[truth] | (np.bincount(truth, minlength=len(found.crowd))[truth] == 1)
    # A detection and a ground truth that have nobody else are decided by the threshold alone.
    best = np.full(n, -1.0)
    best[detection[alone]] = overlap[alone]
    drops = np.zeros((len(areas), n), bool)
    drops[:, detection[alone]] = ignored_truth[:, truth[alone]]
    reaches = best >= limits[:, None]
    matched = np.repeat(reaches[:, None], len(areas), axis=1)
    dropped = matched & drops
    rest = np.flatnonzero(~alone)
    if len(rest):
        pairs = detection[rest], truth[rest], overlap[rest]
        own, *states = _in_turns(*pairs, rank, limits, ignored_truth, found.crowd)
        matched[:, :, own], dropped[:, :, own] = states
    off = (found.area < low) | (found.area > high)
    ignored = np.where(matched, dropped, off)
    return Matched(hit=matched & ~ignored, ignored=ignored)


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
    most : tuple of int
        How many detections of an image and category count; the greatest counts for precision.
    """
    limits = np.array(THRESHOLDS if thresholds is None else thresholds)
    ranges = np.array(list(AREAS.values()) if areas is None else areas)
    ranked, rank = found.ranked(max(most))
    result = match(ranked, rank, limits, ranges)
    inside = (found.truth_area[:, None] >= ranges[:, 0]) & (found.truth_area[:, None] <= ranges[:, 1])
    inside &= ~found.crowd[:, None]
    positives = np.stack(
        [np.bincount(found.truth_category[column], minlength=n_categories) for column in inside.T], axis=1
    )
    precision = np.full((len(limits), len(recalls), n_categories, len(ranges)), -1.0)
    recall = np.full((len(limits), n_categories, len(ranges), len(most)), -1.0)
    hit, counts = result.hit, ~result.ignored
    start = np.searchsorted(ranked.category, np.arange(n_categories))
    for t, a in np.ndindex(len(limits), len(ranges)):
        at = np.flatnonzero(hit[t, a])
        n, own = positives[:, a], ranked.category[at]
        known = n > 0
        counting = np.concatenate([[0], np.cumsum(counts[t, a], dtype=np.int32)])
        counted = counting[at + 1] - counting[start[own]]
        precision[t][:, known, a] = _precision(own, counted, n, recalls)[known].T
        for m, limit in enumerate(most):
            right = np.bincount(own[rank[at] < limit], minlength=n_categories)
            recall[t, known, a, m] = right[known] / n[known]
    return Curves(precision=precision, recall=recall)


def _precision(own: Ints, counted: Ints, positives: Ints, recalls: Floats) -> Floats:
    """Precision of each category at each recall, shape (K, R).

    ``own`` is the category of each hit, sorted and by falling score; ``counted`` how many detections of its category
    count up to it.
    """
    n = len(positives)
    hits = np.bincount(own, minlength=n)
    first = np.cumsum(hits) - hits
    right = np.arange(1, len(own) + 1) - first[own]
    value = right / (counted + np.spacing(1))
    # The k-th hit is the first at which recall reaches k / positives; ceil may be one off in floating point.
    k = np.ceil(recalls * positives[:, None])
    share = positives[:, None].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        k -= (k - 1) / share >= recalls
        k += k / share < recalls
    k = np.maximum(k, 1).astype(np.int64)
    reached = k <= hits[:, None]
    end = (first + hits)[:, None]
    bounds = np.concatenate([np.minimum(first[:, None] + k - 1, end), end], axis=1)
    # Highest value between the hits of neighbouring recalls, then from each recall on.
    between = np.maximum.reduceat(np.append(value, 0.0), bounds.ravel()).reshape(bounds.shape)[:, :-1]
    highest: Floats = np.maximum.accumulate(np.where(reached, between, 0.0)[:, ::-1], axis=1)[:, ::-1]
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
