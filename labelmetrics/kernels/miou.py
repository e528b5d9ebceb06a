"""Mean overlap of masks taken together: the pixels of the union of all masks of a feature."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from labelmetrics.errors import AnnotationError, Fault
from labelmetrics.kernels import rle
from labelmetrics.kernels.batch import Ints, Kind
from labelmetrics.kernels.counts import Members, Tally
from labelmetrics.kernels.join import Batch
from labelmetrics.kernels.overlap import runs

Masks = Literal["auto", "semantic", "instance"]


def is_semantic(masks: Masks, *, include_subclasses: bool) -> bool:
    """Whether masks are compared as the pixels of their union: ``"auto"`` does so without subclasses."""
    return masks == "semantic" or (masks == "auto" and not include_subclasses)


def check_mask_sizes(batch: Batch) -> None:
    """Refuse masks of unlike sizes in one cell.

    Raises
    ------
    AnnotationError
        Naming the first data row and feature concerned.
    """
    truth, guess = batch.ground_truth, batch.prediction
    cell = np.concatenate([batch.cell(truth), batch.cell(guess)])
    is_mask = np.concatenate([truth.kind, guess.kind]) == Kind.MASK
    if not is_mask.any():
        return
    sizes = rle.sizes(batch.shapes.masks)
    size = sizes[np.concatenate([truth.shape, guess.shape])[is_mask]]
    order = np.argsort(cell[is_mask], kind="stable")
    ordered, size = cell[is_mask][order], size[order]
    unlike = np.flatnonzero((ordered[1:] == ordered[:-1]) & (size[1:] != size[:-1]).any(axis=1))
    if len(unlike):
        group = ordered[unlike[0]] // len(batch.places)
        row, feature = divmod(int(group), len(batch.features))
        (h1, w1), (h2, w2) = size[unlike[0]].tolist(), size[unlike[0] + 1].tolist()
        raise AnnotationError(
            "masks of unlike sizes cannot be compared",
            [
                Fault(
                    rule="mask-size",
                    message=f"feature {batch.features[feature]!r} has masks of {w1}x{h1} and {w2}x{h2} pixels "
                    "(width x height)",
                    data_row=batch.rows[row] or None,
                    remedy="write all masks at the size of the image",
                )
            ],
        )


def with_semantic_masks(batch: Batch, tally: Tally, first: Members, second: Members) -> Tally:
    """Replace the mean overlap of groups that hold masks only by that of the pixels of their unions.

    What a group holds is asked at each level: a vector of low confidence is of no account at the keys above it.
    Over several places, each place counts like one object.
    """
    truth, guess = batch.ground_truth, batch.prediction
    group = np.concatenate([first.group, second.group])
    kind, shape = (
        np.concatenate([one[first.annotation], two[second.annotation]])
        for one, two in ((truth.kind, guess.kind), (truth.shape, guess.shape))
    )
    is_mask = kind == Kind.MASK
    if not is_mask.any():
        return tally
    index = np.searchsorted(tally.group, group)
    levels = len(tally.iou)
    is_truth = np.arange(len(group)) < len(first.group)
    level = np.concatenate([np.full(len(first.group), levels), second.level])
    # Number of levels at which something else takes part.
    others = np.zeros(len(tally.group), np.int64)
    np.maximum.at(others, index[~is_mask], level[~is_mask])
    if (others == levels).all():
        return tally
    from pycocotools import mask as coco

    cell = np.concatenate([first.cell, second.cell])
    chosen = np.flatnonzero(is_mask & (others[index] < levels))
    chosen = chosen[np.argsort(cell[chosen], kind="stable")]
    total, places = np.zeros_like(tally.iou), np.zeros_like(tally.iou)

    def union(members: Ints) -> list[dict[str, object]]:
        return [coco.merge([batch.shapes.masks[i] for i in shape[members].tolist()])] if len(members) else []

    for start, stop in runs(cell[chosen]):
        members = chosen[start:stop]
        at = index[members[0]]
        truths = union(members[is_truth[members]])
        overlap, before = 0.0, -1
        for k in range(others[at], levels):
            guesses = members[~is_truth[members] & (level[members] > k)]
            if len(guesses) != before:
                overlap = float(coco.iou(union(guesses), truths, [0])[0, 0]) if truths and len(guesses) else 0.0
                before = len(guesses)
            if truths or len(guesses):
                total[k, at] += overlap
                places[k, at] += 1
    semantic = np.full_like(total, np.nan)
    np.divide(total, places, out=semantic, where=places > 0)
    only_masks = np.arange(levels)[:, None] >= others
    return replace(tally, iou=np.where(only_masks, semantic, tally.iou))
