"""What `engine plot` draws: the curves of runs, as far as they have come."""

from __future__ import annotations

import math
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from engine.cli.mean_curves import mean_series
from engine.cli.picture import Curve, Panel
from engine.cli.scales import time_unit
from engine.errors import ConfigError
from engine.facts.curves import CurvesFollower
from engine.facts.series import Curves, Restart, Series
from engine.facts.state import OVER
from engine.facts.thin import smooth, thin
from engine.library.best import higher_is_better
from engine.library.index import summarise
from engine.tables.cells import show
from engine.tables.groups import seed_groups, spread
from engine.tables.keys import BROKEN
from engine.tables.legend import legend
from engine.tables.measures import has_best
from engine.tables.units import show_duration

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
    seeds: bool
    """Whether to draw the mean of runs that differ in the seed alone."""
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

    @property
    def epochs_done(self) -> int:
        """Epochs whose end the curves know."""
        names = self.curves.names("epochs")
        epochs = self.curves.series(names[0], "epochs").epochs if names else []
        done = (int(epoch) + 1 for epoch in epochs if math.isfinite(epoch))
        return max(done, default=self.run.epochs_done)

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
        return self.run.state is None or self.run.state in OVER


def curve_names(subjects: Iterable[Subject]) -> list[str]:
    """The numbers that any of the runs has."""
    return list(dict.fromkeys(name for one in subjects for name in one.curves.names()))


def build_panels(subjects: Sequence[Subject], wanted: Wanted) -> list[Panel]:
    """The pictures.

    The losses of one run share a picture; any other number has its own, as has each number of
    several runs.

    Raises
    ------
    ConfigError
        If means over seeds are wanted by time, which no two runs share.
    """
    x = wanted.x or _default_x(subjects, wanted.names)
    if wanted.seeds and x == "time":
        raise ConfigError("there is no mean over seeds at a time", "Take --x epoch or --x step.")
    alone = len(subjects) == 1
    groups = _groups(subjects, wanted.seeds)
    names = legend([members[0].run for members in groups], ["seed"] * wanted.seeds)
    panels = []
    for numbers in _shared(wanted.names, alone and not wanted.split):
        title = ", ".join(numbers)
        title += f" of {names.names[0]}" if alone else ", mean over seeds" * wanted.seeds
        lines = [
            _Line(number if alone else label, number if alone else brief, number, members)
            for label, brief, members in zip(names.names, names.briefs, groups, strict=True)
            for number in numbers
        ]
        by = "" if alone else names.by
        panel = _panel(title, lines, x, wanted)
        panels.append(panel._replace(by=by, status=_status(subjects)))
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


class _Line(NamedTuple):
    """What becomes one curve."""

    label: str
    brief: str
    number: str
    members: Sequence[Subject]
    """One run, or those whose mean it is."""


def _groups(subjects: Sequence[Subject], seeds: bool) -> list[list[Subject]]:
    """Each run for itself, or those together that differ in the seed alone."""
    if not seeds:
        return [[subject] for subject in subjects]
    by_run = {id(subject.run): subject for subject in subjects}
    groups = seed_groups([subject.run for subject in subjects])
    return [[by_run[id(run)] for run in runs] for runs in groups]


def _panel(title: str, lines: Sequence[_Line], x: str, wanted: Wanted) -> Panel:
    series = [_series(line, x) for line in lines]
    x_title, size = x, 1.0
    if x == "time":
        last = max((max(one.times, default=0.0) for one in series), default=0.0)
        size, x_title = time_unit(last)
        x_title = f"{x_title} of training"
    curves = []
    for colour, (line, one) in enumerate(zip(lines, series, strict=True)):
        xs = [value / size for value in _xs(one, x)]
        smoothed = smooth(one.values, wanted.smooth) if wanted.smooth else one.values
        curve = _told(line, Curve(line.label, *thin(xs, smoothed, wanted.n_points), colour))
        curves.append(curve)
        if wanted.smooth:
            behind = thin(xs, one.values, wanted.n_points)
            curves.append(curve._replace(xs=behind[0], ys=behind[1], dim=True))
    return Panel(title, curves, x_title, [mark / size for mark in _marks(lines, x)], x != "time")


def _series(line: _Line, x: str) -> Series:
    found = [member.curves.series(line.number) for member in line.members]
    return found[0] if len(found) == 1 else mean_series(found, x)


def _told(line: _Line, curve: Curve) -> Curve:
    """The curve with what the legend says of its values, and with its rank."""
    values = [member.curves.series(line.number).values for member in line.members]
    finite = [list(filter(math.isfinite, one)) for one in values]
    known = [one for one in finite if one]
    if not known:
        told = "never finite" if any(map(len, values)) else ""
        return curve._replace(brief=line.brief, value=told, rank=math.inf)
    highest = higher_is_better(line.number)
    best = [(max if highest else min)(one) for one in known]
    mean = statistics.fmean(best)
    told = _value(line.number, known, best)
    return curve._replace(brief=line.brief, value=told, rank=-mean if highest else mean)


def _value(number: str, known: Sequence[Sequence[float]], best: Sequence[float]) -> str:
    """The last value and the best one; over several runs the mean of the best, and its spread."""
    if len(known) > 1:
        return f"{show('metric', spread(best))} (n = {len(known)})"
    last, lowest = show("metric", known[0][-1]), show("metric", best[0])
    return last if last == lowest or not has_best(number) else f"{last}, best {lowest}"


def _status(subjects: Sequence[Subject]) -> str:
    """How far a run is, or how many of several are in which state."""
    if len(subjects) > 1:
        counts = Counter(subject.run.state or BROKEN for subject in subjects)
        return ", ".join(f"{n} {state}" for state, n in counts.most_common())
    run = subjects[0].run
    total = f"/{run.epochs}" if run.epochs else ""
    left = ""
    if run.state == "running" and run.epochs and run.epoch_time_s is not None:
        seconds = max(0, run.epochs - subjects[0].epochs_done) * run.epoch_time_s
        left = f", {show_duration(seconds)} left"
    return f"epoch {subjects[0].epochs_done}{total}, {run.state or BROKEN}{left}"


def _marks(lines: Sequence[_Line], x: str) -> list[float]:
    """Where a single run went on; of several nobody could tell which one it was."""
    members = list({id(member): member for line in lines for member in line.members}.values())
    if len(members) > 1:
        return []
    marks = [_mark(restart, x) for restart in members[0].curves.restarts]
    return [mark for mark in marks if mark > 0]


def _xs(line: Series, x: str) -> Sequence[float]:
    return {"epoch": line.epochs, "step": line.steps, "time": line.times}[x]


def _mark(restart: Restart, x: str) -> float:
    """Where a restart stands: between the last epoch that was done and the next one."""
    return {"epoch": restart.epoch - 0.5, "step": restart.step, "time": restart.time}[x]


def _finite(values: Iterable[float]) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values]
