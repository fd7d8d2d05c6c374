"""Numbers of a history made fit to draw: gaps, scales, the best epoch, text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

# A log axis pays off above this ratio of largest to smallest value.
WIDE_RATIO = 30.0


def history(payload: Mapping[str, Any], name: str) -> FloatArray:
    """Return the history `name` as float [n epochs], NaN where there is no finite value."""
    values = (payload.get("histories") or {}).get(name)
    values = () if values is None else values
    array = np.array([np.nan if value is None else float(value) for value in values], dtype=float)
    array[~np.isfinite(array)] = np.nan
    return array


def has_points(values: FloatArray) -> bool:
    """Whether at least one value is finite."""
    return bool(np.isfinite(values).any())


def last(values: FloatArray) -> float:
    """Return the last finite value; NaN where there is none."""
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if finite.size else float("nan")


def lowest(values: FloatArray) -> tuple[int, float]:
    """Epoch and value of the smallest finite value; there must be one."""
    epoch = int(np.nanargmin(values))
    return epoch, float(values[epoch])


def is_wide(*parts: ArrayLike, ratio: float = WIDE_RATIO) -> bool:
    """Whether the finite values are all positive and span more than `ratio`."""
    values = np.concatenate([np.ravel(np.asarray(part, dtype=float)) for part in parts])
    values = values[np.isfinite(values)]
    if values.size == 0 or values.min() <= 0:
        return False
    return bool(values.max() / values.min() > ratio)


def marked(values: FloatArray, few: int = 30) -> list[int]:
    """Epochs to mark with a dot: all of a short history, else those a line cannot show.

    A point between two gaps has no line to either side and would be invisible.
    """
    finite = np.isfinite(values)
    if finite.sum() > few:
        padded = np.pad(finite, 1)
        finite = finite & ~padded[:-2] & ~padded[2:]
    return [int(epoch) for epoch in np.flatnonzero(finite)]


def number(value: float) -> str:
    """Write a value with three digits: 0.0240, 12,345, 4.10e-06; an integer as it is."""
    if 1000 <= abs(value) < 1e7 or (abs(value) < 1000 and value == round(value)):
        text = f"{value:,.0f}"
    else:
        text = f"{value:#.3g}".rstrip(".")
    return text.replace("-", "\N{MINUS SIGN}")
