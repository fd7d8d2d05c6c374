"""The axes of a chart: where a value stands, and which round values are written beside them.

Limits are round numbers that stay while the data grow within them, so that a new point changes few
cells of the chart. Pure functions.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tui.charts.tick_labels import DAY, HOUR, MINUTE, clean, labels
from tui.charts.tick_labels import Unit as Unit
from tui.series import Array

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_WHOLE_STEPS = (1.0, 2.0, 5.0, 10.0)
_REACHES = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_SPANS = (
    *(1.0, 2.0, 5.0, 10.0, 15.0, 30.0),
    *(MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(HOUR * n for n in (1, 2, 3, 6, 12)),
)
_HUGE = sys.float_info.max
_TINY = 1e-290
_SAME = 1e-12
_SLACK = 1e-9
_USED = 0.5
"""Of what a fresh axis would use, the part below which an old one is given up."""
_AHEAD = 1.08
"""How far a growing axis reaches at least beyond the data."""
_FARTHEST = 1.4
"""How far at most, before it is rounded."""
_LEAP = 1.5
"""Data that grow by more at once are being loaded rather than made."""
_NEAR_ZERO = 0.1
_ROOM = 0.5
"""Part of half the range of values that is left free where they have left an axis."""
_FREE = 0.02
"""Part of the range of values that is left free on either side."""
_IN_LINE = 0.25
"""Where in its line a round value stands, from the lowest of four dots."""
_FEWEST_EVEN = 3
"""Lines of a chart whose round values fall on whole lines."""


class Tick(NamedTuple):
    """A value that is written beside an axis."""

    place: float
    """From 0 to 1."""
    text: str


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`, which are never the same; both above zero where it is `log`."""

    low: float
    high: float
    log: bool = False

    def places(self, values: Array) -> Array:
        """Where values stand: 0 at `low`, 1 at `high`; NaN for what has no place at all."""
        if self.log:
            with np.errstate(divide="ignore", invalid="ignore"):
                logs = np.where(values > 0, np.log(values), np.nan)
            low, high = math.log(self.low), math.log(self.high)
            return (logs - low) / (high - low)
        low, high = self.low / 4, self.high / 4  # the difference of two huge values has a float
        return (np.asarray(values) / 4 - low) / (high - low)

    def place(self, value: float) -> float:
        """Where one value stands."""
        return float(self.places(np.array([value]))[0])

    def values(self, places: Array) -> Array:
        """The values that stand at places."""
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return np.exp(np.clip(low + places * (high - low), -744, 709.78))
        return (self.low / 4 * (1 - places) + self.high / 4 * places) * 4

    def value(self, place: float) -> float:
        """The value that stands at a place."""
        return float(self.values(np.array([place]))[0])


def exact(low: float, high: float, log: bool = False) -> Axis:
    """From the lowest to the highest value, and a little more where they are one."""
    low, high = min(max(low, -_HUGE), _HUGE), min(max(high, -_HUGE), _HUGE)
    if log:
        low, high = max(low, _TINY), max(high, _TINY)
        if math.log(high) - math.log(low) < 1e-9:
            return Axis(low / 2, min(high * 2, _HUGE), True)
        return Axis(low, high, True)
    if high - low <= max(_SAME * max(abs(low), abs(high)), _TINY):
        free = max(abs(high) / 10, 0.5 if abs(high) < _TINY else _TINY)
        return Axis(max(low - free, -_HUGE), min(high + free, _HUGE))
    return Axis(low, high)


def rounded(low: float, high: float, log: bool = False) -> Axis:
    """The axis on which both values have a place, with round limits."""
    bare = exact(low, high, log)
    if log:
        return Axis(_round_log(bare.low, down=True), _round_log(bare.high, down=False), True)
    step = _step(bare.high / 4 - bare.low / 4, _STEPS) / 2
    if not step:
        return bare
    first, last = bare.low / step, bare.high / step
    if max(abs(first), abs(last)) > 1e9:  # too close for their size
        return bare
    low = clean(math.floor(first + _SLACK) * step)
    return Axis(max(low, -_HUGE), min(clean(math.ceil(last - _SLACK) * step), _HUGE))


def even(low: float, high: float, lines: int) -> Axis:
    """A linear axis beside so many lines of cells, on which round values fall on whole lines."""
    bare = exact(low, high)
    free = _FREE * (bare.high / 2 - bare.low / 2)
    first = max(bare.low - free, -_HUGE) if bare.low < 0 else max(bare.low - free, 0.0)
    last = min(bare.high + free, _HUGE)
    rough = (last / lines) - (first / lines)
    best = Axis(first, math.inf)
    for per_step in _lines_per_step(lines):
        step = _step(rough * per_step, _STEPS)
        if not 0 < step < _HUGE:
            return rounded(low, high)
        for _ in range(3):  # the first one may be a little short below the lowest value
            below = math.floor(first / step * per_step + _SLACK) - _IN_LINE
            begin = clean(below * step / per_step)
            end = begin + step / per_step * (lines - 0.25)
            if end >= last:
                break
            step = _step(step * 1.01, _STEPS)
        if last <= end < best.high - best.low + begin:
            best = Axis(begin, end)
    return best if max(abs(best.low), best.high) < _HUGE else rounded(low, high)


