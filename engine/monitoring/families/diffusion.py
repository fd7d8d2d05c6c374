"""How well noise is told from data at each level of noise, and what a sampler makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from engine.monitoring import series, style
from engine.monitoring.families.metrics import AT_LEVEL

# From little noise to much: steps of a colour map that is told apart in grey too.
_COLOURS = "viridis"
_LIGHTEST = 0.88


def draw(payload: Mapping[str, Any]) -> Figure | None:
    """Draw the error of the noise at each level over the epochs, and that of the samplers.

    Reads `histories` (`noise_mse_at_L`, L the percentage of all steps: one value per epoch), and
    `figure_data["diffusion"]`: `steps` [S], the numbers of steps that were tried, `deterministic`
    and `ancestral` [S], the errors of the reconstructed features with them, and
    `sampling_steps`, the number that the model uses. Either may be missing; None without both.
    """
    names = level_names(payload)
    data = (payload.get("figure_data") or {}).get("diffusion") or {}
    has_steps = len(data.get("steps", ())) > 0
    n_panels = bool(names) + has_steps
    if not n_panels:
        return None
    figure = style.new_figure(5.6 * n_panels, 4.4)
    if names:
        _draw_levels(figure.add_subplot(1, n_panels, 1), payload, names)
    if has_steps:
        _draw_steps(figure.add_subplot(1, n_panels, n_panels), data)
    style.headline(figure, _message(payload, names, data))
    return figure


def level_names(payload: Mapping[str, Any]) -> list[str]:
    """The histories of the levels, from little noise to much."""
    found = [name for name in payload.get("histories") or {} if AT_LEVEL.fullmatch(name)]
    found = [name for name in found if series.has_points(series.history(payload, name))]
    return sorted(found, key=_level)


def _level(name: str) -> int:
    return int(name.rpartition("_")[2])


def _message(payload: Mapping[str, Any], names: list[str], data: Mapping[str, Any]) -> str:
    epoch = payload.get("epoch")
    after = "" if epoch is None else f" after epoch {epoch}"
    if data:
        place = list(data["steps"]).index(data["sampling_steps"])
        error = series.number(float(data["deterministic"][place]))
        return f"reconstruction error {error} in {data['sampling_steps']} steps{after}"
    return f"error of the noise at {len(names)} levels{after}"


def _draw_levels(axes: Axes, payload: Mapping[str, Any], names: list[str]) -> None:
    """One curve for each level, named where it ends."""
    curves = [series.history(payload, name) for name in names]
    shades = np.linspace(0.0, _LIGHTEST, len(names))
    for name, curve, shade in zip(names, curves, shades, strict=True):
        colour = matplotlib.colormaps[_COLOURS](shade)
        style.plot_history(axes, curve, colour, f"{_level(name)} %")
    style.log_if_wide(axes, *curves)
    style.epoch_axis(axes, max(map(len, curves)))
    axes.set_ylabel("MSE of the noise")
    axes.set_title("validation, by the level of noise (share of its steps)")
    style.legend_below(axes, len(names))


def _draw_steps(axes: Axes, data: Mapping[str, Any]) -> None:
    """The error of the reconstruction against the number of steps, beside predicting the mean."""
    kinds = (("deterministic", style.VALIDATION), ("ancestral", style.PURPLE))
    for kind, colour in kinds:
        axes.plot(data["steps"], data[kind], color=colour, marker="o", markersize=4, label=kind)
    used = data["sampling_steps"]
    axes.axvline(used, color=style.LIGHT_GREY, linewidth=5, zorder=0, label=f"used ({used})")
    axes.axhline(1.0, color=style.GREY, linewidth=1.2, linestyle="--", label="the mean")
    axes.set_xscale("log")
    axes.set_xticks(data["steps"], [str(step) for step in data["steps"]], minor=False)
    axes.set_xticks([], minor=True)
    style.log_if_wide(axes, data["deterministic"], data["ancestral"], [1.0])
    axes.set_xlabel("steps of the sampler")
    axes.set_ylabel("MSE of the normalised features")
    axes.set_title("reconstruction of validation objects")
    style.legend_below(axes, 4)
