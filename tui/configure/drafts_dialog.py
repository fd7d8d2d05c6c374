"""The drafts that are kept: opened, or deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Footer, OptionList, Static
from textual.widgets.option_list import Option

from engine.config import draft
from engine.facts.text import plain
from tui.configure.draft_files import place_of
from tui.configure.draft_state import Draft
from tui.configure.drafts import Drafts


class DraftsDialog(ModalScreen[Draft | None]):
    """Answers with a draft; Esc with none. `d` deletes, after a second `d`.

    Parameters
    ----------
    drafts
        Those that are kept.
    save
        Has them written.
    """

    DEFAULT_CSS = """
    DraftsDialog { align: center middle; background: $background 60%; }
    DraftsDialog > Vertical {
        width: 96; max-width: 96%; height: auto; max-height: 92%; padding: 1 2; background: $panel;
    }
    DraftsDialog .title { text-style: bold; }
    DraftsDialog .hint { color: $text-muted; height: 1; }
    DraftsDialog OptionList {
        border: none; padding: 0; margin: 1 0; max-height: 20; background: $panel;
        scrollbar-size-vertical: 1; text-wrap: nowrap; text-overflow: ellipsis;
    }
    DraftsDialog OptionList:focus { border: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "delete", "Delete"),
        Binding("escape,q", "cancel", "Cancel", key_display="esc"),
    ]

    def __init__(self, drafts: Drafts, save: Callable[[], object]) -> None:
        super().__init__()
        self._drafts, self._save = drafts, save
        self._seen: list[tuple[str, str, Draft]] = []
        """Name if it has one, where it lies, and the draft."""
        self._sure = ""

    def compose(self) -> ComposeResult:
        """Title, list, hint."""
        with Vertical():
            yield Static("drafts that are kept", classes="title")
            yield OptionList()
            yield Static("", classes="hint", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """List them."""
        self._list()

    def _list(self, at: int = 0) -> None:
        named = [(name, place_of(name), one) for name, one in self._drafts.named.items()]
        left = [("", place, one) for place, one in self._drafts.left.items()]
        self._seen = [*named, *left]
        if not self._seen:
            self.dismiss(None)
            return
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([Option(self._shown(name, one)) for name, _, one in self._seen])
        options.highlighted = max(0, min(at, len(self._seen) - 1))

    def _shown(self, name: str, one: Draft) -> Text:
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(plain(name or "(not named)").ljust(22), "bold" if name else "dim")
        line.append("  " + (plain(draft.write_line(one.overrides)) or "all by default"))
        return line

    @on(OptionList.OptionHighlighted)
    def _moved(self) -> None:
        self._sure = ""
        self._tell("enter opens, d deletes, esc goes back")

    def _tell(self, text: str) -> None:
        self.query_one(".hint", Static).update(Text(text))

    @on(OptionList.OptionSelected)
    def _opened(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(self._seen[event.option_index][2])

    def action_delete(self) -> None:
        """Forget the draft under the cursor, if asked twice."""
        number = self.query_one(OptionList).highlighted
        if number is None:
            return
        name, place, _ = self._seen[number]
        if self._sure != place:
            self._sure = place
            self._tell(f"d again deletes {plain(name) or 'this draft'}")
            return
        self._drafts.delete(place)
        self._save()
        self._list(number)

    def action_cancel(self) -> None:
        """Open none."""
        self.dismiss(None)
