"""Best and last values of every number: one line a run, and who is the best of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from textual.binding import Binding, BindingType
from textual.message import Message

from engine.facts.text import plain
from engine.library.best import higher_is_better
from engine.tables.cells import Spread, as_number, show
from engine.tables.groups import comparable
from engine.tables.measures import has_best
from tui.compare.comparison import (
    Comparison,
    Entry,
    best_epoch_of,
    best_of,
    last_of,
    numbers_of,
    result_of,
    results_of,
    winners,
)
from tui.compare.short_names import names_of
from tui.widgets.sheet import KEY_SHARE, Sheet
from tui.widgets.sheet_source import Cell

WINNER, ASCII_WINNER = "★", "*"
MISSING = "-"


@dataclass(frozen=True)
class Column:
    """One column: a part of a number."""

    name: str
    """The number."""
    part: str
    """`best`, `epoch`, `last` or `result`."""
    values: tuple[Any, ...]
    """One for each run, or group of seeds."""
    winners: frozenset[int]


def columns_of(comparison: Comparison) -> list[Column]:
    """All columns: best value, its epoch and last value of each number, then the results."""
    columns = []
    for name in numbers_of(comparison.runs):
        best = tuple(best_of(entry, name) for entry in comparison.entries)
        last = tuple(last_of(entry, name) for entry in comparison.entries)
        if has_best(name):
            columns.append(Column(name, "best", best, winners(name, best)))
            epochs = tuple(best_epoch_of(entry, name) for entry in comparison.entries)
            if not comparison.seeds:
                columns.append(Column(name, "epoch", epochs, frozenset()))
        columns.append(Column(name, "last", last, frozenset()))
    for name in results_of(comparison.runs):
        values = tuple(result_of(entry, name) for entry in comparison.entries)
        columns.append(Column(name, "result", values, winners(name, values)))
    return columns


class Order(NamedTuple):
    """What the rows are sorted by."""

    name: str
    part: str
    down: bool
    """From high to low."""

    def words(self) -> list[str]:
        """As it is remembered."""
        return [self.name, self.part, "down" if self.down else "up"]

    @classmethod
    def of(cls, words: Sequence[str]) -> Order | None:
        """As it was remembered; None if that is no order."""
        return cls(words[0], words[1], words[2] == "down") if len(words) == 3 else None


class Winners:
    """The rows of the table; see `sheet_source.Source`.

    Parameters
    ----------
    comparison, columns
        What is shown.
    order
        The entries in the order of the rows.
    by
        What they are sorted by.
    ascii
        Whether to use plain characters only.
    room
        Cells for the names of the runs.
    """

    def __init__(
        self,
        comparison: Comparison,
        columns: Sequence[Column],
        order: Sequence[int],
        by: Order | None = None,
        *,
        ascii: bool = False,
        room: int = 80,
    ) -> None:
        self.by = by
        self.comparison, self.columns, self.order = comparison, columns, order
        self.n_rows, self.n_columns = len(comparison.entries), len(columns)
        self._names = names_of(comparison, room - 2 - 5 * comparison.seeds)
        self.corner = "  " + self._names.head("~" if ascii else "…")
        self._ascii = ascii
        self._star = ASCII_WINNER if ascii else WINNER
        self._signs = ("max", "min") if ascii else ("↑", "↓")

    def key(self, row: int) -> Cell:
        """Sign and name of the run."""
        entry = self.comparison.entries[self.order[row]]
        n = f"  n={len(comparable(entry.runs))}" if self.comparison.seeds else ""
        return Cell(self._names.of(entry) + n, sign=entry.sign, colour=entry.colour)

    def group(self, column: int) -> str:
        """The number, and whether more or less of it is better."""
        name = self.columns[column].name
        if not has_best(name):
            return plain(name)
        return f"{plain(name)} {self._signs[not higher_is_better(name)]}"

    def head(self, column: int) -> Cell:
        """The part of the number."""
        of_column = self.columns[column]
        text = "value" if of_column.part == "result" else of_column.part
        if self.by and (of_column.name, of_column.part) == (self.by.name, self.by.part):
            text = f"{'v^'[not self.by.down] if self._ascii else '▾▴'[not self.by.down]} {text}"
        return Cell(text, right=True)

    def cell(self, row: int, column: int) -> Cell:
        """The value; the best one has a star and is bold."""
        of_column, entry = self.columns[column], self.order[row]
        value = of_column.values[entry]
        text = show("number" if of_column.part == "epoch" else "metric", value) or MISSING
        if entry in of_column.winners:
            return Cell(f"{self._star} {text}", "best", right=True)
        return Cell(text, "same" if value is None else "", right=True)

    def told(self, row: int, column: int) -> str:
        """The value with all that is known of it."""
        of_column, entry = self.columns[column], self.comparison.entries[self.order[row]]
        value = of_column.values[self.order[row]]
        text = show("metric", value) or MISSING
        if isinstance(value, Spread):
            text += f" (mean and deviation of {value.n})"
        won = "  the best" if self.order[row] in of_column.winners else ""
        part = "" if of_column.part == "result" else f" {of_column.part}"
        return f"{plain(of_column.name)}{part} = {text}{won}   {entry.label}"


class WinnersTable(Sheet):
    """Shows who is the best of each number; `s` sorts by the column of the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("s", "sort", "Sort")]

    class Sorted(Message):
        """The rows stand in another order, or in none."""

        def __init__(self, by: Order | None) -> None:
            super().__init__()
            self.by = by

    def __init__(self, *, ascii: bool = False, more: str = "…", id: str | None = None) -> None:
        super().__init__(more=more, id=id)
        self._ascii = ascii
        self._comparison = Comparison()
        self._columns: list[Column] = []
        self.order: list[int] = []
        """The entries in the order of the rows."""
        self.by: Order | None = None

    def compare(self, comparison: Comparison) -> None:
        """Show the numbers of runs; the cursor stays on its run and number."""
        held, column = self.entry, self._column
        self._comparison, self._columns = comparison, columns_of(comparison)
        self._sort()
        names = [(one.name, one.part) for one in self._columns]
        place = (column.name, column.part) if column else None
        self._show(held, names.index(place) if place in names else None)

    @property
    def entry(self) -> Entry | None:
        """The run under the cursor."""
        if self.row >= len(self.order):
            return None
        return self._comparison.entries[self.order[self.row]]

    @property
    def _column(self) -> Column | None:
        return self._columns[self.column] if self.column < len(self._columns) else None

    def action_sort(self) -> None:
        """Sort by the cursor's column, the best first; again turns it round, and then ends it."""
        column, held = self._column, self.entry
        if column is None:
            return
        down = higher_is_better(column.name) and column.part != "epoch"
        first, second = (
            Order(column.name, column.part, down),
            Order(column.name, column.part, not down),
        )
        self.by = {first: second, second: None}.get(self.by, first) if self.by else first
        self.post_message(self.Sorted(self.by))
        self._sort()
        self._show(held)

    def on_resize(self) -> None:
        """Name the runs with as much as fits."""
        self._show(self.entry)

    def _sort(self) -> None:
        self.order = list(range(len(self._comparison.entries)))
        by = self.by
        found = [one for one in self._columns if by and (one.name, one.part) == (by.name, by.part)]
        if by and found:
            numbers = [as_number(value) for value in found[0].values]
            sign = -1 if by.down else 1
            self.order.sort(key=lambda row: _last_if_missing(numbers[row], sign))

    def _show(self, held: Entry | None, column: int | None = None) -> None:
        """Show the rows, with the cursor on a run, and in a column if one is given."""
        room, ascii = int(self.size.width * KEY_SHARE), self._ascii
        source = Winners(
            self._comparison, self._columns, self.order, self.by, ascii=ascii, room=room
        )
        number = self._comparison.index(held.path) if held else None
        self.show(source, None if number is None else self.order.index(number), column)

    def export(self) -> list[dict[str, object]]:
        """What is seen, as records: a run with all its numbers."""
        records = []
        for row in self.order:
            entry = self._comparison.entries[row]
            record: dict[str, object] = {"run": entry.label, "n": len(entry.runs)}
            for column in self._columns:
                title = column.name if column.part == "result" else f"{column.name}.{column.part}"
                value = column.values[row]
                if self._comparison.seeds:
                    record[title] = value.mean if isinstance(value, Spread) else None
                    record[f"{title}_std"] = value.std if isinstance(value, Spread) else None
                else:
                    record[title] = value
            records.append(record)
        return records


def _last_if_missing(number: float | None, sign: int) -> tuple[bool, float]:
    return (number is None, sign * (number or 0.0))
