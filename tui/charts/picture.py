"""A chart as cells: title, axes, and curves in dots."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from rich.cells import cell_len

from tui.charts import braille
from tui.charts.axes import Axis, Tick, Unit, even_ticks, ticks
from tui.charts.braille import Spans
from tui.charts.cells import SPACE, Cells, Inks
from tui.charts.marks import places
from tui.charts.title import Tones, signs_of, title_parts
from tui.charts.view import Stroke, View
from tui.charts.words import why_empty
from tui.look import Look
from tui.series import Curve, positive, within

LEAST_GUTTER = 5
_RULE_FROM = 9  # lines of a chart that has room for a rule below the curves
_RAW, _REST, _SHOWN = 1, 2, 3
_MOST_RAW = 8  # raw curves behind smoothed ones: of more than these nothing could be told
_FAINT_BAND = 0.22
_LESS = 0.65  # of the colour of a mean, where it is not of all
_LEAST = 1e-300


@dataclass(frozen=True)
class Plot:
    """What one chart shows."""

    title: str
    strokes: Sequence[Stroke]
    across: Axis | None = None
    """None where there are no values."""
    up: Axis | None = None
    unit: Unit = "whole"
    view: View = field(default_factory=View)
    gutter: int = LEAST_GUTTER
    """Columns left of the curves, for the values at the axis."""
    selected: bool = False


def up_ticks(up: Axis, height: int) -> list[Tick]:
    """The values beside a chart of so many lines."""
    return even_ticks(up, height)


def gutter_of(up: Axis | None, lines: int) -> int:
    """The columns that the values beside so many lines of curves need."""
    texts = [tick.text for tick in up_ticks(up, lines)] if up else []
    return max(LEAST_GUTTER, max(map(len, texts), default=0) + 1)


def plot_height(height: int) -> int:
    """Lines of the curves in a chart of so many lines."""
    return height - 2 - (height >= _RULE_FROM)


def picture(plot: Plot, width: int, height: int, look: Look, tones: Tones, inks: Inks) -> Cells:
    """The chart, in exactly this many cells."""
    return _Picture(plot, Cells(width, height), look, tones, inks).drawn()


class _Picture:
    """A chart that is being drawn."""

    def __init__(self, plot: Plot, cells: Cells, look: Look, tones: Tones, inks: Inks) -> None:
        self.plot, self.cells, self.look = plot, cells, look
        self.tones, self.inks = tones, inks
        self.height = max(0, plot_height(cells.height))
        self.left = plot.gutter + 1
        self.width = max(0, cells.width - self.left - 1)
        self.signs = signs_of(plot.strokes, look)
        self.told_by_signs = not look.colour and len(plot.strokes) > 1
        self.layers = np.zeros((self.height, self.width), dtype=np.uint8)
        self.bits = np.zeros((self.height, self.width), dtype=np.uint8)
        self.grounds = np.zeros((self.height, self.width), dtype=np.int32)

    def drawn(self) -> Cells:
        """Draw all of it."""
        self._title()
        plot = self.plot
        if self.width < 3 or self.height < 1:
            return self.cells
        if plot.across is None or plot.up is None:
            text = why_empty(plot.strokes, plot.view)
            x = max(0, (self.cells.width - len(text)) // 2)
            self.cells.write(x, 1 + self.height // 2, text, self._ink("muted"))
            return self.cells
        self._side(up_ticks(plot.up, self.height))
        self._bottom(ticks(plot.across, max(2, self.width // 11), plot.unit))
        self._uprights()
        for stroke in plot.strokes:
            self._band(stroke)
        if not self.told_by_signs and len(plot.strokes) <= _MOST_RAW:
            for stroke in plot.strokes:
                self._raw(stroke)
        for stroke in plot.strokes:
            self._rest(stroke)
        for stroke in plot.strokes:
            self._shown(stroke)
        if len(set(self.signs)) > 1:
            self._marks()
        return self.cells

    def _ink(self, tone: str) -> int:
        return self.inks.of(self.tones.of(tone))

    @property
    def _is_log(self) -> bool:
        return self.plot.up is not None and self.plot.up.log

    def _placed(self, curve: Curve) -> Curve:
        """The points that have a place on the axis of values."""
        return positive(curve) if self._is_log else curve

    @property
    def area(self) -> tuple[slice, slice]:
        """The cells of the curves."""
        return slice(1, 1 + self.height), slice(self.left, self.left + self.width)

    def _title(self) -> None:
        left, right = title_parts(self.plot.title, self.plot.strokes, self.plot.view, self.look,
                                  self.cells.width - 2, self.plot.selected)  # fmt: skip
        x = 1
        for text, tone, bold in left:
            x = self.cells.write(x, 0, text, self.inks.of(self.tones.of(tone), bold))
        x = self.cells.width - 1 - sum(cell_len(text) for text, _, _ in right)
        for text, tone, bold in right:
            x = self.cells.write(x, 0, text, self.inks.of(self.tones.of(tone), bold))

    def _side(self, marks: list[Tick]) -> None:
        """The vertical axis, with faint lines across."""
        muted, faint = self._ink("muted"), self._ink("faint")
        ascii_ = self.look.ascii
        lines = slice(1, self.height + 1)
        self.cells.fill((lines, self.left - 1), "|" if ascii_ else "│", faint)
        for tick in marks:
            y = 1 + self._line(tick.place)
            text = tick.text[: self.plot.gutter]
            self.cells.write(self.left - 1 - len(text), y, text, muted)
            self.cells.write(self.left - 1, y, "+" if ascii_ else "┤", faint)
            dotted = slice(self.left + 3, self.left + self.width, 4)
            self.cells.fill((y, dotted), "." if ascii_ else "·", faint)

    def _bottom(self, marks: list[Tick]) -> None:
        """The horizontal axis: values that have room beside each other."""
        muted, faint = self._ink("muted"), self._ink("faint")
        last = self.cells.height - 1
        ruled = self.height + 2 < self.cells.height
        if ruled:
            corner, line = "+-" if self.look.ascii else "└─"
            across = slice(self.left, self.left + self.width)
            self.cells.fill((last - 1, self.left - 1), corner, faint)
            self.cells.fill((last - 1, across), line, faint)
        free = 0
        for tick in marks:
            x = self.left + min(int(tick.place * self.width), self.width - 1)
            start = min(x - (len(tick.text) - 1) // 2, self.cells.width - len(tick.text))
            if start < free:
                continue
            free = 1 + self.cells.write(start, last, tick.text, muted)
            if ruled and x > self.left:
                self.cells.write(x, last - 1, "+" if self.look.ascii else "┴", faint)

    def _uprights(self) -> None:
        """Dim lines where a run was started again, and the one at which values are read."""
        faint, accent = self._ink("dim"), self._ink("accent")
        for place in {x for stroke in self.plot.strokes for x in stroke.restarts}:
            self._upright(place, ":" if self.look.ascii else "┊", faint)
        if self.plot.view.cursor is not None:
            self._upright(self.plot.view.cursor, "|" if self.look.ascii else "│", accent)

    def _upright(self, x: float, sign: str, ink: int) -> None:
        place = self.plot.across.place(x) if self.plot.across else math.nan
        if 0 <= place <= 1:
            column = self.left + min(int(place * self.width), self.width - 1)
            self.cells.fill((slice(1, self.height + 1), column), sign, ink)

    def _line(self, place: float) -> int:
        """The line of cells in which a place of the vertical axis lies."""
        rows = self.height * braille.DOWN
        return min(max(int((1 - place) * (rows - 1) + 0.5) // braille.DOWN, 0), self.height - 1)

    def _spans(self, curve: Curve, across: int, down: int) -> Spans:
        plot = self.plot
        if plot.across is None or plot.up is None:
            return Spans(np.full(self.width * across, np.nan), np.full(self.width * across, np.nan))
        columns, rows = self.width * across, self.height * down
        return braille.spans(curve, plot.across, plot.up, columns, rows)

    def _band(self, stroke: Stroke) -> None:
        """Shade what lies between two curves."""
        if stroke.band is None:
            return
        low, high = stroke.band.low, stroke.band.high
        if self._is_log:  # zero is below all
            low, high = (edge._replace(ys=np.maximum(edge.ys, _LEAST)) for edge in (low, high))
        part = braille.between(self._spans(high, 1, 2), self._spans(low, 1, 2))
        halves = braille.mask(part, 2 * self.height)
        upper, lower = halves[0::2], halves[1::2]
        codes, inks = self.cells.codes[self.area], self.cells.inks[self.area]
        if self.look.ascii or not self.look.colour:
            codes[upper | lower] = ord("." if self.look.ascii else "░")
            inks[upper | lower] = self._ink("dim")
            return
        tint = self.tones.tinted(stroke.colour, _FAINT_BAND)
        for part_of, sign in ((upper & ~lower, "▀"), (lower & ~upper, "▄")):
            codes[part_of] = ord(sign)
            inks[part_of] = self.inks.of(tint)
        full = upper & lower
        self.grounds[upper | lower] = self.inks.ground(tint)
        codes[full] = SPACE
        inks[full] = self.inks.of(stroke.colour) + self.inks.ground(tint)

    def _raw(self, stroke: Stroke) -> None:
        """Draw dim what was smoothed."""
        if stroke.raw is not stroke.shown:
            colour = self.tones.tinted(stroke.colour, self.tones.behind)
            self._dots(stroke.raw, self.inks.of(colour), _RAW)

    def _rest(self, stroke: Stroke) -> None:
        """Draw dim where a mean is not of all that belong together."""
        if not self.told_by_signs and stroke.band is not None and not _is_common(stroke):
            colour = self.tones.tinted(stroke.colour, _LESS)
            self._dots(stroke.shown, self.inks.of(colour), _REST)

    def _shown(self, stroke: Stroke) -> None:
        colour = self.inks.of(self.tones.of(stroke.colour))
        if self.told_by_signs or stroke.band is None or _is_common(stroke):
            self._dots(stroke.shown, colour, _SHOWN)
        elif stroke.common is not None:
            self._dots(within(stroke.shown, *stroke.common), colour, _SHOWN)

    def _marks(self) -> None:
        """Write the sign of each curve on it, in a few places."""
        strokes, signs = self.plot.strokes, self.signs
        taken = places([self._bits(stroke.shown) > 0 for stroke in strokes])
        codes, inks = self.cells.codes[self.area], self.cells.inks[self.area]
        for stroke, sign, cells in zip(strokes, signs, taken, strict=True):
            ink = self.inks.of(self.tones.of(stroke.colour), bold=True)
            for place in cells:
                codes[place] = ord(sign)
                inks[place] = ink + self.grounds[place]

    def _dots(self, curve: Curve, ink: int, layer: int) -> None:
        """Draw a curve over what lies on lower layers, and among what is on its own."""
        bits = self._bits(curve)
        set_ = bits > 0
        among = self.layers == layer
        self.bits = np.where(set_, bits | np.where(among, self.bits, 0), self.bits)
        self.layers[set_] = layer
        codes, inks = self.cells.codes[self.area], self.cells.inks[self.area]
        if self.look.ascii:
            codes[set_] = np.array([SPACE, *map(ord, "'.:")])[self.bits[set_]]
        else:
            codes[set_] = braille.BLANK + self.bits[set_].astype(np.int32)
        inks[set_] = ink + self.grounds[set_]

    def _bits(self, curve: Curve) -> npt.NDArray[np.uint8]:
        """What of each cell a curve covers."""
        curve = self._placed(curve)
        return self._ascii(curve) if self.look.ascii else self._braille(curve)

    def _braille(self, curve: Curve) -> npt.NDArray[np.uint8]:
        return braille.cells(self._spans(curve, braille.ACROSS, braille.DOWN), self.height)

    def _ascii(self, curve: Curve) -> npt.NDArray[np.uint8]:
        """1 for the upper half of a cell, 2 for the lower one, 3 for both."""
        halves = braille.mask(self._spans(curve, 1, 2), 2 * self.height)
        return halves[0::2].astype(np.uint8) + 2 * halves[1::2].astype(np.uint8)


def _is_common(stroke: Stroke) -> bool:
    """Whether a mean is of all that belong together, from its first to its last place."""
    xs = stroke.shown.xs
    return not len(xs) or stroke.common == (xs[0], xs[-1])
