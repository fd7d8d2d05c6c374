"""Runs that are laid over each other, and the part of them that is seen; kept up to date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Container
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from engine.facts.text import plain
from engine.library.summary import RunSummary
from tui.compare.comparison import Entry, entries_of, headline, paths_with_colour, remarks
from tui.compare.curves_pane import CurvesPane
from tui.compare.legend import RunLegend
from tui.compare.pane import Pane, Scene
from tui.compare.scatter_pane import ScatterPane
from tui.compare.tables_pane import DifferencesPane, ValuesPane
from tui.look import Colours
from tui.pacing import Pacing
from tui.page import Page
from tui.widgets.key_line import KeyLine
from tui.widgets.tab_line import TabLine

TABS = ("Curves", "Differences", "Values", "Scatter")
CURVES, DIFFERENCES, VALUES, SCATTER = range(4)
REMOVED = "All runs are removed.\n\nu brings them back."
GONE = "These runs are no longer there.\n\nEsc goes back to the table."
DRAW_EVERY_S = 0.5
"""Shortest time between two drawings of curves that grow."""
_PANES: tuple[type[Pane], ...] = (CurvesPane, DifferencesPane, ValuesPane, ScatterPane)


class ComparedRuns(Page):
    """What is seen of the runs.

    Parameters
    ----------
    paths
        The runs, in the order in which they are listed.
    tab
        The part to open; None for the one that was open last.
    """

    DEFAULT_CSS = """
    ComparedRuns #body { height: 1fr; layout: horizontal; padding: 1 1 0 1; }
    ComparedRuns #panes { width: 1fr; height: 1fr; }
    ComparedRuns #message { width: 1fr; height: 1fr; content-align: center middle;
        text-align: center; color: $text-muted; display: none; }
    ComparedRuns.-narrow #body { layout: vertical; padding: 0; }
    ComparedRuns.-narrow RunLegend { width: 1fr; height: 1; margin: 0; }
    ComparedRuns.-roomy RunLegend { width: 46; }
    ComparedRuns.-large RunLegend { width: 54; }
    """
    HORIZONTAL_BREAKPOINTS: ClassVar[list[tuple[int, str]] | None] = [  # type: ignore[misc]
        (0, "-narrow"), (100, "-wide"), (140, "-roomy"), (170, "-large"),
    ]  # fmt: skip

    def __init__(self, paths: Sequence[str], tab: int | None = None) -> None:
        super().__init__()
        self._first_tab = tab
        self._paths = list(dict.fromkeys(paths))
        self._runs: list[RunSummary] = []
        self._n_gone = 0
        self._removed: set[str] = set()
        self._group_colours = Colours()
        self._panes: dict[int, Pane] = {}
        self._parts: list[Widget] = []
        self._pacing = Pacing(DRAW_EVERY_S)
        self._timer: Timer | None = None
        self._was_whole = False
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
        """Open the part that is asked for, or was open last."""
        self._parts = list(self.query("TabLine, #panes, #message, RunLegend"))
        self.app.theme_changed_signal.subscribe(self, lambda _: self.recolour())
        last = int(self.thesis.remembered.number("compare.tab"))
        tab = last if self._first_tab is None else self._first_tab
        self.tab = min(max(tab, 0), len(TABS) - 1)
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
        """Whether all curves are read that can be, and drawn."""
        return self.thesis.listed and self._is_whole and self._timer is None

    @property
    def _is_whole(self) -> bool:
        """Whether all curves are read that can be."""
        curves, paths = self.thesis.curves, [run.path for run in self._runs]
        return all(curves.is_whole(path) or curves.problem(path) for path in paths)

    def runs_changed(self) -> None:
        """Take what is new about the runs."""
        app, runs = self.thesis, self._runs
        if app.listed and not (app.problem and runs):
            wanted = dict.fromkeys(path for path in self._paths if path not in self._removed)
            known = {run.path: run for run in app.runs if run.path in wanted}
            runs = [known[path] for path in wanted if path in known]
            self._n_gone = len(wanted) - len(runs)
        self.followed = [run.path for run in runs]
        app.curves.want(self.followed)
        if runs != self._runs or not self.entries:
            self._runs = runs
            self.recolour()

    def curves_changed(self, paths: frozenset[str]) -> None:
        """Draw curves that have grown, now or when the time has come."""
        if self.tab != CURVES or (paths and paths.isdisjoint(run.path for run in self._runs)):
            return
        was_whole, self._was_whole = self._was_whole, self._is_whole
        if not paths or self._was_whole > was_whole or not self._pacing.wait:
            self._draw_grown()
        elif self._timer is None:
            self._timer = self.set_timer(self._pacing.wait, self._draw_grown)

    def _draw_grown(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        with self._pacing.turn():
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

    @property
    def _is_ready(self) -> bool:
        """Whether all parts are there: not yet at the beginning, and no longer at the end."""
        pane = self.pane
        is_open = pane is not None and pane.is_mounted and pane.is_attached
        return is_open and all(part.is_attached for part in self._parts)

    def draw(self) -> None:
        """Draw the open part, and nothing else."""
        if not self._is_ready or self.pane is None:
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
