"""Keys that only the table of the app has, beside those of `engine.tables.keys`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from engine.errors import ConfigError
from engine.library.summary import RunSummary, higher_is_better
from engine.tables.groups import comparable, spread
from engine.tables.keys import Key, Vocabulary
from tui.queue_words import where

if TYPE_CHECKING:
    from tui.queue_feed import Standing

MAIN = "val_loss"
"""The number of which the table draws the course."""

CURVE, SEEN, WHERE, MEAN, SMOOTH = "curve", "seen", "where", f"{MAIN}.mean", f"{MAIN}.smooth"

Values = Callable[[str], Sequence[float]]
"""The course of a run, by its path."""

Ends = Callable[[str], float | None]
"""The smoothed end of a course, by the path of its run; None of none."""


class Words(Vocabulary):
    """The keys of some runs, with those of the app's table; a key that was found stays known.

    Parameters
    ----------
    runs, now
        As for `Vocabulary`.
    ends
        The smoothed end of a run's `val_loss`, by its path.
    known
        Keys that were found before, which are not looked for again.
    standings
        How the jobs of runs stand on HTCondor, by their paths.
    """

    def __init__(
        self,
        runs: Sequence[RunSummary],
        now: float,
        ends: Ends = lambda path: None,
        known: dict[str, Key] | None = None,
        standings: Mapping[str, Standing] | None = None,
    ) -> None:
        super().__init__(runs, now)
        self._standings = standings or {}
        self._smoothed = ends
        self._known = {} if known is None else known

    def find(self, name: str) -> Key:
        """The key of that name; see `Vocabulary.find`."""
        if name in OWN:
            return self._own(name)
        if name == "age":
            return super().find(name)
        if name not in self._known:
            self._known[name] = super().find(name)
        return self._known[name]

    def usable(self, names: Sequence[str]) -> tuple[list[str], str]:
        """Those of the names that can be found, and what is wrong with the first other one."""
        found, problem = [], ""
        for name in names:
            try:
                self.find(name.removeprefix("-"))
                found.append(name)
            except ConfigError as error:
                problem = problem or error.in_a_line
        return found, problem

    def _own(self, name: str) -> Key:
        if name == SEEN:
            return Key(name, "age", lambda run: _since(run.updated, self.now))
        if name == WHERE:
            return Key(name, "text", self._where)
        if name == MEAN:
            return Key(name, "metric", super().find(MAIN).read)
        if name == SMOOTH:
            return Key(name, "metric", lambda run: self._smoothed(run.path))
        return Key(name, "curve", lambda run: None)

    def _where(self, run: RunSummary) -> str | None:
        return (
            where(run.job_id, run.host, self._standings.get(run.path), self.now, run.state) or None
        )


OWN = {
    CURVE: "the course of val_loss",
    SEEN: "since the last event",
    WHERE: "host; of a job on a cluster its number, and its node or how long it waits",
    MEAN: "mean and spread of val_loss in a group",
    SMOOTH: "val_loss at the end, smoothed",
}
"""The keys of the app, and what they are."""


def best_run(runs: Sequence[RunSummary]) -> RunSummary | None:
    """The run with the best `val_loss`."""
    having = [run for run in runs if MAIN in run.numbers]
    if not having:
        return None
    choose = max if higher_is_better(MAIN) else min
    return choose(having, key=lambda run: run.numbers[MAIN].best)


def mean_of(runs: Sequence[RunSummary]) -> float | None:
    """The mean of the runs' best `val_loss`."""
    found = spread(run.numbers[MAIN].best for run in comparable(runs) if MAIN in run.numbers)
    return found.mean if found else None


def _since(when: float | None, now: float) -> float | None:
    return None if when is None else max(0.0, now - when)
