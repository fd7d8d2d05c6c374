"""The axes of a plot in the terminal: where a value stands, and which values are written."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from typing import NamedTuple

_STEPS = (1, 2, 5, 10)
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
_EDGE = 0.04
"""Part of a linear axis that is left free at either end."""


class Tick(NamedTuple):
    """A value that is written beside an axis."""

    place: float
    text: str


class Scale(NamedTuple):
    """An axis: linear or logarithmic, from `low` to `high`."""

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value stands, from 0 to 1; NaN for what the axis cannot show."""
        if self.log:
            if not value > 0 or math.isinf(value):
                return math.nan
            low, high, value = math.log(self.low), math.log(self.high), math.log(value)
        else:  # halves: the difference of two huge values has a float
            low, high, value = self.low / 2, self.high / 2, value / 2
        place = (value - low) / (high - low)
        return min(max(place, 0.0), 1.0) if abs(place - 0.5) < 0.5 + _SLACK else math.nan

    def ticks(self, most: int, *, whole: bool = False) -> list[Tick]:
        """At most about `most` round values, in order; `whole` ones only, for epochs and steps."""
        values = _decades(self, most) if self.log else _rounds(self.low, self.high, most, whole)
        places = [(self.place(value), value) for value in values]
        texts = _texts([value for _, value in places])
        return [
            Tick(place, text)
            for (place, _), text in zip(places, texts, strict=True)
            if not math.isnan(place)
        ]


def scale_of(values: Iterable[float], *, log: bool = False, edge: bool = True) -> Scale:
    """The axis on which all finite values have a place (all positive ones, where it is `log`)."""
    seen = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
    low, high = min(seen, default=1.0), max(seen, default=1.0)
    if log:
        return Scale(*_spread_log(low, high), True)
    free = _EDGE * (high / 2 - low / 2) if edge else 0.0
    low, high = max(low - free, -_HUGE), min(high + free, _HUGE)
    if high - low <= _SAME * max(abs(low), abs(high)):
        free = abs(high) / 10 or 0.5
        low, high = max(low - free, -_HUGE), min(high + free, _HUGE)
    return Scale(low, high)


_HUGE = sys.float_info.max
_TINY = 5e-324
_SAME = 1e-12
_SLACK = 1e-9


def _spread_log(low: float, high: float) -> tuple[float, float]:
    """Limits of a logarithmic axis that are apart even if the values are one."""
    if math.log(high) - math.log(low) > _SAME:
        return low, high
    return max(low / 2, _TINY), min(high, _HUGE / 2) * 2


def time_unit(seconds: float) -> tuple[float, str]:
    """The unit in which a span of time is best read: its seconds, and its name."""
    for size, name in ((_DAY, "days"), (_HOUR, "hours"), (_MINUTE, "minutes")):
        if seconds > 2 * size:
            return size, name
    return 1.0, "seconds"


def _rounds(low: float, high: float, most: int, whole: bool) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten from `low` to `high`."""
    rough = max((high / max(most, 1)) - (low / max(most, 1)), _TINY * 1e10)
    if math.isinf(rough):
        return [low, high]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * times for times in _STEPS if power * times >= rough * (1 - 1e-9))
    step = max(step, 1.0) if whole else step
    if not math.isfinite(step) or math.isinf(high / step) or math.isinf(low / step):
        return [low, high]
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    if last - first > 10 * max(most, 1):  # the values are too close for their size
        return [low, high]
    return [_rounded(number * step) for number in range(first, last + 1)]


def _decades(scale: Scale, most: int) -> list[float]:
    """Powers of ten, not every one if there are many; with 2 and 5 of each if there are few."""
    first, last = math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high))
    span = math.log10(scale.high) - math.log10(scale.low)
    if span < 0.5:
        return _rounds(scale.low, scale.high, most, False)
    every = max(1, math.ceil(span / max(most, 1)))
    times = (1, 2, 5) if 3 * span <= most else (1,)
    powers = [power for power in range(first, last + 1) if power % every == 0 and power < 308]
    values = [_rounded(time * 10.0**power) for power in powers for time in times]
    return [value for value in values if scale.low * 0.999 <= value <= scale.high * 1.001]


def _rounded(value: float) -> float:
    """Without the last digits that a multiplication leaves."""
    return float(f"{value:.12g}")


def _texts(values: list[float]) -> list[str]:
    """As short as they can be told apart, all in one form on a linear axis."""
    texts = [f"{value:.6g}" for value in values]
    return [f"{value:.12g}" for value in values] if len(set(texts)) < len(texts) else texts
