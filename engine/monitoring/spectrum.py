"""One feature drawn twice: its spectrum (truth and reconstruction) and its residual."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

from engine.monitoring import labels, style
from engine.monitoring.series import FloatArray, is_wide, number

BINS = 50
ENERGY_UNITS = frozenset({"eV", "keV", "MeV", "GeV", "TeV"})
# Above this share of entries beyond the edges of a panel, the panel says so.
WORTH_SAYING = 0.001


@dataclass(frozen=True)
class Feature:
    """One feature: truth [N] and reconstruction [N], both in `unit`; N counts `counted`."""

    name: str
    unit: str
    truth: FloatArray
    reconstruction: FloatArray
    counted: str = "objects"


def wrap(angle: FloatArray) -> FloatArray:
    """Return the same angles [rad] in [-pi, pi)."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


def residual(feature: Feature) -> FloatArray:
    """Return reconstruction - truth where finite; for an angle the short way round."""
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is left out below
        difference = feature.reconstruction - feature.truth
    difference = difference[np.isfinite(difference)]
    return wrap(difference) if feature.unit == "rad" else difference


def median_and_width(values: FloatArray) -> tuple[float, float]:
    """Median, and half the width of the central 68 % (one sigma for a Gaussian)."""
    low, middle, high = np.quantile(values, [0.16, 0.5, 0.84])
    return float(middle), float((high - low) / 2)


def spectrum_bins(truth: FloatArray, unit: str) -> tuple[FloatArray, bool]:
    """Bin edges [BINS + 1] that hold the finite truth, and whether they are log-spaced.

    Log-spaced for energies that are strictly positive and span decades; the whole circle for
    an angle; otherwise without the last 0.1 % on either side.
    """
    if unit == "rad":
        return np.linspace(-np.pi, np.pi, BINS + 1), False
    if unit in ENERGY_UNITS and is_wide(truth):
        return np.geomspace(truth.min() / 1.5, truth.max() * 1.5, BINS + 1), True
    low, high = np.quantile(truth, [0.001, 0.999])
    margin = 0.03 * (high - low) or max(abs(low), 1.0) * 0.1
    return np.linspace(low - margin, high + margin, BINS + 1), False


def draw_feature(figure: Figure, cell: SubplotSpec, feature: Feature) -> None:
    """Spectrum above, residual below, in one cell of a grid."""
    grid = cell.subgridspec(2, 1, height_ratios=[1.5, 1])
    spectrum(figure.add_subplot(grid[0]), feature)
    residuals(figure.add_subplot(grid[1]), feature)


def spectrum(axes: Axes, feature: Feature) -> None:
    """Histograms of truth (filled) and reconstruction (line) on the same bins."""
    truth, reconstruction = _finite(feature.truth), _finite(feature.reconstruction)
    if feature.unit == "rad":
        truth, reconstruction = wrap(truth), wrap(reconstruction)
    if truth.size == 0:
        _nothing(axes)
        return
    edges, log = spectrum_bins(truth, feature.unit)
    true_counts, _ = np.histogram(truth, edges)
    counts, _ = np.histogram(reconstruction, edges)
    axes.stairs(true_counts, edges, fill=True, color=style.TRUTH)
    axes.stairs(true_counts, edges, color=style.TRUTH_EDGE, linewidth=0.9)
    axes.stairs(counts, edges, color=style.RECONSTRUCTION, linewidth=1.6)
    top = max(true_counts.max(), counts.max(), 1)
    if log:
        axes.set(xscale="log", yscale="log", ylim=(0.5, 2 * top))
    else:
        axes.set_ylim(0, 1.08 * top)
    axes.set_xlim(edges[0], edges[-1])
    _note_missing(axes, feature, int(counts.sum()))
    if feature.unit == "rad":
        angle_ticks(axes)
    axes.set_xlabel(labels.with_unit(labels.quantity(feature.name), feature.unit))
    axes.set_ylabel(feature.counted)


def residuals(axes: Axes, feature: Feature) -> None:
    """Histogram of the residual with its median and 68 % width written above it."""
    values = residual(feature)
    if values.size == 0:
        _nothing(axes)
        return
    median, width = median_and_width(values)
    edges = residual_edges(values, median, width)
    counts, _ = np.histogram(values, edges)
    axes.axvspan(median - width, median + width, color=style.WIDTH_BAND, zorder=0)
    axes.stairs(counts, edges, fill=True, color=style.RECONSTRUCTION, alpha=0.75)
    axes.axvline(0, color=style.BLACK, linewidth=0.9, linestyle=":")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, 1.08 * max(counts.max(), 1))
    unit = f" {labels.plain(feature.unit)}" if feature.unit else ""
    axes.set_title(
        rf"median {_beside(median, width)},  $\sigma_{{68}}$ {number(width)}{unit}",
        color=style.RECONSTRUCTION, size=style.SMALL,
    )  # fmt: skip
    symbol = labels.quantity(feature.name)
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel(labels.with_unit(f"reco \N{MINUS SIGN} true {symbol}", feature.unit))
    axes.set_ylabel(feature.counted)


def _beside(value: float, width: float) -> str:
    """Write a value with the decimals that matter beside `width`; digits below them are noise."""
    if width <= 0 or not 1e-3 < width < 1e6:
        return number(value)
    decimals = max(0, 2 - math.floor(math.log10(width)))
    return f"{round(value, decimals) + 0.0:.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def residual_edges(values: FloatArray, median: float, width: float) -> FloatArray:
    """Edges of 5 widths to either side of the median, no wider than the values, with 0 inside."""
    reach = 5 * width or float(np.abs(values - median).max()) or 1.0
    low = min(max(median - reach, float(values.min())), -0.05 * reach)
    high = max(min(median + reach, float(values.max())), 0.05 * reach)
    return np.linspace(low, high, BINS + 1)


def angle_ticks(axes: Axes) -> None:
    """Ticks at multiples of pi/2."""
    names = [r"$-\pi$", r"$-\pi/2$", "0", r"$\pi/2$", r"$\pi$"]
    axes.set_xticks(np.linspace(-np.pi, np.pi, 5), names)


def _finite(values: FloatArray) -> FloatArray:
    return values[np.isfinite(values)]


def _note_missing(axes: Axes, feature: Feature, shown: int) -> None:
    """Say what share of the reconstruction the panel cannot show: beyond its edges, or NaN."""
    share = 1 - shown / max(feature.reconstruction.size, 1)
    if share > WORTH_SAYING:
        axes.set_title(
            f"{100 * share:.1f}% of reconstruction not shown",
            loc="right", color=style.RECONSTRUCTION, size=style.SMALL,
        )  # fmt: skip


def _nothing(axes: Axes) -> None:
    """Leave a panel honestly empty: a value that is not finite has no place on an axis."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, "no finite values", ha="center", va="center", color=style.GREY)
