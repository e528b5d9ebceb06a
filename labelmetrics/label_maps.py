"""Semantic label maps: one class a pixel, straight to counts of classes."""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from labelmetrics.errors import AnnotationError, DataRowError, Fault, SettingError
from labelmetrics.frame import html_table, need_pandas, plain_table
from labelmetrics.kernels.batch import Floats, Ints
from labelmetrics.kernels.label_maps import joint_counts
from labelmetrics.types import ConfusionMatrixMetric, GenericDataRowData, Label, ScalarMetric
from labelmetrics.types.mask import decode_image

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LabelMapConfusion", "label_map_confusion"]

LabelMap = NDArray[Any] | bytes | str | Path
LabelMaps = LabelMap | Mapping[str, LabelMap] | Iterable[LabelMap]
KeyKind = Literal["globalKey", "id"]
Metric = ScalarMetric | ConfusionMatrixMetric

MATRIX, IOU = "label_map", "label_map_iou"
MOST_CLASSES = 4096
"""The matrix of so many classes has 128 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelMapConfusion:
    """Pixels of label maps by the class that they have and the class that was predicted.

    Made by :func:`label_map_confusion`.

    Parameters
    ----------
    class_names : list of str
        Names of the C classes.
    ignore_class : int or None
        Value of pixels that count neither way.
    data_rows : list of str or None
        Keys of the R data rows; ``None`` where maps were given without.
    key_kind : {"globalKey", "id"}
        Kind of the keys.
    matrix : ndarray of int64, shape (C, C)
        ``matrix[i, j]``: pixels of class i that were predicted as class j, over all data rows.
    row_tp, row_fp, row_fn : ndarray of int64, shape (R, C)
        Pixels of each data row: rightly predicted as a class, wrongly so, and of the class but predicted as another.
    row_pixels : ndarray of int64, shape (R,)
        Pixels of each data row that count.

    Examples
    --------
    >>> import numpy as np
    >>> found = label_map_confusion({"a": np.array([[0, 1]])}, {"a": np.array([[1, 1]])}, class_names=["sky", "road"])
    >>> found.matrix.tolist(), found.iou.tolist(), found.miou
    ([[0, 1], [0, 1]], [0.0, 0.5], 0.25)
    """

    class_names: list[str]
    ignore_class: int | None
    data_rows: list[str] | None
    key_kind: KeyKind
    matrix: Ints
    row_tp: Ints
    row_fp: Ints
    row_fn: Ints
    row_pixels: Ints

    @property
    def tp(self) -> Ints:
        """Pixels rightly predicted as each class, shape (C,)."""
        return _summed(self.row_tp)

    @property
    def fp(self) -> Ints:
        """Pixels wrongly predicted as each class, shape (C,)."""
        return _summed(self.row_fp)

    @property
    def fn(self) -> Ints:
        """Pixels of each class that were predicted as another, shape (C,)."""
        return _summed(self.row_fn)

    @property
    def iou(self) -> Floats:
        """TP / (TP + FP + FN) of each class, shape (C,); NaN for classes that do not occur and for the ignored one."""
        return self._iou(self.tp, self.fp, self.fn)

    @property
    def row_iou(self) -> Floats:
        """The same for each data row, shape (R, C)."""
        return self._iou(self.row_tp, self.row_fp, self.row_fn)

    @property
    def miou(self) -> float | None:
        """Mean of :attr:`iou` over the classes where it is defined; ``None`` where there is none."""
        return _mean(self.iou)

    @property
    def accuracy(self) -> float | None:
        """Share of pixels whose class is right; ``None`` without pixels."""
        pixels = int(self.row_pixels.sum())
        return int(self.tp.sum()) / pixels if pixels else None

    def _iou(self, tp: Ints, fp: Ints, fn: Ints) -> Floats:
        whole = tp + fp + fn
        defined = whole > 0
        if self.ignore_class is not None and 0 <= self.ignore_class < len(self.class_names):
            defined[..., self.ignore_class] = False
        iou = np.full(whole.shape, np.nan)
        np.divide(tp, whole, out=iou, where=defined)
        return iou

    def metrics(
        self, kinds: Collection[Literal["confusion_matrix", "iou", "miou"]] = ("confusion_matrix", "iou", "miou")
    ) -> Iterator[Metric]:
        """Iterate over metric annotations, data row by data row, for classes that occur there.

        Matrices are called ``label_map`` and count pixels (TN too); IoU and its mean are called ``label_map_iou``.
        :meth:`Evaluation.with_metrics` takes them.

        Parameters
        ----------
        kinds : collection of {"confusion_matrix", "iou", "miou"}
            Matrices and IoU of classes, mean IoU of data rows.

        Raises
        ------
        SettingError
            A kind that does not exist.
        """
        unknown = set(kinds) - {"confusion_matrix", "iou", "miou"}
        if unknown:
            raise SettingError(f"kinds are confusion_matrix, iou and miou, got {', '.join(map(repr, sorted(unknown)))}")
        iou = self.row_iou
        for row in range(len(iou)):
            of_row: dict[str, Any] = {}
            if self.data_rows is not None:
                of_row["data_row"] = (self.key_kind, self.data_rows[row])
            for one in np.flatnonzero(~np.isnan(iou[row])).tolist():
                of_class = {**of_row, "feature_name": self.class_names[one]}
                tp, fp, fn = (int(counts[row, one]) for counts in (self.row_tp, self.row_fp, self.row_fn))
                if "confusion_matrix" in kinds:
                    value = (tp, fp, int(self.row_pixels[row]) - tp - fp - fn, fn)
                    yield ConfusionMatrixMetric(metric_name=MATRIX, value=value, **of_class)
                if "iou" in kinds:
                    yield ScalarMetric(metric_name=IOU, value=float(iou[row, one]), **of_class)
            mean = _mean(iou[row])
            if "miou" in kinds and mean is not None:
                yield ScalarMetric(metric_name=IOU, value=mean, **of_row)

    def labels(
        self, kinds: Collection[Literal["confusion_matrix", "iou", "miou"]] = ("confusion_matrix", "iou", "miou")
    ) -> Iterator[Label]:
        """Iterate over labels that hold the metric annotations of their data row; parameters as in :meth:`metrics`.

        Raises
        ------
        SettingError
            Maps were given without data rows, or there is no such kind.
        """
        if self.data_rows is None:
            raise SettingError("labels need data rows: give the maps as a dict by data-row key")
        name = "uid" if self.key_kind == "id" else "global_key"
        found: dict[str, list[Metric]] = {}
        for metric in self.metrics(kinds):
            assert metric.data_row is not None
            found.setdefault(metric.data_row.key[1], []).append(metric)
        for row, metrics in found.items():
            yield Label(data=GenericDataRowData(**{name: row}), annotations=metrics)

    def to_pandas(self) -> pd.DataFrame:
        """The matrix as a pandas DataFrame: ground truths in rows, predictions in columns."""
        frame: pd.DataFrame = need_pandas().DataFrame(self.matrix, index=self.class_names, columns=self.class_names)
        return frame

    def _rows(self) -> list[list[Any]]:
        columns = [self.tp.tolist(), self.fp.tolist(), self.fn.tolist(), self.iou.tolist()]
        rows = [
            [name, *values[:3], _defined(values[3])] for name, *values in zip(self.class_names, *columns, strict=True)
        ]
        return [*rows, ["(all)", *(sum(column) for column in columns[:3]), self.miou]]

    def __repr__(self) -> str:
        return plain_table(["class", "TP", "FP", "FN", "IoU"], self._rows())

    def _repr_html_(self) -> str:
        return html_table(["class", "TP", "FP", "FN", "IoU"], self._rows(), "pixels by class")


def _summed(counts: Ints) -> Ints:
    summed: Ints = counts.sum(0)
    return summed


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else value


def _mean(values: Floats) -> float | None:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else None


def label_map_confusion(
    ground_truths: LabelMaps,
    predictions: LabelMaps,
    *,
    n_classes: int | None = None,
    class_names: Sequence[str] | None = None,
    ignore_class: int | None = None,
    key_kind: KeyKind = "globalKey",
) -> LabelMapConfusion:
    """Count the pixels of semantic label maps by true and predicted class.

    A label map is an array of integers of shape (height, width), or a PNG with one channel (grey of any depth, or
    palette indices) as bytes or as a path.

    Parameters
    ----------
    ground_truths, predictions : label map, mapping of str to label map, or iterable of label map
        One map, or one for each data row: by its key, or in the same order on both sides. Iterables are taken one map
        at a time.
    n_classes : int, optional
        Number of classes, at most 4096; maps hold 0 to ``n_classes - 1``.
    class_names : sequence of str, optional
        Their names, instead of the number; ``"0"``, ``"1"``, ... unless given.
    ignore_class : int, optional
        Pixels with this value in the ground truth count neither way. It need not be one of the classes (255, say).
    key_kind : {"globalKey", "id"}
        What the keys of mappings are.

    Returns
    -------
    LabelMapConfusion
        Counts, IoU, and metric annotations made from them.

    Raises
    ------
    SettingError
        The number of classes, their names, the ignored class or the kind of keys cannot be used, or the two sides hold
        unlike numbers of maps.
    DataRowError
        A data row has a map on one side only.
    AnnotationError
        A map that cannot be read, is none, or holds a value that is no class; maps of unlike sizes.

    Notes
    -----
    IoU of a class is TP / (TP + FP + FN) over pixels, its mean the plain one over the classes that occur: Everingham et
    al., The Pascal Visual Object Classes Challenge, 2010, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> truth, guess = np.array([[0, 0, 1], [2, 2, 255]]), np.array([[0, 1, 1], [2, 2, 0]])
    >>> label_map_confusion(truth, guess, class_names=["sky", "road", "car"], ignore_class=255)
    class  TP  FP  FN    IoU
    sky     1   0   1  0.500
    road    1   1   0  0.500
    car     2   0   0  1.000
    (all)   4   1   1  0.667
    """
    names = _class_names(n_classes, class_names)
    if ignore_class is not None:
        ignore_class = _whole("ignore_class", ignore_class)
    if key_kind not in ("globalKey", "id"):
        raise SettingError(f"key_kind must be globalKey or id, got {key_kind!r}")
    rows, pairs = _paired(ground_truths, predictions, key_kind)
    matrix = np.zeros((len(names), len(names)), np.int64)
    found: list[tuple[Ints, Ints, Ints]] = []
    for where, one, two in pairs:
        counts = _counts(
            _read(one, f"ground truth of {where}"),
            _read(two, f"prediction of {where}"),
            len(names),
            ignore_class,
            where,
        )
        matrix += counts
        right = counts.diagonal().copy()
        found.append((right, counts.sum(0) - right, counts.sum(1) - right))
    tp, fp, fn = np.array(found, np.int64).reshape(-1, 3, len(names)).transpose(1, 0, 2)
    return LabelMapConfusion(
        class_names=names,
        ignore_class=ignore_class,
        data_rows=rows,
        key_kind=key_kind,
        matrix=matrix,
        row_tp=tp,
        row_fp=fp,
        row_fn=fn,
        row_pixels=(tp + fn).sum(1),
    )


def _whole(name: str, value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise SettingError(f"{name} must be a whole number, got {value!r}") from None


def _class_names(n_classes: int | None, class_names: Sequence[str] | None) -> list[str]:
    if class_names is not None:
        names = list(class_names)
        if isinstance(class_names, str) or not all(isinstance(name, str) and name for name in names):
            raise SettingError("class_names must be a list of names")
        if len(set(names)) < len(names):
            raise SettingError("class_names must differ from each other")
        if n_classes is not None and n_classes != len(names):
            raise SettingError(f"n_classes is {n_classes}, but there are {len(names)} class_names")
    elif n_classes is None:
        raise SettingError("needs n_classes or class_names")
    else:
        names = [str(one) for one in range(min(_whole("n_classes", n_classes), MOST_CLASSES + 1))]
    if not 1 <= len(names) <= MOST_CLASSES:
        raise SettingError(f"there must be 1 to {MOST_CLASSES} classes, got {n_classes or len(names)}")
    return names


def _paired(
    ground_truths: LabelMaps, predictions: LabelMaps, key_kind: KeyKind
) -> tuple[list[str] | None, Iterator[tuple[str, Any, Any]]]:
    """Keys of data rows where there are any, and for each its name in messages and its two maps."""
    if isinstance(ground_truths, Mapping) != isinstance(predictions, Mapping):
        raise SettingError("give both sides by data-row key, or neither")
    if isinstance(ground_truths, Mapping) and isinstance(predictions, Mapping):
        lonely = sorted(map(str, ground_truths.keys() ^ predictions.keys()))
        if lonely:
            faults = [
                Fault(
                    rule="label-map-missing", message="has a label map on one side only", data_row=f"{key_kind}:{row}"
                )
                for row in lonely
            ]
            raise DataRowError(f"{len(lonely)} data rows have a label map on one side only", faults)
        rows = sorted(ground_truths)
        return rows, ((f"data row {key_kind}:{row}", ground_truths[row], predictions[row]) for row in rows)
    return None, _in_order(_listed(ground_truths), _listed(predictions))


def _listed(maps: Any) -> Iterable[Any]:
    is_one = isinstance(maps, str | bytes | Path) or (isinstance(maps, np.ndarray) and maps.ndim == 2)
    return [maps] if is_one else maps


def _in_order(ground_truths: Iterable[Any], predictions: Iterable[Any]) -> Iterator[tuple[str, Any, Any]]:
    absent = object()
    for number, (one, two) in enumerate(zip_longest(ground_truths, predictions, fillvalue=absent)):
        if one is absent or two is absent:
            raise SettingError("there must be as many ground truths as predictions")
        yield f"map {number}", one, two


def _read(label_map: Any, what: str) -> NDArray[Any]:
    """Array of a label map, of integers with shape (height, width)."""
    pixels = label_map
    if isinstance(label_map, str | Path):
        try:
            pixels = Path(label_map).read_bytes()
        except OSError as error:
            raise AnnotationError(f"{what}: {label_map}: {error.strerror or error}") from None
    if isinstance(pixels, bytes):
        try:
            pixels = decode_image(pixels, "the PNG of a label map", {}, ("PNG",))
        except AnnotationError as error:
            raise AnnotationError(f"{what}: {error}") from None
    if not isinstance(pixels, np.ndarray):
        raise AnnotationError(f"{what}: a label map is an array, a PNG or its path, got {type(pixels).__name__}")
    if pixels.ndim != 2:
        raise AnnotationError(f"{what}: a label map has the shape (height, width), got {pixels.shape}")
    if pixels.dtype == np.bool_:
        # Not a cast: Pillow's images of one bit hold 255 for true.
        return np.where(pixels, np.uint8(1), np.uint8(0))
    if pixels.dtype.kind not in "iu":
        raise AnnotationError(f"{what}: a label map holds integers, got {pixels.dtype}")
    return pixels


def _counts(truth: NDArray[Any], guess: NDArray[Any], n_classes: int, ignore_class: int | None, where: str) -> Ints:
    if truth.shape != guess.shape:
        raise AnnotationError(f"{where}: the ground truth has the size {truth.shape}, the prediction {guess.shape}")
    truth, guess = truth.ravel(), guess.ravel()
    if ignore_class is not None:
        kept = truth != ignore_class
        if not kept.all():
            truth, guess = truth[kept], guess[kept]
    for side, values in (("ground truth", truth), ("prediction", guess)):
        if values.size and not 0 <= int(values.min()) <= int(values.max()) < n_classes:
            wrong = int(values.min() if values.min() < 0 else values.max())
            hint = "" if side == "prediction" or ignore_class is not None else "; ignore_class leaves such pixels out"
            raise AnnotationError(f"{where}: the {side} holds {wrong}, classes are 0 to {n_classes - 1}{hint}")
    return joint_counts(truth, guess, n_classes)
