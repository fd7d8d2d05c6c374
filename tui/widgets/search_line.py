"""The line at the bottom in which a search is typed; what is found is seen while typing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from tui.widgets.listing import Listing
from tui.widgets.prompt import Prompt


class SearchLine(Horizontal):
    """Searches one list at a time; Enter goes back to it, Esc ends the search."""

    DEFAULT_CSS = """
    SearchLine {
        height: 1;
        display: none;
        background: $surface;
        & .sign { width: 2; padding: 0 0 0 1; color: $text-accent; }
        & Input { width: 1fr; height: 1; border: none; padding: 0; background: $surface; }
        & Input:focus { border: none; }
        & .note { width: auto; color: $text-muted; padding: 0 1; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "end", "End search"),
        Binding("down", "next(1)", "Next", show=False),
        Binding("up", "next(-1)", "Previous", show=False),
    ]

    listing: Listing | None = None
    """The list that is searched."""

    def compose(self) -> ComposeResult:
        """A sign, the line, and how many were found."""
        yield Static("/", classes="sign")
        keys: dict[str, Callable[[], object]] = {
            "enter": self._take,
            "escape": self.action_end,
            "down": partial(self.action_next, 1),
            "up": partial(self.action_next, -1),
        }
        yield Prompt(keys=keys)
        yield Static("", classes="note")

    def ask(self, listing: Listing) -> None:
        """Let somebody type what to look for in a list."""
        self.listing = listing
        self.display = True
        field = self.query_one(Input)
        field.placeholder = listing.SEARCH_HINT
        field.value = listing.searched
        field.cursor_position = len(field.value)
        self.screen.set_focus(field)  # at once: the next keys are meant for it

    @on(Input.Changed)
    def _look(self, event: Input.Changed) -> None:
        event.stop()
        if self.listing is not None and self.display:
            self.listing.search(event.value)
            self._tell(self.listing)

    @work(exclusive=True, group="count", description="count")
    async def _tell(self, listing: Listing) -> None:
        """Say how many were found; of several searches at once, the last counts."""
        note = self.query_one(".note", Static)
        note.update(Content(await listing.search_note()))

    def _take(self) -> None:
        """Go back to the list, with all that was typed looked for."""
        text = self.query_one(Input).value
        if self.listing is not None and self.listing.searched != text:
            self.listing.search(text)
        self.leave()

    def leave(self) -> None:
        """Go back to the list; the search stays."""
        self.display = False
        if self.listing is not None:
            self.screen.set_focus(self.listing)  # at once: the next keys are meant for it

    def action_end(self) -> None:
        """Go back to the list, and look for nothing."""
        if self.listing is not None:
            self.listing.search("")
        self.leave()

    def action_next(self, way: int) -> None:
        """Go to the next hit while typing."""
        if self.listing is not None:
            self.listing.action_next_hit(way)
