"""Text entities: exact, partial, type and strict counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from labelmetrics.errors import SettingError
from labelmetrics.frame import html_table, need_pandas, plain_table
from labelmetrics.kernels.batch import Floats, Ints
from labelmetrics.kernels.entities import SCHEMES, scheme_counts
from labelmetrics.kernels.overlap import span_overlap, token_overlap
from labelmetrics.kernels.pairs import overlapping
from labelmetrics.summary import OVERALL, ratio

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from labelmetrics.evaluation import Evaluation

__all__ = ["EntityCounts", "EntityScore", "entity_counts"]

Scheme = Literal["strict", "exact", "partial", "type"]
HEADINGS = ("feature", "scheme", "COR", "INC", "PAR", "MIS", "SPU", "precision", "recall", "F1")


@dataclass(frozen=True, slots=True)
class EntityScore:
    """Entities by what became of them under one scheme.

    Parameters
    ----------
    correct, incorrect, partial : int
        Pairs of a ground truth and a prediction.
    missing, spurious : int
        Ground truths and predictions without a partner.

    Examples
    --------
    >>> score = EntityScore(correct=1, incorrect=1, partial=0, missing=2, spurious=0)
    >>> score.precision, score.recall
    (0.5, 0.25)
    """

    correct: int
    incorrect: int
    partial: int
    missing: int
    spurious: int

    @property
    def possible(self) -> int:
        """Ground truths."""
        return self.correct + self.incorrect + self.partial + self.missing

    @property
    def actual(self) -> int:
        """Predictions."""
        return self.correct + self.incorrect + self.partial + self.spurious

    @property
    def precision(self) -> float | None:
        """(correct + partial / 2) / actual; ``None`` for 0/0."""
        return ratio(2 * self.correct + self.partial, 2 * self.actual)

    @property
    def recall(self) -> float | None:
        """(correct + partial / 2) / possible; ``None`` for 0/0."""
        return ratio(2 * self.correct + self.partial, 2 * self.possible)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; ``None`` where both sides are empty."""
        return ratio(2 * self.correct + self.partial, self.actual + self.possible)


@dataclass(frozen=True, slots=True)
class EntityCounts:
    """Counts of text entities by scheme, and by feature and scheme.

    Made by :func:`entity_counts`.

    Parameters
    ----------
    overall : dict of str to EntityScore
        By ``"strict"``, ``"exact"``, ``"partial"`` and ``"type"``, all features together.
    features : dict of str to dict of str to EntityScore
        The same of each feature as if there were no other, so nothing is of the wrong type there.

    Examples
    --------
    >>> score = EntityScore(correct=1, incorrect=0, partial=1, missing=1, spurious=0)
    >>> EntityCounts({"partial": score}, {}).overall["partial"].recall
    0.5
    """

    overall: dict[Scheme, EntityScore]
    features: dict[str, dict[Scheme, EntityScore]]

    def __iter__(self) -> Iterator[tuple[str, Scheme, EntityScore]]:
        for feature, scores in [*self.features.items(), (OVERALL, self.overall)]:
            for scheme, score in scores.items():
                yield feature, scheme, score

    def rows(self) -> list[list[Any]]:
        """One row per feature and scheme, those of all features last."""
        return [
            [feature, scheme, *asdict(score).values(), score.precision, score.recall, score.f1]
            for feature, scheme, score in self
        ]

    def to_pandas(self) -> pd.DataFrame:
        """The rows as a pandas DataFrame."""
        frame: pd.DataFrame = need_pandas().DataFrame(self.rows(), columns=list(HEADINGS))
        return frame

    def __repr__(self) -> str:
        return plain_table(HEADINGS, self.rows())

    def _repr_html_(self) -> str:
        return html_table(HEADINGS, self.rows(), "text entities")


