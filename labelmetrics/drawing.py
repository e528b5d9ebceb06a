"""How figures look: axes, colours and lines, legends, notes; names in data are never read as formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from labelmetrics.errors import MissingPackageError, SettingError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from labelmetrics.kernels.batch import Bools, Ints

BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9"
GREY = "0.4"
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
DASHES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (7, 1, 1, 1, 1, 1)))
STYLES = [(COLOURS[n % len(COLOURS)], DASHES[n % len(DASHES)]) for n in range(len(COLOURS) * len(DASHES))]
"""Colours and dashes of lines: neighbours differ in both."""
LONGEST = 32
"""Characters of a name that are shown."""


def axes_of(given: Axes | None, size: tuple[float, float] | None = None) -> Axes:
    """The axes to draw into: those given, or those of a new figure of a size in inches.

    Raises
    ------
    MissingPackageError
        matplotlib is not installed.
    SettingError
        What is given is not the axes of one plot.
    """
    pyplot = _pyplot()
    found: Axes = pyplot.subplots(figsize=size, layout="compressed")[1] if given is None else given
    if not isinstance(found, pyplot.Axes):
        raise SettingError(f"ax must be the Axes of one plot, got {type(given).__name__}")
    return found  # type: ignore[no-any-return]


def grid_of(n: int, columns: int, size: tuple[float, float]) -> list[Axes]:
    """The axes of n plots of a size in inches, on a new figure.

    Raises
    ------
    MissingPackageError
        matplotlib is not installed.
    """
    pyplot = _pyplot()
    columns = min(columns, n)
    rows = -(-n // columns)
    figsize = (size[0] * columns, size[1] * rows)
    _, grid = pyplot.subplots(rows, columns, figsize=figsize, layout="compressed", squeeze=False)
    for left in grid.flat[n:]:
        left.remove()
    found: list[Axes] = list(grid.flat[:n])
    return found


def _pyplot() -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise MissingPackageError("matplotlib", "plot") from error
    return pyplot


def short(name: str) -> str:
    """A name of a bearable length, on one line, that no legend leaves out.

    >>> short("cat"), short("_cat"), short("a pedestrian who crosses the street")
    ('cat', "'_cat'", 'a pedestrian who…sses the street')
    """
    name = " ".join(name.split())
    if name.startswith("_"):  # matplotlib leaves such labels out
        name = f"'{name}'"
    half = LONGEST // 2
    return name if len(name) <= LONGEST else f"{name[:half]}…{name[1 - half :]}"


def entitle(ax: Axes, *parts: str, **options: Any) -> None:
    """Set the title: what is not empty, parted by commas. A dollar sign stands for no formula."""
    ax.set_title(", ".join(filter(None, parts)), fontsize="medium", parse_math=False, **options)


def legend(ax: Axes, **options: Any) -> None:
    """The legend, in which names are plain text; none where nothing has a label."""
    if ax.get_legend_handles_labels()[1]:
        for text in ax.legend(**{"frameon": False, **options}).get_texts():
            text.set_parse_math(False)


def note(ax: Axes, text: str) -> None:
    """Say in the middle of empty axes why nothing is there."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=GREY, parse_math=False)


def whole_numbers(ax: Axes) -> None:
    """Let the vertical axis count, not measure."""
    from matplotlib.ticker import MaxNLocator

    ax.yaxis.set_major_locator(MaxNLocator(integer=True))


def cell_size(ax: Axes, n: int) -> float:
    """Width or height in points, whichever is less, of one of n cells a side."""
    inches = ax.get_window_extent().transformed(ax.figure.dpi_scale_trans.inverted())
    return float(72 * min(inches.width, inches.height) / n)


def write_counts(ax: Axes, counts: Ints, is_dark: Bools) -> None:
    """Write counts into the cells of a matrix, zeros aside; none where there is no room for them.

    Parameters
    ----------
    ax : Axes
        Where the matrix is drawn.
    counts : ndarray of int64, shape (n, n)
        What is written.
    is_dark : ndarray of bool, shape (n, n)
        Cells with a dark ground.
    """
    cell, longest = cell_size(ax, len(counts)), len(f"{counts.max():,}")
    size = min(9.0, 0.75 * cell, 1.3 * cell / longest)  # a digit is about 0.6 times as wide as high
    if size < 4.5:
        return
    for row, column in np.argwhere(counts).tolist():
        colour = "white" if is_dark[row, column] else "black"
        ax.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", color=colour, fontsize=size)
