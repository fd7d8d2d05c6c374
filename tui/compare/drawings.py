"""What a comparison shows as records for other programs, and as drawings for `tui.charts.svg`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tui.charts import svg
from tui.charts.axes import Unit
from tui.charts.view import UNITS, Strokes, View
from tui.compare.points import Points
from tui.series import Line

X_TITLES = {"step": "step", "epoch": "epoch", "time": "time of training (s)"}


def curves_picture(
    panels: Mapping[str, Sequence[Line]], view: View, colours: Mapping[str, str]
) -> str:
    """The curves as they are seen: smoothed, over the same axis, with bands over seeds.

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
    drawn = []
    for title, lines in panels.items():
        curves = []
        for stroke in strokes.of(title, lines, view):
            colour = colours.get(stroke.colour, stroke.colour)
            if stroke.shown is not stroke.raw:
                curves.append(svg.Curve("", colour, *_gapped(stroke.raw), faint=True))
            band = (stroke.band.low.ys, stroke.band.high.ys) if stroke.band else ((), ())
            curves.append(svg.Curve(stroke.label, colour, *_gapped(stroke.shown), *band))
        unit: Unit = UNITS[view.axis]
        drawn.append(
            svg.Panel(title, X_TITLES[view.axis], curves, unit=unit, log_x=view.log_x,
                      log_y=view.log_y)
        )  # fmt: skip
    return svg.picture(drawn)


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


def _gapped(curve: Any) -> tuple[list[float], list[float]]:
    """The points of a curve, with NaN where two of them are not joined."""
    xs, ys, gaps = curve.xs.tolist(), curve.ys.tolist(), set(curve.gaps.tolist())
    if not gaps:
        return xs, ys
    pairs: list[tuple[float, float]] = []
    for number, (x, y) in enumerate(zip(xs, ys, strict=True)):
        if number in gaps:
            pairs.append((x, float("nan")))
        pairs.append((x, y))
    return [x for x, _ in pairs], [y for _, y in pairs]
