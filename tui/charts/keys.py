"""The keys of a grid of charts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import Binding, BindingType
from textual.widget import Widget

from tui.charts.state import Charts
from tui.charts.view import WEIGHTS, View
from tui.charts.window import STEP
from tui.series import AXES

if TYPE_CHECKING:
    from tui.app import ThesisApp


class ChartKeys(Widget):
    """What the keys choose; what is chosen for all charts is remembered.

    Parameters
    ----------
    memory
        What the names of the choices begin with.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "axis", "Axis"),
        Binding("l", "log_y", "Log"),
        Binding("s", "smooth(1)", "Smooth"),
        Binding("c", "cursor", "Cursor"),
        Binding("plus,equals_sign", "zoom(1)", "Zoom", key_display="+"),
        Binding("enter", "full", "Full"),
        Binding("right_square_bracket", "page(1)", "Page", key_display="]"),
        Binding("left_square_bracket", "page(-1)", "Page back", key_display="[", show=False),
        Binding("minus", "zoom(-1)", "Zoom out", key_display="-", show=False),
        Binding("0", "reset", "All of it", show=False),
        Binding("o", "trim", "Outliers", show=False),
        Binding("L", "log_x", "Log x", show=False),
        Binding("S", "smooth(-1)", "Smooth less", show=False),
        Binding("left", "side(-1)", "Left", show=False),
        Binding("right", "side(1)", "Right", show=False),
        Binding("comma,shift+left", "pan(-1)", "Pan left", show=False),
        Binding("full_stop,shift+right", "pan(1)", "Pan right", show=False),
        Binding("up", "select(-1)", "Previous chart", show=False),
        Binding("down", "select(1)", "Next chart", show=False),
        Binding("home", "end(-1)", "First value", show=False),
        Binding("end", "end(1)", "Last value", show=False),
        Binding("escape", "leave", "Back", show=False),
    ]

    def __init__(self, memory: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.charts = Charts()
        self._memory = memory

    @property
    def thesis(self) -> ThesisApp:
        """The app."""
        return cast("ThesisApp", self.app)

    @property
    def columns(self) -> int:
        """Cells across which the curves are drawn."""
        raise NotImplementedError

    def changed(self) -> None:
        """Draw after a choice."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Look at charts as the last time."""
        kept = self.thesis.remembered
        axis, weight = (
            kept.text(f"{self._memory}axis", "step"),
            kept.number(f"{self._memory}weight"),
        )
        self.charts.view = View(
            axis=axis if axis in AXES else "step",
            log_x=kept.switch(f"{self._memory}log_x"),
            log_y=kept.switch(f"{self._memory}log_y"),
            weight=weight if weight in WEIGHTS else 0.0,
            trim=kept.switch(f"{self._memory}trim"),
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave keys that have nothing to do here to others."""
        view = self.charts.view
        if action == "page":
            return self.charts.n_pages > 1
        if action in ("reset", "pan"):
            return view.window is not None
        if action == "end":
            return view.cursor is not None
        if action == "leave":
            return self.charts.full or view.cursor is not None or view.window is not None
        if action in ("full", "select"):
            return len(self.charts.panels) > 1
        return True

    def action_axis(self) -> None:
        """Draw over the next of steps, epochs and time."""
        self.charts.next_axis()
        self._chosen("axis", self.charts.view.axis)

    def action_log_x(self) -> None:
        """Switch the horizontal axis between linear and logarithmic."""
        self.charts.switch_log_x()
        self._chosen("log_x", self.charts.view.log_x)

    def action_log_y(self) -> None:
        """Switch the axes of values between linear and logarithmic."""
        self.charts.view = replace(self.charts.view, log_y=not self.charts.view.log_y)
        self._chosen("log_y", self.charts.view.log_y)

    def action_smooth(self, towards: int) -> None:
        """Smooth more, or less."""
        self.charts.next_weight(towards)
        self._chosen("weight", self.charts.view.weight)

    def action_trim(self) -> None:
        """Leave out the outliers, or not."""
        self.charts.view = replace(self.charts.view, trim=not self.charts.view.trim)
        self._chosen("trim", self.charts.view.trim)

    def action_zoom(self, towards: int) -> None:
        """See less, or more."""
        self.charts.zoom(towards)
        self.changed()

    def action_reset(self) -> None:
        """See all of it."""
        self.charts.view = replace(self.charts.view, window=None)
        self.changed()

    def action_pan(self, towards: int) -> None:
        """See what lies to one side."""
        self.charts.pan(towards * STEP)
        self.changed()

    def action_side(self, towards: int) -> None:
        """Move the cursor, or what is seen, or the selection."""
        view = self.charts.view
        if view.cursor is not None:
            self.charts.step(towards, self.columns)
        elif view.window is not None:
            self.charts.pan(towards * STEP)
        else:
            self.charts.select(towards)
        self.changed()

    def action_select(self, towards: int) -> None:
        """Select the next chart."""
        self.charts.select(towards)
        self.changed()

    def action_end(self, towards: int) -> None:
        """Read the first or the last value that is seen."""
        self.charts.put_cursor(self.charts.end(towards))
        self.changed()

    def action_cursor(self) -> None:
        """Read values, or not."""
        is_on = self.charts.view.cursor is not None
        self.charts.put_cursor(None if is_on else self.charts.end(1))
        self.changed()

    def action_full(self) -> None:
        """Give the selected chart all the room, or not."""
        self.charts.select_title(self.charts.selected)
        self.charts.full = not self.charts.full
        self.changed()

    def action_page(self, towards: int) -> None:
        """Turn the page."""
        self.charts.turn(towards)
        self.changed()

    def action_leave(self) -> None:
        """Go one layer out: from one chart to all, from the cursor, from the part to the whole."""
        if self.charts.full:
            self.charts.full = False
        elif self.charts.view.cursor is not None:
            self.charts.put_cursor(None)
        else:
            self.charts.view = replace(self.charts.view, window=None)
        self.changed()

    def _chosen(self, name: str, value: object) -> None:
        self.thesis.remembered.keep(self._memory + name, value)
        self.changed()
