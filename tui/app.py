"""The app: it owns what is known, and the screens draw it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual._xterm_parser import XTermParser
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from engine.facts.text import plain
from engine.library.index import Index
from engine.library.summary import RunSummary
from tui.configure.drafts import Drafts
from tui.configure.opening import Opening
from tui.feeds import CurvesFeed, LibraryFeed, SparksFeed
from tui.look import LIGHT_PALETTE, PALETTE, Colours, Look
from tui.messages import CurvesGrown, FeedFailed, KeepingFailed, QueueTold, RunsListed
from tui.page import Page
from tui.queue_feed import QueueFeed, Standing, states_of
from tui.remembered import Remembered
from tui.saving import Saving
from tui.terminal.sparing import sent_sparingly


@dataclass(frozen=True)
class Settings:
    """How the app is started."""

    root: Path
    look: Look = field(default_factory=Look)
    read_only: bool = False
    light: bool = False
    filter: str = ""
    config_dirs: tuple[Path, ...] = ()
    """Further folders with config groups."""
    trusted: tuple[str, ...] = ()
    """Packages of the user's own, whose classes the config of a past run may name."""
    cache: Path | None = None
    """Folder of the index; the user's own if not given. Likewise `state`, of what is remembered."""
    state: Path | None = None


class ThesisApp(Opening):
    """Browse runs, watch them live, compare them."""

    TITLE = "thesis"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True),
    ]

    def __init__(self, settings: Settings, first_run: str = "", typed: str = "") -> None:
        super().__init__()
        self._first_run = first_run
        self._typed = typed
        self.settings = settings
        self.look = settings.look
        self.root = settings.root
        self.remembered = Remembered(settings.root, settings.state)
        self.drafts = Drafts(self.remembered.folder)
        self.runs: tuple[RunSummary, ...] = ()
        self.order: tuple[str, ...] = ()
        """Paths of the runs that the table shows, in its order."""
        self.problem = ""
        """Why there is no list of runs."""
        self.listed = False
        """Whether the runs have been listed once."""
        self.library = LibraryFeed(Index(self.root, settings.cache), self.post_message)
        self.curves = CurvesFeed(self.post_message)
        self.sparks = SparksFeed(self.post_message)
        self.queue = QueueFeed(self.post_message)
        self.standings: dict[str, Standing] = {}
        """How the job of a run stands on HTCondor, by the path of the run."""
        self.silences: tuple[str, ...] = ()
        """A sentence for each scheduler that does not answer."""
        self.saving = Saving(self.remembered, self.drafts, self.post_message)
        self._grown: frozenset[str] = frozenset()
        """Runs with curves that have grown, and that no page was told of."""
        self._colours = Colours()
        self._has_theme = False

    @property
    def palette(self) -> Sequence[str]:
        """The colours of curves on the present ground."""
        return PALETTE if self.current_theme.dark else LIGHT_PALETTE

    def colours_of(self, paths: Sequence[str]) -> dict[str, str]:
        """A colour for each of the runs that are seen together."""
        chosen = self._colours.choose(paths)
        return {path: self.palette[chosen[path]] for path in paths}

    @property
    def is_settled(self) -> bool:
        """Whether all that the screen has asked for is read."""
        drawn = self._page is None or self._page.is_settled
        is_read = self.listed and not self.is_opening
        return is_read and drawn and self.curves.is_idle and self.sparks.is_idle

    def run_at(self, path: str) -> RunSummary | None:
        """What is known of the run at a path."""
        return next((run for run in self.runs if run.path == path), None)

    def get_screen(self, screen: Any, screen_class: Any = None) -> Any:
        """A screen that is to be seen; each is sent sparingly, Textual's own too."""
        return self._sparingly(super().get_screen(screen, screen_class))

    def _sparingly(self, screen: Any) -> Any:
        return sent_sparingly(screen, ascii=self.look.ascii)

    def get_default_screen(self) -> Any:
        """The table of runs."""
        from tui.screens.runs import RunsPage

        return self._sparingly(RunsPage(self.settings.filter))

    def on_mount(self) -> None:
        """Start to look at files."""
        theme = "textual-light" if self.settings.light else self.remembered.text("theme")
        self.theme = theme if theme in self.available_themes else "textual-dark"
        self._has_theme = True
        self.animation_level = "full" if self.look.moving else "none"
        self.end_on_signals()
        for feed in (self.library, self.curves, self.sparks, self.queue, self.saving):
            feed.start()
        if self._first_run:
            self.open_run(self._first_run)

    def watch_theme(self, theme: str) -> None:
        """Remember a theme that is chosen, which is not the one of the beginning."""
        if self._has_theme:
            self.remembered.keep("theme", theme)

    def on_ready(self) -> None:
        """Take the keys that were pressed before there was anything to see."""
        for event in XTermParser().feed(self._typed):
            self.post_message(event)

    def save_soon(self) -> None:
        """Write now what is drafted: somebody's work, which is not to be lost."""
        self.saving.hurry()

    def on_keeping_failed(self, message: KeepingFailed) -> None:
        """Tell what cannot be kept, or be read of what was kept."""
        self.notify(message.problem, severity="warning", timeout=10)

    def on_unmount(self) -> None:
        """End the threads, and keep what was chosen."""
        feeds = (self.library, self.curves, self.sparks, self.queue, self.saving, self._composing)
        for feed in feeds:
            if feed is not None:
                feed.stop()
        self.drafts.close()
        self.remembered.save()

    @property
    def _page(self) -> Page | None:
        """The page that is seen; None while a question stands on it, or at the end of the app."""
        screen = self.screen_stack[-1] if self.screen_stack else None
        return screen if isinstance(screen, Page) else None

    def on_runs_listed(self, message: RunsListed) -> None:
        """Take a new list of runs."""
        self.runs, self.problem, self.listed = message.runs, message.problem, True
        self.queue.show(self.runs)
        page = self._page
        if page is not None:
            page.runs_changed()

    def on_queue_told(self, message: QueueTold) -> None:
        """Take what HTCondor says; the states of runs are told from it, too."""
        before, self.standings = self.standings, message.standings
        self.silences = message.problems
        self.library.jobs = {path: one.report for path, one in self.standings.items()}
        if states_of(before) != states_of(self.standings):
            self.library.hurry()
        page = self._page
        if page is not None:
            page.queue_changed()

    def on_curves_grown(self, message: CurvesGrown) -> None:
        """Draw curves that have grown; what stands in the queue at once is drawn at once."""
        if not self._grown:
            self.call_later(self._draw_grown)
        self._grown |= message.paths

    def _draw_grown(self) -> None:
        paths, self._grown = self._grown, frozenset()
        page = self._page
        if page is not None:
            page.curves_changed(paths)

    def on_feed_failed(self, message: FeedFailed) -> None:
        """End as the app does after any error of its own: what it shows would no longer be true."""
        raise message.error

    def get_key_display(self, binding: Binding) -> str:
        """How a key is written."""
        shown = super().get_key_display(binding)
        return binding.key if self.look.ascii and not shown.isascii() else shown

    def get_system_commands(self, screen: Screen[object]) -> Iterator[SystemCommand]:
        """What the command palette offers: everything that a key does now, and the themes."""
        seen: set[str] = set()
        for one in screen.active_bindings.values():
            name, key = one.binding.description, self.get_key_display(one.binding)
            if one.enabled and name and name not in seen and one.node is not self:
                seen.add(name)
                press = partial(self.simulate_key, one.binding.key)
                yield SystemCommand(name, f"key {key}", press)
        yield SystemCommand("Theme", "other colours", self.action_change_theme)
        yield SystemCommand("Keys", "all keys of this screen, key ?", self.action_help)
        yield SystemCommand("Quit", "key ctrl+q", self.action_quit)

    def open_run(self, path: str) -> None:
        """Show one run."""
        from tui.screens.run import RunPage

        self.push_screen(RunPage(path))

    def show_started(self, path: Path, *, sweep: bool) -> None:
        """Show a run that was started, or the table with the runs of a sweep."""
        from tui.screens.runs import RunsPage

        self.library.hurry()
        while len(self.screen_stack) > 1:
            self.pop_screen()
        table = self.screen_stack[0]
        if not sweep:
            self.open_run(str(path))
        elif isinstance(table, RunsPage):
            table.show_only(f"sweep={path.name}")

    def compare(self, paths: Sequence[str], tab: int | None = None) -> None:
        """Lay runs over each other, in a part of that page, or the one that was open last."""
        from tui.screens.compare import ComparePage

        self.push_screen(ComparePage(paths, tab))

    def action_jobs(self) -> None:
        """Show what was launched."""
        from tui.screens.jobs import JobsPage

        self.push_screen(JobsPage())

    def copy(self, text: str, what: str) -> None:
        """Put a text into the terminal's clipboard (OSC 52), and say so."""
        try:
            text.encode()
        except UnicodeEncodeError:
            told = f"{what} cannot be copied: a name in it is not UTF-8"
            self.notify(told, severity="warning")
            return
        self.copy_to_clipboard(text)
        self.notify(f"copied {what}", timeout=2)

    def notify(self, message: str, *, title: str = "", **options: Any) -> None:
        """Tell something in a corner: as text, with nothing in it that a terminal would obey."""
        clean = plain(message, keep_lines=True)
        super().notify(clean, title=plain(title), **(options | {"markup": False}))

    def may_change(self) -> bool:
        """Whether files may be changed; says so if not."""
        if self.settings.read_only:
            self.notify("started with --read-only: nothing is changed", severity="warning")
        return not self.settings.read_only

    def action_help(self) -> None:
        """Show all keys."""
        from tui.screens.help import HelpPage

        if self._page is not None:
            self.push_screen(HelpPage(self._page, self.focused))
