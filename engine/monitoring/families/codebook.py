"""How evenly a codebook is used: codes ordered by use, and its health over the epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from engine.monitoring import series, style
from engine.monitoring.families.metrics import draw_panel

HISTORIES = ("perplexity", "codes_used")
# Below this share of codes in use a linear rank axis would be an empty frame.
FEW_USED = 0.15


def draw(payload: Mapping[str, Any]) -> Figure | None:
    """Draw the uses of each code by rank and, where known, its health over the epochs.

    Reads `figure_data["codebook"]["counts"]`: int [K], uses of each code over the validation
    split. None where it is missing or no code was used.
    """
    codebook = (payload.get("figure_data") or {}).get("codebook") or {}
    counts = np.sort(np.asarray(codebook.get("counts", ()), dtype=float).ravel())[::-1]
    if counts.size == 0 or counts[0] <= 0:
        return None
    names = [n for n in HISTORIES if series.has_points(series.history(payload, n))]
    figure = style.new_figure(style.WIDTH, 6.0 if names else 4.0)
    grid = figure.add_gridspec(2 if names else 1, 1, height_ratios=[1.7, 1] if names else [1])
    _ranked(figure.add_subplot(grid[0]), counts)
    if names:
        _over_epochs(figure, grid[1].subgridspec(1, len(names)), payload, names)
    used = int((counts > 0).sum())
    style.headline(
        figure,
        f"{used:,} of {counts.size:,} codes used, perplexity {series.number(perplexity(counts))}",
    )
    return figure


def perplexity(counts: series.FloatArray) -> float:
    """exp(entropy) of the use of the codes, counts [K]: K for even use, 1 for a single code."""
    share = counts[counts > 0] / counts.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def _ranked(axes: Axes, counts: series.FloatArray) -> None:
    """Draw counts [K], falling, against the rank, beside the height of perfectly even use."""
    used = int((counts > 0).sum())
    edges = np.arange(counts.size + 1) + 0.5
    bars = axes.stairs(
        counts[:used], edges[: used + 1], fill=True, color=style.SKY, alpha=0.55, label="uses"
    )
    axes.stairs(counts[:used], edges[: used + 1], color=style.BLUE, linewidth=1.2, baseline=None)
    even = counts.sum() / counts.size
    line = axes.axhline(
        even, color=style.GREY, linestyle="--", linewidth=1.2,
        label=f"even use ({series.number(even)} each)",
    )  # fmt: skip
    handles = [bars, line]
    if used < counts.size:
        handles.append(_unused(axes, edges[used], edges[-1], counts.size - used))
    axes.set_yscale("log")
    bottom, top = 0.5 * min(counts[used - 1], even), 2 * counts[0]
    axes.set_ylim(bottom, top)
    if top / bottom < style.FEW_DECADES:
        style.plain_log_ticks(axes.yaxis)
    if used < FEW_USED * counts.size:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_xlabel("code, ordered by use")
    axes.set_ylabel("uses in validation")
    style.legend_above(axes, handles)


def _unused(axes: Axes, left: float, right: float, number: int) -> Artist:
    return axes.axvspan(left, right, color="#F2F2F2", zorder=0, label=f"{number:,} never used")


def _over_epochs(figure: Figure, grid: Any, payload: Mapping[str, Any], names: list[str]) -> None:
    for column, name in enumerate(names):
        axes = figure.add_subplot(grid[column])
        draw_panel(axes, payload, name, with_training=False)
        style.epoch_axis(axes, len(series.history(payload, name)))
