"""The curves of compared runs: one chart a number, one line a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget

from tui.charts.data import rows_of
from tui.charts.grid import ChartGrid
from tui.compare.drawings import curves_picture
from tui.compare.export_dialog import Makers
from tui.compare.exporting import as_csv, as_json, plot_command
from tui.compare.overlay import OF_THE_MACHINE, Overlay
from tui.compare.pane import Pane, Scene
from tui.dialogs import SeveralDialog
from tui.series import Line


class RunCharts(ChartGrid):
    """The charts; up and down are left to the list of runs, and n goes from chart to chart."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "screen.pick(-1)", "Previous run", show=False),
        Binding("down", "screen.pick(1)", "Next run", show=False),
        Binding("plus,equals_sign", "zoom(1)", "Zoom in", show=False, key_display="+"),
        Binding("right_square_bracket", "page(1)", "Next page", show=False),
        Binding("n", "select(1)", "Next chart", show=False),
        Binding("N", "select(-1)", "Previous chart", show=False),
    ]

    def show_now(self, panels: Mapping[str, Sequence[Line]]) -> None:
        """Draw these lines at once: somebody pressed a key."""
        self.charts.take(panels)
        self.draw()


class CurvesPane(Pane):
    """One chart a number, one line a run."""

    STEM = "curves"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "numbers", "Numbers", tooltip="Choose which numbers are shown"),
    ]

    def compose(self) -> ComposeResult:
        """The charts."""
        yield RunCharts("compare", with_legend=False)

    def on_mount(self) -> None:
        """Begin to make lines."""
        self._overlay = Overlay(self.thesis.curves)

    @property
    def main(self) -> Widget:
        """The charts."""
        return self.query_one(RunCharts)

    @property
    def numbers(self) -> list[str]:
        """All numbers that may be shown."""
        return self._overlay.numbers(self.scene.comparison.runs)

    @property
    def shown(self) -> list[str]:
        """Those that are: what was chosen, if any of it is there."""
        numbers = self.numbers
        chosen = set(self.thesis.remembered.texts("compare.numbers"))
        usual = [name for name in numbers if name not in OF_THE_MACHINE]
        return [name for name in numbers if name in chosen] or usual or numbers

    def reason(self, scene: Scene) -> str:
        """Whether no run has numbers, or why they cannot be read."""
        runs, feed = scene.comparison.runs, self.thesis.curves
        if any(feed.names(run.path) for run in runs):
            return ""
        problems = [problem for run in runs if (problem := feed.problem(run.path))]
        if problems:
            return problems[0]
        if not all(feed.is_whole(run.path) for run in runs):
            return "reading the curves"
        return "No run has numbers yet.\n\nThey appear here when the first epoch is done."

    def draw(self, scene: Scene) -> None:
        """Draw what has grown."""
        is_other = scene is not self.scene
        super().draw(scene)
        ground = self.background_colors[1].hex6
        panels = self._overlay.panels(
            scene.comparison, self.shown, scene.hidden, scene.picked, ground
        )
        charts = self.query_one(RunCharts)
        (charts.show_now if is_other else charts.show)(panels)

    @work(exclusive=True, group="dialog")
    async def action_numbers(self) -> None:
        """Choose which numbers are shown; none means the usual ones."""
        options = [(name, name) for name in self.numbers]
        dialog = SeveralDialog("Numbers to show", options, self.shown)
        taken = await self.app.push_screen_wait(dialog)
        if taken is not None:
            self.thesis.remembered.keep("compare.numbers", taken)
            self.draw(replace(self.scene))

    def makers(self) -> Makers:
        """The curves as a picture, or their points."""
        scene, charts = self.scene, self.query_one(RunCharts).charts
        ground, colours = self.background_colors[1].hex6, self.screen_colours()
        unmarked = self._overlay.panels(scene.comparison, self.shown, scene.hidden, None, ground)
        panels, view, axis = charts.panels, charts.view, charts.seen
        return {
            ".svg": lambda: curves_picture(unmarked, view, colours),
            ".csv": lambda: as_csv(rows_of(panels, view, axis)),
            ".json": lambda: as_json(rows_of(panels, view, axis)),
        }

    def command(self) -> str:
        """`engine plot` with the same numbers and axes."""
        view, seen = self.query_one(RunCharts).charts.view, self.scene.seen
        return plot_command(
            seen.runs, self.shown, self.thesis.root, seeds=seen.seeds, axis=view.axis,
            smoothing=view.weight, log_x=view.log_x, log_y=view.log_y,
        )  # fmt: skip
