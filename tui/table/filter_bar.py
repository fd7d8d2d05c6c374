"""The line in which a filter is typed, with what it may become below it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Static

from engine.errors import ConfigError
from engine.facts.text import plain
from engine.library.summary import RunSummary
from engine.tables.query import parse
from engine.tables.suggest import complete
from tui.widgets.prompt import Prompt

LONGEST_HISTORY = 50

_EXAMPLE = "vq  encoder=gnn  lr>=0.001 and not state=failed"

_OFFERED = 12
"""Suggestions that are shown."""


class FilterBar(Vertical):
    """A filter, the number of runs that it leaves, and what may come next.

    Parameters
    ----------
    history
        Filters of former times, the oldest first.
    """

    HELP_TITLE = "the filter"
    DEFAULT_CSS = """
    FilterBar { height: 2; display: none; background: $panel; }
    FilterBar.open { display: block; }
    FilterBar Horizontal { height: 1; }
    FilterBar .sign { width: 2; color: $text-accent; }
    FilterBar Input { width: 1fr; height: 1; border: none; padding: 0; background: $panel; }
    FilterBar Input:focus { border: none; }
    FilterBar .count { width: auto; color: $text-muted; padding: 0 1; }
    FilterBar .below { height: 1; color: $text-muted; padding: 0 0 0 2; }
    FilterBar .below.wrong { color: $text-error; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave it as it was"),
        Binding("tab", "complete", "Complete"),
        Binding("up", "history(-1)", "Earlier", show=False),
        Binding("down", "history(1)", "Later", show=False),
    ]

    class Typed(Message):
        """The filter reads so now; it is not decided yet."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

        def can_replace(self, message: Message) -> bool:
            """A newer text makes an older one worthless."""
            return isinstance(message, FilterBar.Typed)

    class Decided(Message):
        """Enter: the filter is to stay."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """Esc: the filter is to be as it was before."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Found(Message):
        """What a thread found that a text may become."""

        def __init__(self, text: str, offers: list[str]) -> None:
            super().__init__()
            self.text, self.offers = text, offers

    def __init__(self, history: Sequence[str] = ()) -> None:
        super().__init__()
        self.history = list(history)
        self._runs: Sequence[RunSummary] = ()
        self._before = ""
        self._place = 0
        self._offers: list[str] = []
        self._offered_for: str | None = None
        self._sought: str | None = None  # the text for which suggestions are being found
        self._problem = self._wrong = ""
        self._refused = ""
        """The filter at which Enter was pressed: why it cannot stay goes before suggestions."""

    def compose(self) -> ComposeResult:
        """The filter with the number of runs, and the line below."""
        with Horizontal():
            yield Static("/", classes="sign", markup=False)
            keys: dict[str, Callable[[], object]] = {
                "tab": self.action_complete,
                "escape": self.action_leave,
                "up": partial(self.action_history, -1),
                "down": partial(self.action_history, 1),
            }
            yield Prompt(keys=keys, placeholder=_EXAMPLE)
            yield Static("", classes="count", markup=False)
        yield Static("", classes="below", markup=False)

    @property
    def is_open(self) -> bool:
        """Whether a filter is being typed."""
        return self.has_class("open")

    def open(self, text: str, runs: Sequence[RunSummary]) -> None:
        """Begin to type, from a filter on; its words are completed with what the runs have."""
        self._before, self._runs, self._place = text, runs, len(self.history)
        self._problem = self._wrong = self._refused = ""
        line = self.query_one(Input)
        line.value = text
        line.cursor_position = len(text)
        self.add_class("open")
        self.display = True
        self.screen.set_focus(line)  # at once: the next keys are meant for it
        self._offer(text)

    def tell(self, count: str, problem: str = "", *, wrong: str = "") -> None:
        """Show how many runs are left, and what is the matter with the filter.

        Parameters
        ----------
        wrong
            The filter that this is about, if it cannot be read, so that it cannot stay.
        """
        self.query_one(".count", Static).update(Text(count))
        self._problem, self._wrong = plain(problem), wrong
        self._show_below()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.is_open:
            self.post_message(self.Typed(event.value))
            self._offer(event.value)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip()
        if text and not self._can_stay(text):
            return
        if text:
            self.history = [*(one for one in self.history if one != text), text][-LONGEST_HISTORY:]
        self._close()
        self.post_message(self.Decided(text))

    def _can_stay(self, text: str) -> bool:
        """Whether a filter can be read, whatever was said of those before it; tells why not."""
        self._refused = text
        if text == self._wrong:
            self._show_below()
            return False
        try:
            parse(text)
        except ConfigError as error:
            self.tell("", error.message, wrong=text)
            return False
        return True

    def action_leave(self) -> None:
        """Close, and have the filter as it was."""
        self._close()
        self.post_message(self.Left(self._before))

    def action_complete(self) -> None:
        """Make the last word longer: by what all suggestions share, or to the first of them."""
        line = self.query_one(Input)
        if self._offered_for != line.value:  # typed faster than they are found out
            self._offered(line.value, complete(line.value, self._runs))
        if not self._offers or line.cursor_position < len(line.value):
            return
        shared = _shared_beginning(self._offers)
        text = shared if len(shared) > len(line.value) else self._offers[0]
        line.value = text
        line.cursor_position = len(text)

    def action_history(self, by: int) -> None:
        """An earlier or a later filter."""
        self._place = max(0, min(len(self.history), self._place + by))
        text = self.history[self._place] if self._place < len(self.history) else ""
        line = self.query_one(Input)
        line.value = text
        line.cursor_position = len(text)

    def _offer(self, text: str) -> None:
        """Find out what the text may become; of several texts at once, the last counts."""
        is_busy, self._sought = self._sought is not None, text
        if not is_busy:
            self._seek(text)

    @work(thread=True, group="suggestions")
    def _seek(self, text: str) -> None:
        """Find suggestions out of the screen's way."""
        offers = complete(text, self._runs)
        self.post_message(self.Found(text, offers))

    @on(Found)
    def _found(self, message: Found) -> None:
        message.stop()
        latest, self._sought = self._sought, None
        self._offered(message.text, message.offers)
        if self.is_open and latest is not None and latest != message.text:
            self._offer(latest)

    def _offered(self, text: str, offers: list[str]) -> None:
        if self.is_open and text == self.query_one(Input).value:
            self._offered_for = text
            self._offers = [offer for offer in offers if offer != text]
            self._show_below()

    def _close(self) -> None:
        self.remove_class("open")
        self.display = False
        self._offers, self._problem = [], ""

    def _show_below(self) -> None:
        below = self.query_one(".below", Static)
        typed = self.query_one(Input).value
        is_told = bool(self._problem) and (not self._offers or typed.strip() == self._refused)
        below.set_class(bool(self._wrong) and is_told, "wrong")
        if is_told:
            below.update(Text(self._problem, no_wrap=True, overflow="ellipsis"))
            return
        begin = max(typed.rfind(" "), typed.rfind("(")) + 1
        words = [plain(offer[begin:]) for offer in self._offers[:_OFFERED]]
        line = Text(no_wrap=True, overflow="ellipsis")
        for number, word in enumerate(words):
            line.append(word, "bold" if not number else "")
            line.append("  ")
        if words:
            line.append("tab", "dim")
        below.update(line)


def _shared_beginning(texts: Sequence[str]) -> str:
    columns = itertools.takewhile(lambda signs: len(set(signs)) == 1, zip(*texts, strict=False))
    return "".join(signs[0] for signs in columns)
