"""Compared runs as tables: in what they differ, and what came of it."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input, Static

from tui.compare.comparison import Entry
from tui.compare.difference_table import DifferenceTable
from tui.compare.export_dialog import Makers
from tui.compare.exporting import as_csv, as_json
from tui.compare.pane import Pane, Scene
from tui.compare.winners_table import Order, WinnersTable


class DifferencesPane(Pane):
    """A table of the settings in which the runs differ."""

    STEM = "differences"
    DEFAULT_CSS = """
    DifferencesPane #search { display: none; height: 1; background: $surface; }
    DifferencesPane #search Static { width: 2; padding: 0 0 0 1; color: $text-accent; }
    DifferencesPane Input { width: 1fr; height: 1; border: none; padding: 0 1;
        background: $surface; }
    DifferencesPane Input:focus { border: none; }
    """

    def compose(self) -> ComposeResult:
        """The table, and the line in which a search is typed."""
        yield DifferenceTable(more=self.thesis.look.more)
        search = Input(placeholder="words of a key or value; Esc shows all", select_on_focus=False)
        search.cursor_blink = False
        with Horizontal(id="search"):
            yield Static("/")
            yield search

    @property
    def main(self) -> Widget:
        """The table."""
        return self.query_one(DifferenceTable)

    @property
    def entry(self) -> Entry | None:
        """The run under the cursor."""
        return self.query_one(DifferenceTable).entry

    def reason(self, scene: Scene) -> str:
        """Whether there is only one run, or no difference."""
        entries = scene.comparison.entries
        if len(entries) < 2:
            return "A single run differs from nothing.\n\nEsc goes back: mark more runs there."
        if not any(entry.runs[0].config for entry in entries):
            return "The settings of these runs are not known."
        return "" if self.differ(scene) else "These runs have the same settings."

    def differ(self, scene: Scene) -> bool:
        """Whether the runs differ in anything."""
        self.draw(scene)
        return self.query_one(DifferenceTable).n_all > 0

    def draw(self, scene: Scene) -> None:
        """Compare the settings, unless the runs are the same as before."""
        if scene.comparison is not self.scene.comparison:
            self.query_one(DifferenceTable).compare(scene.comparison)
        super().draw(scene)

    @on(DifferenceTable.SearchWanted)
    def _ask(self) -> None:
        self.query_one("#search").display = True
        self.query_one(Input).focus()

    @on(Input.Changed)
    def _search(self, event: Input.Changed) -> None:
        event.stop()
        self.query_one(DifferenceTable).look_for(event.value)

    @on(Input.Submitted)
    def _close(self, event: Input.Submitted) -> None:
        event.stop()
        self.query_one("#search").display = bool(event.value)
        self.main.focus()

    def end_search(self) -> bool:
        """Show all keys again; whether there was a search."""
        line = self.query_one("#search")
        was_open, line.display = line.display, False
        self.query_one(Input).value = ""
        self.main.focus()
        return bool(was_open)

    def makers(self) -> Makers:
        """The table."""
        records = self.query_one(DifferenceTable).export()
        return {".csv": lambda: as_csv(records), ".json": lambda: as_json(records)}


class ValuesPane(Pane):
    """A table of best and last values."""

    STEM = "values"

    def compose(self) -> ComposeResult:
        """The table."""
        look = self.thesis.look
        table = WinnersTable(ascii=look.ascii, more=look.more)
        table.by = Order.of(self.thesis.remembered.texts("compare.order"))
        yield table

    @on(WinnersTable.Sorted)
    def _keep_order(self, event: WinnersTable.Sorted) -> None:
        event.stop()
        self.thesis.remembered.keep("compare.order", event.by.words() if event.by else [])

    @property
    def main(self) -> Widget:
        """The table."""
        return self.query_one(WinnersTable)

    @property
    def entry(self) -> Entry | None:
        """The run under the cursor."""
        return self.query_one(WinnersTable).entry

    def reason(self, scene: Scene) -> str:
        """Whether no run has numbers."""
        if any(run.numbers or run.results for run in scene.comparison.runs):
            return ""
        return "No run has numbers yet.\n\nThey appear here when the first epoch is done."

    def draw(self, scene: Scene) -> None:
        """Compare the values, unless nothing has changed."""
        if scene.comparison is not self.scene.comparison:
            self.query_one(WinnersTable).compare(scene.comparison)
        super().draw(scene)

    def makers(self) -> Makers:
        """The table."""
        records = self.query_one(WinnersTable).export()
        return {".csv": lambda: as_csv(records), ".json": lambda: as_json(records)}
