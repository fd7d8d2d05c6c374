"""One run: its curves as they grow, its log, config, numbers, files and figures."""

from __future__ import annotations

import time
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Static

from engine.facts.series import Series
from engine.facts.text import plain
from engine.library.summary import RunSummary
from tui.charts.grid import ChartGrid
from tui.run.alerts import alerts
from tui.run.alerts_view import AlertsView
from tui.run.config_view import ConfigView
from tui.run.figure_view import FigureView
from tui.run.files_view import FilesView
from tui.run.head import RunHead
from tui.run.log_view import LogView
from tui.run.numbers_view import NumbersView
from tui.run.panels import lines_of
from tui.run.tabs import TABS, RunTabs
from tui.run.words import no_directory, why_no_curves
from tui.screens.one_run_actions import OneRunActions
from tui.widgets.key_line import KeyLine
from tui.widgets.listing import Listing
from tui.widgets.search_line import SearchLine
from tui.widgets.tab_line import TabLine

DRAW_EVERY_S = 0.4
"""Curves that grow all the time are drawn so often."""
LOOK_AGAIN_S = 10.0
"""How often it is looked whether a run has fallen silent."""

WATCHED = ("train_loss", "val_loss", "throughput", "lr")
"""The numbers that alerts are about."""

_NUMBERED = tuple(enumerate(TABS, 1))
_NOTED = LogView | ConfigView | NumbersView | FilesView | FigureView
"""The views that have a word to say about what is in them."""

_OF_FILES = ("log", "files", "figures")
"""The tabs of what is read from the directory anew each time."""

_PARTS = "RunHead, AlertsView, RunTabs, ChartGrid, Listing, FigureView, #empty"
"""What the page draws into."""