def even_ticks(axis: Axis, lines: int) -> list[Tick]:
    """The round values that fall on whole lines of an `even` axis; those of any other one."""
    per_line = (axis.high - axis.low) / max(lines - 0.25, 1)
    for per_step in () if axis.log else _lines_per_step(lines):
        step = per_line * per_step
        if math.isfinite(step) and abs(_step(step, _STEPS) / step - 1) < 1e-6:
            step = _step(step, _STEPS)
            first = math.ceil(axis.low / step - _SLACK)
            values = [clean((first + n) * step) for n in range(1 + lines // per_step)]
            values = [value for value in values if axis.place(value) <= 1 + _SLACK]
            return [
                Tick(axis.place(value), text)
                for value, text in zip(values, labels(values), strict=True)
            ]
    return ticks(axis, max(2, lines // 3))


def kept(known: Axis | None, low: float, high: float, log: bool = False, lines: int = 0) -> Axis:
    """The known axis while both values are on it and fill it well enough; else a round one.

    Values that have left the known axis will go on, so the new one has room for them on that side.
    """
    if known is None or known.log != log:
        return _fresh(low, high, log, lines)
    if known.low > low or known.high < high:
        ahead = 0.0 if log else _ROOM * (high / 2 - low / 2)
        lower = low - ahead if known.low > low else low
        higher = high + ahead if known.high < high else high
        lower = max(lower, 0.0) if low >= 0 else lower
        return _fresh(max(lower, -_HUGE), min(higher, _HUGE), log, lines)
    fresh = _fresh(low, high, log, lines)
    used, best = (axis.place(high) - axis.place(low) for axis in (known, fresh))
    return known if used >= _USED * best else fresh


def spread(low: float, high: float, log: bool = False) -> Axis:
    """The horizontal axis of data: as wide as they are, from zero if they begin near it."""
    if not log and 0 < low <= _NEAR_ZERO * high:
        low = 0.0
    return exact(low, high, log)


def grown(known: Axis | None, low: float, high: float, log: bool = False, to: float = 0.0) -> Axis:
    """The horizontal axis of data that grow: once they do, it reaches ahead of them.

    Parameters
    ----------
    known
        The axis so far.
    to
        A value that it should reach if it is widened, to stay for a while.
    """
    bare = spread(low, high, log)
    if known is None or known.log != log or high > _LEAP * known.high or high <= 0:
        return bare
    if known.low <= bare.low and high <= known.high:
        used = known.place(high) - known.place(bare.low)
        return known if used >= _USED else bare
    if high <= known.high:
        return bare
    reach = max(high * _AHEAD, min(to, high * _FARTHEST))
    return Axis(min(known.low, bare.low), min(_step(reach, _REACHES), _HUGE), log)


def ticks(axis: Axis, most: int, unit: Unit = "number") -> list[Tick]:
    """At most about `most` round values, in order."""
    values = _decades(axis, most) if axis.log else _rounds(axis.low, axis.high, most, unit)
    places = [axis.place(value) for value in values]
    seen = [i for i, place in enumerate(places) if -_SLACK <= place <= 1 + _SLACK]
    texts = labels([values[i] for i in seen], unit)
    return [Tick(places[i], text) for i, text in zip(seen, texts, strict=True)]


def _fresh(low: float, high: float, log: bool, lines: int) -> Axis:
    if log or lines < _FEWEST_EVEN:
        return rounded(low, high, log)
    return even(low, high, lines)


def _lines_per_step(lines: int) -> range:
    """How many lines may lie between two values that are written."""
    fewest = max(2, round(lines / 8))
    return range(fewest, max(min(2 * fewest + 2, lines // 2 + 1), fewest + 1))


def _rounds(low: float, high: float, most: int, unit: Unit) -> list[float]:
    """Multiples of a round step from `low` to `high`."""
    rough = high / max(most, 1) - low / max(most, 1)
    if unit == "seconds":
        step = next((size for size in _SPANS if size >= rough * (1 - _SLACK)), 0.0)
        if rough < 1:
            step = _step(rough, _STEPS)
        step = step or DAY * _step(rough / DAY, _WHOLE_STEPS)
    else:
        step = _step(rough, _STEPS)
        if unit == "whole":
            step = max(1.0, _step(rough, _WHOLE_STEPS))
    if not step or max(abs(low), abs(high)) / step > 1e12:
        return [low, high]
    first, last = math.ceil(low / step - _SLACK), math.floor(high / step + _SLACK)
    return [clean(number * step) for number in range(first, last + 1)]


def _decades(axis: Axis, most: int) -> list[float]:
    """Powers of ten, not every one if there are many; 2 and 5 times each if there are few."""
    first, last = math.log10(axis.low), math.log10(axis.high)
    if last - first < 0.7:
        return [value for value in _rounds(axis.low, axis.high, most, "number") if value > 0]
    every = max(1, math.ceil((last - first) / max(most, 1)))
    times = (
        (1, 2, 5) if 3 * (last - first) <= most else (1, 3) if 2 * (last - first) <= most else (1,)
    )
    powers = [p for p in range(math.floor(first), math.ceil(last) + 1) if p % every == 0]
    return [clean(n * 10.0**power) for power in powers if -300 < power < 308 for n in times]


def _step(rough: float, steps: tuple[float, ...]) -> float:
    """The first round number that is not below a rough one; 0 where there is none."""
    if not _TINY < rough < _HUGE:
        return 0.0 if rough <= _TINY else rough
    power = 10.0 ** math.floor(math.log10(rough))
    return clean(next((n * power for n in steps if n * power >= rough * (1 - _SLACK)), 10 * power))


def _round_log(value: float, *, down: bool) -> float:
    """1, 2 or 5 times a power of ten, below or above a value."""
    power = math.floor(math.log10(value) + _SLACK)
    around = [n * 10.0**p for p in (power - 1, power, power + 1) if p < 308 for n in (1, 2, 5)]
    if down:
        return max((n for n in around if 0 < n <= value * (1 + _SLACK)), default=value)
    return min((n for n in around if n >= value * (1 - _SLACK)), default=value)
