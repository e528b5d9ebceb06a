"""One comparison of predictions with ground truth: everything the metrics, tables and explanations are made from."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from labelmetrics.errors import LabelmetricsWarning, SettingError
from labelmetrics.kernels.batch import Bools, Columns, Floats, Ints, Kind
from labelmetrics.kernels.buffer import Buffer, buffer_widths
from labelmetrics.kernels.counts import (
    Matching,
    Members,
    Subclasses,
    Tally,
    candidates,
    match,
    members_of,
    pair_value,
    tally,
)
from labelmetrics.kernels.dense import Rules, Selected, candidate_pairs, crowded_cells, union
from labelmetrics.kernels.join import Batch, join
from labelmetrics.kernels.miou import Masks, check_mask_sizes, is_semantic, with_semantic_masks
from labelmetrics.kernels.overlap import Overlaps
from labelmetrics.kernels.pairs import Pairs
from labelmetrics.kernels.thresholds import Grid
from labelmetrics.kernels.vocabulary import AnswerNames, Vocabulary

FLOOR_ACROSS = 0.1
"""Least overlap at which pairs of different features are kept."""


def check_rules(matching: Matching, masks: Masks, answer_names: AnswerNames) -> None:
    """Refuse rules that do not exist.

    Raises
    ------
    SettingError
        Naming the first one.
    """
    for name, value, allowed in (
        ("matching", matching, ("platform", "coco")),
        ("masks", masks, ("auto", "semantic", "instance")),
        ("answer_names", answer_names, ("auto", "answer", "question/answer")),
    ):
        if value not in allowed:
            raise SettingError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")


def warn_of_confidences(without: int, predictions: int) -> None:
    """Say that some predictions of a whole input have no confidence, where others have."""
    if 0 < without < predictions:
        warnings.warn(
            f"{without} of {predictions} predictions have no confidence; each counts as 1",
            LabelmetricsWarning,
            stacklevel=5,
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of each annotation of one side at each threshold, confidence aside.

    Parameters
    ----------
    partner : ndarray of int64, shape (T, n)
        Position of the matched annotation on the other side, -1 where there is none.
    overlap : ndarray of float64, shape (T, n)
        Overlap with the partner, NaN where there is none.
    ignored : ndarray of bool, shape (T, n)
        Whether COCO's rules leave the annotation out of the counts.
    """

    partner: Ints
    overlap: Floats
    ignored: Bools


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A batch, the rules it is compared by, and what follows from them; parts are computed when asked for.

    Parameters
    ----------
    batch : Batch
        Ground truths and predictions.
    grid : Grid
        Overlap thresholds and confidence keys.
    buffer : tuple of ndarray of float64
        For each ground truth and prediction, how far points and lines are widened, in pixels.
    include_subclasses : bool
        Whether nested answers must agree for a match, and count in the mean overlap.
    matching : {"platform", "coco"}
        Rule of the confusion matrix.
    masks : {"auto", "semantic", "instance"}
        How the mean overlap treats masks.
    """

    batch: Batch
    grid: Grid
    buffer: tuple[Floats, Floats]
    include_subclasses: bool = False
    matching: Matching = "platform"
    masks: Masks = "auto"

    def __post_init__(self) -> None:
        check_mask_sizes(self.batch)

    @cached_property
    def members(self) -> tuple[Members, Members]:
        """Ground truths and predictions as members of feature metrics."""
        batch = self.batch
        return members_of(batch, batch.ground_truth, self.grid), members_of(batch, batch.prediction, self.grid)

    @cached_property
    def pairs(self) -> Pairs:
        """Pairs of one data row, feature and place with an overlap above 0."""
        return self._candidates(Overlaps(self.batch, self.buffer))

    def _candidates(self, overlaps: Overlaps) -> Pairs:
        """All pairs; of crowded cells, those that decide matches by any of the rules."""
        first, second = self.members
        found = [candidate_pairs(overlaps, first.cell, second.cell, self._rules(first, second))]
        for first, second in self._parts_of_crowded_cells():
            part = Selected(overlaps, first.annotation, second.annotation)
            found.append(part.back(candidate_pairs(part, first.cell, second.cell, self._rules(first, second))))
        return found[0] if len(found) == 1 else union(found)

    def _rules(self, first: Members, second: Members) -> Rules:
        return Rules(
            level=second.level,
            n_levels=self.grid.n_levels,
            rank=second.rank,
            crowd=first.crowd,
            thresholds=self.grid.thresholds if self.matching == "coco" else (),
        )

    def _parts_of_crowded_cells(self) -> Iterator[tuple[Members, Members]]:
        """What is matched apart from the rest of a crowded cell: those of equal nested answers, carriers of one."""
        sides, nested = (self.batch.ground_truth, self.batch.prediction), len(self.batch.nested)
        crowded = crowded_cells(*(side.cell for side in self.members))
        if nested == 1 or not len(crowded):
            return

        def part(which: int, members: Members, code: Ints) -> Members:
            chosen = np.flatnonzero(np.isin(self.members[which].cell[members.annotation], crowded))
            order = chosen[np.argsort(code[chosen], kind="stable")]
            return replace(members.take(order), cell=code[order])

        if self.include_subclasses:
            codes = [members.cell * nested + side.nested for members, side in zip(self.members, sides, strict=True)]
            yield part(0, self.members[0], codes[0]), part(1, self.members[1], codes[1])
        carriers = self.subclass_members
        yield part(0, carriers.first, carriers.first.cell), part(1, carriers.second, carriers.second.cell)

    @cached_property
    def counted(self) -> Pairs:
        """Pairs that may be matches of the confusion matrix, with the overlap that its rule goes by."""
        return self._counted(self.include_subclasses)

    def _counted(self, include_subclasses: bool) -> Pairs:
        pairs = self.pairs
        if self.matching == "coco" and self.batch.ground_truth.crowd.any():
            pairs = self._candidates(Overlaps(self.batch, self.buffer, coco_crowd=True))
        # COCO's threshold is inclusive, so candidates keep a hair below it.
        threshold = min(self.grid.thresholds) - (1e-9 if self.matching == "coco" else 0.0)
        return pairs.take(candidates(self.batch, pairs, threshold=threshold, include_subclasses=include_subclasses))

    def _is_counted_by_overlap(self, include_subclasses: bool) -> bool:
        """Whether matches of the confusion matrix are decided by nothing but overlap, as those of the mean overlap."""
        return self.matching == "platform" and not (include_subclasses and len(self.batch.nested) > 1)

    @cached_property
    def features(self) -> Tally:
        """Counts and mean overlaps of every (data row, feature)."""
        first, second = self.members
        result = tally(
            first,
            second,
            counted=None if self._is_counted_by_overlap(self.include_subclasses) else self.counted,
            measured=self.pairs,
            value=pair_value(self.batch, self.pairs, include_subclasses=self.include_subclasses),
            grid=self.grid,
            matching=self.matching,
        )
        if is_semantic(self.masks, include_subclasses=self.include_subclasses):
            result = with_semantic_masks(self.batch, result, first, second)
        return result

    @cached_property
    def subclass_members(self) -> Subclasses:
        """Nested answers as members of subclass metrics."""
        return Subclasses.of(self.batch, self.members)

    @cached_property
    def subclasses(self) -> Tally:
        """Counts and mean overlaps of every (data row, feature, subclass)."""
        members = self.subclass_members
        measured = members.pairs(self.pairs)
        # An answer is a feature of its own, whatever else was answered.
        counted = None
        if not self._is_counted_by_overlap(False):
            counted = members.pairs(self._counted(False) if self.include_subclasses else self.counted)
        result = tally(
            members.first,
            members.second,
            counted=counted,
            measured=measured,
            value=measured.overlap,
            grid=self.grid,
            matching=self.matching,
        )
        if is_semantic(self.masks, include_subclasses=False):
            result = with_semantic_masks(self.batch, result, members.first, members.second)
        return result

    @cached_property
    def outcomes(self) -> tuple[Outcome, Outcome]:
        """What became of each ground truth and each prediction."""
        first, second = self.members
        plain = Grid(self.grid.thresholds)
        everything = replace(second, level=np.ones(len(second.level), np.int64))
        pairs = self.counted
        matches = match(first, everything, pairs, plain, self.matching)
        shape_one, shape_two = ((len(matches), len(side.cell)) for side in (first, second))
        one = Outcome(np.full(shape_one, -1), np.full(shape_one, np.nan), np.zeros(shape_one, bool))
        two = Outcome(np.full(shape_two, -1), np.full(shape_two, np.nan), np.zeros(shape_two, bool))
        for index, (_, pair) in enumerate(matches):
            truth, guess, overlap = pairs.first[pair], pairs.second[pair], pairs.overlap[pair]
            one.partner[index, truth], one.overlap[index, truth] = guess, overlap
            two.partner[index, guess], two.overlap[index, guess] = truth, overlap
            if self.matching == "coco":
                one.ignored[index] = first.crowd
                two.ignored[index, guess] = first.crowd[truth]
        return one, two

    @cached_property
    def across(self) -> Pairs:
        """Pairs of one data row and place, of the same feature or not, with an overlap of at least 0.1."""
        batch = self.batch
        chosen, codes = [], []
        for side in (batch.ground_truth, batch.prediction):
            objects = np.flatnonzero(side.kind < Kind.ANSWER)
            site = batch.site(side)[objects]
            order = np.argsort(site, kind="stable")
            chosen.append(objects[order])
            codes.append(site[order])
        sites = Selected(Overlaps(batch, self.buffer), chosen[0], chosen[1])
        rules = Rules(
            level=np.ones(len(chosen[1]), np.int64),
            n_levels=1,
            rank=np.zeros(len(chosen[1])),
            crowd=np.zeros(len(chosen[0]), bool),
        )
        floor = float(np.nextafter(FLOOR_ACROSS, 0))
        return union([sites.back(candidate_pairs(sites, codes[0], codes[1], rules, floor))])


def compare(
    ground_truth: Columns,
    prediction: Columns,
    *,
    grid: Grid,
    include_subclasses: bool,
    matching: Matching,
    masks: Masks,
    buffer: Buffer,
    answer_names: AnswerNames,
    rows: Sequence[str] | None = None,
    diagonals: Floats | None = None,
    canonical: tuple[bool, bool] = (False, False),
    vocabulary: Vocabulary | None = None,
) -> Comparison:
    """Compare two sides of columns, after checking what is asked.

    Raises
    ------
    SettingError
        A parameter that cannot be used.
    AnnotationError
        Annotations that cannot be compared with each other.
    """
    check_rules(matching, masks, answer_names)
    if grid.keys and vocabulary is None:
        warn_of_confidences(int(np.isnan(prediction.confidence).sum()), len(prediction))
    batch = join(
        ground_truth,
        prediction,
        rows=rows,
        canonical=canonical,
        answer_names=answer_names,
        vocabulary=vocabulary,
    )
    return Comparison(
        batch=batch,
        grid=grid,
        buffer=buffer_widths(batch, buffer, diagonals),
        include_subclasses=include_subclasses,
        matching=matching,
        masks=masks,
    )
