"""Confusion matrix of object types, each row normalised to its true objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from engine.monitoring import labels, style

IntArray = NDArray[np.int64]

# Above this many types the numbers would not fit into their cells.
MOST_ANNOTATED = 12


def matrix(truth: IntArray, prediction: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Count [rows, columns] and name the codes of the rows (true) and of the columns.

    truth and prediction are codes [N]. A row is a type that occurs; a column is a type that
    occurs or was predicted (0, padding, is predicted for an object that was lost).
    """
    rows = np.unique(truth)
    columns = np.union1d(rows, np.unique(prediction))
    counts = np.zeros((rows.size, columns.size), dtype=np.int64)
    np.add.at(counts, (np.searchsorted(rows, truth), np.searchsorted(columns, prediction)), 1)
    return counts, rows, columns


def draw(axes: Axes, names: Sequence[str], truth: IntArray, prediction: IntArray) -> None:
    """Shares in percent of each true type (rows) by predicted type (columns); truth is [N >= 1]."""
    counts, rows, columns = matrix(truth, prediction)
    shares = counts / counts.sum(axis=1, keepdims=True)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(columns.size), [type_name(names, code) for code in columns])
    totals = counts.sum(axis=1)
    axes.set_yticks(
        range(rows.size),
        [f"{type_name(names, code)}  ({n:,})" for code, n in zip(rows, totals, strict=True)],
    )
    axes.set_xlabel("reconstructed type")
    axes.set_ylabel("true type (objects)")
    right = 100 * float((truth == prediction).mean())
    axes.set_title(f"object types: {right:.1f}% right (cells: % of the true type)")
    _separate_cells(axes, shares.shape)
    if max(shares.shape) <= MOST_ANNOTATED:
        _annotate(axes, shares)


def type_name(names: Sequence[str], code: int) -> str:
    """Name a type code; a code without a name is shown as a number."""
    return labels.object_type(names[code]) if 0 <= code < len(names) else str(code)


def _separate_cells(axes: Axes, shape: tuple[int, ...]) -> None:
    """White lines between cells in place of frame, ticks and grid."""
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks(np.arange(1, shape[1]) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, shape[0]) - 0.5, minor=True)
    axes.tick_params(which="minor", length=0)
    axes.grid(which="minor", color="white", linewidth=2)


def _annotate(axes: Axes, shares: NDArray[np.float64]) -> None:
    """Percent in each cell; a dot for a share that rounds to zero, nothing for none at all."""
    for (row, column), share in np.ndenumerate(shares):
        percent = f"{100 * share:.0f}" if share >= 0.005 else "·" if share else ""
        colour = "white" if share > 0.55 else style.BLACK if share >= 0.005 else style.GREY
        axes.text(column, row, percent, ha="center", va="center", color=colour, size=9)
