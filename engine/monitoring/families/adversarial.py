"""How the autoencoder and the networks that it is trained against stand to each other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from engine.monitoring import series, style

BINS = 40

AUTOENCODER, ADVERSARY, CRITIC = style.VERMILLION, style.BLUE, style.GREEN
"""Who it is, in every panel."""

_LOSSES = (
    ("adversarial_loss", "autoencoder", AUTOENCODER, "-"),
    ("discriminator_loss", "discriminator", ADVERSARY, "-"),
    ("prior_loss", "encoder", AUTOENCODER, "--"),
    ("critic_loss", "critic", CRITIC, "--"),
)
_ACCURACIES = (
    ("discriminator_accuracy", "discriminator", ADVERSARY, "-"),
    ("critic_accuracy", "critic", CRITIC, "--"),
)
_NORMS = (
    ("train_autoencoder_grad_norm", "autoencoder", AUTOENCODER, "-"),
    ("train_discriminator_grad_norm", "discriminator", ADVERSARY, "-"),
    ("train_critic_grad_norm", "critic", CRITIC, "--"),
)
_JUDGED = {
    "discriminator": ("validation events", "real", "reconstructed"),
    "critic": ("validation vectors", "prior", "encoded"),
}
"""Adversary to what it judges, and what its two kinds are called."""

_Curves = tuple[tuple[str, str, str, str], ...]


def draw(payload: Mapping[str, Any]) -> Figure | None:
    """Draw losses, accuracies and gradients over the epochs, and what each adversary says.

    Reads `histories` (`adversarial_loss`, `discriminator_loss`, `discriminator_accuracy`,
    `train_autoencoder_grad_norm`, `train_discriminator_grad_norm`; `prior_loss` and those of
    `critic` where there is one: one value per epoch), and `figure_data["adversarial"]`: adversary
    to `real` and `made` [N], its logits. What is missing is left out; None without anything.
    """
    data = (payload.get("figure_data") or {}).get("adversarial") or {}
    judged = [name for name in _JUDGED if name in data]
    over_epochs = [(curves, title) for curves, title in _PANELS if _known(payload, curves)]
    n_panels = len(over_epochs) + len(judged)
    if not n_panels:
        return None
    columns = min(n_panels, 2 if n_panels == 4 else 3)
    rows = math.ceil(n_panels / columns)
    figure = style.new_figure(4.2 * columns, 0.6 + 3.7 * rows)
    axes = [figure.add_subplot(rows, columns, number + 1) for number in range(n_panels)]
    for (curves, title), its_axes in zip(over_epochs, axes, strict=False):
        _draw_curves(its_axes, payload, curves, title)
    for name, its_axes in zip(judged, axes[len(over_epochs) :], strict=True):
        _draw_judgements(its_axes, name, data[name])
    style.headline(figure, _message(payload))
    return figure


_PANELS: tuple[tuple[_Curves, str], ...] = (
    (_LOSSES, "adversarial losses (validation)"),
    (_ACCURACIES, "told rightly (validation)"),
    (_NORMS, "norm of the gradient (training)"),
)


def _known(payload: Mapping[str, Any], curves: _Curves) -> _Curves:
    """Those of which there is a value."""
    return tuple(one for one in curves if series.has_points(series.history(payload, one[0])))


def _message(payload: Mapping[str, Any]) -> str:
    share = series.last(series.history(payload, "discriminator_accuracy"))
    epoch = payload.get("epoch")
    after = "" if epoch is None else f" after epoch {epoch}"
    if math.isnan(share):
        return f"what the adversaries say{after}"
    return f"the discriminator is right in {100 * share:.0f} % of the events{after}"


def _draw_curves(axes: Axes, payload: Mapping[str, Any], curves: _Curves, title: str) -> None:
    """One panel over the epochs, with where it lies if nothing can be told apart."""
    found = _known(payload, curves)
    values = [series.history(payload, name) for name, *_ in found]
    for (_, label, colour, line), one in zip(found, values, strict=True):
        style.plot_history(axes, one, colour, label, linestyle=line)
    chance = {_LOSSES: (math.log(2), "a coin (ln 2)"), _ACCURACIES: (0.5, "a coin")}.get(curves)
    if chance:
        axes.axhline(chance[0], color=style.GREY, linewidth=1.2, linestyle=":", label=chance[1])
    if curves is _ACCURACIES:
        low = min(0.5, *(float(np.nanmin(one)) for one in values))
        axes.set_ylim(low - 0.03, 1.03)
    else:
        style.log_if_wide(axes, *values)
    style.epoch_axis(axes, max(map(len, values)))
    axes.set_title(title)
    style.legend_below(axes, min(len(found) + 1, 3))


def _draw_judgements(axes: Axes, name: str, logits: Mapping[str, Any]) -> None:
    """The distributions of what an adversary says of real and of made things."""
    of_what, *kinds = _JUDGED[name]
    real, made = (np.asarray(logits[key], dtype=float) for key in ("real", "made"))
    low, high = np.quantile(np.concatenate([real, made]), [0.002, 0.998])
    margin = 0.03 * (high - low) or 0.5
    edges = np.linspace(low - margin, high + margin, BINS + 1)
    shares = [np.histogram(one, edges)[0] / max(len(one), 1) for one in (real, made)]
    axes.stairs(shares[0], edges, fill=True, color=style.TRUTH, label=kinds[0])
    axes.stairs(shares[0], edges, color=style.TRUTH_EDGE, linewidth=1)
    axes.stairs(shares[1], edges, color=style.RECONSTRUCTION, linewidth=1.6, label=kinds[1])
    axes.axvline(0, color=style.GREY, linewidth=1.2, linestyle=":")
    axes.set_xlim(edges[0], edges[-1])
    axes.xaxis.set_major_locator(MaxNLocator(5))  # small logits are long numbers
    axes.set_ylim(0, 1.2 * max(float(share.max()) for share in shares))
    axes.set_xlabel(f"logit of the {name}")
    axes.set_ylabel(f"share of the {of_what}")
    axes.set_title("taken for made  ◂ 0 ▸  for real")
    style.legend_below(axes, len(kinds))
