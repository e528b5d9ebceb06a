"""What names mean: which features and nested answers an input has, and how they are written.

This is the one thing about annotations that the whole input decides, not each data row alone. ``Names`` collects what
occurs, in parts that can be merged; ``Vocabulary`` settles it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from labelmetrics.errors import AnnotationError, Fault
from labelmetrics.kernels.batch import Bools, Coded, Columns, Ints, Kind, NestedAnswer

AnswerNames = Literal["auto", "answer", "question/answer"]
NestedItem = tuple[str, str]
"""Question and answer of a nested classification, by the names or ids that identify them."""
Occurrence = tuple[bool, str | None, str | None, str | None, str | None, bool]
"""Is it a classification; name and id of the feature or question; name and id of the answer; is it an answer."""

TEXT_MARK = "\N{INFORMATION SEPARATOR ONE}"
"""Before a nested free text, so that it is not taken for the answer of that name."""


@dataclass(slots=True)
class Names:
    """Names and ids that occur in columns, each with one data row where it does.

    Parameters
    ----------
    features : dict of Occurrence to data row
        Features of objects, answers and free texts.
    nested : set of NestedAnswer
        Nested answers.
    """

    features: dict[Occurrence, Any] = field(default_factory=dict)
    nested: set[NestedAnswer] = field(default_factory=set)

    @classmethod
    def of(cls, sides: Iterable[Columns]) -> Names:
        """Everything that occurs in some columns."""
        found = cls()
        for side in sides:
            found.nested.update(item for items in side.nested.values for item in items)
            parts = (side.name, side.schema_id, side.answer, side.answer_id)
            classes = (side.kind >= Kind.ANSWER).astype(np.int64) + (side.kind == Kind.ANSWER)
            combined = classes
            for part in parts:
                combined = combined * (len(part.values) + 1) + part.codes + 1
            n = 3 * math.prod(len(part.values) + 1 for part in parts)
            for index in _firsts(combined, n).tolist():
                values = [None if part.codes[index] < 0 else part.values[part.codes[index]] for part in parts]
                name, schema_id, answer, answer_id = values
                occurrence = (bool(classes[index]), name, schema_id, answer, answer_id, bool(classes[index] == 2))
                row = side.data_row.values[side.data_row.codes[index]]
                found.features.setdefault(occurrence, row)
        return found

    def update(self, other: Names) -> None:
        """Take over what another has found."""
        self.features = {**other.features, **self.features}
        self.nested |= other.nested


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Features and nested answers of a whole input, and how annotations are told to be of them.

    Parameters
    ----------
    features : list of str
        Written feature names, sorted.
    is_classification : ndarray of bool, shape (n_features,)
        Whether a feature is an answer or a free text.
    subclasses : list of str
        Written names of nested answers, sorted; free texts are none.
    subclass_of : dict of NestedItem to int
        Index into ``subclasses``.
    """

    features: list[str]
    is_classification: Bools
    subclasses: list[str]
    subclass_of: dict[NestedItem, int]
    _by_name: bool
    _nested_by_name: bool
    _feature_of: dict[tuple[bool, str, str | None], int]

    @classmethod
    def of(cls, names: Names, answer_names: AnswerNames = "auto") -> Vocabulary:
        """Settle names.

        Raises
        ------
        AnnotationError
            Names and ids do not identify everything, or a name means an object here and a classification there.
        """
        by_name = _identify(names.features)
        example: dict[tuple[bool, str, str | None], Any] = {}
        for occurrence, row in names.features.items():
            example.setdefault(_identity(occurrence, by_name=by_name), row)
        written = _written(example, answer_names)
        meaning: dict[str, tuple[bool, str, str | None]] = {}
        for identity, name in written.items():
            other = meaning.setdefault(name, identity)
            if other != identity:
                raise _clash(name, [(one, example[one]) for one in (other, identity)])
        features = sorted(meaning)
        nested_by_name = _nested_rule(names.nested)
        items = {_item(item, by_name=nested_by_name) for item in names.nested if item.text is None}
        nested = _written({(True, *item) for item in items}, "auto")
        subclasses = sorted(set(nested.values()))
        if len(subclasses) < len(nested):
            # An answer whose own name looks like question/answer: then all are named by question and answer.
            nested = _written(nested, "question/answer")
            subclasses = sorted(set(nested.values()))
        if len(subclasses) < len(nested):
            raise _same_subclass(nested)
        if "" in features or "" in subclasses:
            raise AnnotationError(
                "a name is empty",
                [Fault(rule="name", message="a feature or an answer has a name without a character")],
            )
        return cls(
            features=features,
            is_classification=np.array([meaning[name][0] for name in features], bool),
            subclasses=subclasses,
            subclass_of={item: subclasses.index(nested[True, *item]) for item in items},
            _by_name=by_name,
            _nested_by_name=nested_by_name,
            _feature_of={identity: features.index(name) for identity, name in written.items()},
        )

    def feature_codes(self, columns: Columns) -> Ints:
        """Index of each annotation's feature."""
        question, answer = (columns.name, columns.answer) if self._by_name else (columns.schema_id, columns.answer_id)
        width = len(answer.values) + 1
        is_answer = columns.kind == Kind.ANSWER
        combined = question.codes * width + np.where(is_answer, answer.codes + 1, 0)
        combined = combined * 2 + (columns.kind >= Kind.ANSWER)
        distinct, inverse = _distinct(combined, len(question.values) * width * 2)
        codes = [
            self._feature_of[
                bool(code % 2),
                question.values[code // 2 // width],
                None if not code // 2 % width else answer.values[code // 2 % width - 1],
            ]
            for code in distinct.tolist()
        ]
        return np.array(codes, np.int64)[inverse]

    def nested_sets(self, column: Coded) -> tuple[list[frozenset[NestedItem]], Ints]:
        """Distinct sets of nested answers, the empty one first, and the index of each annotation's set."""
        sets = [frozenset(_item(item, by_name=self._nested_by_name) for item in items) for items in column.values]
        distinct = sorted({frozenset(), *sets}, key=lambda items: (len(items) > 0, sorted(items)))
        lookup = {items: code for code, items in enumerate(distinct)}
        return distinct, np.array([*(lookup[items] for items in sets), 0], np.int64)[column.codes]


def _firsts(codes: Ints, n: int) -> Ints:
    """Where each distinct code of 0 .. n - 1 stands first, without a sort where a table is small enough."""
    if n > 4 * len(codes) + 1024:
        found: Ints = np.unique(codes, return_index=True)[1]
        return found
    first = np.full(n, -1, np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    return first[first >= 0]


def _distinct(codes: Ints, n: int) -> tuple[Ints, Ints]:
    """Distinct codes of 0 .. n - 1 and the index of each, without a sort where a table is small enough."""
    if n > 4 * len(codes) + 1024:
        distinct, inverse = np.unique(codes, return_inverse=True)
        return distinct, inverse
    used = np.zeros(n, bool)
    used[codes] = True
    return np.flatnonzero(used), (np.cumsum(used) - 1)[codes]


def _identify(features: Iterable[Occurrence]) -> bool:
    """Whether features are told apart by name (else by schema id)."""
    listed = list(features)
    if all(name is not None and (answer is not None or not is_answer) for _, name, _, answer, _, is_answer in listed):
        return True
    if all(one is not None and (answer is not None or not is_answer) for _, _, one, _, answer, is_answer in listed):
        return False
    raise AnnotationError(
        "features cannot be identified: all annotations need a name, or all need a schema id",
        [
            Fault(
                rule="identity",
                message="some annotations have only a name and others only a schema id",
                remedy="give every annotation and every answer a name",
            )
        ],
    )


def _identity(occurrence: Occurrence, *, by_name: bool) -> tuple[bool, str, str | None]:
    is_class, name, schema_id, answer, answer_id, is_answer = occurrence
    question, chosen = (name, answer) if by_name else (schema_id, answer_id)
    return is_class, str(question), chosen if is_answer else None


def _written(
    identities: Iterable[tuple[bool, str, str | None]], answer_names: AnswerNames
) -> dict[tuple[bool, str, str | None], str]:
    """Written name of each identity: answers by themselves unless two questions share them."""
    listed = list(identities)
    questions = defaultdict(set)
    for _, question, answer in listed:
        if answer is not None:
            questions[answer].add(question)

    def name(question: str, answer: str | None) -> str:
        if answer is None:
            return question
        if answer_names == "question/answer" or (answer_names == "auto" and len(questions[answer]) > 1):
            return f"{question}/{answer}"
        return answer

    return {one: name(*one[1:]) for one in listed}


def _clash(name: str, meanings: Sequence[tuple[tuple[bool, str, str | None], Any]]) -> AnnotationError:
    def describe(identity: tuple[bool, str, str | None]) -> str:
        is_class, question, answer = identity
        if not is_class:
            return "an object"
        return f"an answer of {question!r}" if answer is not None else "a free text question"

    return AnnotationError(
        f"the feature name {name!r} means two things",
        [
            Fault(
                rule="feature-kind",
                message=f"{name!r} is {describe(identity)} here",
                data_row=str(where),
                remedy='rename one of them, or name answers by question and answer (answer_names="question/answer")',
            )
            for identity, where in meanings
        ],
    )


def _same_subclass(written: Mapping[tuple[bool, str, str | None], str]) -> AnnotationError:
    meanings = defaultdict(list)
    for (_, question, answer), name in sorted(written.items()):
        meanings[name].append(f"the answer {answer!r} of {question!r}")
    name, both = next((name, both) for name, both in meanings.items() if len(both) > 1)
    return AnnotationError(
        f"the subclass name {name!r} means two things",
        [Fault(rule="subclass-name", message=" and ".join(both), remedy="rename one of the answers")],
    )


def _nested_rule(items: Iterable[NestedAnswer]) -> bool:
    """Whether nested answers are told apart by name (else by schema id)."""
    listed = list(items)

    def has(item: NestedAnswer, question: str | None, answer: str | None) -> bool:
        return question is not None and (answer is not None or item.text is not None)

    if all(has(item, item.question, item.answer) for item in listed):
        return True
    if all(has(item, item.question_id, item.answer_id) for item in listed):
        return False
    raise AnnotationError(
        "nested classifications cannot be identified: all need names, or all need schema ids",
        [Fault(rule="identity", message="some nested answers have only a name and others only a schema id")],
    )


def _item(item: NestedAnswer, *, by_name: bool) -> NestedItem:
    question, answer = (item.question, item.answer) if by_name else (item.question_id, item.answer_id)
    return str(question), answer if answer is not None else TEXT_MARK + str(item.text)


def nested_agreement(first: frozenset[NestedItem], second: frozenset[NestedItem]) -> float:
    """Share of nested answers that agree: Jaccard's index, where a free text question counts once.

    >>> nested_agreement(frozenset({("colour", "red"), ("age", "old")}), frozenset({("colour", "red")}))
    0.5
    """

    def features(items: frozenset[NestedItem]) -> set[NestedItem]:
        return {(question, TEXT_MARK if answer.startswith(TEXT_MARK) else answer) for question, answer in items}

    return len(first & second) / len(features(first) | features(second))