def entity_counts(evaluation: Evaluation, *, confidence: float | None = None) -> EntityCounts:
    """Count text entities as correct, incorrect, partial, missing and spurious, by four schemes.

    A pair is correct under *strict* if span and feature are the same, under *exact* and *partial* if the span is the
    same, under *type* if the feature is the same and the spans overlap. Where spans only overlap, the pair is partial
    under *partial* and incorrect under the others.

    Entities of one data row and place (page, message) are paired one to one, correct pairs first, then by overlap;
    those that are left over are missing or spurious. Spans overlap as everywhere here: ``end`` is where the span ends,
    so spans that only touch do not. Selections of document tokens overlap where they share tokens, and are the same
    span where all tokens are the same.

    Parameters
    ----------
    evaluation : Evaluation
        What was compared, slices of it too. Annotations other than text entities take no part.
    confidence : float, optional
        Only predictions of at least this confidence count; all of them unless given.

    Returns
    -------
    EntityCounts
        Overall, and of each feature.

    Raises
    ------
    SettingError
        A confidence outside [0, 1].

    Notes
    -----
    Segura-Bedmar et al., SemEval-2013 Task 9: Extraction of Drug-Drug Interactions from Biomedical Texts, 2013;
    outcomes after Chinchor and Sundheim, MUC-5 Evaluation Metrics, 1993. Where each entity overlaps at most one of the
    other side, the counts are those of nervaluate.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> def label(*spans):
    ...     entities = [lm.ObjectAnnotation(name=name, value=lm.TextEntity(start=start, end=end))
    ...                 for name, start, end in spans]
    ...     return lm.Label(data=lm.TextData(uid="a"), annotations=entities)
    >>> truth, guess = label(("person", 0, 9), ("city", 20, 26)), label(("person", 0, 5), ("river", 20, 26))
    >>> overall = entity_counts(lm.evaluate([truth], [guess])).overall
    >>> {scheme: (score.correct, score.incorrect, score.partial) for scheme, score in overall.items()}
    {'strict': (0, 2, 0), 'exact': (1, 1, 0), 'partial': (1, 0, 1), 'type': (1, 1, 0)}
    """
    if confidence is not None and not 0 <= confidence <= 1:
        raise SettingError(f"confidence must lie between 0 and 1, got {confidence!r}")
    import pyarrow.compute as pc

    objects = evaluation.objects
    objects = objects.filter(pc.or_(*(pc.equal(objects.column("kind"), kind) for kind in ("span", "tokens"))))
    if confidence is not None:
        is_truth = pc.equal(objects.column("side"), "ground_truth")
        enough = pc.greater_equal(pc.fill_null(objects.column("confidence"), 1.0), confidence)
        objects = objects.filter(pc.or_(is_truth, enough))
    feature, names = _codes(objects.column("feature"))
    row, _ = _codes(objects.column("data_row"))
    place, places = _codes(objects.column("place"))
    site = row * (len(places) + 1) + place + 1
    is_truth = pc.equal(objects.column("side"), "ground_truth").to_numpy(zero_copy_only=False)
    sides = []
    for side in (is_truth, ~is_truth):
        at = np.flatnonzero(side)
        sides.append(at[np.argsort(site[at], kind="stable")])
    first, second = sides
    pairs = overlapping(_Entities(objects, first, second), site[first], site[second])
    same = feature[first][pairs.first] == feature[second][pairs.second]
    groups = feature[first], feature[second]
    overall = scheme_counts(pairs, same, np.zeros_like(first), np.zeros_like(second), 1)[0]
    alone = scheme_counts(pairs.take(same), np.ones(int(same.sum()), bool), *groups, len(names))
    used = np.flatnonzero(alone.any((1, 2))).tolist()
    return EntityCounts(
        _scores(overall), {names[one]: _scores(alone[one]) for one in sorted(used, key=names.__getitem__)}
    )


def _scores(counts: Ints) -> dict[Scheme, EntityScore]:
    return {scheme: EntityScore(*of_scheme) for scheme, of_scheme in zip(SCHEMES, counts.tolist(), strict=True)}  # type: ignore[misc]


def _codes(column: Any) -> tuple[Ints, list[str]]:
    """Codes of a column of text, -1 for null, and the distinct texts."""
    import pyarrow as pa

    encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    codes: Ints = encoded.indices.fill_null(-1).to_numpy().astype(np.int64)
    return codes, encoded.dictionary.to_pylist()


class _Entities:
    """Overlap of the entities of a table of objects, by position in a selection of its rows for each side."""

    def __init__(self, objects: pa.Table, first: Ints, second: Ints) -> None:
        import pyarrow.compute as pc

        self._first, self._second = first, second
        left, right = (objects.column(name).fill_null(0.0).to_numpy() for name in ("left", "right"))
        self._box = np.column_stack([left, np.zeros(len(left)), right, np.zeros(len(left))])
        self._is_span = pc.equal(objects.column("kind"), "span").to_numpy(zero_copy_only=False)
        self._tokens: list[tuple[str, ...]] = [()] * len(objects)
        for at in np.flatnonzero(~self._is_span).tolist():
            self._tokens[at] = tuple(objects.column("geometry")[at].as_py().decode().split("\n"))

    def of(self, first: Ints, second: Ints) -> Floats:
        one, two = self._first[first], self._second[second]
        overlap = np.zeros(len(one))
        spans = np.flatnonzero(self._is_span[one] & self._is_span[two])
        overlap[spans] = span_overlap(self._box[one[spans]], self._box[two[spans]])
        tokens = np.flatnonzero(~self._is_span[one] & ~self._is_span[two])
        if len(tokens):
            overlap[tokens] = token_overlap(self._tokens, one[tokens], two[tokens])
        return overlap

    def extent(self, first: Ints, second: Ints) -> tuple[Floats, Floats]:
        return self._box[self._first[first]][:, [0, 2]], self._box[self._second[second]][:, [0, 2]]
