"""Runs laid over each other: their curves, in what they differ, what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widgets import Static

from engine.facts.text import plain
from engine.library.summary import RunSummary
from tui.compare.comparison import Entry, entries_of, headline, paths_with_colour, remarks
from tui.compare.curves_pane import CurvesPane
from tui.compare.export_dialog import export
from tui.compare.legend import RunLegend
from tui.compare.pane import Pane, Scene
from tui.compare.scatter import Scatter
from tui.compare.scatter_pane import ScatterPane
from tui.compare.tables_pane import DifferencesPane, ValuesPane
from tui.look import Colours
from tui.page import Page
from tui.widgets.key_line import KeyLine
from tui.widgets.sheet import Sheet
from tui.widgets.tab_line import TabLine

TABS = ("Curves", "Differences", "Values", "Scatter")
CURVES, DIFFERENCES, VALUES, SCATTER = range(4)
REMOVED = "All runs are removed.\n\nu brings them back."
GONE = "These runs are no longer there.\n\nEsc goes back to the table."
_PANES: tuple[type[Pane], ...] = (CurvesPane, DifferencesPane, ValuesPane, ScatterPane)


class ComparePage(Page):
    """Lays runs over each other.

    Parameters
    ----------
    paths
        The runs, in the order in which they are listed.
    """

    DEFAULT_CSS = """
    ComparePage #body { height: 1fr; layout: horizontal; padding: 1 1 0 1; }
    ComparePage #panes { width: 1fr; height: 1fr; }
    ComparePage #message { width: 1fr; height: 1fr; content-align: center middle;
        text-align: center; color: $text-muted; display: none; }
    ComparePage.-narrow #body { layout: vertical; padding: 0; }
    ComparePage.-narrow RunLegend { width: 1fr; height: 1; margin: 0; }
    ComparePage.-roomy RunLegend { width: 46; }
    ComparePage.-large RunLegend { width: 54; }
    """
    HORIZONTAL_BREAKPOINTS: ClassVar[list[tuple[int, str]] | None] = [  # type: ignore[misc]
        (0, "-narrow"), (100, "-wide"), (140, "-roomy"), (170, "-large"),
    ]  # fmt: skip
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

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__()
        self._paths = list(dict.fromkeys(paths))
        self._runs: list[RunSummary] = []
        self._n_gone = 0
        self._removed: set[str] = set()
        self._group_colours = Colours()
        self._panes: dict[int, Pane] = {}
        self.scene = Scene()
        self.tab = CURVES

    def compose(self) -> ComposeResult:
        """Tabs, the open part, the legend beside it."""
        yield TabLine(TABS)
        with Container(id="body"):
            yield Container(id="panes")
            yield Static("", id="message", markup=False)
            yield RunLegend(self.thesis.look)
        yield KeyLine()

    async def on_mount(self) -> None:
        """Open the part that was open last."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self.recolour())
        self.tab = min(max(int(self.thesis.remembered.number("compare.tab")), 0), len(TABS) - 1)
        await self._open(self.tab)

    @property
    def pane(self) -> Pane | None:
        """The part that is open."""
        return self._panes.get(self.tab)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Runs, or groups of seeds."""
        return self.scene.comparison.entries

    @property
    def picked(self) -> Entry | None:
        """The highlighted run."""
        return next((one for one in self.entries if one.path == self.scene.picked), None)

    @property
    def is_settled(self) -> bool:
        """Whether all curves are read that can be."""
        curves, paths = self.thesis.curves, [run.path for run in self._runs]
        read = all(curves.is_whole(path) or curves.problem(path) for path in paths)
        return self.thesis.listed and read

    def runs_changed(self) -> None:
        """Take what is new about the runs."""
        app, runs = self.thesis, self._runs
        if app.listed and not (app.problem and runs):
            wanted = dict.fromkeys(path for path in self._paths if path not in self._removed)
            known = {run.path: run for run in app.runs if run.path in wanted}
            runs = [known[path] for path in wanted if path in known]
            self._n_gone = len(wanted) - len(runs)
        app.curves.want(run.path for run in runs)
        if runs != self._runs or not self.entries:
            self._runs = runs
            self.recolour()

    def curves_changed(self, paths: frozenset[str]) -> None:
        """Draw curves that have grown."""
        if self.tab == CURVES:
            self.draw()

    def recolour(self) -> None:
        """Compare the runs again."""
        app, seeds = self.thesis, self.thesis.remembered.switch("compare.seeds")
        colours = app.colours_of([run.path for run in self._runs])
        if seeds:
            chosen = self._group_colours.choose(paths_with_colour(self._runs, seeds))
            colours = {path: app.palette[number] for path, number in chosen.items()}
        comparison = entries_of(
            self._runs, colours, seeds=seeds, ascii=app.look.ascii, coloured=app.look.colour
        )
        self._look_at(comparison=comparison)

    def draw(self) -> None:
        """Draw the open part, and nothing else."""
        if not self.is_mounted or self.pane is None:
            return
        title = headline(self.scene.comparison, brief=self.has_class("-narrow"))
        note = remarks(self._runs, n_gone=self._n_gone, n_removed=len(self._removed))
        self.query_one(TabLine).show(title, self.tab, note)
        reason = self._reason(self.pane)
        message = self.query_one("#message", Static)
        message.display, self.query_one("#panes").display = bool(reason), not reason
        legend = self.query_one(RunLegend)
        is_shown = self.tab == CURVES or (self.tab == SCATTER and not self.has_class("-narrow"))
        legend.display = is_shown and not reason
        if reason:
            message.update(plain(reason, keep_lines=True))
            return
        self.pane.draw(self.scene)
        if legend.display:
            legend.show(self.scene, "val_loss")

    def _reason(self, pane: Pane) -> str:
        if not self.thesis.listed:
            return "looking for the runs"
        if not self.entries and self.thesis.problem:
            return self.thesis.problem
        if not self.entries:
            return REMOVED if self._removed else GONE
        return pane.reason(self.scene)

    def _look_at(self, **changes: Any) -> None:
        """Draw another scene."""
        self.scene = replace(self.scene, **changes)
        self.draw()

    async def action_tab(self, number: int) -> None:
        """Open another part."""
        self.thesis.remembered.keep("compare.tab", number)
        await self._open(number)

    async def action_turn(self, step: int) -> None:
        """Open the next part."""
        await self.action_tab((self.tab + step) % len(TABS))

    async def _open(self, number: int) -> None:
        self.tab = number
        if number not in self._panes:
            self._panes[number] = _PANES[number]()
            await self.query_one("#panes").mount(self._panes[number])
        for other, pane in self._panes.items():
            pane.display = other == number
        self.draw()
        self._panes[number].main.focus()
        self.refresh_bindings()

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
