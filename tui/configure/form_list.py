"""The form: groups with their options, and all values as a tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from engine.facts.text import plain
from tui.configure.part_list import PartList
from tui.configure.rows import Row, rank, rows_of
from tui.look import Look
from tui.widgets.painted import fit

if TYPE_CHECKING:
    from engine.config.form import Form
    from engine.launch.suggest import Suggestion

KEY_CELLS = (20, 34)
"""Least and most room for keys."""
VALUE_CELLS = (12, 20)
EXPECTED_FROM, ORIGIN_FROM = 52, 104
"""Width from which on there is a column for what is expected, of a value that is set for its
default; and from which on there are columns for the default and the origin too."""


class FormList(PartList):
    """One line for each group and value; what the draft sets stands out."""

    SEARCH_HINT = "key, value or help"
    HELP_TITLE = "form"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "edit", "Edit", tooltip="Choose an option, or type a value"),
        Binding("space", "turn(1)", "Next choice", show=False),
        Binding("right,l", "turn(1)", "Next choice", show=False),
        Binding("left,h", "turn(-1)", "Previous choice", show=False),
        Binding("d", "reset", "Default", tooltip="Back to what the configs have"),
        Binding(
            "c", "changed_only", "Changed", show=False, tooltip="Show what is changed only, or all"
        ),
        Binding("right_square_bracket", "next_part(1)", "Next part", show=False),
        Binding("left_square_bracket", "next_part(-1)", "Previous part", show=False),
    ]

    class EditAsked(Message):
        """A line is to be edited."""

        def __init__(self, row: Row) -> None:
            super().__init__()
            self.row = row

    class Turned(EditAsked):
        """The next choice of a line is wanted, or the one before."""

        def __init__(self, row: Row, way: int) -> None:
            super().__init__(row)
            self.way = way

    class ResetAsked(EditAsked):
        """A line is to be as the configs have it."""

    def __init__(self, look: Look, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._look = look
        self._form: Form | None = None
        self._overrides: tuple[str, ...] = ()
        self.rows: list[Row] = []
        self.changed_only = False
        self._suggested: Mapping[str, Suggestion] = {}

    # What it shows.

    def show_form(self, form: Form | None, overrides: Sequence[str]) -> None:
        """Show a form with the values of a draft, which may be newer."""
        if form is not None:
            self._form = form
        self._overrides = tuple(overrides)
        self._select()

    def suggest(self, suggested: Mapping[str, Suggestion]) -> None:
        """Show beside some keys what past runs speak for."""
        if suggested != self._suggested:
            self._suggested = suggested
            self._select()

    def go_to_key(self, key: str) -> bool:
        """Put the cursor on a group or value, whatever is searched; False if there is none."""
        if not self._has(key) and (self.searched or self.changed_only):
            self.searched, self.changed_only = "", False
            self._select()
        if not self._has(key):
            return False
        self.go_to(next(n for n, row in enumerate(self.rows) if row.key == key))
        return True

    def _has(self, key: str) -> bool:
        return any(row.key == key for row in self.rows)

    @property
    def row(self) -> Row | None:
        """The line under the cursor."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def row_of(self, key: str) -> Row | None:
        """What is known of a key of the config, be it searched or not."""
        if self.row is not None and self.row.key.replace("/", ".") == key:
            return self.row
        known = self._suggested
        rows = rows_of(self._form, self._overrides, suggested=known) if self._form else []
        return next((row for row in rows if row.key == key), None)

    @property
    def told(self) -> Row | None:
        """What is known of the line."""
        return self.row

    @property
    def key(self) -> str:
        """The key of the config that the line is about."""
        return self.row.key.replace("/", ".") if self.row else ""

    def search(self, text: str) -> None:
        """Show the lines with a text in key, value or help only; the best one is gone to."""
        self.searched = text
        self._select()
        if text and self.rows:
            best = min(range(len(self.rows)), key=lambda n: rank(self.rows[n], text))
            self.go_to(best)

    async def search_note(self) -> str:
        """How many lines are shown."""
        return f"{sum(row.can_change for row in self.rows)} found"

    def found(self, number: int) -> bool:
        """Whether a line can be changed."""
        return self.rows[number].can_change

    def _select(self) -> None:
        if self._form is None:
            self.show_lines(1)
            return
        at = self.row
        self.rows = rows_of(
            self._form,
            self._overrides,
            self.searched,
            changed_only=self.changed_only,
            suggested=self._suggested,
        )
        keys = [(row.kind, row.key) for row in self.rows]  # a node may be called as its group is
        if at is not None and (at.kind, at.key) in keys:
            self.cursor = keys.index((at.kind, at.key))
        elif self.searched or at is None:
            self.cursor = 1 if len(keys) > 1 else 0
        self.show_lines(max(1, len(self.rows)))
        self.go_to(self.cursor)

    def go_to(self, number: int) -> None:
        """Put the cursor on a line."""
        super().go_to(number)
        if number <= 1 and self._count:  # the title above the first line too
            self.scroll_to(y=0, animate=False, immediate=True, force=True)

    # How it is drawn.

    def columns(self) -> tuple[int, int, int, int, int]:
        """Cells of key, value, default, origin and what is expected; 0 for those without room."""
        width = self.scrollable_content_region.width - 3
        key = max(KEY_CELLS[0], min(KEY_CELLS[1], width * 3 // 8))
        value = max(VALUE_CELLS[0], min(VALUE_CELLS[1], width // 4))
        default, origin = (10, 22) if width >= ORIGIN_FROM else (0, 0)
        rest = width - key - value - default - origin - 4
        return key, value, default, origin, rest if width >= EXPECTED_FROM else 0

    @property
    def value_place(self) -> tuple[int, int]:
        """Where the value of a line begins, and how many cells can be typed there."""
        key, _, _, _, _ = self.columns()
        return 3 + key + 1, max(8, self.size.width - key - 5)

    def line(self, number: int) -> Text:
        """One of the lines."""
        text = Text(no_wrap=True, end="")
        if not self.rows:
            told = "nothing is changed" if self.changed_only else "nothing has this in it"
            told += "; esc shows all"
            told = "reading the configs …" if self._form is None else told
            return text.append(f" {told}", self.style_of("muted"))
        row = self.rows[number]
        if row.kind == "title":
            return self._title(text, row)
        sign, look = " ", "key"
        if row.problem:
            sign, look = "!", "bad"
        elif row.typed:
            sign, look = "*", "loud"
        text.append(f" {sign} ", self.style_of(look))
        key, value, default, origin, expected = self.columns()
        name = f"{'  ' * row.depth}{plain(row.name)}"
        if row.kind == "node":
            return text.append(name, self.style_of("title"))
        text.append(self._fit(name, key) + " ", self.style_of("key" if row.typed else "muted"))
        shown = plain(row.value)
        text.append(shown if not expected else self._fit(shown, value), self.style_of(look))
        if default:
            told = plain(row.default) if row.typed else ""
            text.append(f" {self._fit(told, default)}", self.style_of("muted"))
        if origin:
            told = "" if row.kind == "group" and not row.typed else plain(row.origin)
            text.append(f" {self._fit(told, origin)}", self.style_of("muted"))
        if expected:
            told = plain(row.expected)
            if row.typed and not default:
                told = f"default {plain(row.default)}"
            told = f"suggested {plain(row.suggested)}: s" if row.suggested else told
            style = "good" if row.suggested else "muted"
            text.append(f" {self._fit(told, expected)}", self.style_of(style))
        return text

    def _title(self, text: Text, row: Row) -> Text:
        key, value, default, origin, expected = self.columns()
        names = [("option" if row.name == "Groups" else "value", value)]
        names += [("default", default), ("from", origin)]
        names += [("options" if row.name == "Groups" else "expected", expected)]
        note = " (changed)" if self.changed_only else ""
        if self.searched:
            text.append(f" {row.name}{note}", self.style_of("title"))
            told = f" with {plain(self.searched)}; esc shows all"
            return text.append(told, self.style_of("muted"))
        text.append(f" {fit(row.name + note, key + 2)}", self.style_of("title"))
        for name, cells in names:
            if cells:
                text.append(f" {fit(name, cells)}", self.style_of("muted"))
        return text

    def _fit(self, text: str, width: int) -> str:
        return fit(text, width, more=self._look.more) if cell_len(text) != width else text

    # What keys do.

    def action_edit(self) -> None:
        """Edit the line."""
        if self.row is not None and self.row.can_change:
            self.post_message(self.EditAsked(self.row))
        elif self.row is not None:
            self.action_next_part(1)

    def action_turn(self, way: int) -> None:
        """Take the next choice of the line, or the one before."""
        row = self.row
        if row is not None and row.choices:
            self.post_message(self.Turned(row, way))

    def action_reset(self) -> None:
        """Have the line as the configs have it."""
        if self.row is not None and self.row.typed:
            self.post_message(self.ResetAsked(self.row))

    def action_changed_only(self) -> None:
        """Show what is changed only, or all."""
        self.changed_only = not self.changed_only
        self._select()

    def action_next_part(self, way: int) -> None:
        """Go to the next title or node at the left edge, or the one before."""
        starts = [
            n for n, row in enumerate(self.rows)
            if row.kind == "title" or (row.kind == "node" and row.depth == 0)
        ]  # fmt: skip
        ahead = [n for n in starts if (n - self.cursor) * way > 0]
        if ahead:
            self.go_to(min(ahead) if way > 0 else max(ahead))

    def on_click(self, event: events.Click) -> None:
        """Go to a line; edit it with a second click, or one on the value under the cursor."""
        number = event.y + self.scroll_offset.y
        again = number == self.cursor and event.x >= self.value_place[0]
        super().on_click(event)
        if number < len(self.rows) and (again or event.chain == 2):
            self.action_edit()
