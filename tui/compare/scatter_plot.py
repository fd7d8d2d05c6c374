"""The cells of a scatter plot: axes, signs of the runs, means of categories. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.color import Color
from rich.style import Style
from textual.strip import Strip

from engine.facts.text import plain
from tui.charts import axes
from tui.charts.axes import Axis, Tick
from tui.compare.points import Point, Points
from tui.widgets.painted import NO_STYLE, fit, strip_of

ROWS_PER_TICK, COLUMNS_PER_TICK = 4, 14
SMALLEST = (24, 5)
"""Columns and lines below which there is no plot."""
SPREAD = 3
"""How often points of one category move on until they find a free cell."""

Place = tuple[int, int]
"""Row and column."""


@dataclass(frozen=True)
class ScatterInks:
    """The styles of what is not a point."""

    muted: Style
    grid: Style
    mean: Style
    ascii: bool
    more: str


@dataclass
class ScatterPlot:
    """Makes the lines of a plot.

    Parameters
    ----------
    points, seen
        What is shown: all of it, and the points that have a place.
    picked
        Path of the point that is set off.
    log_x, log_y
        Which axes are logarithmic.
    inks
        The styles.
    """

    points: Points
    seen: Sequence[Point]
    picked: str | None
    log_x: bool
    log_y: bool
    inks: ScatterInks
    left: int = 0
    """Columns before the first one of the plot; told by `lines`, as is `places`."""
    places: dict[str, Place] = field(default_factory=dict)
    """Where the point of each path stands."""

    def lines(self, width: int, height: int) -> list[Strip]:
        """The plot with its axes, in so many cells."""
        rows = height - 2
        up = _axis([one.y for one in self.seen], self.log_y)
        ticks = axes.ticks(up, max(2, rows // ROWS_PER_TICK))
        texts = {_row(tick.place, rows): tick.text for tick in ticks}
        self.left = max(map(cell_len, texts.values()), default=0) + 3
        columns = max(1, width - self.left)
        across = self._across()
        dot = "." if self.inks.ascii else "┈"
        cells = {(row, column): (dot, self.inks.grid) for row in texts for column in range(columns)}
        self._add_means(cells, across, up, rows, columns)
        self._add_points(cells, across, up, rows, columns)
        edge = "|" if self.inks.ascii else "│"
        lines = []
        for row in range(rows):
            text = fit(texts.get(row, ""), self.left - 2, right=True)
            parts = [(text, self.inks.muted), (" ", NO_STYLE), (edge, self.inks.grid)]
            parts += [cells.get((row, column), (" ", NO_STYLE)) for column in range(columns)]
            lines.append(strip_of(*parts).simplify())
        return [*lines, *self._bottom(across, columns)]

    def _across(self) -> Axis:
        if self.points.categories:
            return Axis(-0.5, len(self.points.categories) - 0.5)
        return _axis([one.x for one in self.seen], self.log_x)

    def _add_means(
        self, cells: dict[Place, tuple[str, Style]], across: Axis, up: Axis, rows: int, columns: int
    ) -> None:
        """A short line at the mean of each category."""
        n = len(self.points.categories)
        for number in range(n):
            ys = [one.y for one in self.seen if one.x == number]
            if len(ys) < 2:
                continue
            middle = round(across.place(number) * (columns - 1))
            mean = math.fsum(y / len(ys) for y in ys)  # the sum of huge values has no float
            row = _row(up.place(mean), rows)
            half = max(1, min(2 * SPREAD + 2, columns // n // 2 - 1))
            for column in range(max(0, middle - half), min(columns, middle + half + 1)):
                cells[row, column] = ("-" if self.inks.ascii else "─", self.inks.mean)

    def _add_points(
        self, cells: dict[Place, tuple[str, Style]], across: Axis, up: Axis, rows: int, columns: int
    ) -> None:
        """The signs of the runs; how many they are where several share a cell."""
        taken: dict[Place, int] = {}
        for one in sorted(self.seen, key=lambda one: one.entry.path == self.picked):
            is_picked = one.entry.path == self.picked
            place = (_row(up.place(one.y), rows), round(across.place(one.x) * (columns - 1)))
            if self.points.categories:
                place = _beside(place, taken, columns)
            taken[place] = taken.get(place, 0) + 1
            style = Style(color=Color.parse(one.entry.colour), bold=True, reverse=is_picked)
            several = taken[place] > 1 and not is_picked
            cells[place] = (str(min(taken[place], 9)) if several else one.entry.sign, style)
            self.places[one.entry.path] = place

    def _bottom(self, across: Axis, columns: int) -> list[Strip]:
        """The line of the horizontal axis, and what is written below it."""
        corner, line, notch = ("+", "-", "+") if self.inks.ascii else ("└", "─", "┴")
        marks = self._marks(across, columns)
        axis, below, free = [line] * columns, "", 0
        room = max(3, columns // max(1, len(marks)) - 1)
        for mark in marks:
            column = min(columns - 1, max(0, round(mark.place * (columns - 1))))
            axis[column] = notch
            text = fit(mark.text, min(cell_len(mark.text), room), more=self.inks.more)
            start = max(0, min(column + 1 - cell_len(text) // 2, columns + 1 - cell_len(text)))
            if start >= free:
                below = fit(below, start) + text
                free = start + cell_len(text) + 1
        blank = (" " * (self.left - 1), NO_STYLE)
        return [
            strip_of(blank, (corner + "".join(axis), self.inks.grid)),
            strip_of(blank, (below, self.inks.muted)),
        ]

    def _marks(self, across: Axis, columns: int) -> list[Tick]:
        if not self.points.categories:
            return axes.ticks(across, max(2, columns // COLUMNS_PER_TICK))
        texts = enumerate(self.points.categories)
        return [Tick(across.place(number), plain(text)) for number, text in texts]


def _axis(values: Sequence[float], log: bool) -> Axis:
    """A round axis that leaves a little room at both ends."""
    low, high = min(values), max(values)
    if log:
        room = math.exp(0.04 * (math.log(high) - math.log(low))) if high > low else 2.0
        return axes.rounded(low / room, high * room, log=True)
    room = high * 0.04 - low * 0.04
    return axes.rounded(low - room, high + room)


def _row(place: float, rows: int) -> int:
    return min(rows - 1, max(0, round((1 - place) * (rows - 1))))


def _beside(place: Place, taken: dict[Place, int], columns: int) -> Place:
    """The free cell of the line that is nearest to a place."""
    row, column = place
    for away in range(SPREAD + 1):
        for other in (column + 2 * away, column - 2 * away):
            if 0 <= other < columns and (row, other) not in taken:
                return row, other
    return place
