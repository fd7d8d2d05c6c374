"""The page that compares runs: what its keys do."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType

from tui.compare.comparison import Entry
from tui.compare.export_dialog import export
from tui.compare.legend import RunLegend
from tui.compare.scatter import Scatter
from tui.compare.scatter_pane import ScatterPane
from tui.compare.tables_pane import DifferencesPane, ValuesPane
from tui.screens.compared_runs import CURVES, SCATTER, TABS, ComparedRuns
from tui.widgets.sheet import Sheet
from tui.widgets.tab_line import TabLine


class ComparePage(ComparedRuns):
    """Lays runs over each other: their curves, in what they differ, what came of it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(n + 1), f"tab({n})", name, show=False) for n, name in enumerate(TABS)),
        Binding("tab", "turn(1)", "Next part", show=False),
        Binding("shift+tab", "turn(-1)", "Previous part", show=False),
        Binding("up", "pick(-1)", "Highlight", key_display="↑↓"),
        Binding("down", "pick(1)", "Highlight the next run", show=False),
        Binding("space", "hide", "Hide", tooltip="Hide the run from the picture, or show it"),
        Binding("d", "remove", "Remove from the comparison", show=False),
        Binding("u", "bring_back", "Bring back all runs", show=False),
        Binding("b", "seeds", "Seeds", tooltip="Single runs, or mean and band over seeds"),
        Binding("e", "export", "Export"),
        Binding("y", "copy", "Copy", tooltip="Copy the command that shows the same"),
        Binding("escape", "back", "Back", key_display="esc"),
        Binding("q", "back", "Back", show=False),
    ]

    async def action_tab(self, number: int) -> None:
        """Open another part."""
        self.thesis.remembered.keep("compare.tab", number)
        await self._open(number)

    async def action_turn(self, step: int) -> None:
        """Open the next part."""
        await self.action_tab((self.tab + step) % len(TABS))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what the open part can do."""
        if action in ("pick", "hide"):
            return self.tab in (CURVES, SCATTER)
        return True

    def action_pick(self, step: int) -> None:
        """Highlight the next run."""
        paths = [entry.path for entry in self.entries]
        if paths:
            picked = self.scene.picked
            here = paths.index(picked) + step if picked in paths else (0 if step > 0 else -1)
            self._look_at(picked=paths[here % len(paths)])

    def _chosen(self) -> Entry | None:
        """The run that a key is for; says so if there is none."""
        pane, entry = self.pane, self.picked
        if isinstance(pane, DifferencesPane | ValuesPane) and not self._reason(pane):
            entry = pane.entry
        if entry is None:
            keys = "left and right" if isinstance(pane, ScatterPane) else "up and down"
            self.app.notify(f"choose a run first, with {keys}", timeout=3)
        return entry

    def action_hide(self) -> None:
        """Take the highlighted run out of the picture, or back into it."""
        if entry := self._chosen():
            self._look_at(hidden=self.scene.hidden ^ {entry.path})

    def action_remove(self) -> None:
        """Take a run out of the comparison."""
        if entry := self._chosen():
            paths: list[str | None] = [one.path for one in self.entries]
            here = paths.index(entry.path)
            after = [*paths[here + 1 :], *reversed(paths[:here]), None]
            self.scene = replace(self.scene, picked=after[0] if self.picked else None)
            self._removed |= {run.path for run in entry.runs}
            self.runs_changed()

    def action_bring_back(self) -> None:
        """Show all runs again that were removed or hidden."""
        self._removed.clear()
        self.scene = replace(self.scene, hidden=frozenset())
        self._runs = []
        self.runs_changed()

    def action_seeds(self) -> None:
        """Fold the seeds, or show single runs."""
        seeds = not self.thesis.remembered.switch("compare.seeds")
        self.thesis.remembered.keep("compare.seeds", seeds)
        self.recolour()

    @work(exclusive=True, group="dialog")
    async def action_export(self) -> None:
        """Write what is seen to a file."""
        pane = self.pane
        if pane is not None and not self._reason(pane):
            await export(self.thesis, f"compare-{pane.STEM}", pane.makers())

    def action_copy(self) -> None:
        """Copy the command that shows the same in a plain terminal."""
        if self.pane is not None and not self._reason(self.pane):
            self.thesis.copy(self.pane.command(), "the command")

    def action_back(self) -> None:
        """End a search, then the highlight, then the comparison."""
        if isinstance(self.pane, DifferencesPane) and self.pane.end_search():
            return
        if self.scene.picked is not None and self.tab in (CURVES, SCATTER):
            self._look_at(picked=None)
        else:
            self.app.pop_screen()

    @on(TabLine.Opened)
    async def _tab_clicked(self, event: TabLine.Opened) -> None:
        await self.action_tab(event.number)

    @on(RunLegend.Picked)
    def _run_clicked(self, event: RunLegend.Picked) -> None:
        self._look_at(picked=self.entries[event.number].path)

    @on(Scatter.Picked)
    def _point_picked(self, event: Scatter.Picked) -> None:
        if event.is_opened:
            self.thesis.open_run(event.path)
        else:
            self._look_at(picked=event.path)

    @on(Sheet.Chosen)
    def _value_chosen(self) -> None:
        if entry := self._chosen():
            self.thesis.open_run(entry.path)
