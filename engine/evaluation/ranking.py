"""How well a score separates signal from background; only the order of the events counts.

Scores are arrays [S] of S signal events and [B] of B background events, the higher the more like
signal. A strictly rising function of all scores changes no number here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

EFFICIENCIES = (0.3, 0.5, 0.7)
"""Signal efficiencies at which the background rejection is told."""

_CONFIDENCE = 0.95
"""That of the lower limit of a rejection where no background event passes."""


def auroc(signal: FloatArray, background: FloatArray) -> tuple[float, float]:
    """Area under the ROC curve, and its standard error.

    The area is the probability that a signal event scores higher than a background event; a tie
    counts half. It comes from the ranks of the events (Mann and Whitney, 1947), the error from
    the spread of each event's share in it: DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988)
    837, in the form by ranks of Sun and Xu, IEEE Signal Process. Lett. 21 (2014) 1389.

    Returns
    -------
    tuple
        Area in [0, 1] and its error; the error is NaN with fewer than two events of either kind.
    """
    n_signal, n_background = len(signal), len(background)
    together = _ranks(np.concatenate([signal, background]))
    above = (together[:n_signal] - _ranks(signal)) / n_background
    below = 1 - (together[n_signal:] - _ranks(background)) / n_signal
    if min(n_signal, n_background) < 2:
        return float(above.mean()), math.nan
    variance = above.var(ddof=1) / n_signal + below.var(ddof=1) / n_background
    return float(above.mean()), math.sqrt(variance)


def _ranks(values: FloatArray) -> FloatArray:
    """Rank of each value, counted from 1; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


@dataclass(frozen=True)
class Rejection:
    """Background rejection 1/eps_B where the share eps_S of the signal is kept."""

    wanted: float
    """The signal efficiency that was asked for."""
    signal_efficiency: float
    """The one of the cut: the lowest that is at least `wanted`."""
    background_efficiency: float
    rejection: float
    """Infinite where no background event passes."""
    error: float
    """Statistical error of the rejection; NaN where no background event passes."""
    at_least: float
    """95 % lower limit where no background event passes; else NaN."""


def rejection(signal: FloatArray, background: FloatArray, efficiency: float) -> Rejection:
    """The background rejection at a signal efficiency in (0, 1].

    An event passes with a score of at least the cut, which is the highest that keeps the share
    `efficiency` of the signal. The number of background events that pass is binomial, so that
    the error of eps_B is sqrt(eps_B (1 - eps_B) / B), and that of 1/eps_B is this by eps_B^2;
    the error of the cut itself, from the number of signal events, is not in it. Where none
    passes, the limit is the exact one of Clopper and Pearson, Biometrika 26 (1934) 404.
    """
    # Rounded, so that 0.7 of 10 events are 7 and not the 7.000000000000001 of binary numbers.
    n_kept = max(1, math.ceil(round(efficiency * len(signal), 9)))
    cut = np.sort(signal)[-n_kept]
    kept = float((signal >= cut).mean())
    n_background = len(background)
    eps = float((background >= cut).mean())
    if eps == 0:
        limit = 1 / (1 - (1 - _CONFIDENCE) ** (1 / n_background))
        return Rejection(efficiency, kept, 0.0, math.inf, math.nan, limit)
    error = math.sqrt(eps * (1 - eps) / n_background) / eps**2
    return Rejection(efficiency, kept, eps, 1 / eps, error, math.nan)


def roc_curve(signal: FloatArray, background: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Efficiencies of signal and background [cuts], from no event to all, for every cut."""
    cuts = np.unique(np.concatenate([signal, background]))[::-1]
    curve = [
        1 - np.searchsorted(np.sort(values), cuts, side="left") / len(values)
        for values in (signal, background)
    ]
    return np.concatenate([[0.0], curve[0]]), np.concatenate([[0.0], curve[1]])
