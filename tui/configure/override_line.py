"""The line with the overrides: seen always, typed in after `e` or `:`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from engine.config import draft
from engine.errors import ConfigError
from engine.facts.text import plain
from tui.configure.form_list import FormList
from tui.widgets.prompt import Prompt


class OverrideLine(Horizontal):
    """Overrides as a shell takes them; what is typed moves the form at once, Esc takes it back."""

    DEFAULT_CSS = """
    OverrideLine {
        height: 1; background: $surface;
        & .sign { width: 3; color: $text-accent; text-style: bold; }
        & .seen { width: 1fr; text-wrap: nowrap; text-overflow: ellipsis; }
        & Input {
            width: 1fr; height: 1; border: none; padding: 0; display: none; background: $surface;
        }
        & Input:focus { border: none; }
        & Input.wrong { color: $text-error; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        # The line has these keys itself; here they are for whoever asks which there are.
        Binding("enter", "keep", "Keep"),
        Binding("escape", "leave", "Have it as it was"),
    ]

    class Typed(Message):
        """Other overrides stand there; `problem` says why they cannot be read yet."""

        def __init__(self, overrides: Sequence[str], problem: str) -> None:
            super().__init__()
            self.overrides, self.problem = tuple(overrides), problem

    class Opened(Message):
        """Somebody begins to type."""

    class Closed(Message):
        """Somebody has done; `kept` says whether what was typed counts."""

        def __init__(self, kept: bool) -> None:
            super().__init__()
            self.kept = kept

    def __init__(self) -> None:
        super().__init__()
        self._overrides: tuple[str, ...] = ()
        self._told: str | None = None
        self.is_open = False

    def compose(self) -> ComposeResult:
        """A sign, and the line."""
        yield Static(" :", classes="sign", markup=False)
        yield Static("", classes="seen", markup=False)
        yield Prompt(keys={"escape": self.leave, "enter": self.action_keep})

    def show(self, overrides: Sequence[str]) -> None:
        """Show the overrides of a draft; not while somebody types."""
        self._overrides = tuple(overrides)
        text = plain(draft.write_line(self._overrides))
        told = text or "nothing is changed: e or : types overrides"
        seen = self.query_one(".seen", Static)
        seen.update(Content(told))
        seen.styles.text_style = "none" if text else "italic"
        seen.styles.text_opacity = "100%" if text else "60%"

    def open(self, key: str = "") -> None:
        """Let somebody type; behind the override of a key, if one is given."""
        line = self.query_one(Prompt)
        self.is_open = True
        text = plain(draft.write_line(self._overrides))
        with line.prevent(Input.Changed):
            line.value = f"{text} " if text else ""
        self._told = line.value
        line.cursor_position = self._end_of(key) if key else len(line.value)
        self._swap(line, self.query_one(".seen"))
        self.screen.set_focus(line)
        self.post_message(self.Opened())

    def _end_of(self, key: str) -> int:
        """Where the override of a key ends in the line."""
        end = 0
        for one in self._overrides:
            end += len(plain(draft.write_line([one]))) + 1
            if draft.key_of(one) == key:
                break
        return max(0, end - 1)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is something to keep while somebody types."""
        return self.is_open if action in ("keep", "leave") else True

    def action_keep(self) -> None:
        """Keep what is typed."""
        self._close(kept=True)

    def action_leave(self) -> None:
        """Have it as it was."""
        self.leave()

    def leave(self) -> None:
        """Have it as it was."""
        self._close(kept=False)

    def _close(self, kept: bool) -> None:
        if self.is_open:
            line = self.query_one(Prompt)
            if kept:
                self._tell(line.value)  # what was typed last has not been told yet
            self.is_open = False
            self._swap(self.query_one(".seen"), line)
            if self.screen.focused is line:  # the next key is none of the line's
                self.screen.set_focus(self.screen.query_one(FormList))
            self.post_message(self.Closed(kept))

    def _swap(self, shown: Widget, hidden: Widget) -> None:
        shown.display, hidden.display = True, False

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.is_open:
            self._tell(event.value)

    def _tell(self, text: str) -> None:
        """Say which overrides stand there, once."""
        if text == self._told:
            return
        self._told = text
        # A line shows a line end as a blank: what nobody has changed stays as it is.
        known = {plain(one): one for one in self._overrides}
        try:
            overrides, problem = tuple(known.get(o, o) for o in draft.read_line(text)), ""
        except ConfigError as error:
            overrides, problem = (), error.in_a_line
        self.query_one(Prompt).set_class(bool(problem), "wrong")
        self.post_message(self.Typed(overrides, problem))

    @on(events.DescendantBlur)
    def _blurred(self, event: events.DescendantBlur) -> None:
        # It may have been opened again since.
        if self.app.app_focus and not self.query_one(Prompt).has_focus:
            self._close(kept=True)

    def on_click(self) -> None:
        """Type with a click."""
        if not self.is_open:
            self.open()
