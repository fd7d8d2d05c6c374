"""Which line is which run: signs, names, states and best values."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping
from typing import ClassVar

from rich.cells import cell_len
from rich.color import Color
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip

from engine.facts.text import plain
from engine.library.best import higher_is_better
from engine.tables.cells import Spread, show
from engine.tables.measures import has_best
from tui.compare.comparison import (
    Comparison,
    Entry,
    best_of,
    last_of,
    result_of,
    winners,
)
from tui.compare.pane import Scene
from tui.compare.short_names import Names, names_of
from tui.look import STATE_COLOURS, Look
from tui.widgets.painted import NO_STYLE, Painted, fit, strip_of

_SIZE = 5
"""Cells for the number of seeds."""

DETAILS = 5
"""Lines about the run under the cursor, below the list, where there is room for them."""


class RunLegend(Painted):
    """A list of the runs where it has a column of its own, one line where it has not."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "legend--head", "legend--muted", "legend--cursor", "legend--best",
        *(f"legend--{state}" for state in STATE_COLOURS),
    }  # fmt: skip
    DEFAULT_CSS = """
    RunLegend { width: 38; height: 1fr; margin: 0 0 0 2; }
    RunLegend > .legend--head, RunLegend > .legend--muted { color: $foreground 55%; }
    RunLegend > .legend--cursor { background: $foreground 12%; text-style: bold; }
    RunLegend > .legend--best { color: $text-success; text-style: bold; }
    """ + "\n".join(
        f"RunLegend > .legend--{state} {{ color: {colour}; }}"
        for state, colour in STATE_COLOURS.items()
    )

    class Picked(Message):
        """A run was clicked."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self, look: Look, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._look = look
        self._comparison = Comparison()
        self._hidden: Collection[str] = ()
        self._cursor: int | None = None
        self._number = "val_loss"
        self._best: list[object] = []
        self._names = Names()
        self._has_sizes = False
        self._top = 0

    def show(self, scene: Scene, number: str) -> None:
        """Show runs, and the best value that each has of a number."""
        comparison = scene.comparison
        paths = [entry.path for entry in comparison.entries]
        self._comparison, self._hidden = comparison, scene.hidden
        self._cursor = paths.index(scene.picked) if scene.picked in paths else None
        self._number = number
        self._best = [self._value(entry) for entry in comparison.entries]
        self.repaint()

    def _value(self, entry: Entry) -> object:
        if any(self._number in run.numbers for run in entry.runs):
            of_number = best_of if has_best(self._number) else last_of
            return of_number(entry, self._number)
        return result_of(entry, self._number)

    def paint(self, width: int, height: int) -> list[Strip]:
        """A list, or one line."""
        if not self._comparison.entries:
            return []
        return self._list(width, height) if height > 2 else [self._one_line(width)]

    def _list(self, width: int, height: int) -> list[Strip]:
        entries = self._comparison.entries
        details = self._details(width) if height >= 2 * DETAILS else []
        room = height - 1 - len(details)
        cursor = self._cursor or 0
        last_top = max(0, len(entries) - room)
        self._top = max(cursor - room + 1, min(self._top, cursor, last_top))
        shown = range(self._top, min(len(entries), self._top + room))
        best = winners(self._number, self._best)
        values = {row: self._told_value(row, row in best) for row in shown}
        if not self._make_room(values, width):
            values = {row: self._told_value(row, row in best, mean=True) for row in shown}
            self._make_room(values, width)
        widest = max(map(cell_len, values.values()), default=0)
        rows = [self._row(row, row in best, fit(values[row], widest, right=True), width)
                for row in shown]  # fmt: skip
        blank = [Strip([])] * (room - len(rows))
        return [self._head(width), *rows, *blank, *details]

    def _head(self, width: int) -> Strip:
        entries = self._comparison.entries
        n_hidden = sum(entry.path in self._hidden for entry in entries)
        names = "  " + self._names.head(self._look.more)
        left = width - cell_len(self._title) - 2
        told = f"{n_hidden} of {len(entries)} hidden" if n_hidden else names
        text = f"{fit(told, left, more=self._look.more)}  {self._title}"
        return strip_of((fit(text, width), self.style_of("legend--head")))

    @property
    def _title(self) -> str:
        """The number, and whether more or less of it is better."""
        name = plain(self._number)
        if not has_best(self._number):
            return name
        signs = ("min", "max") if self._look.ascii else ("↓", "↑")
        return f"{name} {signs[higher_is_better(self._number)]}"

    def _make_room(self, values: Mapping[int, str], width: int) -> bool:
        """Choose how the runs are named beside the values; whether all of that fits."""
        widest = max(map(cell_len, values.values()), default=0)
        room = width - max(widest + 5, cell_len(self._title) + 4)
        sizes = {len(entry.runs) for entry in self._comparison.entries}
        self._names = names_of(self._comparison, room - _SIZE)
        self._has_sizes = self._comparison.seeds and self._names.width + _SIZE <= room
        if not self._has_sizes:
            self._names = names_of(self._comparison, room)
        return self._names.width <= room and (self._has_sizes or len(sizes) == 1)

    def _told_value(self, row: int, is_best: bool, mean: bool = False) -> str:
        found = self._best[row]
        found = found.mean if mean and isinstance(found, Spread) else found
        value = show("metric", found) or "-"
        return f"{self._star} {value}" if is_best else value

    @property
    def _star(self) -> str:
        return "*" if self._look.ascii else "★"

    def _row(self, row: int, is_best: bool, value: str, width: int) -> Strip:
        entry = self._comparison.entries[row]
        is_hidden = entry.path in self._hidden
        ground = self.style_of("legend--cursor") if row == self._cursor else NO_STYLE
        muted = self.style_of("legend--muted") if is_hidden else NO_STYLE
        text = muted + ground if row != self._cursor else ground
        n_seeds = f"  n={len(entry.runs)}" if self._has_sizes else ""
        room = max(0, width - cell_len(value) - 5)
        value_style = Style(color=self.style_of("legend--best").color, bold=True) + Style(
            bgcolor=ground.bgcolor
        )
        return strip_of(
            (self._sign(entry), self._sign_style(entry) + Style(bgcolor=ground.bgcolor)),
            (" ", ground),
            (fit(self._names.of(entry) + n_seeds, room, more=self._look.more), text),
            (" ", ground),
            (self._look.state(entry.state), self._state_style(entry, ground)),
            (" ", ground),
            (value, value_style if is_best and not is_hidden else text),
        )

    def _sign(self, entry: Entry) -> str:
        return ("-" if self._look.ascii else "○") if entry.path in self._hidden else entry.sign

    def _sign_style(self, entry: Entry) -> Style:
        return Style(color=Color.parse(entry.colour), bold=True)

    def _state_style(self, entry: Entry, ground: Style) -> Style:
        if entry.state not in STATE_COLOURS:
            return ground
        colour = self.style_of(f"legend--{entry.state}").color
        return Style(color=colour) + Style(bgcolor=ground.bgcolor)

    def _details(self, width: int) -> list[Strip]:
        """What is known of the run under the cursor."""
        if self._cursor is None:
            return []
        entry = self._comparison.entries[self._cursor]
        run, muted = entry.runs[0], self.style_of("legend--muted")
        names = plain(run.name) if len(entry.runs) == 1 else f"{len(entry.runs)} runs"
        number = run.numbers.get(self._number) if len(entry.runs) == 1 else None
        course = f"{entry.state}, epoch {run.epochs_done}/{run.epochs or '?'}"
        if number and number.best_epoch is not None and has_best(self._number):
            course += f", best at {number.best_epoch}"
        spread = self._best[self._cursor]
        if isinstance(spread, Spread):
            course = f"{entry.state}, {spread.n} have {plain(self._number)}"
        label = [*textwrap.wrap(entry.label, max(8, width)), "", ""]
        lines = [(label[0], NO_STYLE), (label[1], NO_STYLE), (names, muted), (course, muted)]
        return [Strip([]), *(strip_of((fit(text, width, more=self._look.more), style))
                             for text, style in lines)]  # fmt: skip

    def _one_line(self, width: int) -> Strip:
        """As many runs as fit; the one under the cursor with all its numbers."""
        entries = self._comparison.entries
        if self._cursor is not None:
            entry = entries[self._cursor]
            is_best = self._cursor in winners(self._number, self._best)
            value = f"{plain(self._number)} {self._told_value(self._cursor, is_best)}"
            place = f"{self._cursor + 1}/{len(entries)} {self._look.state(entry.state)} "
            room = width - cell_len(value) - cell_len(place) - 4
            return strip_of(
                (f"{self._sign(entry)} ", self._sign_style(entry)),
                (fit(entry.label, room, more=self._look.more), Style(bold=True)),
                ("  ", NO_STYLE), (place, NO_STYLE), (value, NO_STYLE),
            )  # fmt: skip
        parts, left = [], width
        for number, entry in enumerate(entries):
            rest = len(entries) - number
            needed = cell_len(entry.brief) + 4
            if needed + (len(f"+{rest}") if rest > 1 else 0) > left:
                parts.append((f"+{rest}", self.style_of("legend--muted")))
                break
            muted = self.style_of("legend--muted") if entry.path in self._hidden else NO_STYLE
            parts += [(f"{self._sign(entry)} ", self._sign_style(entry)),
                      (f"{entry.brief}  ", muted)]  # fmt: skip
            left -= needed
        return strip_of(*parts)

    def on_click(self, event: events.Click) -> None:
        """Pick the run under the mouse."""
        row = self._top + event.y - 1
        if self.size.height > 2 and 0 <= row < len(self._comparison.entries) and event.y > 0:
            self.post_message(self.Picked(row))
