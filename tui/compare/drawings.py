"""What a comparison shows as records for other programs, and as drawings for `tui.charts.svg`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tui.charts import svg
from tui.charts.axes import Axis, Unit, rounded
from tui.charts.view import UNITS, Stroke, Strokes, View, window_axis, x_limits, y_limits
from tui.compare.points import Points
from tui.series import Curve, Line, within

X_TITLES = {"step": "step", "epoch": "epoch", "time": "time of training (s)"}


def curves_picture(
    panels: Mapping[str, Sequence[Line]], view: View, colours: Mapping[str, str]
) -> str:
    """The curves as they are seen: smoothed, over the same axis, the same part, bands over seeds.

    Parameters
    ----------
    panels
        Title to the lines.
    view
        How they are looked at.
    colours
        Colours for white ground of the colours of the screen.
    """
    strokes = Strokes()
    return svg.picture(
        [
            _panel(title, strokes.of(title, lines, view), view, colours)
            for title, lines in panels.items()
        ]
    )


def _panel(
    title: str, strokes: Sequence[Stroke], view: View, colours: Mapping[str, str]
) -> svg.Panel:
    across, up = _part(strokes, view)
    curves = []
    for stroke in strokes if up else ():
        colour = colours.get(stroke.colour, stroke.colour)
        raw, shown = (_gapped(_cut(curve, across)) for curve in (stroke.raw, stroke.shown))
        if stroke.shown is not stroke.raw:
            curves.append(svg.Curve("", colour, *raw, faint=True))
        curves.append(svg.Curve(stroke.label, colour, *shown, *_band(stroke, across)))
    unit: Unit = UNITS[view.axis]
    return svg.Panel(
        title, X_TITLES[view.axis], curves, unit=unit, log_x=view.log_x, log_y=view.log_y,
        across=across, up=up,
    )  # fmt: skip


def _part(strokes: Sequence[Stroke], view: View) -> tuple[Axis | None, Axis | None]:
    """Both axes as far as they are seen; None where nothing has a place there."""
    whole = x_limits(strokes, view.log_x)
    if whole is None:
        return None, None
    across = window_axis(view.window or whole, view.log_x)
    limits = y_limits(strokes, across, view)
    return across, rounded(*limits, view.log_y) if limits else None


def _cut(curve: Curve, across: Axis | None) -> Curve:
    """The points that are seen, and those next to them, to which lines lead out of the picture."""
    if across is None or not len(curve.xs):
        return curve
    first = max(0, int(np.searchsorted(curve.xs, across.low)) - 1)
    last = min(len(curve.xs) - 1, int(np.searchsorted(curve.xs, across.high, side="right")))
    return within(curve, float(curve.xs[first]), float(curve.xs[last]))


def _band(stroke: Stroke, across: Axis | None) -> tuple[list[float], list[float]]:
    """Lowest and highest of a band at the points of its curve; nothing for one line."""
    if stroke.band is None:
        return [], []
    low, high = (_gapped(_cut(side, across))[1] for side in (stroke.band.low, stroke.band.high))
    return low, high


def points_picture(points: Points, colours: Mapping[str, str], *, log_x: bool, log_y: bool) -> str:
    """A scatter plot."""
    dots = [
        svg.Dot(one.entry.label, colours.get(one.entry.colour, one.entry.colour), one.x, one.y)
        for one in points.points
    ]
    panel = svg.Panel(
        points.y, points.x, dots=dots, categories=points.categories,
        log_x=log_x and not points.categories, log_y=log_y,
    )  # fmt: skip
    return svg.picture([panel])


def points_records(points: Points) -> list[dict[str, Any]]:
    """The points of a scatter plot."""
    return [
        {
            "run": one.entry.label,
            points.x: one.told_x if points.categories else one.x,
            points.y: one.y,
        }
        for one in points.points
    ]


def _gapped(curve: Curve) -> tuple[list[float], list[float]]:
    """The points of a curve, with NaN where two of them are not joined."""
    xs = np.insert(curve.xs, curve.gaps, curve.xs[curve.gaps])
    ys = np.insert(curve.ys, curve.gaps, np.nan)
    return xs.tolist(), ys.tolist()
