"""Several charts over one horizontal axis, looked at in step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.timer import Timer

from tui.charts.axes import Axis
from tui.charts.chart import Chart
from tui.charts.keys import ChartKeys
from tui.charts.layout import shares
from tui.charts.status import ChartStatus, choices, legend
from tui.pacing import Pacing
from tui.series import Line

EVERY_S = 0.5
"""Shortest time between two drawings of new data."""

_WITH_STATUS = 6
"""Lines from which on one of them says how the charts are looked at."""


class ChartGrid(ChartKeys, can_focus=True):
    """Draws what it is given, in the way that was chosen with the keys.

    Parameters
    ----------
    name_for_memory
        The choices are remembered under this name.
    with_legend
        Whether the line below the charts names the runs.
    """

    DEFAULT_CSS = """
    ChartGrid { width: 1fr; height: 1fr; layout: vertical; }
    ChartGrid > Container { layout: grid; grid-gutter: 0 1; }
    """

    def __init__(
        self, name_for_memory: str, *, with_legend: bool = True, id: str | None = None
    ) -> None:
        super().__init__(f"charts.{name_for_memory}.", id=id)
        self._with_legend = with_legend
        self._place, self._status = Container(), ChartStatus()
        self._usable: object = None
        self._timer: Timer | None = None
        self._pacing = Pacing(EVERY_S)
        self._drag: tuple[int, Axis, bool] | None = None

    def compose(self) -> ComposeResult:
        """A place for charts, and a line below."""
        yield self._place
        yield self._status

    def show(self, panels: Mapping[str, Sequence[Line]], *, at_once: bool = False) -> None:
        """Draw these lines: now, or a moment later if it was done just before.

        Parameters
        ----------
        at_once
            Now, in any case: nothing follows soon.
        """
        reshaped = list(panels) != self.charts.titles
        self.charts.take(panels)
        wait = self._pacing.wait
        if at_once or reshaped or not wait:
            self.draw()
        elif self._timer is None:
            self._timer = self.set_timer(wait, self.draw)

    def data(self) -> list[dict[str, Any]]:
        """What is seen as rows: panel, run, label, x, y, smoothed."""
        return self.charts.data()

    def draw(self) -> None:
        """Draw what changed."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        width, height = self.size
        is_seen = self._place.is_attached and self.is_on_screen
        if is_seen and width and height:
            with self._pacing.turn():
                self._draw(width, height)

    def _draw(self, width: int, height: int) -> None:
        has_status = height >= _WITH_STATUS
        self._status.display = has_status
        height -= has_status
        self.charts.arrange(width, height)
        columns = self.charts.layout.columns
        lines = shares(height, self.charts.layout.lines)
        shown = self._arranged(lines)
        heights = [lines[number // columns] for number in range(len(shown))]
        for chart, plot in zip(shown, self.charts.plots(heights, self.has_focus), strict=True):
            chart.show(plot)
        self._tell(width)
        usable = (self.charts.n_pages > 1, len(self.charts.panels) > 1)
        if usable != self._usable:
            self._usable = usable
            self.refresh_bindings()

    def on_resize(self) -> None:
        """Draw for another size."""
        self.draw()

    def on_show(self) -> None:
        """Draw what came while nothing was seen."""
        self.draw()

    def on_focus(self) -> None:
        """Mark the selected chart."""
        self.draw()

    def on_blur(self) -> None:
        """Mark none."""
        self.draw()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Zoom in where the pointer is."""
        self._wheel(event, 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Zoom out where the pointer is."""
        self._wheel(event, -1)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begin to drag, or to click."""
        chart, seen = self._chart_at(event), self.charts.seen
        if chart is not None and chart.plot is not None and seen is not None:
            self.charts.select_title(chart.plot.title)
            self._drag = (event.screen_x, seen, False)
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drag what is seen, or read the values under the pointer."""
        if self._drag is not None:
            started, seen, _ = self._drag
            if event.screen_x != started:
                self._drag = (started, seen, True)
                self.charts.pan((started - event.screen_x) / self.columns, seen)
                self.changed()
        elif self.charts.view.cursor is not None:
            self._read_at(event)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """End a drag; read the values where the pointer was only pressed."""
        drag, self._drag = self._drag, None
        if drag is not None:
            self.release_mouse()
            if not drag[2]:
                self._read_at(event)

    def on_click(self, event: events.Click) -> None:
        """Give a chart all the room at the second click."""
        if event.chain == 2 and len(self.charts.panels) > 1:
            self.action_full()

    @property
    def columns(self) -> int:
        """Cells across which the curves are drawn."""
        return max((chart.columns for chart in self.query(Chart) if chart.display), default=1)

    def _arranged(self, lines: Sequence[int]) -> list[Chart]:
        """The charts of the page, as widgets in rows of so many lines."""
        grid, wanted = self._place, self.charts.layout
        n_charts = len(self.charts.visible)
        grid.styles.grid_size_columns = wanted.columns
        grid.styles.grid_size_rows = wanted.lines
        grid.styles.grid_rows = " ".join(map(str, lines))
        charts = list(self.query(Chart))
        new = [Chart(self.thesis.look) for _ in range(n_charts - len(charts))]
        if new:
            grid.mount(*new)
        charts += new
        for number, chart in enumerate(charts):
            chart.display = number < n_charts
        return charts[:n_charts]

    def _tell(self, width: int) -> None:
        """Say below the charts how they are looked at."""
        look = self.thesis.look
        right = choices(self.charts.view, self.charts.page, self.charts.n_pages, look)
        strokes = [s for title in self.charts.visible for s in self.charts.strokes(title)]
        several = len({stroke.runs for stroke in strokes}) > 1
        room = width - sum(len(part.text) for part in right) - 4
        left = legend(strokes, look, room) if several and self._with_legend else []
        self._status.show(left, right)

    def changed(self) -> None:
        """Draw after a choice, and offer the keys that have something to do now."""
        self.draw()
        self.refresh_bindings()

    def _chart_at(self, event: events.MouseEvent) -> Chart | None:
        charts = (chart for chart in self.query(Chart) if chart.display)
        return next((c for c in charts if c.region.contains(event.screen_x, event.screen_y)), None)

    def _wheel(self, event: events.MouseEvent, towards: int) -> None:
        event.stop()
        chart = self._chart_at(event)
        if chart is not None:
            self.charts.zoom(towards, chart.place_at(event.screen_x))
            self.changed()

    def _read_at(self, event: events.MouseEvent) -> None:
        chart, seen = self._chart_at(event), self.charts.seen
        place = chart.place_at(event.screen_x) if chart is not None else None
        if seen is not None and place is not None:
            self.charts.put_cursor(seen.value(place))
            self.changed()
