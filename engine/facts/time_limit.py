"""How long a job may take, as whoever submitted it tells the job, and what follows from it."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable

from engine.errors import ConfigError
from engine.facts import machine

TIME_LIMIT = "THESIS_TIME_LIMIT_S"
"""Environment variable with the seconds that a job may take, from the start of its process."""

REQUEUE = 85
"""Exit code of a job that is to be started again: its time was nearly over, and it has saved."""
MOST_STARTS = 50
"""How often a job that asks for it is started at most."""

_SHARE, _MOST_S = 0.1, 300.0
"""Part of the time that is kept to save in, and how much that is at most."""


class TimeLimit:
    """Tells when it is time to save and to end.

    Parameters
    ----------
    limit_s
        Seconds that the process may live.
    age_s
        How many seconds it lives already.
    """

    def __init__(self, limit_s: float, age_s: Callable[[], float]) -> None:
        self.limit_s = limit_s
        self._age_s = age_s
        self._looked: float | None = None
        self._longest_look_s = 0.0
        self._longest_save_s = 0.0

    @classmethod
    def of_this_process(cls) -> TimeLimit | None:
        """What the environment says; None where there is no limit.

        Raises
        ------
        ConfigError
            If it is no time.
        """
        text = os.environ.get(TIME_LIMIT)
        if not text:
            return None
        try:
            limit_s = float(text)
        except ValueError:
            limit_s = math.nan
        if not 0 < limit_s < math.inf:
            raise ConfigError(f"{TIME_LIMIT}={text!r}: a number of seconds is needed")
        lived_s, now = machine.process_age_s() or 0.0, time.monotonic()
        return cls(limit_s, lambda: lived_s + time.monotonic() - now)

    @property
    def margin_s(self) -> float:
        """What is kept: a share of the time, and more where saving or a step takes long."""
        slow_s = 3 * self._longest_save_s + 2 * self._longest_look_s
        return max(min(_SHARE * self.limit_s, _MOST_S), slow_s)

    def is_near(self) -> bool:
        """Whether it is time to save; to be asked again and again, after each step."""
        age = self._age_s()
        if self._looked is not None:
            self._longest_look_s = max(self._longest_look_s, age - self._looked)
        self._looked = age
        return age >= self.limit_s - self.margin_s

    def saved_in(self, seconds: float) -> None:
        """Take in how long a checkpoint took."""
        self._longest_save_s = max(self._longest_save_s, seconds)
