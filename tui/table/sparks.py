"""The course of a number in a few values, and in one line of bars. Pure functions."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import NamedTuple

MOST_VALUES = 64
"""Values that are kept of a course."""

SMOOTHING = 0.9

_LOG_FROM = 5
"""Where the highest value is so many times the lowest, a course is drawn logarithmically."""

_START = 10
"""The first one in so many columns may stand higher than the line does: a loss falls from there."""


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

    The start, where a loss is far above all that follows, may stand higher than the line does.
    """
    n = len(values)
    width = min(width, n)
    ends = [n * column // width for column in range(width + 1)] if n else [0]
    heights = [_highest(values[ends[i] : ends[i + 1]]) for i in range(width)]
    known = [height for height in heights if height is not None]
    if not known:
        return " " * width
    low, high = min(known), max(known[math.ceil(len(known) / _START) :] or known)
    if low > 0 and high > _LOG_FROM * low:
        heights = [None if h is None else math.log(h) for h in heights]
        low, high = math.log(low), math.log(high)
    span, top = high - low or 1.0, len(bars) - 1
    steps = (None if h is None else round((min(h, high) - low) / span * top) for h in heights)
    return "".join(" " if step is None else bars[step] for step in steps)


def _highest(values: Sequence[float]) -> float | None:
    known = (one for one in values if math.isfinite(one) and abs(one) < 1e150)
    return max(known, default=None)
