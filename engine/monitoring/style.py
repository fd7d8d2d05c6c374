"""The look that all figures share: colours, sizes, an epoch axis, titles and legends."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from engine.monitoring.series import FloatArray, is_wide, marked

# Okabe and Ito, "Color Universal Design" (2008): told apart with every kind of colour vision.
BLACK = "#000000"
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
BLUE = "#0072B2"
VERMILLION = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#767676"
LIGHT_GREY = "#D4D4D4"

# One meaning, one colour, in every figure.
TRAINING = ORANGE
VALIDATION = BLUE
TRUTH = LIGHT_GREY
TRUTH_EDGE = GREY
WIDTH_BAND = "#F6DCCB"
RECONSTRUCTION = VERMILLION

WIDTH = 7.0  # inches
DIMMED = 0.55  # opacity of what stands behind
SMALL = 8.5  # points, for notes inside a figure

# A log axis over fewer decades, and not of tiny values, is read better with 0.2 and 0.5 on it
# than with 10^-1 alone.
FEW_DECADES = 300.0
TINY = 1e-3

_RC: dict[str, Any] = {
    "text.usetex": False,  # a worker node rarely has LaTeX
    "font.family": "DejaVu Sans",  # shipped with matplotlib
    "font.size": 10,
    "mathtext.fontset": "dejavusans",
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "axes.labelcolor": "#222222",
    "axes.edgecolor": "#555555",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.which": "major",
    "axes.xmargin": 0.02,
    "axes.ymargin": 0.08,
    "axes.formatter.useoffset": False,
    "axes.formatter.limits": (-4, 5),
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.7,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "xtick.labelcolor": "#222222",
    "ytick.labelcolor": "#222222",
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "legend.borderaxespad": 0.2,
    "figure.titlesize": 12,
    "figure.titleweight": "bold",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "savefig.bbox": "standard",
    "pdf.fonttype": 42,  # text in a PDF stays text
}


def context() -> AbstractContextManager[None]:
    """Set the look for drawing and writing a figure; the caller's settings come back after."""
    return matplotlib.rc_context(_RC)  # type: ignore[arg-type]


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure of width x height inches that arranges its own margins."""
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)  # type: ignore[union-attr, call-arg]
    return figure


def headline(figure: Figure, text: str) -> None:
    """Write the message of a figure above everything else, at the left."""
    figure.suptitle(text, x=0.015, ha="left")


def legend_above(axes: Axes, handles: list[Artist]) -> None:
    """Put a legend in one line above `axes`, where it can cover no data."""
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(handles))


def legend_below(axes: Axes, ncols: int) -> None:
    """Put a legend of `ncols` columns below `axes`, where it can cover no data."""
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=ncols)


def plot_history(axes: Axes, values: FloatArray, colour: str, label: str, **style: Any) -> Artist:
    """Draw values [n epochs] against the epoch; a gap stays a gap, a lone point is a dot."""
    (line,) = axes.plot(range(len(values)), values, color=colour, label=label, **style)
    dots = marked(values)
    axes.plot(dots, values[dots], color=colour, marker="o", markersize=3.5, linestyle="none")
    return line


def epoch_axis(axes: Axes, n_epochs: int, named: bool = True) -> None:
    """Make the x axis one of whole epochs from 0 to n_epochs - 1."""
    margin = max(0.5, 0.02 * n_epochs)
    axes.set_xlim(-margin, max(n_epochs - 1, 0) + margin)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    if named:
        axes.set_xlabel("epoch")


def log_if_wide(axes: Axes, *parts: Any) -> None:
    """Make the y axis logarithmic where the values drawn are positive and span decades."""
    if not is_wide(*parts):
        return
    axes.set_yscale("log")
    if not is_wide(*parts, ratio=FEW_DECADES) and axes.get_ylim()[0] > TINY:
        plain_log_ticks(axes.yaxis)


def plain_log_ticks(axis: Axis) -> None:
    """Ticks at 1, 2 and 5 in each decade of a log axis, written as plain numbers."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def legend_of_splits(figure: Figure) -> None:
    """Which colour is validation and which training, in the top right corner."""
    handles = [
        Line2D([], [], color=VALIDATION, label="validation"),
        Line2D([], [], color=TRAINING, alpha=DIMMED, label="training"),
    ]
    figure.legend(handles=handles, loc="upper right", ncols=2, bbox_to_anchor=(0.995, 0.995))
