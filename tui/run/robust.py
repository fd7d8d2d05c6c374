"""What a noisy curve does, by medians: a few wild values do not change it. Pure functions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def noise(values: Array) -> float:
    """Standard deviation of the noise on a smooth curve, by the steps between its values.

    The median absolute deviation, which a few outliers do not change; the trend is taken out.
    """
    if len(values) < 3:
        return 0.0
    steps = np.diff(values)
    return float(1.4826 * np.median(np.abs(steps - np.median(steps))) / np.sqrt(2))


def smoothed(values: Array, width: int = 5) -> Array:
    """The running median."""
    padded = np.pad(values, (width // 2, width // 2), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, width)
    return np.asarray(np.median(windows, axis=1), dtype=np.float64)
