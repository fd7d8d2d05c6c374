"""One line: what the screen shows, and its parts, each with the key that opens it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.message import Message
from textual.strip import Strip

from tui.widgets.painted import NO_STYLE, Painted, fit, strip_of


class TabLine(Painted):
    """The names of the parts, the open one set off.

    Parameters
    ----------
    tabs
        Their names; the key of each is its place, from 1.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "tabs--title", "tabs--key", "tabs--tab", "tabs--open", "tabs--note",
    }  # fmt: skip
    DEFAULT_CSS = """
    TabLine { height: 1; background: $panel; }
    TabLine > .tabs--title { text-style: bold; }
    TabLine > .tabs--key { color: $text-accent; }
    TabLine > .tabs--open { background: $primary; color: $text; text-style: bold; }
    TabLine > .tabs--note { color: $foreground 60%; }
    """

    class Opened(Message):
        """A tab was clicked."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self, tabs: Sequence[str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._tabs = tabs
        self._places: list[tuple[int, int]] = []
        self.title = self.note = ""
        self.open = 0

    def show(self, title: str, open: int, note: str = "") -> None:
        """Show a title, which tab is open, and a remark at the right."""
        self.title, self.open, self.note = title, open, note
        self.repaint()

    def paint(self, width: int, height: int) -> list[Strip]:
        """The line; the title has what room the tabs leave it."""
        tabs = sum(cell_len(name) + 4 for name in self._tabs) + len(self._tabs) - 1
        room = max(0, min(cell_len(self.title) + 2, width - tabs - 2))
        parts = [(fit(f" {self.title}", room), self.style_of("tabs--title")), ("  ", NO_STYLE)]
        at, self._places = room + 2, []
        for number, name in enumerate(self._tabs):
            is_open = number == self.open
            style = self.style_of("tabs--open" if is_open else "tabs--tab")
            key = style if is_open else self.style_of("tabs--key")
            parts += [(f" {number + 1}", key), (f" {name} ", style), (" ", NO_STYLE)]
            self._places.append((at, at + cell_len(name) + 4))
            at += cell_len(name) + 5
        if self.note and at + cell_len(self.note) + 1 <= width:
            parts.append((fit(self.note, width - at - 1, right=True), self.style_of("tabs--note")))
        return [strip_of(*parts)]

    def on_click(self, event: events.Click) -> None:
        """Open the tab under the mouse."""
        for number, (start, end) in enumerate(self._places):
            if start <= event.x < end:
                self.post_message(self.Opened(number))
