"""How charts are looked at, and what their lines show then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engine.facts.text import plain
from engine.library.best import higher_is_better
from engine.tables.measures import has_best
from tui.charts.axes import Axis, Unit, exact
from tui.series import Array, Band, Curve, Line, curve_of, mean_and_band, row_at, smooth, trimmed

WEIGHTS = (0.0, 0.6, 0.9, 0.99)
"""Smoothing: the weights of the past to choose from."""

UNITS: dict[str, Unit] = {"step": "whole", "epoch": "whole", "time": "seconds"}

Limits = tuple[float, float]


@dataclass(frozen=True)
class View:
    """What was chosen for all charts of a grid."""

    axis: str = "step"
    log_x: bool = False
    log_y: bool = False
    weight: float = 0.0
    trim: bool = False
    """Whether the axis of values leaves out the highest and the lowest 1 %."""
    window: Limits | None = None
    """The part of the horizontal axis that is seen; all of it if not given."""
    cursor: float | None = None
    """Where values are read off."""


class Stroke(NamedTuple):
    """One curve of a chart: a line of a run, or the mean of those that belong together."""

    label: str
    colour: str
    sign: str
    """As `Line.sign`."""
    runs: tuple[str, ...]
    raw: Curve
    shown: Curve
    """The smoothed curve; `raw` itself where nothing is smoothed."""
    band: Band | None
    """The spread of those that belong together, none of them smoothed."""
    common: Limits | None
    """Where all of those that belong together have values; None for one line, or for nowhere."""
    restarts: tuple[float, ...]
    last: float
    """Of a mean where it is of all; NaN where there is none."""
    best: float
    """The same; also NaN for a number of which no value is better than another."""
    limits: Limits | None
    """Lowest and highest value of all; None if there are none."""
    higher: bool
    """Whether a higher value is a better one."""

    def n_at(self, x: float) -> int:
        """How many lines the value at a place is made of."""
        row = row_at(self.raw, x)
        if row is None:
            return 0
        return 1 if self.band is None else int(self.band.counts[row])


class _Made(NamedTuple):
    """A stroke, and what it was made of."""

    lines: Sequence[Line]
    axis: str
    weight: float
    stroke: Stroke

    def is_of(self, lines: Sequence[Line], axis: str) -> bool:
        """Whether it was made of these, but for its smoothing."""
        return (
            self.axis == axis
            and len(self.lines) == len(lines)
            and all(map(_is_same, self.lines, lines))
        )

    def smoothed(self, weight: float) -> _Made:
        """The same with another smoothing."""
        if weight == self.weight:
            return self
        raw = self.stroke.raw
        shown = raw._replace(ys=smooth(raw.ys, weight)) if weight else raw
        return self._replace(weight=weight, stroke=self.stroke._replace(shown=shown))


class Strokes:
    """Makes strokes of lines, and keeps what was made of a line until it grows."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], _Made] = {}
        self._means: dict[tuple[str, ...], _Made] = {}

    def of(self, title: str, lines: Sequence[Line], view: View) -> list[Stroke]:
        """The strokes of a chart."""
        groups: dict[str, list[Line]] = {}
        for number, line in enumerate(lines):
            groups.setdefault(line.group or f"\0{number}", []).append(line)
        return [
            self._single(title, members[0], view.axis, view.weight)
            if len(members) == 1
            else self._mean((title, name), members, view)
            for name, members in groups.items()
        ]

    def forget(self, panels: Mapping[str, Sequence[Line]]) -> None:
        """Forget what is made of other lines than these."""
        known = {_key(title, line) for title, lines in panels.items() for line in lines}
        means = {(title, line.group) for title, lines in panels.items() for line in lines}
        self._known = {key: made for key, made in self._known.items() if key in known}
        self._means = {
            key: made
            for key, made in self._means.items()
            if key in means and all(_key(key[0], line) in known for line in made.lines)
        }

    def _single(self, title: str, line: Line, axis: str, weight: float = 0.0) -> Stroke:
        key = _key(title, line)
        made = self._known.get(key)
        if made is None or not made.is_of([line], axis):
            made = _Made([line], axis, 0.0, _stroke(title, line, axis))
        self._known[key] = made.smoothed(weight)
        return self._known[key].stroke

    def _mean(self, key: tuple[str, str], lines: list[Line], view: View) -> Stroke:
        made = self._means.get(key)
        if made is None or not made.is_of(lines, view.axis):
            strokes = [self._single(key[0], line, view.axis) for line in lines]
            made = _Made(lines, view.axis, 0.0, _mean_stroke(*key, strokes))
        self._means[key] = made.smoothed(view.weight)
        return self._means[key].stroke