class RunPage(OneRunActions):
    """Everything about one run.

    Parameters
    ----------
    path
        Its directory.
    """

    DEFAULT_CSS = """
    RunPage {
        & ContentSwitcher { height: 1fr; }
        & #charts { height: 1fr; }
        & #empty, & #gone { padding: 1 2; color: $foreground 75%; }
        & #empty { display: none; }
        & #log, & #config, & #numbers, & #files, & #figures { height: 1fr; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(n), f"tab('{tab}')", tab.title(), show=False) for n, tab in _NUMBERED),
        Binding("tab", "next_tab(1)", "Next tab"),
        Binding("shift+tab", "next_tab(-1)", "Previous tab", show=False),
        Binding("greater_than_sign", "next_run(1)", "Next run", key_display=">"),
        Binding("less_than_sign", "next_run(-1)", "Previous run", key_display="<", show=False),
        Binding("escape", "back", "Back", key_display="esc"),
        Binding("q", "back", "Back", show=False),
    ]

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path, self.followed = path, [path]
        self.summary: RunSummary | None = None
        """What is known of the run; of one that vanished what was known last."""
        self.tab = TABS[0]
        self._drawn_at = 0.0
        self._is_due = self._was_whole = False
        self._parts: list[Widget] = []

    def compose(self) -> ComposeResult:
        """Head, alerts, tabs, their contents, search, keys."""
        look = self.thesis.look
        yield RunHead(look)
        yield AlertsView(look)
        yield RunTabs()
        with ContentSwitcher(initial=self.tab):
            with Vertical(id="charts"):
                yield Static("", id="empty", markup=False)
                yield ChartGrid("run")
            yield Static("", id="gone", markup=False)
            yield LogView(self.path, id="log")
            yield ConfigView(id="config")
            yield NumbersView(id="numbers")
            yield FilesView(self.path, id="files")
            yield FigureView(self.path, look, id="figures")
        yield SearchLine()
        yield KeyLine()

    def on_mount(self) -> None:
        """Show the tab that was seen last."""
        self._parts = list(self.query(_PARTS))
        self.set_interval(LOOK_AGAIN_S, self._show_state)
        tab = self.thesis.remembered.text("run.tab", self.tab)
        self.action_tab(tab if tab in TABS else self.tab)

    @property
    def _is_ready(self) -> bool:
        """Whether all parts are there: not yet at the beginning, and no longer at the end."""
        return bool(self._parts) and all(part.is_attached for part in self._parts)

    @property
    def is_settled(self) -> bool:
        """Whether all that this page shows is there."""
        view = self._view() if self._is_ready else None
        waits = isinstance(view, LogView | FilesView | FigureView) and not view.is_settled
        return self._is_ready and self.summary is not None and not self._is_due and not waits

    def runs_changed(self) -> None:
        """Show what is known of the run now."""
        found = self.thesis.run_at(self.path)
        self.summary = found or self.summary
        self._show_state()
        if found is None or not self._is_ready:
            return
        self.query_one(NumbersView).show_run(found)
        self.query_one(ConfigView).show_run(found)

    def curves_changed(self, paths: frozenset[str]) -> None:
        """Draw the curves, now or when the time has come."""
        self.thesis.curves.want(self.followed)
        if paths and self.path not in paths:
            return
        was_whole, self._was_whole = self._was_whole, self.thesis.curves.is_whole(self.path)
        wait = DRAW_EVERY_S - (time.monotonic() - self._drawn_at)
        if self._was_whole > was_whole:
            self._draw(at_once=True)
        elif wait <= 0 or not paths:
            self._draw()
        elif not self._is_due:
            self._is_due = True
            self.set_timer(wait, self._draw)

    def on_resize(self, event: Resize) -> None:
        """Give the head as many lines as there is room for."""
        self._show_state()

    def _draw(self, *, at_once: bool = False) -> None:
        self._is_due, self._drawn_at = False, time.monotonic()
        if not self._is_ready:
            return
        if self.tab == "charts":
            panels = lines_of(self.thesis.curves, self.path, self.thesis.palette)
            self.query_one(ChartGrid).show(panels, at_once=at_once)
        self._show_state()

    def _show_state(self) -> None:
        """Head, alerts, and what there is to say where there is no curve."""
        if not self._is_ready:
            return
        self.offer_keys()
        run, size = self.summary, self.app.size
        head = self.query_one(RunHead)
        if run is None:
            head.show_text("no run here" if self.thesis.listed else "looking for the run …")
        else:
            head.show_run(run, size.height, gone=self._is_gone)
            found = [] if self._is_gone else alerts(run, self._watched(), time.time())
            self.query_one(AlertsView).show_alerts(found, size.width, size.height)
        empty = "" if self.thesis.curves.names(self.path) else self._why_empty()
        told = self.query_one("#empty", Static)
        told.display = bool(empty)
        self.query_one(ChartGrid).display = not empty
        if empty:
            told.update(Content(empty))
        self._show_tab()
        self._show_note()

    def _show_tab(self) -> None:
        """Show what is in the open tab; of a run that is gone what was read of it, if anything."""
        unread = self._is_gone and self.tab in _OF_FILES and self.summary is not None
        shown, switcher = "gone" if unread else self.tab, self.query_one(ContentSwitcher)
        if unread:
            self.query_one("#gone", Static).update(Content(no_directory(self.path)))
        if switcher.current != shown:
            switcher.current = shown
            if not unread:
                self._view().focus()

    def _watched(self) -> dict[str, Series]:
        read = self.thesis.curves.series
        found = ((name, read(self.path, name, "epochs")) for name in WATCHED)
        return {name: series for name, series in found if series is not None}

    def _why_empty(self) -> str:
        curves, path = self.thesis.curves, self.path
        whole, problem = curves.is_whole(path), curves.problem(path)
        if self._is_gone:
            return no_directory(path)
        told = (self.summary, whole, problem, time.time(), self.thesis.standings.get(path))
        return why_no_curves(*told)

    @property
    def _is_gone(self) -> bool:
        return self.thesis.listed and self.thesis.run_at(self.path) is None

    def _show_note(self) -> None:
        """Which tab is open, and a word about what is in it."""
        view = self._view()
        gone = self._is_gone and self.summary
        note = "this run is gone" if gone else view.note() if isinstance(view, _NOTED) else ""
        self.query_one(RunTabs).show("", TABS.index(self.tab), plain(note))

    def _view(self) -> Widget:
        """What is in the open tab."""
        charts = self.tab == "charts"
        return self.query_one(ChartGrid) if charts else self.query_one(f"#{self.tab}", Widget)

    @on(LogView.Changed)
    @on(ConfigView.Changed)
    @on(FilesView.Changed)
    @on(FigureView.Changed)
    def _note_changed(self) -> None:
        if self._is_ready:
            self._show_note()

    def copied(self) -> tuple[str, str]:
        """What `y` copies: what the cursor is on, or the path of the run."""
        view = self._view()
        if isinstance(view, ConfigView | NumbersView | FilesView | FigureView):
            return view.copied()
        return super().copied()

    def action_tab(self, tab: str) -> None:
        """Open a tab."""
        self.tab = tab
        self.thesis.remembered.keep("run.tab", tab)
        self.query_one(SearchLine).display = False
        self._show_tab()
        views = (self.query_one(LogView), self.query_one(FilesView), self.query_one(FigureView))
        for view in views:
            view.watch_files(view.id == tab)
        self._view().focus()
        self._draw()

    def action_next_tab(self, way: int) -> None:
        """Open the next tab, or the one before."""
        self.action_tab(TABS[(TABS.index(self.tab) + way) % len(TABS)])

    @on(TabLine.Opened)
    def _tab_clicked(self, event: TabLine.Opened) -> None:
        self.action_tab(TABS[event.number])

    @on(Listing.SearchAsked)
    def _search(self, event: Listing.SearchAsked) -> None:
        self.query_one(SearchLine).ask(event.listing)

    def action_next_run(self, way: int) -> None:
        """Show the next run as the table has them, in the same tab."""
        known = {run.path for run in self.thesis.runs}
        paths = [path for path in self.thesis.order if path in known]
        if not paths:
            return
        at = paths.index(self.path) + way if self.path in paths else 0
        self.show_path(paths[at % len(paths)])

    def show_path(self, path: str) -> None:
        """Show another run."""
        self.path, self.followed, self.summary, self._was_whole = path, [path], None, False
        self.query_one(ChartGrid).charts.see_all()  # the other run may not reach as far
        self.query_one(LogView).show_run(path)
        self.query_one(FilesView).show_path(path)
        self.query_one(FigureView).show_path(path)
        self.runs_changed()
        self.curves_changed(frozenset())

    def action_back(self) -> None:
        """End a search, or go back to the runs."""
        view = self._view()
        if isinstance(view, Listing) and view.searched:
            view.search("")
            self._show_note()
        elif not self.put_said_away():
            self.dismiss(None)
