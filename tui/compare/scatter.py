"""One point a run: any number over any setting or other number."""

from __future__ import annotations

import math
from typing import ClassVar

from rich.cells import cell_len
from rich.color import Color
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from engine.facts.text import plain
from tui.compare.points import Point, Points
from tui.compare.scatter_plot import SMALLEST, ScatterInks, ScatterPlot
from tui.widgets.painted import NO_STYLE, Painted, fit, strip_of


class Scatter(Painted, can_focus=True):
    """Draws `Points`, with a read-out of one of them.

    Parameters
    ----------
    ascii
        Whether to use plain characters only.
    more
        The sign at the end of a text that is cut.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "scatter--title", "scatter--muted", "scatter--grid", "scatter--chosen", "scatter--mean",
    }  # fmt: skip
    DEFAULT_CSS = """
    Scatter { height: 1fr; width: 1fr; }
    Scatter > .scatter--title { text-style: bold; }
    Scatter > .scatter--muted { color: $foreground 60%; }
    Scatter > .scatter--grid { color: $foreground 20%; }
    Scatter > .scatter--mean { color: $foreground 60%; }
    Scatter > .scatter--chosen { text-style: bold; }
    """
    HELP_TITLE = "the scatter plot"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "Previous point", show=False),
        Binding("right", "step(1)", "Next point", show=False),
        Binding("home", "first", "First point", show=False),
        Binding("end", "last", "Last point", show=False),
        Binding("x", "ask('x')", "Across"),
        Binding("v", "ask('y')", "Upwards"),
        Binding("left_square_bracket", "turn('x', -1)", "Previous x", show=False),
        Binding("right_square_bracket", "turn('x', 1)", "Next x", show=False),
        Binding("up", "turn('y', -1)", "Previous number upwards", show=False),
        Binding("down", "turn('y', 1)", "Next number upwards", show=False),
        Binding("l", "log('y')", "Log y"),
        Binding("L", "log('x')", "Log x", show=False),
        Binding("enter", "open", "Open run", show=False),
    ]

    class Asked(Message):
        """Another key is wanted for an axis: any, or the one so many places on."""

        def __init__(self, axis: str, step: int = 0) -> None:
            super().__init__()
            self.axis, self.step = axis, step

    class LogTurned(Message):
        """An axis is to be logarithmic, or no longer."""

        def __init__(self, axis: str) -> None:
            super().__init__()
            self.axis = axis

    class Picked(Message):
        """A point was chosen, or is to be opened."""

        def __init__(self, path: str, is_opened: bool = False) -> None:
            super().__init__()
            self.path, self.is_opened = path, is_opened

    def __init__(self, *, ascii: bool = False, more: str = "…", id: str | None = None) -> None:
        super().__init__(id=id)
        self._more = more
        self._ascii = ascii
        self._points: Points | None = None
        self._picked: str | None = None
        self._log_x = self._log_y = False
        self._plot: ScatterPlot | None = None

    def show(self, points: Points, picked: str | None, *, log_x: bool, log_y: bool) -> None:
        """Show points, one of which is told about."""
        self._points, self._picked = points, picked
        self._log_x = log_x and not points.categories
        self._log_y = log_y
        self.repaint()

    @property
    def seen(self) -> list[Point]:
        """The points that have a place on the axes, from left to right."""
        points = self._points.points if self._points else ()
        kept = [
            one for one in points
            if (one.x > 0 or not self._log_x) and (one.y > 0 or not self._log_y)
        ]  # fmt: skip
        return sorted(kept, key=lambda one: (one.x, one.y))

    def paint(self, width: int, height: int) -> list[Strip]:
        """Title, plot, axis, read-out."""
        points, seen = self._points, self.seen
        if points is None:
            return []
        lines = [self._title(points, width)]
        self._plot = None
        if not seen:
            told = "no run has both" if not points.points else "no value is above zero"
            return [*lines, Strip([]), strip_of((f"  {told}", self.style_of("scatter--muted")))]
        if width >= SMALLEST[0] and height - 2 >= SMALLEST[1]:
            self._plot = ScatterPlot(
                points, seen, self._picked, self._log_x, self._log_y, self._inks()
            )
            lines += self._plot.lines(width, height - 2)
        lines += [Strip([])] * (height - 1 - len(lines))
        return [*lines[: height - 1], self._told(points, width)]

    def _inks(self) -> ScatterInks:
        muted, grid, mean = (
            self.style_of(f"scatter--{name}") for name in ("muted", "grid", "mean")
        )
        return ScatterInks(muted, grid, mean, self._ascii, self._more)

    def _title(self, points: Points, width: int) -> Strip:
        logs = " (log)" * self._log_y, " (log)" * self._log_x
        title = f"{plain(points.y)}{logs[0]} over {plain(points.x)}{logs[1]}"
        told = []
        correlation = points.rank_correlation
        if correlation is not None:
            told.append(f"rank correlation {correlation:.2f}")
        told.append(f"{len(points.points)} points")
        if points.n_missing:
            told.append(f"{points.n_missing} without values")
        bold, muted = self.style_of("scatter--title"), self.style_of("scatter--muted")
        room = max(0, width - cell_len(title) - 3)
        return strip_of(
            (fit(title, min(width, cell_len(title)), more=self._more), bold),
            ("   ", NO_STYLE), (fit(", ".join(told), room, more=self._more), muted),
        )  # fmt: skip

    def _told(self, points: Points, width: int) -> Strip:
        """The read-out."""
        found = next((one for one in self.seen if one.entry.path == self._picked), None)
        muted = self.style_of("scatter--muted")
        if found is None:
            arrows = "left and right" if self._ascii else "← →"
            return strip_of((fit(f"{arrows} choose a point", width, more=self._more), muted))
        values = (
            f"{plain(points.x)} = {found.told_x}   {plain(points.y)} = {found.told_y}"
            f"   {found.entry.state}"
        )
        room = max(0, width - cell_len(values) - 5)
        colour = Style(color=Color.parse(found.entry.colour), bold=True)
        label = fit(found.entry.label, min(room, cell_len(found.entry.label)), more=self._more)
        return strip_of(
            (f"{found.entry.sign} ", colour), (label, self.style_of("scatter--chosen")),
            ("   ", NO_STYLE), (values, NO_STYLE),
        )  # fmt: skip

    def _pick(self, number: int) -> None:
        seen = self.seen
        if seen:
            self.post_message(self.Picked(seen[number % len(seen)].entry.path))

    def action_step(self, step: int) -> None:
        """Choose the next point, from left to right."""
        paths = [one.entry.path for one in self.seen]
        here = paths.index(self._picked) if self._picked in paths else (-1 if step > 0 else 0)
        self._pick(here + step)

    def action_first(self) -> None:
        """Choose the leftmost point."""
        self._pick(0)

    def action_last(self) -> None:
        """Choose the rightmost point."""
        self._pick(-1)

    def action_open(self) -> None:
        """Open the run of the chosen point."""
        if self._picked in [one.entry.path for one in self.seen] and self._picked:
            self.post_message(self.Picked(self._picked, is_opened=True))

    def action_ask(self, axis: str) -> None:
        """Ask for what stands on an axis."""
        self.post_message(self.Asked(axis))

    def action_turn(self, axis: str, step: int) -> None:
        """Go to the next thing for an axis."""
        self.post_message(self.Asked(axis, step))

    def action_log(self, axis: str) -> None:
        """Make an axis logarithmic, or linear again."""
        self.post_message(self.LogTurned(axis))

    def on_click(self, event: events.Click) -> None:
        """Choose the point nearest to the mouse."""
        if self._plot is None or not self._plot.places:
            return
        row, column, places = event.y - 1, event.x - self._plot.left, self._plot.places

        def distance(path: str) -> float:
            return math.hypot(2 * (places[path][0] - row), places[path][1] - column)

        self.post_message(self.Picked(min(places, key=distance)))
