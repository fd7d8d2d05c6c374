"""Training and validation loss against the epoch, with the best epoch marked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import patheffects
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from engine.monitoring import series, style

# Values, colour, name and line width.
Curve = tuple[series.FloatArray, str, str, float]


def draw(payload: Mapping[str, Any]) -> Figure | None:
    """Draw both losses over the epochs; None where neither has a finite value.

    Reads `histories` (`train_loss`, `val_loss`: one value per epoch) and, where there is one,
    `figure_data["baseline_val_loss"]`: the loss of predicting the mean.
    """
    train = series.history(payload, "train_loss")
    validation = series.history(payload, "val_loss")
    curves: list[Curve] = [
        (train, style.TRAINING, "training", 1.3),
        (validation, style.VALIDATION, "validation", 1.9),
    ]
    curves = [curve for curve in curves if series.has_points(curve[0])]
    if not curves:
        return None
    figure = style.new_figure(style.WIDTH, 4.2)
    axes = figure.add_subplot()
    _draw_curves(axes, curves, _baseline(payload))
    # The last curve is validation where there is one: it is the loss that chooses the model.
    values, colour, label, _ = curves[-1]
    epoch, value = series.lowest(values)
    _mark(axes, epoch, value, colour, is_below=_leads(train, validation, epoch))
    style.headline(figure, f"{label} loss {series.number(value)} at epoch {epoch} (best)")
    return figure


def _draw_curves(axes: Axes, curves: list[Curve], baseline: float | None) -> None:
    """Draw the curves and the reference, on a log axis where they span decades."""
    handles = [
        style.plot_history(axes, values, colour, label, linewidth=width)
        for values, colour, label, width in curves
    ]
    if baseline is not None:
        handles.append(_reference(axes, baseline))
    axes.margins(y=0.14)  # room for the number beside the best point
    style.log_if_wide(
        axes, *(curve[0] for curve in curves), [np.nan if baseline is None else baseline]
    )
    style.epoch_axis(axes, max(len(curve[0]) for curve in curves))
    axes.set_ylabel("loss")
    style.legend_above(axes, handles)


def _baseline(payload: Mapping[str, Any]) -> float | None:
    """Return the loss of predicting the mean, if the event has a finite one."""
    value = (payload.get("figure_data") or {}).get("baseline_val_loss")
    return float(value) if value is not None and math.isfinite(value) else None


def _reference(axes: Axes, baseline: float) -> Artist:
    label = f"predicting the mean ({series.number(baseline)})"
    return axes.axhline(baseline, color=style.GREY, linewidth=1.2, linestyle="--", label=label)


def _leads(train: series.FloatArray, validation: series.FloatArray, epoch: int) -> bool:
    """Whether validation lies below training at `epoch`, so that there is room beneath it."""
    return epoch < min(len(train), len(validation)) and bool(validation[epoch] < train[epoch])


def _mark(axes: Axes, epoch: int, value: float, colour: str, is_below: bool) -> None:
    """Mark the best epoch with its value, on the side where no other curve is."""
    axes.plot(
        [epoch], [value], marker="o", markersize=8, color=colour,
        markeredgecolor="white", markeredgewidth=1.4, zorder=5,
    )  # fmt: skip
    axes.annotate(
        series.number(value), (epoch, value), xytext=(0, -9 if is_below else 9),
        textcoords="offset points", ha="center", va="top" if is_below else "bottom",
        color=colour, weight="bold", zorder=6,
        path_effects=[patheffects.withStroke(linewidth=3, foreground="white")],
    )  # fmt: skip
