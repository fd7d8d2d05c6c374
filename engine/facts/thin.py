"""Curves made ready for drawing: fewer points, and smoother ones. Pure functions."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

from engine.errors import ConfigError


def thin(xs: Sequence[float], ys: Sequence[float], n: int) -> tuple[array[float], array[float]]:
    """At most `n` of the points, in their order, such that no extreme is lost.

    The points are cut into stretches of equal length, and of each one the lowest and the highest
    are kept: a spike of a single step stays. Also kept are the first and the last point, and of
    each stretch that has gaps one.

    Parameters
    ----------
    xs, ys
        The points; NaN in `ys` is a gap.
    n
        Most points that are wanted; not below 5.

    Raises
    ------
    ConfigError
        If `n` is below 5.
    """
    if n < 5:
        raise ConfigError(f"a curve of {n} points shows nothing", "Ask for 5 points or more.")
    if len(ys) <= n:
        return array("d", xs), array("d", ys)
    ys = array("d", ys)
    per_stretch = 3 if math.isnan(sum(ys)) else 2
    stretches = (n - 2) // per_stretch
    kept = {0, len(ys) - 1}
    for stretch in range(stretches):
        start, end = (len(ys) * i // stretches for i in (stretch, stretch + 1))
        kept.update(start + index for index in _extremes(ys[start:end]))
    rows = sorted(kept)
    return array("d", (xs[row] for row in rows)), array("d", (ys[row] for row in rows))


def smooth(ys: Sequence[float], weight: float) -> array[float]:
    """Exponential moving average of the values, without the pull of its beginning at zero.

    Gaps (NaN) stay gaps and do not count. The mean is divided by the sum of its weights, as Adam
    does with its moments (Kingma and Ba, arXiv:1412.6980).

    Parameters
    ----------
    ys
        The values.
    weight
        Weight of the past, from 0 (the values themselves) to below 1.

    Raises
    ------
    ConfigError
        If `weight` is not in [0, 1).
    """
    if not 0 <= weight < 1:
        raise ConfigError(f"no smoothing has the weight {weight}", "Choose one from 0 to below 1.")
    smoothed = array("d")
    mean = total = 0.0
    for y in ys:
        if not math.isnan(y):
            mean = weight * mean + (1 - weight) * y
            total = weight * total + (1 - weight)
            y = mean / total
        smoothed.append(y)
    return smoothed


def _extremes(ys: array[float]) -> set[int]:
    """Where the lowest and the highest value stand, and the first gap."""
    if not math.isnan(sum(ys)):
        return {ys.index(min(ys)), ys.index(max(ys))}
    values = [y for y in ys if not math.isnan(y)]
    gap = next((index for index, y in enumerate(ys) if math.isnan(y)), None)
    found = {ys.index(y) for y in (min(values), max(values))} if values else set()
    return found if gap is None else found | {gap}
