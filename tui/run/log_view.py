"""The log of a run, followed while it grows."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import MouseScrollUp, Resize
from textual.message import Message

from engine.facts.run_dir import RunDir
from engine.facts.text import plain
from engine.tables.units import show_size
from tui.remembered import choices_of
from tui.run.log_reader import LogNews, LogReader
from tui.run.log_text import readable, seen
from tui.watch import Watch, Watching
from tui.widgets.listing import Listing, pattern_of

WAITING = "reading …"
"""What is said before anything is known."""

MOST_LINES = 20_000
"""Lines that are kept; older ones make room."""
MOST_CHARACTERS = 8 << 20
"""Likewise, of all lines together."""

BRIEF_BELOW = 100
"""In fewer cells the date and the level of a line are left out."""


class LogView(Watching, Listing):
    """`train.log` of one run: follow, search, colours, progress bars as they were last.

    Where there is nothing in it, what its job printed before.
    """

    DEFAULT_CSS = """
    LogView { background: $background; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f,F", "follow", "Follow", key_display="f"),
        Binding("w", "whole", "Whole lines", show=False),
    ]

    HAS_CURSOR = False
    SEARCH_HINT = "search the log"

    class Read(Message):
        """What the thread that reads found."""

        def __init__(self, path: str, news: LogNews) -> None:
            super().__init__()
            self.path, self.news = path, news

    class Changed(Message):
        """The note about the log has changed."""

    def __init__(self, path: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.follow = True
        """Whether new lines are shown as they come."""
        self.whole = False
        """Whether lines are shown with their dates even where there is little room."""
        self.problem = WAITING
        self.left_out = 0
        """Bytes at the start of the file that were not read."""
        self.forgotten = 0
        """Lines that made room for newer ones."""
        self._kept: deque[str] = deque()
        self._characters = 0
        self._open = ""
        self.show_run(path)

    def show_run(self, path: str) -> None:
        """Show the log of another run."""
        on = self._watch is not None and self._watch.on
        self.stop()
        self.path = path
        self._take(LogNews(restarted=True, problem=WAITING))
        run_dir = RunDir(Path(path))
        reader = LogReader(run_dir.log, before=run_dir.job_err)

        def see() -> tuple[bool, bool]:
            news = reader.poll()
            if news is not None:
                self.post_message(self.Read(path, news))
                time.sleep(0.001)  # let the screen have its turn
            return news is not None, news is not None and news.more

        self._watch = Watch("log", see, self.app.post_message)
        self.watch_files(on)

    def on_mount(self) -> None:
        """Show lines as they were shown last."""
        self.whole = choices_of(self.app).switch("log.whole")

    @property
    def is_settled(self) -> bool:
        """Whether what is in the log by now has been read."""
        return self.problem != WAITING

    def on_log_view_read(self, message: Read) -> None:
        """Take what was read."""
        message.stop()
        if message.path == self.path:
            self._take(message.news)
            self.post_message(self.Changed())

    def _take(self, news: LogNews) -> None:
        """Keep new lines, and show them."""
        if news.restarted:
            self._kept.clear()
            self._characters = self.forgotten = 0
        self.problem, self.left_out = news.problem, news.left_out
        before, was_open = len(self._kept), bool(self._open)
        self._kept.extend(news.lines)
        self._characters += sum(map(len, news.lines))
        dropped = self._drop()
        self._open = news.open
        count = len(self._kept) + bool(self._open)
        if not self.is_attached:
            self._count = count
            return
        top = self.scroll_offset.y
        self.show_lines(max(count, bool(self.problem)), redraw=False)
        if self.follow or news.restarted:
            self._to_end()
        elif dropped:
            place = max(0, top - dropped)
            self.scroll_to(y=place, animate=False, immediate=True, force=True)
        if dropped or news.restarted:
            self.refresh()
        for number in range(max(0, before - dropped - was_open), count):
            self.redraw_line(number)

    def _to_end(self) -> None:
        place = max(0, self._count - self.size.height)
        self.scroll_to(y=place, animate=False, immediate=True, force=True)

    def on_resize(self, event: Resize) -> None:
        """Stay at the end while it is followed; Textual then calls what fits the width."""
        if self.follow:
            self._to_end()

    def _drop(self) -> int:
        """Forget the oldest lines if there are too many; how many were forgotten."""
        dropped = 0
        while len(self._kept) > MOST_LINES or self._characters > MOST_CHARACTERS:
            self._characters -= len(self._kept.popleft())
            dropped += 1
        self.forgotten += dropped
        self.cursor = max(0, self.cursor - dropped)
        return dropped

    def line(self, number: int) -> Text:
        """One line, readable."""
        if self.problem and not self._kept and not self._open:
            return Text(f" {plain(self.problem)}", style=self.style_of("muted"))
        text = readable(self._raw(number), self._is_brief)
        return Text.assemble(" ", text, no_wrap=True, end="")

    def _raw(self, number: int) -> str:
        return self._kept[number] if number < len(self._kept) else self._open

    @property
    def _is_brief(self) -> bool:
        return self.size.width < BRIEF_BELOW and not self.whole

    def found(self, number: int) -> bool:
        """Whether a line holds what is looked for."""
        raw, pattern = self._raw(number), pattern_of(self.searched)
        # A raw line holds more than is seen: most are told apart without looking at that.
        if "\x1b" not in raw and not pattern.search(raw):
            return False
        return bool(pattern.search(f" {seen(raw, self._is_brief)}"))

    def note(self) -> str:
        """What there is, in a few words."""
        parts = [] if self.problem else [f"{len(self._kept) + bool(self._open):,} lines"]
        if self.left_out:
            parts.append(f"without the first {show_size(self.left_out)}")
        elif self.forgotten:
            parts.append(f"without the first {self.forgotten:,} lines")
        if self.searched:
            parts.append(f"search {self.searched!r} n N")
        return ", ".join([*parts, "following" if self.follow else "f follows"])

    # Following: on until somebody goes up, and again at the end.

    def _set_follow(self, follow: bool) -> None:
        if follow != self.follow:
            self.follow = follow
            self.post_message(self.Changed())

    def action_follow(self) -> None:
        """Show new lines as they come, or stay where it is."""
        self._set_follow(not self.follow)
        if self.follow:
            super().action_bottom()

    def action_move(self, lines: int) -> None:
        """Go up or down."""
        super().action_move(lines)
        at_end = self.scroll_offset.y >= self._count - self.size.height
        self._set_follow(lines > 0 and at_end)

    def go_to(self, number: int) -> None:
        """Show a line."""
        self._set_follow(False)
        super().go_to(number)

    def search(self, text: str) -> None:
        """Look for a text."""
        super().search(text)
        self.post_message(self.Changed())

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Stay where somebody scrolls to."""
        self._set_follow(False)

    def action_whole(self) -> None:
        """Show the dates of lines where there is little room, or leave them out."""
        self.whole = not self.whole
        choices_of(self.app).keep("log.whole", self.whole)
        self.refresh()
