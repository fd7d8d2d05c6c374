"""Small multiples: one panel per metric, validation with its training counterpart behind."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from engine.monitoring import labels, series, style

# Shown by the families `losses` and `latency`.
ELSEWHERE = frozenset({"train_loss", "val_loss", "epoch_time_s", "throughput", "max_memory_mib"})
# The error of the noise at one level, which the family `diffusion` shows.
AT_LEVEL = re.compile(r"noise_mse_at_(\d+)")
# How adversaries stand, which the family `adversarial` shows.
OF_ADVERSARIES = re.compile(
    r"(train_)?(adversarial_loss|prior_loss|\w+_grad_norm|(discriminator|critic)_(loss|accuracy))"
)
# A setting of the training rather than a measurement: neither validation nor training.
SETTINGS = frozenset({"lr"})


def draw(payload: Mapping[str, Any]) -> Figure | None:
    """One panel per metric of `histories` (one value per epoch); None where there is none."""
    names = panel_names(payload)
    if not names:
        return None
    columns = min(len(names), 2 if len(names) in (2, 4) else 3)
    rows = math.ceil(len(names) / columns)
    width = max(style.WIDTH, 3.1 * columns)
    figure = style.new_figure(width, 0.9 + 2.1 * rows)
    n_epochs = max(len(series.history(payload, n)) for n in _keys(names))
    for index, name in enumerate(names):
        axes = figure.add_subplot(rows, columns, index + 1)
        draw_panel(axes, payload, name)
        style.epoch_axis(axes, n_epochs, named=False)
    figure.supxlabel("epoch", size=10)
    style.headline(figure, f"metrics up to epoch {n_epochs - 1}")
    if any(series.has_points(series.history(payload, f"train_{name}")) for name in names):
        style.legend_of_splits(figure)
    return figure


def panel_names(payload: Mapping[str, Any]) -> list[str]:
    """Metrics with a finite value, without the prefix `train_`; settings such as lr come last."""
    histories = payload.get("histories") or {}
    names = dict.fromkeys(n.removeprefix("train_") for n in histories if not _is_elsewhere(n))
    found = [
        n for n in names if any(series.has_points(series.history(payload, k)) for k in _keys([n]))
    ]
    return sorted(found, key=lambda name: name in SETTINGS)


def _is_elsewhere(name: str) -> bool:
    return name in ELSEWHERE or any(p.fullmatch(name) for p in (AT_LEVEL, OF_ADVERSARIES))


def _keys(names: list[str]) -> list[str]:
    return [key for name in names for key in (f"train_{name}", name)]


def draw_panel(
    axes: Axes, payload: Mapping[str, Any], name: str, with_training: bool = True
) -> None:
    """Draw validation and, dimmed, training values of a metric; the last one is written out."""
    train, values = (series.history(payload, key) for key in _keys([name]))
    train = train if with_training else train[:0]
    colour = style.BLACK if name in SETTINGS else style.VALIDATION
    style.plot_history(axes, train, style.TRAINING, "training", linewidth=1.2, alpha=style.DIMMED)
    style.plot_history(axes, values, colour, "validation")
    style.log_if_wide(axes, train, values)
    axes.set_title(labels.metric(name))
    shown, colour = (values, colour) if series.has_points(values) else (train, style.TRAINING)
    axes.set_title(series.number(series.last(shown)), loc="right", color=colour)