def x_limits(strokes: Sequence[Stroke], log: bool) -> Limits | None:
    """First and last place of any stroke; None if there is none."""
    ends = []
    for stroke in strokes:
        xs = stroke.raw.xs
        xs = xs[np.searchsorted(xs, 0.0, side="right") :] if log else xs
        if len(xs):
            ends.append((float(xs[0]), float(xs[-1])))
    if not ends:
        return None
    return min(first for first, _ in ends), max(last for _, last in ends)


def y_limits(strokes: Sequence[Stroke], across: Axis, view: View) -> Limits | None:
    """Lowest and highest value that is to be seen of any stroke; None if there is none."""
    found = [limits for stroke in strokes for limits in _limits(stroke, across, view)]
    if not found:
        return None
    return min(low for low, _ in found), max(high for _, high in found)


def window_axis(window: Limits, log: bool) -> Axis:
    """The axis of a part that was chosen."""
    return exact(*window, log)


def _limits(stroke: Stroke, across: Axis, view: View) -> list[Limits]:
    xs = stroke.raw.xs
    if not len(xs):
        return []
    is_whole = across.low <= xs[0] and xs[-1] <= across.high
    if stroke.limits and is_whole and not view.trim and (stroke.limits[0] > 0 or not view.log_y):
        return [stroke.limits]
    curves = [stroke.raw]
    if stroke.band is not None:
        curves = [stroke.band.low, stroke.band.high]
    take: Callable[[Array], Limits | None] = trimmed if view.trim else _extremes
    return [limits for curve in curves if (limits := take(_seen(curve, across, view)))]


def _seen(curve: Curve, across: Axis, view: View) -> Array:
    """The values of a curve that are on the axis."""
    first = np.searchsorted(curve.xs, across.low)
    last = np.searchsorted(curve.xs, across.high, side="right")
    ys = curve.ys[first:last]
    return ys[ys > 0] if view.log_y and len(ys) and ys.min() <= 0 else ys


def _extremes(values: Array) -> Limits | None:
    return (float(values.min()), float(values.max())) if len(values) else None


def _key(title: str, line: Line) -> tuple[str, ...]:
    return title, line.run, line.label


def _stroke(title: str, line: Line, axis: str) -> Stroke:
    """A line that is not smoothed."""
    raw = curve_of(line.over(axis), line.values)
    limits = _extremes(raw.ys)
    return Stroke(
        plain(line.label),
        line.colour,
        line.sign,
        (line.run,),
        raw,
        raw,
        None,
        None,
        tuple(getattr(restart, axis) for restart in line.restarts),
        float(raw.ys[-1]) if len(raw.ys) else np.nan,
        _best(title, limits),
        limits,
        higher_is_better(title),
    )


def _mean_stroke(title: str, name: str, strokes: Sequence[Stroke]) -> Stroke:
    """The mean of strokes that are not smoothed; of those that have values already."""
    strokes = [stroke for stroke in strokes if len(stroke.raw.xs)] or strokes
    band = mean_and_band([stroke.raw for stroke in strokes])
    whole = np.flatnonzero(band.counts == len(strokes))
    xs, ys = band.mean.xs[whole], band.mean.ys[whole]
    return Stroke(
        f"{plain(name)} (mean of {len(strokes)})",
        strokes[0].colour,
        strokes[0].sign,
        tuple(run for stroke in strokes for run in stroke.runs),
        band.mean,
        band.mean,
        band,
        _ends(xs),
        (),
        float(ys[-1]) if len(ys) else np.nan,
        _best(title, _extremes(ys)),
        _extremes(np.concatenate([band.low.ys, band.high.ys])),
        higher_is_better(title),
    )


def _ends(xs: Array) -> Limits | None:
    return (float(xs[0]), float(xs[-1])) if len(xs) else None


def _best(title: str, limits: Limits | None) -> float:
    if limits is None or not has_best(title):
        return float("nan")
    return limits[1] if higher_is_better(title) else limits[0]


def _is_same(one: Line, other: Line) -> bool:
    """Whether two lines are over the same memory."""
    return one is other or (
        (one.colour, one.sign, one.restarts) == (other.colour, other.sign, other.restarts)
        and len(one.values) == len(other.values)
        and one.values.ctypes.data == other.values.ctypes.data
    )
