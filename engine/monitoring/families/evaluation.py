"""What a model is worth on the test split: ROC curves, scores by class, residuals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from engine.monitoring import labels, style
from engine.monitoring.families.recon import global_features, object_features
from engine.monitoring.series import FloatArray, is_wide
from engine.monitoring.spectrum import residuals

COLUMNS = 3
BINS = 40

_COLOURS = (style.VERMILLION, style.BLUE, style.GREEN, style.PURPLE, style.ORANGE, style.SKY)
_LINES = ("-", "-.", ":")
"""Of the first score and of further ones."""

PROBABILITY = "signal_probability"
"""The score that is drawn from 0 to 1."""

_SHOWN = (0.005, 0.995)
"""Quantiles of a score between which it is drawn."""
_WIDE = 10.0
"""Above this ratio of these two the axis is logarithmic."""


def draw(payload: Mapping[str, Any]) -> Figure | None:
    """Background rejection against signal efficiency, scores by class, and residuals.

    Reads `figure_data["evaluation"]`: the arrays that the family `recon` reads, and `score` (the
    name of the first), `scores` (class to its scores [N], in the order of the colours),
    `background` (classes), and `curves` (score to signal class to `auroc`: value and error,
    `signal_efficiency` and `background_efficiency` [cuts]). Either part may be missing; None
    without both.
    """
    data = (payload.get("figure_data") or {}).get("evaluation") or {}
    features = [*object_features(data), *global_features(data)]
    curves, scores = data.get("curves") or {}, data.get("scores") or {}
    n_panels = len(features) + 2 * bool(curves)
    if not n_panels:
        return None
    columns = min(COLUMNS, n_panels)
    rows = math.ceil(n_panels / columns)
    figure = style.new_figure(11.5, 0.7 + 3.2 * rows)
    axes = [figure.add_subplot(rows, columns, number + 1) for number in range(n_panels)]
    if curves:
        colours = dict(zip(scores, cycle(_COLOURS), strict=False))
        _draw_curves(axes[0], curves, colours, data["background"])
        _draw_scores(axes[1], str(data["score"]), scores, colours, data["background"])
    for feature, its_axes in zip(features, axes[2 * bool(curves) :], strict=True):
        residuals(its_axes, feature)
    style.headline(figure, _message(curves, data.get("background") or []))
    return figure


def _message(curves: Mapping[str, Any], background: list[str]) -> str:
    """The area of the first score: of the one signal, or the least and the greatest of several."""
    if not curves:
        return "test split: residuals"
    score, of_signals = next(iter(curves.items()))
    against = labels.plain(" + ".join(background))
    by = f"by {labels.metric(score)}"
    if len(of_signals) == 1:
        ((name, curve),) = of_signals.items()
        return f"{labels.plain(name)} against {against}: AUROC {_with_error(*curve['auroc'])} {by}"
    ranked = sorted(of_signals, key=lambda name: of_signals[name]["auroc"][0])
    ends = [f"{of_signals[n]['auroc'][0]:.3f} ({labels.plain(n)})" for n in (ranked[0], ranked[-1])]
    return f"each class against {against}: AUROC {' to '.join(ends)} {by}"


def _with_error(value: float, error: float) -> str:
    return f"{value:.3f} ± {error:.3f}" if math.isfinite(error) else f"{value:.3f}"


def _draw_curves(
    axes: Axes, curves: Mapping[str, Any], colours: Mapping[str, str], background: list[str]
) -> None:
    """1/eps_B against eps_S by each score, where it is finite, beside that of a coin."""
    for (score, of_signals), line in zip(curves.items(), cycle(_LINES), strict=False):
        axes.plot([], [], linestyle="none", label=f"by {labels.metric(score)}")
        for name, curve in of_signals.items():
            kept, passed = curve["signal_efficiency"], curve["background_efficiency"]
            seen = (passed > 0) & (kept > 0)
            label = f"{labels.plain(name)}  {_with_error(*curve['auroc'])}"
            axes.plot(kept[seen], 1 / passed[seen], line, color=colours[name], label=label)
    chance = np.linspace(0.01, 1, 100)
    axes.plot(chance, 1 / chance, color=style.GREY, linestyle="--", linewidth=1, label="chance")
    axes.set(yscale="log", xlim=(0, 1), ylim=(0.9, None))
    axes.set_xlabel(r"signal efficiency $\varepsilon_S$")
    axes.set_ylabel(r"background rejection $1/\varepsilon_B$")
    axes.set_title(f"background: {labels.plain(' + '.join(background))}", size=style.SMALL)
    axes.legend(title="signal, AUROC", title_fontsize=style.SMALL)


def _draw_scores(
    axes: Axes,
    score: str,
    scores: Mapping[str, Any],
    colours: Mapping[str, str],
    background: list[str],
) -> None:
    """The distribution of the score in each class, as shares; background dashed."""
    together = np.concatenate(list(scores.values()))
    edges, wide = score_bins(score, together)
    for name, values in scores.items():
        shares = np.histogram(values, edges)[0] / max(len(values), 1)
        line = "--" if name in background else "-"
        label = f"{labels.plain(name)} ({len(values):,})"
        axes.stairs(shares, edges, color=colours[name], linestyle=line, label=label, linewidth=1.5)
    if wide:
        axes.set_xscale("log")
        if not is_wide(edges, ratio=style.FEW_DECADES):
            style.plain_log_ticks(axes.xaxis)
    beyond = int(((together < edges[0]) | (together > edges[-1])).sum())
    if beyond:
        told = f"{beyond:,} of {len(together):,} events beyond the axis"
        axes.set_title(told, size=style.SMALL)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(bottom=0)
    axes.set_xlabel(labels.metric(score))
    axes.set_ylabel("share of the class")
    axes.legend()


def score_bins(score: str, values: FloatArray) -> tuple[FloatArray, bool]:
    """Bin edges [BINS + 1] for the values [N] of a score, and whether they are log-spaced.

    They hold all but the outermost 0.5 % on either side; those of a probability go from 0 to 1.
    """
    if score == PROBABILITY:
        return np.linspace(0, 1, BINS + 1), False
    low, high = np.quantile(values, _SHOWN)
    if is_wide([low, high], ratio=_WIDE):
        return np.geomspace(low, high, BINS + 1), True
    margin = 0.02 * (high - low) or 0.5
    return np.linspace(low - margin, high + margin, BINS + 1), False
