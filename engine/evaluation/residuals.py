"""By how much reconstructed features miss the true ones, in physical units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

ANGLE = "rad"
"""The unit of features that go round: their differences are taken the short way."""


@dataclass(frozen=True)
class FeatureError:
    """Statistics of reconstruction - truth of one feature, in `unit`."""

    name: str
    unit: str
    median: float
    """The bias."""
    sigma68: float
    """Half the width of the central 68 %: one sigma of a Gaussian, blind to tails."""
    mean_abs: float
    """Mean absolute error."""
    rms: float
    """Root of the mean square, which the tails dominate."""


def wrapped(angle: FloatArray) -> FloatArray:
    """The same angles [rad] in [-pi, pi)."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


def difference(made: FloatArray, truth: FloatArray, unit: str) -> FloatArray:
    """Reconstruction - truth [N] in `unit`; of angles the short way round the circle."""
    with np.errstate(invalid="ignore", over="ignore"):  # infinite stays infinite, and is told
        plain = np.asarray(made, dtype=np.float64) - np.asarray(truth, dtype=np.float64)
        return wrapped(plain) if unit == ANGLE else plain


def feature_errors(
    names: list[str], units: list[str], truth: FloatArray, made: FloatArray
) -> list[FeatureError]:
    """The error of each feature; truth and reconstruction are [N, F] in physical units."""
    return [
        _of_one(name, unit, difference(made[:, column], truth[:, column], unit))
        for column, (name, unit) in enumerate(zip(names, units, strict=True))
    ]


def _of_one(name: str, unit: str, residual: FloatArray) -> FeatureError:
    with np.errstate(invalid="ignore", over="ignore"):
        low, median, high = np.quantile(residual, [0.16, 0.5, 0.84])
        width, mean_abs = (high - low) / 2, np.abs(residual).mean()
        rms = np.sqrt(np.square(residual).mean())
    return FeatureError(name, unit, float(median), float(width), float(mean_abs), float(rms))
