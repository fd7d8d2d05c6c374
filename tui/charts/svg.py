"""Curves and points as an SVG picture for a page: white ground, colours, numbers beside the axes.

Pure functions; the text in it is escaped, and nothing in it is read from elsewhere.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from xml.sax.saxutils import escape

import numpy as np

from engine.facts.text import plain
from engine.facts.thin import thin
from tui.charts import axes
from tui.charts.axes import Axis, Tick, Unit

PANEL = (420, 260)
"""Width and height of one chart in pixels."""
POINTS = 1000
"""Most points of a curve."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 30, 44
_MARGIN, _LEGEND_LINE, _LEGEND_ENTRY = 16, 18, 26
_INK, _MUTED, _GRID = "#222222", "#555555", "#e6e6e6"
_DASHES = ("", "6 2", "2 2", "8 2 2 2")
_SHAPES = (
    "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",  # disc, square, triangle, diamond
    "m-3.6 -3.6h7.2v7.2h-7.2z",
    "m0 -4.6l4.4 8h-8.8z",
    "m0 -5l4.4 5l-4.4 5l-4.4 -5z",
)
_STYLE = "font-family: Helvetica, Arial, sans-serif; font-size: 12px"

Numbers = Sequence[float]


class Curve(NamedTuple):
    """One line; NaN is a gap."""

    label: str
    colour: str
    xs: Numbers
    ys: Numbers
    low: Numbers = ()
    high: Numbers = ()
    """The limits of a band around it."""
    faint: bool = False


class Dot(NamedTuple):
    """One point."""

    label: str
    colour: str
    x: float
    y: float


@dataclass(frozen=True)
class Panel:
    """One chart."""

    title: str
    x_title: str
    curves: Sequence[Curve] = ()
    dots: Sequence[Dot] = ()
    categories: Sequence[str] = ()
    """What stands at 0, 1, … of the x axis instead of numbers."""
    unit: Unit = "number"
    """Of the x axis."""
    log_x: bool = False
    log_y: bool = False
    across: Axis | None = None
    up: Axis | None = None
    """The part that is seen; all of it if not given."""


def picture(panels: Sequence[Panel], columns: int = 2) -> str:
    """Charts beside each other, and a legend below them."""
    columns = max(1, min(columns, len(panels)))
    rows = math.ceil(len(panels) / columns)
    width, top = columns * PANEL[0] + 2 * _MARGIN, rows * PANEL[1] + _MARGIN
    legend = list(_legend(panels, width, top))
    height = top + _LEGEND_LINE * (1 + max((line for line, _ in legend), default=0)) + _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" style="{_STYLE}">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, panel in enumerate(panels):
        x = _MARGIN + number % columns * PANEL[0]
        y = _MARGIN + number // columns * PANEL[1]
        parts += [f'<g transform="translate({x} {y})">', *_panel(panel, number), "</g>"]
    return "\n".join([*parts, *(part for _, part in legend), "</svg>"]) + "\n"


def _panel(panel: Panel, number: int) -> Iterator[str]:
    """One chart, whose upper left corner is the origin."""
    across, up = _axes(panel)
    yield f'<text x="{_LEFT}" y="18" font-weight="bold" fill="{_INK}">{_text(panel.title)}</text>'
    if across is None or up is None:
        yield f'<text x="{_LEFT}" y="60" fill="{_MUTED}">no values</text>'
        return
    box = f'x="{_LEFT}" y="{_TOP}" width="{_width()}" height="{_height()}"'
    yield f'<clipPath id="clip{number}"><rect {box}/></clipPath>'
    for tick in axes.ticks(up, 5):
        yield from _y_tick(tick)
    for tick in _x_ticks(panel, across):
        yield from _x_tick(tick)
    yield f'<rect {box} fill="none" stroke="{_MUTED}"/>'
    middle, bottom = _LEFT + _width() / 2, PANEL[1] - 10
    at = f'x="{middle:g}" y="{bottom}" text-anchor="middle"'
    yield f'<text {at} fill="{_INK}">{_text(panel.x_title)}</text>'
    yield f'<g clip-path="url(#clip{number})" fill="none" stroke-linejoin="round">'
    dashes, shapes = _looks([panel], _DASHES), _looks([panel], _SHAPES)
    for curve in panel.curves:
        yield from _curve(curve, across, up, dashes.get(curve.label, ""))
    for dot in panel.dots:
        x, y = _points(across, up, [dot.x], [dot.y])[0]
        yield _sign(x, y, dot.colour, shapes.get(dot.label, _SHAPES[0]), dot.label)
    yield "</g>"


def _axes(panel: Panel) -> tuple[Axis | None, Axis | None]:
    """Both axes; None where nothing has a place on them."""
    curves, dots = panel.curves, panel.dots
    across_all = [curve.xs for curve in curves], [dot.x for dot in dots]
    up_all = [part for one in curves for part in (one.ys, one.low, one.high)], [d.y for d in dots]
    xs, ys = _limits(*across_all, panel.log_x), _limits(*up_all, panel.log_y)
    if xs is None or ys is None:
        return None, None
    across = panel.across or axes.exact(*xs, panel.log_x)
    if panel.categories:
        across = Axis(-0.5, len(panel.categories) - 0.5)
    elif panel.dots:
        across = axes.rounded(*xs, panel.log_x)
    return across, panel.up or axes.rounded(*ys, panel.log_y)


