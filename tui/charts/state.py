"""What the charts of a grid show: which of them are seen, over which axes, in which part."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tui.charts.axes import Axis, grown, kept
from tui.charts.data import rows_of
from tui.charts.layout import Layout, layout
from tui.charts.picture import LEAST_GUTTER, Plot, gutter_of, plot_height
from tui.charts.view import (
    UNITS,
    WEIGHTS,
    Stroke,
    Strokes,
    View,
    window_axis,
    x_limits,
    y_limits,
)
from tui.charts.window import STEP, ZOOM, last_place, panned, stepped, zoomed
from tui.series import AXES, Curve, Line, within

LASTS_S = 10.0
"""How long a horizontal axis should serve before a growing run needs a wider one."""


class Charts:
    """The charts of a grid, as they were chosen to be seen.

    Parameters
    ----------
    clock
        Gives seconds that only go on.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._widened = (0.0, 0.0)  # when the horizontal axis was made, and how far data reached
        self.view = View()
        self.panels: dict[str, Sequence[Line]] = {}
        self.page = 0
        self.full = False
        """Whether the selected chart has all the room."""
        self.layout = Layout(1, 1)
        self._selected = ""
        self._strokes = Strokes()
        self._whole: Axis | None = None
        self._ups: dict[str, Axis] = {}
        self._gutters: dict[str, int] = {}
        self._whole_for: object = None
        self._ups_for: object = None

    def take(self, panels: Mapping[str, Sequence[Line]]) -> None:
        """Take other lines."""
        self.panels = dict(panels)
        self._strokes.forget(self.panels)

    def arrange(self, width: int, height: int) -> None:
        """Share so much room among the charts."""
        first = self.page * self.layout.slots
        self.layout = Layout(1, 1) if self.full else layout(len(self.panels), width, height)
        if self.full:
            self.page = self.titles.index(self.selected) if self.titles else 0
        else:
            self.page = min(first // self.layout.slots, self.n_pages - 1)

    @property
    def titles(self) -> list[str]:
        """The names of all charts."""
        return list(self.panels)

    @property
    def n_pages(self) -> int:
        """Pages of charts."""
        return self.layout.pages(len(self.panels))

    @property
    def visible(self) -> list[str]:
        """The names of the charts on the present page."""
        first = self.page * self.layout.slots
        return self.titles[first : first + self.layout.slots]

    @property
    def selected(self) -> str:
        """The chart that a key for one chart means."""
        if self._selected in self.panels:
            return self._selected
        return next(iter(self.visible or self.titles), "")

    def strokes(self, title: str) -> list[Stroke]:
        """The curves of a chart."""
        return self._strokes.of(title, self.panels.get(title, ()), self.view)

    @property
    def whole(self) -> Axis | None:
        """The horizontal axis of all there is; None if there is nothing."""
        strokes = [stroke for title in self.visible for stroke in self.strokes(title)]
        runs = frozenset((s.label, s.runs) for s in strokes)
        key = (self.view.axis, self.view.log_x, runs)
        limits = x_limits(strokes, self.view.log_x)
        if limits is None:
            return None
        known = self._whole if key == self._whole_for else None
        self._whole = self._lasting(known, *limits)
        self._whole_for = key
        return self._whole

    @property
    def seen(self) -> Axis | None:
        """The horizontal axis of the part that is seen."""
        if self.view.window is None:
            return self.whole
        return window_axis(self.view.window, self.view.log_x)

    def plots(self, heights: Sequence[int], focused: bool) -> list[Plot]:
        """What the charts of the page show, each with so many lines."""
        across = self.seen
        lines = dict(zip(self.visible, map(plot_height, heights), strict=True))
        key = (replace(self.view, cursor=None), lines)
        if key != self._ups_for:
            self._ups, self._gutters, self._ups_for = {}, {}, key
        marked = focused and not self.full and len(self.visible) > 1
        found = {title: self.strokes(title) for title in self.visible}
        ups = {
            title: self._up(title, strokes, across, lines[title])
            for title, strokes in found.items()
        }
        gutters = {title: gutter_of(up, lines[title]) for title, up in ups.items()}
        self._gutters |= {t: max(g, self._gutters.get(t, 0)) for t, g in gutters.items()}
        gutter = max((self._gutters[title] for title in found), default=LEAST_GUTTER)
        return [
            Plot(
                title,
                strokes,
                across if ups[title] else None,
                ups[title],
                UNITS[self.view.axis],
                self.view,
                gutter,
                marked and title == self.selected,
            )
            for title, strokes in found.items()
        ]

    def data(self) -> list[dict[str, Any]]:
        """What is seen, as one row for each point."""
        return rows_of(self.panels, self.view, self.seen)

    def select(self, towards: int) -> None:
        """Select the next chart, on another page if need be."""
        titles = self.titles
        if titles:
            number = (titles.index(self.selected) + towards) % len(titles)
            self._selected = titles[number]
            self.page = number // self.layout.slots

    def select_title(self, title: str) -> None:
        """Select a chart."""
        self._selected = title

    def turn(self, towards: int) -> None:
        """Turn to the next page."""
        self.page = (self.page + towards) % self.n_pages
        self._selected = next(iter(self.visible), "")

    def see_all(self) -> None:
        """See the whole axis, and read values nowhere."""
        self.view = replace(self.view, window=None, cursor=None)

    def next_axis(self) -> None:
        """Draw over the next axis on which there is anything."""
        at = AXES.index(self.view.axis)
        for axis in (*AXES[at + 1 :], *AXES[: at + 1]):
            lines = (line for lines in self.panels.values() for line in lines)
            if any(np.isfinite(line.over(axis)).any() for line in lines):
                break
        self.view = replace(self.view, axis=axis, window=None, cursor=None)

    def switch_log_x(self) -> None:
        """Switch the horizontal axis; a cursor without a place on it goes to the first value."""
        self.view = replace(self.view, log_x=not self.view.log_x, window=None)
        cursor = self.view.cursor
        if self.view.log_x and cursor is not None and cursor <= 0:
            self.put_cursor(self.end(-1))

    def next_weight(self, towards: int) -> None:
        """Smooth more, or less."""
        at = WEIGHTS.index(self.view.weight) if self.view.weight in WEIGHTS else 0
        self.view = replace(self.view, weight=WEIGHTS[(at + towards) % len(WEIGHTS)])

    def zoom(self, towards: int, place: float | None = None) -> None:
        """See less or more, around a place of the axis, or the cursor, or the middle."""
        seen, whole = self.seen, self.whole
        if seen is None or whole is None:
            return
        if place is None:
            place = 0.5 if self.view.cursor is None else seen.place(self.view.cursor)
        place = place if 0 <= place <= 1 else 0.5
        window = zoomed(seen, whole, ZOOM if towards > 0 else 1 / ZOOM, place)
        self.view = replace(self.view, window=window)

    def pan(self, share: float, seen: Axis | None = None) -> None:
        """See another part, that many of its widths further on."""
        seen, whole = seen or self.seen, self.whole
        if seen is not None and whole is not None and self.view.window is not None:
            self.view = replace(self.view, window=panned(seen, whole, share))

    def step(self, towards: int, cells: int) -> None:
        """Move the cursor to the next value; what is seen follows it."""
        seen, cursor = self.seen, self.view.cursor
        if seen is None or cursor is None:
            return
        cursor = stepped(self._curves(), seen, cursor, cells, towards)
        self.view = replace(self.view, cursor=cursor)
        place = seen.place(cursor)
        if not 0 <= place <= 1:
            self.pan(place - 1 + STEP if place > 1 else place - STEP)

    def put_cursor(self, x: float | None) -> None:
        """Read values at a place; nowhere if it is None."""
        self.view = replace(self.view, cursor=x)

    def end(self, towards: int) -> float | None:
        """The first or last place with a value."""
        seen = self.seen
        return last_place(self._curves(), seen, towards < 0) if seen else None

    def _curves(self) -> list[Curve]:
        """What the cursor moves along: the points that have a place on the horizontal axis."""
        curves = [stroke.raw for stroke in self.strokes(self.selected)]
        if not self.view.log_x:
            return curves
        return [within(curve, np.nextafter(0.0, 1.0), np.inf) for curve in curves]

    def _lasting(self, known: Axis | None, low: float, high: float) -> Axis:
        """The axis, reaching so far ahead of a run that it need not be drawn anew at once."""
        now, (then, high_then) = self._clock(), self._widened
        rate = (high - high_then) / max(now - then, 1e-3)
        fresh = grown(known, low, high, self.view.log_x, high + rate * LASTS_S)
        if fresh is not known:
            self._widened = (now, high)
        return fresh

    def _up(
        self, title: str, strokes: Sequence[Stroke], across: Axis | None, lines: int
    ) -> Axis | None:
        limits = y_limits(strokes, across, self.view) if across else None
        if limits is None:
            return None
        self._ups[title] = kept(self._ups.get(title), *limits, self.view.log_y, lines)
        return self._ups[title]
