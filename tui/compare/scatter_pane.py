"""Compared runs as points: any number over any setting or other number."""

from __future__ import annotations

from textual import on, work
from textual.app import ComposeResult
from textual.widget import Widget

from tui.compare.drawings import points_picture, points_records
from tui.compare.export_dialog import Makers
from tui.compare.exporting import as_csv, as_json, table_command
from tui.compare.pane import Pane, Scene
from tui.compare.points import Points, points_of, x_choices, y_choices
from tui.compare.scatter import Scatter
from tui.dialogs import ChoiceDialog


class ScatterPane(Pane):
    """One point a run."""

    STEM = "scatter"

    def __init__(self) -> None:
        super().__init__()
        self._choices: dict[str, list[str]] | None = None

    def compose(self) -> ComposeResult:
        """The plot."""
        look = self.thesis.look
        yield Scatter(ascii=look.ascii, more=look.more)

    @property
    def main(self) -> Widget:
        """The plot."""
        return self.query_one(Scatter)

    def reason(self, scene: Scene) -> str:
        """Whether no run has numbers."""
        if any(run.numbers or run.results for run in scene.comparison.runs):
            return ""
        return "No run has numbers yet.\n\nThey appear here when the first epoch is done."

    def choices(self, axis: str) -> list[str]:
        """What may stand on an axis."""
        if self._choices is None:
            comparison = self.scene.comparison
            self._choices = {"x": x_choices(comparison), "y": y_choices(comparison)}
        return self._choices[axis]

    def chosen(self, axis: str) -> str:
        """What stands on an axis: what was chosen, if runs have it."""
        choices = self.choices(axis)
        chosen = self.thesis.remembered.text(f"compare.scatter.{axis}")
        return chosen if chosen in choices else choices[0]

    def is_log(self, axis: str) -> bool:
        """Whether an axis is logarithmic."""
        return self.thesis.remembered.switch(f"compare.scatter.log_{axis}")

    @property
    def points(self) -> Points:
        """What is shown."""
        runs = self.scene.comparison.runs
        return points_of(self.scene.seen, self.chosen("x"), self.chosen("y"), runs)

    def draw(self, scene: Scene) -> None:
        """Draw the points."""
        if scene.comparison is not self.scene.comparison:
            self._choices = None
        super().draw(scene)
        logs = {"log_x": self.is_log("x"), "log_y": self.is_log("y")}
        self.query_one(Scatter).show(self.points, scene.picked, **logs)

    @on(Scatter.LogTurned)
    def _turn_log(self, event: Scatter.LogTurned) -> None:
        event.stop()
        if self.reason(self.scene):
            return
        name = f"compare.scatter.log_{event.axis}"
        self.thesis.remembered.keep(name, not self.thesis.remembered.switch(name))
        self.draw(self.scene)

    @on(Scatter.Asked)
    def _asked(self, event: Scatter.Asked) -> None:
        event.stop()
        if self.reason(self.scene):
            return
        if event.step:
            choices = self.choices(event.axis)
            here = choices.index(self.chosen(event.axis))
            self._take(event.axis, choices[(here + event.step) % len(choices)])
        else:
            self._ask(event.axis)

    @work(exclusive=True, group="dialog")
    async def _ask(self, axis: str) -> None:
        title = "Across" if axis == "x" else "Upwards"
        options = [(name, name) for name in self.choices(axis)]
        taken = await self.app.push_screen_wait(ChoiceDialog(title, options, self.chosen(axis)))
        if taken is not None:
            self._take(axis, taken)

    def _take(self, axis: str, name: str) -> None:
        self.thesis.remembered.keep(f"compare.scatter.{axis}", name)
        self.draw(self.scene)

    def makers(self) -> Makers:
        """The points as a picture, or as records."""
        points, logs = self.points, {"log_x": self.is_log("x"), "log_y": self.is_log("y")}
        colours = self.screen_colours()
        return {
            ".svg": lambda: points_picture(points, colours, **logs),
            ".csv": lambda: as_csv(points_records(points)),
            ".json": lambda: as_json(points_records(points)),
        }

    def command(self) -> str:
        """`engine runs` with both as columns."""
        seen, columns = self.scene.seen, [self.chosen("x"), self.chosen("y")]
        return table_command(seen.runs, columns, self.thesis.root, seeds=seen.seeds)
