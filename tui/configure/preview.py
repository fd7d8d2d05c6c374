"""The composed config as lines, with what differs from the default and from the parent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len
from rich.text import Text

from engine.config import draft
from engine.facts.text import plain
from tui.configure.key_tree import tree_of
from tui.configure.messages import Composed
from tui.configure.part_list import PartList
from tui.widgets.painted import fit

if TYPE_CHECKING:
    from engine.config.form import Form

SIGNS = {"same": " ", "changed": "~", "new": "+", "gone": "-"}


@dataclass(frozen=True)
class Line:
    """A line: a node, a value, a title, or a key with its values side by side."""

    kind: Literal["node", "value", "title", "differing", "space"]
    name: str
    key: str = ""
    depth: int = 0
    texts: tuple[str, ...] = ()
    """The value, and the default where that is another; or default, parent and draft."""
    change: str = "same"


def lines_of(composed: Composed) -> list[Line]:
    """All lines: first what differs between default, parent and draft, if there is a parent."""
    three = list(_three_ways(composed)) if composed.parent else []
    if three:
        three = [Line("title", "differs", texts=("default", "parent", "draft")), *three]
        three.append(Line("space", ""))
    return [*three, *_tree(composed)]


def told_changed(composed: Composed, form: Form | None, overrides: Sequence[str]) -> str:
    """How many groups and values the draft sets, be it at some points of a sweep only."""
    groups = (group.name for group in (form.groups if form else ()))
    keys = {*composed.values, *composed.default, *groups}
    number = len(keys & set(map(draft.key_of, overrides)))
    return f"{number} changed" if number else ""


def change_of(composed: Composed, key: str) -> str:
    """What became of a key of the default."""
    if key not in composed.values:
        return "gone"
    if key not in composed.default:
        return "new"
    return "same" if composed.values[key] == composed.default[key] else "changed"


def _three_ways(composed: Composed) -> Iterator[Line]:
    """Groups and keys that differ between any two; those that say where things are aside."""
    for group, options in composed.options.items():
        if len(set(options)) > 1:
            yield Line("differing", group, key=group, texts=options)
    default, parent, values = composed.default, composed.parent, composed.values
    for key in dict.fromkeys([*values, *parent, *default]):
        if key not in parent and default.get(key) == values.get(key):
            continue
        texts = tuple(one.get(key, "-") for one in (default, parent, values))
        if len(set(texts)) > 1:
            yield Line("differing", key, key=key, texts=texts)


def _tree(composed: Composed) -> Iterator[Line]:
    values = composed.values
    gone = [key for key in composed.default if key not in values]
    for key, depth, is_node in tree_of([*values, *gone]):
        name = key.rpartition(".")[2]
        if is_node:
            yield Line("node", name, key=key, depth=depth)
            continue
        change = change_of(composed, key)
        text = values.get(key, composed.default.get(key, ""))
        before = (composed.default[key],) if change == "changed" else ()
        yield Line("value", name, key, depth, (text, *before), change)


class Preview(PartList):
    """The composed config."""

    SEARCH_HINT = "key or value"
    HELP_TITLE = "composed config"

    def __init__(self, *, id: str | None = None, ascii: bool = False) -> None:
        super().__init__(id=id)
        self._arrow = "<-" if ascii else "←"
        self._lines: list[Line] = []

    def show_composed(self, composed: Composed) -> None:
        """Show a config; the cursor stays on its key."""
        at = self._lines[self.cursor].key if self.cursor < len(self._lines) else ""
        self._lines = lines_of(composed)
        keys = [one.key for one in self._lines]
        self.cursor = keys.index(at) if at and at in keys else 0
        self.show_lines(len(self._lines))

    def show_key(self, key: str) -> None:
        """Go to a key of the config."""
        for number, one in enumerate(self._lines):
            if one.kind in ("value", "node") and one.key == key and number != self.cursor:
                self.go_to(number)
                return

    @property
    def key(self) -> str:
        """The key that the cursor is on; empty for none."""
        return self._lines[self.cursor].key if self.cursor < len(self._lines) else ""

    def line(self, number: int) -> Text:
        """One of the lines."""
        one, text = self._lines[number], Text(no_wrap=True, end="")
        if one.kind in ("title", "differing"):
            return self._beside(text, one)
        look = {"changed": "loud", "new": "good", "gone": "bad"}.get(one.change, "key")
        text.append(f" {SIGNS[one.change]} ", self.style_of(look))
        name = f"{'  ' * one.depth}{plain(one.name)}"
        if one.kind != "value":
            return text.append(name, self.style_of("muted"))
        text.append(f"{name}: ", self.style_of("muted"))
        text.append(plain(one.texts[0]), self.style_of(look))
        for before in one.texts[1:]:
            text.append(f"  {self._arrow} {plain(before)}", self.style_of("muted"))
        return text

    def _beside(self, text: Text, one: Line) -> Text:
        """A key with its three values; those that are not the default stand out."""
        width = max(30, self.size.width - 2)
        column = max(7, min(14, (width - 20) // 3))
        title = one.kind == "title"
        room = max(8, width - 3 * (column + 1) - 1)
        name = plain(one.name)
        if cell_len(name) > room:
            name = self._more + name[-(room - 1) :]
        text.append(f" {fit(name, room)}", self.style_of("title" if title else "muted"))
        for n, value in enumerate(one.texts):
            same = n == 0 or value == one.texts[n - 1]
            look = "title" if title else "key" if same else "loud"
            text.append(f" {fit(plain(value), column, more=self._more)}", self.style_of(look))
        return text
