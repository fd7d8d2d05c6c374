"""What `engine plot` draws: the curves of runs, as far as they have come."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from engine.cli.picture import Curve, Panel
from engine.cli.scales import time_unit
from engine.facts.curves import CurvesFollower
from engine.facts.series import Curves, Series
from engine.facts.thin import smooth, thin
from engine.library.index import summarise
from engine.tables.legend import legend_names

OVER = ("finished", "stopped", "failed", "lost", None)
"""States in which nothing more is to come; None is a broken directory."""

_JUDGED_S = 2.0
"""Seconds after which the state of a run is judged again,"""
_SHARE = 20
"""and at least this many times what judging it has cost."""


class Wanted(NamedTuple):
    """What to draw of runs."""

    names: Sequence[str]
    """The numbers."""
    x: str | None
    """`epoch`, `step` or `time`; None takes epochs where all curves have them, else steps."""
    smooth: float
    split: bool
    n_points: int
    """Most points of a curve."""


class Subject:
    """A run and its curves, which grow.

    Parameters
    ----------
    path
        The run directory.
    clock
        Gives seconds that only go on.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self.run = summarise(path)
        self._clock = clock
        self._due = clock() + _JUDGED_S
        self._follower = CurvesFollower(path)
        self.read()

    @property
    def curves(self) -> Curves:
        """The curves so far."""
        return self._follower.curves

    def read(self) -> bool:
        """Read all that is new; whether there was anything."""
        anything, more = False, True
        while more:
            growth = self._follower.poll()
            anything = anything or growth.n_events > 0 or growth.restarted
            more = growth.more
        return anything

    def is_over(self) -> bool:
        """Whether the run had ended when its state was last judged, which is not every time."""
        began = self._clock()
        if began >= self._due:
            self.run = summarise(self.path)
            self._due = self._clock() + max(_JUDGED_S, _SHARE * (self._clock() - began))
        return self.run.state in OVER


def numbers_of(subjects: Iterable[Subject]) -> list[str]:
    """The numbers that any of the runs has."""
    return list(dict.fromkeys(name for one in subjects for name in one.curves.names()))


def build_panels(subjects: Sequence[Subject], wanted: Wanted) -> list[Panel]:
    """The pictures.

    The losses of one run share a picture; any other number has its own, as has each number of
    several runs.
    """
    x = wanted.x or _default_x(subjects, wanted.names)
    runs = legend_names([subject.run for subject in subjects])
    alone = len(subjects) == 1
    panels = []
    for names in _shared(wanted.names, alone and not wanted.split):
        title = ", ".join(names) if not alone else f"{', '.join(names)} of {runs[0]}"
        lines = [
            (name if alone else label, subject.curves.series(name))
            for label, subject in zip(runs, subjects, strict=True)
            for name in names
        ]
        panels.append(_panel(title, lines, subjects, x, wanted))
    return panels


def points_of(panels: Sequence[Panel]) -> list[dict[str, Any]]:
    """The points that are drawn, for `--json`."""
    return [
        {
            "title": panel.title,
            "x": panel.x_title,
            "restarts": _finite(panel.marks),
            "curves": [
                {"label": curve.label, "x": _finite(curve.xs), "y": _finite(curve.ys)}
                for curve in panel.curves
                if not curve.dim
            ],
        }
        for panel in panels
    ]


def _default_x(subjects: Sequence[Subject], names: Sequence[str]) -> str:
    by_epoch = all(
        name in subject.curves.names("epochs")
        for subject in subjects
        for name in names
        if name in subject.curves.names()
    )
    return "epoch" if by_epoch else "step"


def _shared(names: Sequence[str], losses_share: bool) -> list[list[str]]:
    losses = [name for name in names if name.endswith("loss")] if losses_share else []
    groups = [losses] if losses else []
    return groups + [[name] for name in names if name not in losses]


def _panel(
    title: str,
    lines: Sequence[tuple[str, Series]],
    subjects: Sequence[Subject],
    x: str,
    wanted: Wanted,
) -> Panel:
    marks = [_mark(restart, x) for one in subjects for restart in one.curves.restarts]
    x_title, size = x, 1.0
    if x == "time":
        last = max((max(line.times, default=0.0) for _, line in lines), default=0.0)
        size, x_title = time_unit(last)
        x_title = f"{x_title} of training"
    curves = []
    for colour, (label, line) in enumerate(lines):
        xs = [value / size for value in _xs(line, x)]
        smoothed = smooth(line.values, wanted.smooth) if wanted.smooth else line.values
        curves.append(Curve(label, *thin(xs, smoothed, wanted.n_points), colour))
        if wanted.smooth:
            curves.append(Curve(label, *thin(xs, line.values, wanted.n_points), colour, dim=True))
    return Panel(title, curves, x_title, [mark / size for mark in marks], x != "time")


def _xs(line: Series, x: str) -> Sequence[float]:
    return {"epoch": line.epochs, "step": line.steps, "time": line.times}[x]


def _mark(restart: Any, x: str) -> float:
    """Where a restart stands: between the last epoch that was done and the next one."""
    at: float = {"epoch": restart.epoch - 0.5, "step": restart.step, "time": restart.time}[x]
    return at if at > 0 else math.nan


def _finite(values: Iterable[float]) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values]
