"""How charts are looked at, and what their lines show then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engine.facts.text import plain
from engine.library.best import higher_is_better
from engine.tables.measures import has_best
from tui.axes import Axis, Unit, exact
from tui.series import Array, Band, Curve, Line, curve_of, mean_and_band, positive, smooth, trimmed

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
    runs: tuple[str, ...]
    raw: Curve
    shown: Curve
    """The smoothed curve; `raw` itself where nothing is smoothed."""
    band: Band | None
    restarts: tuple[float, ...]
    last: float
    best: float
    """NaN for a number of which no value is better than another."""
    limits: Limits | None
    """Lowest and highest value of all; None if there are none."""
    higher: bool
    """Whether a higher value is a better one."""


class Strokes:
    """Makes strokes of lines, and keeps what was made of a line until it grows."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], tuple[Line, View, Stroke]] = {}
        self._means: dict[tuple[str, ...], tuple[list[Stroke], Stroke]] = {}

    def of(self, title: str, lines: Sequence[Line], view: View) -> list[Stroke]:
        """The strokes of a chart."""
        groups: dict[str, list[Stroke]] = {}
        for number, line in enumerate(lines):
            name = line.group or f"\0{number}"
            stroke = self._single((title, line.run, line.label), line, view)
            groups.setdefault(name, []).append(stroke)
        return [
            strokes[0] if len(strokes) == 1 else self._mean((title, name), strokes)
            for name, strokes in groups.items()
        ]

    def forget(self, titles: Sequence[str]) -> None:
        """Forget the charts that are not among these."""
        for known in (self._known, self._means):
            for key in [key for key in known if key[0] not in titles]:
                del known[key]

    def _single(self, key: tuple[str, ...], line: Line, view: View) -> Stroke:
        known = self._known.get(key)
        if known is not None and _is_same(known[0], line) and _is_alike(known[1], view):
            return known[2]
        stroke = _stroke(key[0], line, view)
        self._known[key] = (line, view, stroke)
        return stroke

    def _mean(self, key: tuple[str, ...], strokes: list[Stroke]) -> Stroke:
        known = self._means.get(key)
        if known is not None and list(map(id, known[0])) == list(map(id, strokes)):
            return known[1]
        band = mean_and_band([stroke.shown for stroke in strokes])
        ys = band.mean.ys
        mean = Stroke(
            f"{plain(key[1])} (mean of {len(strokes)})",
            strokes[0].colour,
            tuple(run for stroke in strokes for run in stroke.runs),
            band.mean,
            band.mean,
            band,
            (),
            float(ys[-1]) if len(ys) else np.nan,
            _best(key[0], _extremes(ys)),
            _extremes(np.concatenate([band.low.ys, band.high.ys])),
            higher_is_better(key[0]),
        )
        self._means[key] = (strokes, mean)
        return mean


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


def _stroke(title: str, line: Line, view: View) -> Stroke:
    raw = curve_of(line.over(view.axis), line.values)
    if view.log_y:
        raw = positive(raw)
    limits = _extremes(raw.ys)
    shown = raw._replace(ys=smooth(raw.ys, view.weight)) if view.weight else raw
    return Stroke(
        plain(line.label),
        line.colour,
        (line.run,),
        raw,
        shown,
        None,
        tuple(getattr(restart, view.axis) for restart in line.restarts),
        float(raw.ys[-1]) if len(raw.ys) else np.nan,
        _best(title, limits),
        limits,
        higher_is_better(title),
    )


def _best(title: str, limits: Limits | None) -> float:
    if limits is None or not has_best(title):
        return float("nan")
    return limits[1] if higher_is_better(title) else limits[0]


def _is_same(one: Line, other: Line) -> bool:
    """Whether two lines are over the same memory."""
    return one is other or (
        (one.colour, one.restarts) == (other.colour, other.restarts)
        and len(one.values) == len(other.values)
        and one.values.ctypes.data == other.values.ctypes.data
    )


def _is_alike(one: View, other: View) -> bool:
    """Whether strokes are the same in two views."""
    return (one.axis, one.weight, one.log_y) == (other.axis, other.weight, other.log_y)
