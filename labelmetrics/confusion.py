"""Class by class: what ground truths were predicted as."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from labelmetrics.errors import SettingError
from labelmetrics.frame import html_table, need_pandas, plain_table
from labelmetrics.kernels.batch import Ints
from labelmetrics.kernels.comparison import FLOOR_ACROSS
from labelmetrics.kernels.matching import greedy

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


def confusion_table(objects: pa.Table, pairs: pa.Table, threshold: float) -> ConfusionTable:
    """Match objects regardless of their class, highest overlap first, and count classes; answers take no part.

    Raises
    ------
    SettingError
        The threshold is below 0.1, where pairs of unlike features are not kept.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if threshold < FLOOR_ACROSS:
        raise SettingError(f"a class by class table needs an iou of at least {FLOOR_ACROSS:g}, got {threshold:g}")
    is_object = ~pc.is_in(objects.column("kind").cast(pa.string()), pa.array(["answer", "text"])).to_numpy()
    feature = objects.column("feature").combine_chunks().cast(pa.string()).dictionary_encode()
    names = feature.dictionary.to_pylist()
    codes = feature.indices.to_numpy()
    used = np.zeros(len(names), bool)
    used[codes[is_object]] = True
    order = sorted(np.flatnonzero(used).tolist(), key=names.__getitem__)
    position = np.full(len(names), -1)
    position[order] = np.arange(len(order))
    first_object = objects.column("object").to_numpy()
    locate = {value: index for index, value in enumerate(first_object.tolist())}
    overlap = pairs.column("overlap").to_numpy()
    kept = pairs.filter(overlap > threshold)
    truth, guess = (
        np.array([locate[value] for value in kept.column(name).to_pylist()], np.int64)
        for name in ("ground_truth", "prediction")
    )
    both = is_object[truth] & is_object[guess]
    truth, guess, overlap = truth[both], guess[both], overlap[overlap > threshold][both]
    matched = greedy(truth, guess, overlap)
    n = len(order) + 1
    counts = np.zeros((n, n), np.int64)
    np.add.at(counts, (position[codes[truth[matched]]], position[codes[guess[matched]]]), 1)
    is_truth = pc.equal(objects.column("side").cast(pa.string()), "ground_truth").to_numpy()
    for side, chosen in ((True, truth[matched]), (False, guess[matched])):
        lonely = is_object & (is_truth == side)
        lonely[chosen] = False
        alone = np.bincount(position[codes[lonely]], minlength=n)[:n]
        if side:
            counts[:, -1] += alone
        else:
            counts[-1, :] += alone
    return ConfusionTable([*(names[code] for code in order), BACKGROUND], counts, threshold)
