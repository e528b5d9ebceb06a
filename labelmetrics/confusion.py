"""Class by class: what ground truths were predicted as."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from labelmetrics.errors import SettingError
from labelmetrics.formats.restored import coded
from labelmetrics.frame import html_table, need_pandas, plain_table
from labelmetrics.kernels.batch import Bools, Floats, Ints
from labelmetrics.kernels.comparison import FLOOR_ACROSS
from labelmetrics.kernels.matching import greedy
from labelmetrics.matches import rows_of
from labelmetrics.words import counted

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

BACKGROUND = "(background)"


@dataclass(frozen=True)
class ConfusionTable:
    """Counts of (ground truth, prediction) classes.

    Parameters
    ----------
    features : list of str
        Classes of rows and columns; the last is the background.
    counts : ndarray of int64, shape (n, n)
        ``counts[i, j]`` ground truths of class i were matched with predictions of class j. The last column holds
        ground truths without a match, the last row predictions without one.
    threshold : float
        Overlap that matches exceed.
    """

    features: list[str]
    counts: Ints
    threshold: float

    def grouped(self, most: int) -> ConfusionTable:
        """The table of the features that are confused most often, and of all others as one.

        Parameters
        ----------
        most : int
            How many features stay by themselves; of those that are equally confused, the ones with more ground truths.
        """
        *names, background = self.features
        if len(names) <= most:
            return self
        between = self.counts[:-1, :-1] - np.diag(np.diag(self.counts[:-1, :-1]))
        confused, support = between.sum(axis=0) + between.sum(axis=1), self.counts[:-1].sum(axis=1)
        kept = np.sort(np.lexsort((-support, -confused))[:most])
        group = np.full(len(names) + 1, most)
        group[kept], group[-1] = np.arange(most), most + 1
        counts = np.zeros((most + 2, most + 2), np.int64)
        np.add.at(counts, (group[:, None], group), self.counts)
        others = f"({counted(len(names) - most, 'other')})"
        return ConfusionTable([*(names[at] for at in kept.tolist()), others, background], counts, self.threshold)

    def to_pandas(self) -> pd.DataFrame:
        """The table as a pandas DataFrame, ground truths in rows, predictions in columns; needs pandas.

        ``pip install 'labelmetrics[pandas]'`` installs it.
        """
        frame: pd.DataFrame = need_pandas().DataFrame(self.counts, index=self.features, columns=self.features)
        return frame

    def _rows(self) -> list[list[Any]]:
        return [[name, *row] for name, row in zip(self.features, self.counts.tolist(), strict=True)]

    def __repr__(self) -> str:
        return f"IoU > {self.threshold:g}\n{plain_table(['ground truth', *self.features], self._rows())}"

    def _repr_html_(self) -> str:
        names = ["ground truth", *self.features]
        return html_table(
            names, self._rows(), f"ground truths by what they were predicted as, IoU > {self.threshold:g}"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassPairs:
    """Objects and the pairs of them that may be matches whatever their class; answers take no part.

    Parameters
    ----------
    features : list of str
        Classes, sorted, and the background.
    place : ndarray of int64, shape (n,)
        Class of each object; -1 for answers.
    is_truth : ndarray of bool, shape (n,)
        Whether each is a ground truth.
    truth, guess : ndarray of int64, shape (n_pairs,)
        Rows of the ground truth and the prediction of each pair.
    overlap : ndarray of float64, shape (n_pairs,)
        Overlap of each pair.
    """

    features: list[str]
    place: Ints
    is_truth: Bools
    truth: Ints
    guess: Ints
    overlap: Floats

    @classmethod
    def of(cls, objects: pa.Table, pairs: pa.Table, threshold: float) -> ClassPairs:
        """The pairs above a threshold.

        Raises
        ------
        SettingError
            The threshold is below 0.1, where pairs of unlike features are not kept.
        """
        if threshold < FLOOR_ACROSS:
            raise SettingError(f"a class by class table needs an iou of at least {FLOOR_ACROSS:g}, got {threshold:g}")
        kind, feature, side = (coded(objects.column(name)) for name in ("kind", "feature", "side"))
        is_object = np.array([one not in ("answer", "text") for one in kind.values], bool)[kind.codes]
        used = np.unique(feature.codes[is_object]).tolist()
        order = sorted(used, key=feature.values.__getitem__)
        position = np.full(len(feature.values), -1)
        position[order] = np.arange(len(order))
        number, overlap = objects.column("object").to_numpy(), pairs.column("overlap").to_numpy()
        truth, guess = (rows_of(number, pairs.column(name).to_numpy()) for name in ("ground_truth", "prediction"))
        kept = (overlap > threshold) & is_object[truth] & is_object[guess]
        return cls(
            features=[*(feature.values[code] for code in order), BACKGROUND],
            place=np.where(is_object, position[feature.codes], -1),
            is_truth=np.array([one == "ground_truth" for one in side.values], bool)[side.codes],
            truth=truth[kept],
            guess=guess[kept],
            overlap=overlap[kept],
        )

    def matched(self, takes_part: Bools | None = None) -> tuple[Ints, Ints]:
        """Match objects regardless of their class, highest overlap first.

        Parameters
        ----------
        takes_part : ndarray of bool, shape (n,), optional
            Which objects take part; all unless given.

        Returns
        -------
        partner : ndarray of int64, shape (n,)
            Row of the prediction that each ground truth is matched with; -1 for none, and for predictions.
        cell : ndarray of int64, shape (n,)
            Class of the ground truth times the number of classes plus that of the prediction: of each ground truth,
            and of each prediction that has none; -1 for whatever does not count.
        """
        n = len(self.features)
        counts = self.place >= 0 if takes_part is None else (self.place >= 0) & takes_part
        at = np.flatnonzero(counts[self.truth] & counts[self.guess])
        at = at[greedy(self.truth[at], self.guess[at], self.overlap[at])]
        partner = np.full(len(self.place), -1)
        partner[self.truth[at]] = self.guess[at]
        guessed = np.append(self.place, n - 1)[partner]
        cell = np.where(self.is_truth, self.place * n + guessed, (n - 1) * n + self.place)
        cell[~counts] = -1
        cell[self.guess[at]] = -1
        return partner, cell


def confusion_table(objects: pa.Table, pairs: pa.Table, threshold: float) -> ConfusionTable:
    """Match objects regardless of their class, highest overlap first, and count classes; answers take no part.

    Raises
    ------
    SettingError
        The threshold is below 0.1, where pairs of unlike features are not kept.
    """
    found = ClassPairs.of(objects, pairs, threshold)
    n = len(found.features)
    _, cell = found.matched()
    return ConfusionTable(found.features, np.bincount(cell[cell >= 0], minlength=n * n).reshape(n, n), threshold)
