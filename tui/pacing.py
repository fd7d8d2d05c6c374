"""How often something is done that costs time: the more it costs, the more seldom."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SHARE = 4
"""The pause after something is at least so many times what it cost."""


class Pacing:
    """Says how long to wait before it is done again.

    Parameters
    ----------
    every_s
        The shortest pause, from the end of one time to the beginning of the next.
    clock
        Gives seconds that only go on.
    """

    def __init__(self, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s, self._clock = every_s, clock
        self._free_at = float("-inf")

    @property
    def wait(self) -> float:
        """Seconds until it may be done again; 0 if it may be now."""
        return max(0.0, self._free_at - self._clock())

    @contextmanager
    def turn(self) -> Iterator[None]:
        """While it is done."""
        began = self._clock()
        try:
            yield
        finally:
            end = self._clock()
            self._free_at = end + max(self._every_s, SHARE * (end - began))
