"""The form with a line to type in, which lies over the value that is edited."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.message import Message
from textual.widgets import Input

from engine.facts.text import plain
from tui.configure.form_list import FormList
from tui.configure.rows import Row
from tui.look import Look
from tui.widgets.prompt import Prompt


class FormPane(Container):
    """Edits values in place: Enter takes what is typed, Esc leaves it as it was."""

    DEFAULT_CSS = """
    FormPane {
        layers: below above;
        & FormList { layer: below; height: 1fr; }
        & Prompt {
            layer: above; display: none; height: 1; border: none; padding: 0;
            background: $surface; color: $foreground;
        }
        & Prompt:focus { border: none; background: $surface; }
        & Prompt.wrong, & Prompt.wrong:focus { color: $text-error; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        # The line has these keys itself; here they are for whoever asks which there are.
        Binding("enter", "take", "Take"),
        Binding("escape", "end", "Leave as it was"),
    ]

    class Typed(Message):
        """Somebody is typing a value."""

        def __init__(self, key: str, text: str) -> None:
            super().__init__()
            self.key, self.text = key, text

    class Set(Typed):
        """A value was typed."""

    class Left(Message):
        """A value is no longer edited."""

    def __init__(self, look: Look, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._look = look
        self.edited: Row | None = None
        """The line that is edited."""

    def compose(self) -> ComposeResult:
        """The list, and the line over it."""
        yield FormList(self._look)
        yield Prompt(
            keys={
                "enter": self._take,
                "escape": self.end,
                "up": partial(self._take, -1),
                "down": partial(self._take, 1),
            }
        )

    @property
    def form(self) -> FormList:
        """The form."""
        return self.query_one(FormList)

    def edit(self, row: Row) -> None:
        """Let somebody type the value of a line."""
        self.edited = row
        line = self.query_one(Prompt)
        line.value = "" if row.value == row.default == "-" else plain(row.value)
        line.select_all()  # the first key replaces it; an arrow goes into it
        line.set_class(bool(row.problem), "wrong")
        line.display = True
        self.place()
        self.screen.set_focus(line)  # at once: the next keys are meant for it

    def place(self) -> None:
        """Put the line over the value that is edited."""
        if self.edited is None:
            return
        line, form = self.query_one(Prompt), self.form
        keys = [row.key for row in form.rows]
        y = keys.index(self.edited.key) - form.scroll_offset.y if self.edited.key in keys else 0
        x, width = form.value_place
        line.styles.offset = (x, max(0, min(y, form.size.height - 1)))
        line.styles.width = width

    def tell(self, problem: str) -> None:
        """Show whether what is typed can be so."""
        self.query_one(Prompt).set_class(bool(problem), "wrong")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is something to take while a value is edited."""
        return self.edited is not None if action in ("take", "end") else True

    def action_take(self) -> None:
        """Take what is typed."""
        self._take()

    def action_end(self) -> None:
        """Leave the value as it is."""
        self.end()

    def end(self) -> None:
        """Leave the value as it is."""
        self.edited = None
        self.query_one(Prompt).display = False
        self.screen.set_focus(self.form)  # at once: the next keys are meant for it
        self.post_message(self.Left())

    def _take(self, way: int = 0) -> None:
        row, text = self.edited, self.query_one(Prompt).value
        if row is not None:
            self.end()
            if text == plain(row.value):
                text = row.value  # which may have a line end, that the line shows as a blank
            self.post_message(self.Set(row.key, text))
            self.form.action_move(way)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.edited is not None:
            self.post_message(self.Typed(self.edited.key, event.value))

    @on(events.DescendantBlur)
    def _blurred(self, event: events.DescendantBlur) -> None:
        if self.edited is not None and isinstance(event.widget, Prompt) and self.app.app_focus:
            self._take()

    def on_resize(self) -> None:
        """Keep the line over its value."""
        self.call_after_refresh(self.place)
