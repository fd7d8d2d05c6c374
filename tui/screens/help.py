"""Every key of the screen below, as the bindings themselves say it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.dom import DOMNode
from textual.screen import ModalScreen
from textual.widgets import Footer, Static

from tui.page import Page

_OF_THE_FRAME = ("Screen", "App", "Widget")

_STOCK = frozenset(
    ("Page Left", "Page Right", "Scroll Left", "Scroll Right", "Focus Next", "Focus Previous",
     "Copy selected text", "Help quit")
)  # fmt: skip
"""What Textual binds by itself, and that nobody needs here."""


class HelpPage(ModalScreen[None]):
    """A list of the keys that work on the page below, those of its focused part first."""

    DEFAULT_CSS = """
    HelpPage { align: center middle; background: $background 60%; }
    HelpPage > VerticalScroll {
        width: 84; max-width: 96%; height: auto; max-height: 94%; padding: 1 2; background: $panel;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "Close", key_display="esc"),
    ]

    def __init__(self, page: Page, focused: DOMNode | None) -> None:
        super().__init__()
        self._keys = list(sections(page, focused or page))

    def compose(self) -> ComposeResult:
        """One table: keys and what they do."""
        with VerticalScroll():
            yield Static(_table(self._keys))
        yield Footer()


def sections(page: Page, focused: DOMNode) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Title, and pairs of keys and what they do: from the focused part out to the app.

    A page that says so is before all of them.
    """
    seen: set[str] = set()
    nodes = focused.ancestors_with_self
    if page.OWN_KEYS_FIRST:
        nodes = sorted(nodes, key=lambda node: node is not page)
    for node in nodes:
        lines = []
        for key, binding in node._bindings:  # the public list holds the active ones only
            told = binding.tooltip or binding.description
            name = f"{binding.action} {told}"
            if told and told not in _STOCK and name not in seen:
                seen.add(name)
                alike = [one.key_display or _shown(one.key) for one in _alike(node, binding)]
                lines.append((", ".join(dict.fromkeys(alike or [_shown(key)])), told))
        if lines and type(node).__name__ not in _OF_THE_FRAME:
            yield _title(node, page), lines


def _alike(node: DOMNode, like: Binding) -> list[Binding]:
    """The bindings that do, and say, the same."""
    told = like.tooltip or like.description
    all_of_it = [binding for _, binding in node._bindings if binding.action == like.action]
    return [one for one in all_of_it if (one.tooltip or one.description) == told]


def _title(node: DOMNode, page: Page) -> str:
    if node is page:
        return "this screen"
    return "everywhere" if node is page.app else getattr(node, "HELP_TITLE", "the part in use")


_NAMES = {
    "question_mark": "?", "slash": "/", "plus": "+", "minus": "-", "equals_sign": "=",
    "left_square_bracket": "[", "right_square_bracket": "]", "less_than_sign": "<",
    "greater_than_sign": ">", "escape": "esc", "space": "space", "underscore": "_",
    "full_stop": ".", "comma": ",",
}  # fmt: skip


def _shown(key: str) -> str:
    *modifiers, last = key.split("+") if key != "+" else [key]
    return "+".join([*modifiers, _NAMES.get(last, last)])


def _table(keys: list[tuple[str, list[tuple[str, str]]]]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, expand=True)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for number, (title, lines) in enumerate(keys):
        if number:
            table.add_row("", "")
        table.add_row(Text(title, "italic dim"), "")
        for key, told in lines:
            table.add_row(Text(key), Text(told))
    return table
