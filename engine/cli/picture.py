"""Curves as characters, drawn with plotext."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from engine.cli.curve_legend import Head, Name, make_head
from engine.cli.scales import Scale, scale_of
from engine.facts.text import plain

# Okabe and Ito's colours, as near as the 256 of a terminal come, seen on black and on white.
COLOURS = (32, 172, 36, 166, 175, 74, 142, 99)
SIGNS = "*o+x#@%&"
"""Tell curves apart where there are no colours."""

_GREY = 245
_BEHIND, _SIGN_BEHIND = 1_000_000, "."
"""Colour and sign of curves without an entry in the legend."""
_TO_ASCII = str.maketrans("│─┤├┬┴└┘┌┐┼●", "|-++++++++++")

SMALLEST = (24, 6)
"""Columns and lines of the smallest picture."""


class Curve(NamedTuple):
    """One line of a picture; NaN is a gap."""

    label: str
    xs: Sequence[float]
    ys: Sequence[float]
    colour: int
    """Which of the colours and signs; curves with one number belong together."""
    dim: bool = False
    """In the background and without a label: what a smoothed curve was before."""
    brief: str = ""
    """A shorter label, whose keys the panel names."""
    value: str = ""
    """What the legend says of its values."""
    rank: float = 0.0
    """Of too many curves those with the lowest rank are named."""


class Panel(NamedTuple):
    """One picture: curves that share their axes."""

    title: str
    curves: list[Curve]
    x_title: str
    marks: Sequence[float] = ()
    """Where a vertical line stands: a run went on from a checkpoint there."""
    whole_x: bool = True
    by: str = ""
    """The keys that the brief labels leave out."""
    status: str = ""
    """How far the runs are."""


@dataclass(frozen=True)
class Look:
    """How to draw."""

    width: int
    height: int
    """Lines of each panel, with its title and legend."""
    coloured: bool = True
    ascii: bool = False
    log_x: bool = False
    log_y: bool = False


def draw(panel: Panel, look: Look) -> str:
    """The picture: `look.height` lines of at most `look.width` columns, without a last line end."""
    named = [curve for curve in panel.curves if not curve.dim]
    if not look.coloured:  # what is dim could not be told from the rest
        panel = panel._replace(curves=named)
        look = replace(look, ascii=look.ascii or len(named) > 1)
    head = _head(panel, look)
    if head.n_named < len(named):
        panel = _by_rank(panel)
        head = _head(panel, look)
    panel = panel._replace(curves=[_behind(curve, head.n_named) for curve in panel.curves])
    scales = _scales(panel, look)
    if scales is None:
        body = ["(no values)".center(look.width).rstrip()]
        body += [""] * (look.height - len(head.lines) - 1)
    else:
        body = _canvas(panel, look, *scales, look.height - len(head.lines))
    return "\n".join(head.lines + body)


def _by_rank(panel: Panel) -> Panel:
    """Colours in the order of the ranks, so that the first curves have those that there are."""
    ranks: dict[int, float] = {}
    for curve in panel.curves:
        ranks[curve.colour] = min(curve.rank, ranks.get(curve.colour, math.inf))
    place = {colour: n for n, colour in enumerate(sorted(ranks, key=lambda c: (ranks[c], c)))}
    curves = [curve._replace(colour=place[curve.colour]) for curve in panel.curves]
    return panel._replace(curves=sorted(curves, key=lambda curve: curve.colour))


def _head(panel: Panel, look: Look) -> Head:
    names = [_name(curve, look) for curve in panel.curves if not curve.dim]
    room = (look.width, look.height)
    return make_head(plain(panel.title), panel.by, panel.status, names, room)


def _name(curve: Curve, look: Look) -> Name:
    colour = COLOURS[curve.colour % len(COLOURS)] if look.coloured else None
    return Name(curve.label, curve.brief or curve.label, curve.value, _sign(curve, look), colour)


def _behind(curve: Curve, n_named: int) -> Curve:
    """A curve without an entry in the legend gets a sign and a colour of its own."""
    return curve if curve.colour < n_named else curve._replace(colour=_BEHIND)


def _colour(curve: Curve) -> int:
    is_behind = curve.dim or curve.colour == _BEHIND
    return _GREY if is_behind else COLOURS[curve.colour % len(COLOURS)]


def _sign(curve: Curve, look: Look) -> str:
    if not look.ascii:
        return "●"
    return _SIGN_BEHIND if curve.colour == _BEHIND else SIGNS[curve.colour % len(SIGNS)]


def _scales(panel: Panel, look: Look) -> tuple[Scale, Scale] | None:
    """The axes on which all curves have a place; None if there is nothing to see."""
    points = [
        (x, y)
        for curve in panel.curves
        for x, y in zip(curve.xs, curve.ys, strict=True)
        if math.isfinite(x) and math.isfinite(y)
        if (x > 0 or not look.log_x) and (y > 0 or not look.log_y)
    ]
    if not points:
        return None
    across = scale_of((x for x, _ in points), log=look.log_x, edge=False)
    return across, scale_of((y for _, y in points), log=look.log_y)


def _canvas(panel: Panel, look: Look, across: Scale, up: Scale, height: int) -> list[str]:
    """The axes and the curves, in `height` lines."""
    import plotext

    plotext.terminal.limit(False, False)
    figure = plotext.figure
    figure.clear.all()
    figure.theme("colorless")
    figure.canvas("default")
    figure.plot_size(look.width, height)
    for axis, side in (("x", "upper"), ("y", "right")):
        figure.axes(False, axis=axis, side=side)
    _rule(figure.ruler("x", "lower"), across.ticks(max(1, look.width // 12), whole=panel.whole_x))
    _rule(figure.ruler("y", "left"), up.ticks(max(1, height // 3)))
    figure.label(panel.x_title, "x", "lower")
    for mark in panel.marks:
        _draw_mark(figure, across.place(mark), look)
    for curve in sorted(panel.curves, key=lambda curve: (not curve.dim, -curve.colour)):
        _draw_curve(figure, curve, across, up, look)
    text = figure.build().string(colorless=not look.coloured).removesuffix("\n")
    return (text.translate(_TO_ASCII) if look.ascii else text).split("\n")


def _rule(ruler: Any, ticks: Sequence[tuple[float, str]]) -> None:
    ruler.lim(0, 1)
    ruler.ticks([place for place, _ in ticks], [text for _, text in ticks])


def _draw_mark(figure: Any, place: float, look: Look) -> None:
    import plotext

    if math.isnan(place):
        return
    grey = plotext.pixel(foreground=_GREY) if look.coloured else None
    marker = plotext.marker(":" if look.ascii else "┊", pixel=grey)
    figure.draw(figure.signal([place, place], [0, 1], marker=marker).lines(True))


def _draw_curve(figure: Any, curve: Curve, across: Scale, up: Scale, look: Look) -> None:
    """Draw a curve; a value that is not finite, or has no place on a log axis, is a gap in it."""
    import plotext

    places = [(across.place(x), up.place(y)) for x, y in zip(curve.xs, curve.ys, strict=True)]
    drawn = [not (math.isnan(x) or math.isnan(y)) for x, y in places]
    points = [place for place, seen in zip(places, drawn, strict=True) if seen]
    if not points:
        return
    pixel = plotext.pixel(foreground=_colour(curve))
    marker = plotext.marker(
        _sign(curve, look) if look.ascii else "braille", pixel=pixel if look.coloured else None
    )
    signal = figure.signal(*zip(*points, strict=True), marker=marker).lines(True)
    for index in _after_gaps(drawn):
        signal.line(index, False)
    figure.draw(signal)


def _after_gaps(drawn: Sequence[bool]) -> list[int]:
    """Numbers, among the points that are drawn, of those after a gap."""
    numbers, count, gap = [], 0, False
    for seen in drawn:
        if seen and gap:
            numbers.append(count)
        count += seen
        gap = not seen
    return numbers