def _limits(parts: Sequence[Numbers], more: Numbers, log: bool) -> tuple[float, float] | None:
    """Lowest and highest of the values that have a place; None if there is none."""
    values = np.concatenate([np.asarray(part, dtype=float) for part in (*parts, more)])
    values = values[np.isfinite(values) & ((values > 0) | (not log))]
    return (float(values.min()), float(values.max())) if len(values) else None


def _curve(curve: Curve, across: Axis, up: Axis, dash: str) -> Iterator[str]:
    if len(curve.low):
        there = _points(across, up, curve.xs, curve.high)
        back = _points(across, up, curve.xs, curve.low)[::-1]
        points = " ".join(f"{x:.1f} {y:.1f}" for x, y in [*there, *back] if x + y == x + y)
        yield f'<polygon points="{points}" fill="{curve.colour}" fill-opacity="0.18"/>'
    look = f'stroke="{curve.colour}" stroke-width="{1 if curve.faint else 1.6}"'
    look += ' stroke-opacity="0.25"' if curve.faint else ""
    look += f' stroke-dasharray="{dash}"' if dash else ""
    path, pen = [], "M"
    for x, y in _points(across, up, *thin(curve.xs, curve.ys, POINTS)):
        if x + y != x + y:
            pen = "M"
            continue
        path.append(f"{pen}{x:.1f} {y:.1f}")
        pen = "L"
    if path:
        yield f'<path d="{" ".join(path)}" {look}/>'


def _points(across: Axis, up: Axis, xs: Numbers, ys: Numbers) -> list[tuple[float, float]]:
    """Places in pixels; NaN where there is none."""
    left = _LEFT + across.places(np.asarray(xs, dtype=float)) * _width()
    top = _TOP + (1 - up.places(np.asarray(ys, dtype=float))) * _height()
    return list(zip(left.tolist(), top.tolist(), strict=True))


def _x_ticks(panel: Panel, across: Axis) -> list[Tick]:
    if panel.categories:
        return [Tick(across.place(n), text) for n, text in enumerate(panel.categories)]
    return axes.ticks(across, 6, panel.unit)


def _x_tick(tick: Tick) -> Iterator[str]:
    x, bottom = _LEFT + tick.place * _width(), PANEL[1] - _BOTTOM
    yield f'<path d="M{x:.1f} {bottom}V{bottom + 4}" stroke="{_MUTED}"/>'
    at = f'x="{x:.1f}" y="{bottom + 17}"'
    yield f'<text {at} text-anchor="middle" fill="{_MUTED}">{_text(tick.text)}</text>'


def _y_tick(tick: Tick) -> Iterator[str]:
    y = _TOP + (1 - tick.place) * _height()
    yield f'<path d="M{_LEFT} {y:.1f}H{_LEFT + _width()}" stroke="{_GRID}"/>'
    at = f'x="{_LEFT - 6}" y="{y + 4:.1f}"'
    yield f'<text {at} text-anchor="end" fill="{_MUTED}">{_text(tick.text)}</text>'


def _legend(panels: Sequence[Panel], width: int, top: int) -> Iterator[tuple[int, str]]:
    """The entries, each with the line that it stands in."""
    marks: list[Curve | Dot] = []
    for panel in panels:
        marks += [*panel.curves, *panel.dots]
    colours = {one.label: one.colour for one in marks if one.label}
    dashes, shapes = _looks(panels, _DASHES), _looks(panels, _SHAPES)
    is_dotted = any(panel.dots for panel in panels)
    longest = max((len(plain(label)) for label in colours), default=0)
    room = max(1, int((width - 2 * _MARGIN) // (_LEGEND_ENTRY + 10 + 6.5 * longest)))
    for number, (label, colour) in enumerate(colours.items()):
        x = _MARGIN + number % room * (width - 2 * _MARGIN) / room
        y = top + _LEGEND_LINE * (number // room + 1)
        dash = f' stroke-dasharray="{dashes[label]}"' if dashes.get(label) else ""
        sign = f'<path d="M{x:g} {y - 4}h20" stroke="{colour}" stroke-width="2"{dash}/>'
        if is_dotted:
            sign = _sign(x + 10, y - 4, colour, shapes.get(label, _SHAPES[0]))
        text = f'<text x="{x + _LEGEND_ENTRY:g}" y="{y}" fill="{_INK}">{_text(label)}</text>'
        yield number // room, sign + text


def _looks(panels: Sequence[Panel], looks: Sequence[str]) -> dict[str, str]:
    """The dashes or the shape of each label: another one each time that its colour comes again."""
    used: Counter[str] = Counter()
    found: dict[str, str] = {}
    for panel in panels:
        marks: list[Curve | Dot] = [*panel.curves, *panel.dots]
        for mark in marks:
            if mark.label and mark.label not in found:
                found[mark.label] = looks[used[mark.colour] % len(looks)]
                used[mark.colour] += 1
    return found


def _sign(x: float, y: float, colour: str, shape: str, label: str = "") -> str:
    """A point, with its name for a mouse that rests on it."""
    title = f"<title>{_text(label)}</title>" if label else ""
    look = f'class="point" fill="{colour}" stroke="#ffffff"'
    return f'<path d="M{x:.1f} {y:.1f}{shape}" {look}>{title}</path>'


def _width() -> int:
    return PANEL[0] - _LEFT - _RIGHT


def _height() -> int:
    return PANEL[1] - _TOP - _BOTTOM


def _text(text: str) -> str:
    return escape(plain(text), {'"': "&quot;"})
