"""The time of an event: seconds of training, without those between two attempts."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

from engine.facts.numbers import as_float
from engine.facts.values import seconds_of


class Clock:
    """Seconds of training, from what events say, without the time between two attempts."""

    def __init__(self) -> None:
        self.last = 0.0
        self.zero = math.nan

    def start(self, timestamp: object, resumed: bool) -> None:
        """Go on from here, or begin anew."""
        self.last = self.last if resumed else 0.0
        self.zero = as_float(seconds_of(timestamp)) - self.last

    def time(self, total_time_s: float, timestamp: object) -> float:
        """The time of an event: what it says itself, or else what its timestamp says."""
        if math.isnan(self.zero):
            self.zero = as_float(seconds_of(timestamp)) - self.last
        if math.isnan(total_time_s):
            total_time_s = as_float(seconds_of(timestamp)) - self.zero
        if total_time_s > self.last:
            self.last = total_time_s
        return total_time_s

    def times(self, totals: array[float], timestamps: Sequence[bytes]) -> array[float]:
        """The times of several events, once it is known from when on they count."""
        if math.isnan(sum(totals)):
            stamps = (stamp.decode() for stamp in timestamps)
            return array("d", map(self.time, totals, stamps))
        self.last = max(self.last, *totals)
        return totals
