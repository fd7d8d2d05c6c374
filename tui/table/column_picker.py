"""A list of keys to pick from: columns, groups, the order."""

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
from textual.widgets.option_list import Option

from engine.facts.text import plain


class Choice(NamedTuple):
    """A key that may be picked."""

    name: str
    about: str = ""
    """What it is, or an example of its values."""


class _Line(Input):
    """A line that leaves some keys to the list."""

    def __init__(self, several: bool) -> None:
        super().__init__(placeholder="type to search, or names with commas between")
        self.cursor_blink = False
        self._several = several

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Whether a key is typed: not a blank, which no name has, and no J or K at the start."""
        if self._several and (key == "space" or (key in ("J", "K") and not self.value)):
            return False
        return super().check_consume_key(key, character)


class KeyPicker(ModalScreen[tuple[str, ...] | None]):
    """Picks keys from a list that is narrowed by typing; Esc picks none, and answers None.

    Names with commas between, as `engine runs --columns` has them, may be typed instead.

    Parameters
    ----------
    title
        What they are picked for.
    choices
        All keys.
    picked
        Those that are picked to begin with, in their order.
    several
        Whether any number may be picked, by space, and moved; else Enter picks one.
    empty
        What it means to pick none.
    """

    DEFAULT_CSS = """
    KeyPicker { align: center middle; background: $background 60%; }
    KeyPicker > Vertical {
        width: 72; max-width: 96%; height: 30; max-height: 94%; padding: 1 2; background: $panel;
    }
    KeyPicker .title { text-style: bold; height: 1; }
    KeyPicker .hint { color: $text-muted; height: auto; max-height: 2; }
    KeyPicker Input { border: none; padding: 0; height: 1; background: $surface; margin: 1 0 0 0; }
    KeyPicker Input:focus { border: none; }
    KeyPicker OptionList {
        border: none; padding: 0; height: 1fr; margin: 1 0; background: $panel;
        scrollbar-size-vertical: 1; text-wrap: nowrap; text-overflow: ellipsis;
    }
    KeyPicker OptionList:focus { border: none; }
    KeyPicker.low > Vertical { padding: 0 1; }
    KeyPicker.low Input, KeyPicker.low OptionList { margin: 0; }
    KeyPicker.low .hint { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel"),
        Binding("enter", "submit", "OK", priority=True),
        Binding("up", "move(-1)", "Up", show=False, priority=True),
        Binding("down", "move(1)", "Down", show=False, priority=True),
        Binding("pageup", "move(-10)", "Up", show=False, priority=True),
        Binding("pagedown", "move(10)", "Down", show=False, priority=True),
        Binding("space", "take", "Pick", priority=True),
        Binding("ctrl+up,shift+up,K", "shift(-1)", "Earlier", show=False, priority=True),
        Binding("ctrl+down,shift+down,J", "shift(1)", "Later", show=False, priority=True),
    ]

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice],
        picked: Sequence[str] = (),
        *,
        several: bool = True,
        empty: str = "",
    ) -> None:
        super().__init__()
        self._title, self._several, self._empty = title, several, empty
        known = {choice.name: choice for choice in choices}
        self._all = [known.get(name, Choice(name)) for name in picked]
        self._all += [choice for choice in choices if choice.name not in picked]
        self._picked = list(picked)
        self._seen: list[Choice] = []
        self._sought = False
        """Whether a name is typed for which nothing has been picked yet."""

    def compose(self) -> ComposeResult:
        """Title, line, list, and how it is used."""
        with Vertical():
            yield Static(Text(plain(self._title)), classes="title")
            yield _Line(self._several)
            yield OptionList()
            hint = "enter picks · esc cancels"
            if self._several:
                hint = "space picks · J K or ctrl+↑ ↓ moves · enter is done · esc cancels"
                hint += f"\nnone picked: {self._empty}" if self._empty else ""
            yield Static(hint, classes="hint", markup=False)

    def on_mount(self) -> None:
        """Begin with all keys."""
        self.query_one(OptionList).can_focus = False
        self.query_one(Input).focus()
        self._list("")

    def on_resize(self) -> None:
        """Save room on a small screen."""
        self.set_class(self.size.height < 20, "low")

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        event.stop()
        self._sought = bool(event.value.strip())
        self._list(event.value)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if self._several:
            self.action_take()
        else:
            self.action_submit()

    def action_move(self, by: int) -> None:
        """Another line of the list."""
        options = self.query_one(OptionList)
        if self._seen:
            place = (options.highlighted or 0) + by
            options.highlighted = max(0, min(len(self._seen) - 1, place))

    def action_take(self) -> None:
        """Pick the key, or leave it."""
        choice = self._current
        if choice is None or not self._several:
            return
        if choice.name in self._picked:
            self._picked.remove(choice.name)
        else:
            self._picked.append(choice.name)
        self._sought = False
        place = self.query_one(OptionList).highlighted
        self._list(self._typed)
        self.query_one(OptionList).highlighted = place
        self.action_move(1)

    def action_shift(self, by: int) -> None:
        """Move a picked key among the picked ones."""
        choice = self._current
        if choice is None or not self._several or choice.name not in self._picked:
            return
        place = self._picked.index(choice.name)
        other = place + by
        if 0 <= other < len(self._picked):
            picked = self._picked
            picked[place], picked[other] = picked[other], picked[place]
            order = {name: n for n, name in enumerate(picked)}
            self._all.sort(key=lambda one: order.get(one.name, len(order)))
            self._list(self._typed, choice.name)

    def action_submit(self) -> None:
        """Answer with what is picked, and sought at last, or with the names that were typed."""
        if self._several:
            typed = [name.strip() for name in self._typed.split(",") if name.strip()]
            by_name = "," in self._typed or (self._typed[:1] in ("+", "-") and bool(typed))
            found = self._current
            if self._sought and not by_name and found and found.name not in self._picked:
                self._picked.append(found.name)
            self.dismiss(tuple(typed if by_name else self._picked))
        elif self._current is not None:
            self.dismiss((self._current.name,))

    def action_cancel(self) -> None:
        """Give no answer."""
        self.dismiss(None)

    @property
    def _typed(self) -> str:
        return self.query_one(Input).value.strip()

    @property
    def _current(self) -> Choice | None:
        place = self.query_one(OptionList).highlighted
        return self._seen[place] if place is not None and place < len(self._seen) else None

    def _list(self, typed: str, at: str = "") -> None:
        wanted = typed.rsplit(",", 1)[-1].strip().lstrip("+-").casefold()
        found = [choice for choice in self._all if wanted in choice.name.casefold()]
        found.sort(
            key=lambda choice: bool(wanted) and not choice.name.casefold().startswith(wanted)
        )
        self._seen = found
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([Option(self._shown(choice)) for choice in found])
        names = [choice.name for choice in found]
        options.highlighted = names.index(at) if at in names else 0 if names else None

    def _shown(self, choice: Choice) -> Text:
        line = Text(no_wrap=True, overflow="ellipsis")
        if self._several:
            number = self._picked.index(choice.name) + 1 if choice.name in self._picked else 0
            line.append(f"{number:2} " if number else "   ", "bold")
        picked = choice.name in self._picked
        line.append(plain(choice.name).ljust(28), "bold" if picked else "")
        line.append(f" {plain(choice.about)}", "dim")
        return line
