"""What an epoch costs: time, throughput and memory, stacked over the epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from engine.monitoring import series, style

PANELS = (
    ("epoch_time_s", "time per epoch", "s", style.BLUE),
    ("throughput", "throughput", "events/s", style.GREEN),
    ("max_memory_mib", "peak memory", "MiB", style.PURPLE),
)


def draw(payload: Mapping[str, Any]) -> Figure | None:
    """Epoch time [s], throughput [events/s] and peak memory [MiB] over the epochs.

    Reads `histories`; a quantity that is nowhere above zero has no panel, and None stands for none.
    """
    # All zeros say "not measured": memory is counted on an accelerator only.
    panels = [panel for panel in PANELS if np.any(series.history(payload, panel[0]) > 0)]
    if not panels:
        return None
    figure = style.new_figure(style.WIDTH, 0.8 + 1.7 * len(panels))
    n_epochs = max(len(series.history(payload, name)) for name, *_ in panels)
    for index, (name, text, unit, colour) in enumerate(panels):
        axes = figure.add_subplot(len(panels), 1, index + 1)
        _panel(axes, series.history(payload, name), text, unit, colour)
        is_lowest = index == len(panels) - 1
        style.epoch_axis(axes, n_epochs, named=is_lowest)
        axes.tick_params(labelbottom=is_lowest)
    figure.align_ylabels()
    style.headline(figure, _message(payload))
    return figure


def _panel(axes: Axes, values: series.FloatArray, text: str, unit: str, colour: str) -> None:
    """One quantity from zero up (or on a log axis), with its median written beside the line."""
    style.plot_history(axes, values, colour, text)
    median = float(np.nanmedian(values))
    axes.axhline(median, color=style.GREY, linewidth=0.9, linestyle="--", zorder=1)
    axes.set_title(
        f"median {series.number(median)} {unit}", loc="right", color=style.GREY, size=style.SMALL
    )
    axes.set_ylabel(f"{text}\n[{unit}]")
    if series.is_wide(values):
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0, top=1.15 * float(np.nanmax(values)))


def _message(payload: Mapping[str, Any]) -> str:
    """Epochs done and the time they took, as far as it is known."""
    times = series.history(payload, "epoch_time_s")
    times = times[np.isfinite(times)]
    if times.size == 0:
        return "cost of an epoch"
    epochs = "1 epoch" if times.size == 1 else f"{times.size} epochs"
    return f"{epochs} in {duration(float(times.sum()))}"


def duration(seconds: float) -> str:
    """Seconds in words: 8.3 s, 5 min 43 s, 2 h 07 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
