"""The course of a number in a few values, and in one line of bars. Pure functions."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from typing import NamedTuple

MOST_VALUES = 64
"""Values that are kept of a course."""

SMOOTHING = 0.9

_LOG_FROM = 5
"""Where the highest value is so many times the lowest, a course is drawn logarithmically."""

_FEW = 10
"""One in so many values may be far above the others,"""
_SQUEEZED = 0.25
"""which then have no more than this share of all heights."""


class Spark(NamedTuple):
    """What is kept of a number of a run."""

    updated: float | None
    """When the run said something last, as it was read."""
    values: array[float]
    end: float | None
    """The last value, smoothed."""

    @classmethod
    def of(cls, values: Sequence[float], updated: float | None) -> Spark:
        """That of a whole course."""
        return cls(updated, thinned(values), smoothed(values))

    def looks_like(self, other: Spark) -> bool:
        """Whether nothing is to be drawn anew; a gap is like a gap."""
        return self.values.tobytes() == other.values.tobytes() and self.end == other.end


NO_SPARK = Spark(None, array("d"), None)


def thinned(values: Sequence[float]) -> array[float]:
    """At most `MOST_VALUES`, at even distances: of each stretch the lowest and the highest."""
    n, stretches = len(values), MOST_VALUES // 2
    if n <= MOST_VALUES:
        return array("d", values)
    kept = array("d")
    for number in range(stretches):
        stretch = values[n * number // stretches : n * (number + 1) // stretches]
        finite = [one for one in stretch if math.isfinite(one)]
        ends = (min(finite), max(finite)) if finite else (math.nan, math.nan)
        is_rising = not finite or stretch.index(ends[0]) < stretch.index(ends[1])
        kept.extend(ends if is_rising else ends[::-1])
    return kept


def smoothed(values: Sequence[float], weight: float = SMOOTHING) -> float | None:
    """The last of the values after an exponential mean without bias to zero; None of none."""
    mean = share = 0.0
    for value in values:
        if math.isfinite(value):
            mean = weight * mean + (1 - weight) * value
            share = weight * share + (1 - weight)
    return mean / share if share else None


def sparkline(values: Sequence[float], width: int, bars: str) -> str:
    """A course in one line: of each stretch its highest value; blanks where there is none.

    The lowest value has the lowest bar, the highest one the highest, and a higher value never a
    lower bar. A few that are far above all others, as a loss is at its start, share the highest
    bar, and the others the bars below it.
    """
    n = len(values)
    width = min(width, n)
    ends = [n * column // width for column in range(width + 1)] if n else [0]
    heights = [_highest(values[ends[i] : ends[i + 1]]) for i in range(width)]
    known = sorted(height for height in heights if height is not None)
    if not known:
        return " " * width
    if known[0] > 0 and known[-1] > _LOG_FROM * known[0]:
        heights = [None if h is None else math.log(h) for h in heights]
        known = [math.log(one) for one in known]
    steps = _steps(known, len(bars) - 1)
    return "".join(" " if height is None else bars[steps(height)] for height in heights)


def _steps(known: Sequence[float], top: int) -> Callable[[float], int]:
    """Gives each value the number of its bar; `known` are all values, from the lowest."""
    low, high = known[0], known[-1]
    rest = known[: len(known) - math.ceil(len(known) / _FEW)][-1:] or known
    is_squeezed = len(known) >= _FEW and rest[0] - low < (high - low) * _SQUEEZED
    if is_squeezed and rest[0] > low:
        high, top = rest[0], top - 1
    span = high - low or 1.0
    return lambda value: top + 1 if value > high else round((value - low) / span * top)


def _highest(values: Sequence[float]) -> float | None:
    known = (one for one in values if math.isfinite(one) and abs(one) < 1e150)
    return max(known, default=None)
