"""How far points and lines are widened before they are compared."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np

from labelmetrics.errors import LabelmetricsWarning, SettingError
from labelmetrics.kernels.batch import Floats
from labelmetrics.kernels.join import Batch, Side
from labelmetrics.kernels.overlap import BUFFERED
from labelmetrics.limits import FARTHEST

Width = float | str
Buffer = Width | Mapping[str, Width]


class _Default(float):
    """The default width, told apart from the same number given by a user."""


DEFAULT_BUFFER = _Default(70.0)
"""Pixels, as in the platform's SDK, where it is a hidden constant."""


def check_buffer(buffer: Buffer) -> None:
    """Refuse widths that cannot be used, also where nothing is widened.

    Raises
    ------
    SettingError
        A width that is no number of pixels or share.
    """
    for width in buffer.values() if isinstance(buffer, Mapping) else [buffer]:
        _read(width)


def buffer_widths(batch: Batch, buffer: Buffer, diagonals: Floats | None = None) -> tuple[Floats, Floats]:
    """Width in pixels for each annotation of both sides.

    Parameters
    ----------
    batch : Batch
        The annotations.
    buffer : float, str or mapping
        Pixels, a share of the image's diagonal (``"2%"``), or one of the two per feature name; features that a
        mapping does not name get 70 pixels.
    diagonals : ndarray of float64, shape (n_rows,), optional
        Diagonal of each data row's image in pixels, NaN where its size is unknown.

    Raises
    ------
    SettingError
        A width that is no number of pixels or share, or a share of an image whose size is unknown.
    """
    check_buffer(buffer)
    sides = (batch.ground_truth, batch.prediction)
    concerned = [np.isin(side.kind, BUFFERED) for side in sides]
    used = np.zeros(len(batch.features), bool)
    for side, points in zip(sides, concerned, strict=True):
        used[side.feature[points]] = True
    widths = np.full(len(batch.features), np.nan)
    shares = np.zeros(len(batch.features), bool)
    by_default = False
    for index in np.flatnonzero(used).tolist():
        width = buffer.get(batch.features[index], DEFAULT_BUFFER) if isinstance(buffer, Mapping) else buffer
        by_default |= isinstance(width, _Default)
        widths[index], shares[index] = _read(width)
    if by_default:
        _warn()

    def of(side: Side, points: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Floats:
        width = np.where(points, widths[side.feature], 0.0)
        share = points & shares[side.feature]
        if share.any():
            known = np.full(len(batch.rows), np.nan) if diagonals is None else diagonals
            width[share] *= known[side.row[share]]
            unknown = np.flatnonzero(np.isnan(width))
            if len(unknown):
                row = batch.rows[side.row[unknown[0]]]
                where = f" of data row {row}" if row else ""
                raise SettingError(
                    f"a buffer in percent needs the size of the image{where}: give a table of data rows with width "
                    "and height, or a buffer in pixels"
                )
        return width

    return of(sides[0], concerned[0]), of(sides[1], concerned[1])


def _read(width: Width) -> tuple[float, bool]:
    share = isinstance(width, str) and width.endswith("%")
    try:
        number = float(width[:-1]) / 100 if isinstance(width, str) and share else float(width)
    except (TypeError, ValueError):
        number = -1.0
    if isinstance(width, bool) or (isinstance(width, str) and not share) or not 0 < number <= FARTHEST:
        raise SettingError(f'buffer must be a number of pixels above 0 or a share like "2%", got {width!r}')
    return number, share


def _warn() -> None:
    warnings.warn(
        "points and lines are widened by 70 pixels before they are compared, as on the platform; say buffer=70.0 (or "
        'another width, or a share of the image such as "2%") to choose it yourself',
        LabelmetricsWarning,
        stacklevel=6,
    )
