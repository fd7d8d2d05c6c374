"""Picks the option of a group, or several for a sweep, from a list that typing narrows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option as Line

from engine.facts.text import plain
from tui.look import Look
from tui.widgets.prompt import Prompt


class Choice(NamedTuple):
    """One of the options."""

    name: str
    help: str = ""
    problem: str = ""
    """Why it cannot be chosen, and where that is."""


class OptionPicker(ModalScreen[tuple[str, ...] | None]):
    """Enter takes the option under the cursor, or all that space has marked; Esc none.

    Parameters
    ----------
    title
        What is chosen.
    choices
        All options.
    chosen
        Those that are chosen now.
    """

    DEFAULT_CSS = """
    OptionPicker { align: center middle; background: $background 60%; }
    OptionPicker > Vertical {
        width: 90; max-width: 96%; height: auto; max-height: 94%; padding: 1 2; background: $panel;
    }
    OptionPicker .title { text-style: bold; height: 1; }
    OptionPicker .hint { color: $text-muted; height: 1; }
    OptionPicker .about { height: 3; margin: 1 0; }
    OptionPicker Input { border: none; padding: 0; height: 1; background: $surface; }
    OptionPicker Input:focus { border: none; }
    OptionPicker OptionList {
        border: none; padding: 0; height: auto; max-height: 18; margin: 1 0 0 0;
        background: $panel; scrollbar-size-vertical: 1;
        text-wrap: nowrap; text-overflow: ellipsis;
    }
    OptionPicker.low > Vertical { padding: 0 1; }
    OptionPicker.low OptionList { margin: 0; max-height: 6; }
    OptionPicker.low .about { height: 2; margin: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel"),
        Binding("up", "move(-1)", "Up", show=False, priority=True),
        Binding("down", "move(1)", "Down", show=False, priority=True),
        Binding("pageup", "move(-10)", "Up", show=False, priority=True),
        Binding("pagedown", "move(10)", "Down", show=False, priority=True),
        Binding("space", "mark", "Mark"),
    ]

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice],
        chosen: Sequence[str] = (),
        *,
        look: Look | None = None,
    ) -> None:
        super().__init__()
        self._title, self._choices = title, list(choices)
        self._chosen = tuple(chosen)
        self._marked: list[str] = list(chosen) if len(chosen) > 1 else []
        self._seen: list[Choice] = []
        self._look = look or Look()

    def compose(self) -> ComposeResult:
        """Title, line, list, what the option says, and how it is used."""
        with Vertical():
            yield Static(plain(self._title), classes="title", markup=False)
            yield Prompt(
                placeholder="type to search",
                keys={
                    "escape": self.action_cancel,
                    "enter": self.action_take,
                    "space": self.action_mark,
                },
            )
            yield OptionList()
            yield Static("", classes="about", markup=False)
            hint = "space marks several, enter takes, esc cancels"
            yield Static(hint, classes="hint", markup=False)

    def on_mount(self) -> None:
        """Begin at what is chosen."""
        self.query_one(OptionList).can_focus = False
        self._list("", self._chosen[0] if self._chosen else "")
        self.query_one(Prompt).focus()

    def on_resize(self) -> None:
        """Save room on a small screen."""
        self.set_class(self.size.height < 24, "low")

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        event.stop()
        self._list(event.value)

    def _list(self, typed: str, at: str = "") -> None:
        wanted = typed.casefold().split()
        self._seen = [
            one for one in self._choices
            if all(word in f"{one.name} {one.help}".casefold() for word in wanted)
        ]  # fmt: skip
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([Line(self._shown(one)) for one in self._seen])
        names = [one.name for one in self._seen]
        options.highlighted = names.index(at) if at in names else 0 if names else None
        self._tell()

    def _shown(self, one: Choice) -> Text:
        line = Text(no_wrap=True, overflow="ellipsis")
        marked = one.name in self._marked or (not self._marked and one.name in self._chosen)
        line.append(f"{self._look.mark} " if marked else "  ", "bold")
        width = max((len(choice.name) for choice in self._choices), default=0)
        line.append(plain(one.name).ljust(min(width, 30) + 2), "bold" if marked else "")
        told = f"! {plain(one.problem)}" if one.problem else plain(one.help)
        return line.append(told, "dim")

    @on(OptionList.OptionHighlighted)
    def _highlighted(self) -> None:
        self._tell()

    def _tell(self) -> None:
        one = self._current
        told = "" if one is None else one.help or ("" if one.problem else one.name)
        told = f"cannot be read: {one.problem}" if one and one.problem else told
        self.query_one(".about", Static).update(Text(plain(told)))

    @property
    def _current(self) -> Choice | None:
        place = self.query_one(OptionList).highlighted
        return self._seen[place] if place is not None and place < len(self._seen) else None

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_take()

    def action_move(self, by: int) -> None:
        """Another line of the list."""
        options = self.query_one(OptionList)
        if self._seen:
            place = (options.highlighted or 0) + by
            options.highlighted = max(0, min(len(self._seen) - 1, place))

    def action_mark(self) -> None:
        """Mark the option for a sweep, or no longer."""
        one = self._current
        if one is None:
            return
        if one.name in self._marked:
            self._marked.remove(one.name)
        else:
            self._marked.append(one.name)
        self._list(self.query_one(Prompt).value, one.name)
        self.action_move(1)

    def action_take(self) -> None:
        """Answer."""
        if self._marked:
            self.dismiss(tuple(self._marked))
        elif self._current is not None:
            self.dismiss((self._current.name,))

    def action_cancel(self) -> None:
        """Give no answer."""
        self.dismiss(None)
