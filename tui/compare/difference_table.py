"""The config keys in which runs differ: one line a key, one column a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.binding import Binding, BindingType
from textual.message import Message

from tui.compare.comparison import Comparison, Difference, Entry, differences
from tui.compare.exporting import told_apart
from tui.widgets.sheet import GAP, Sheet
from tui.widgets.sheet_source import Cell

MISSING = "-"


class Differences:
    """The rows of the table; see `sheet_source.Source`.

    Parameters
    ----------
    comparison
        The runs.
    rows
        The keys to show.
    corner
        Title of the column of keys.
    width
        Cells that there are; runs are numbered where their names do not fit.
    """

    def __init__(
        self,
        comparison: Comparison,
        rows: Sequence[Difference],
        corner: str = "key",
        width: int = 0,
    ) -> None:
        self.comparison, self.rows = comparison, rows
        self.corner = corner
        names = sum(cell_len(entry.brief) + 2 + GAP for entry in comparison.entries)
        keys = max((cell_len(row.name) for row in rows), default=0)
        self._is_named = keys + names <= width
        self.n_rows, self.n_columns = len(rows), len(comparison.entries)

    def key(self, row: int) -> Cell:
        """The shortest name of the key."""
        return Cell(self.rows[row].name)

    def group(self, column: int) -> str:
        """None: each run stands alone."""
        return ""

    def head(self, column: int) -> Cell:
        """Sign and short name of the run, or its number."""
        entry = self.comparison.entries[column]
        return Cell(
            entry.brief if self._is_named else str(column + 1), sign=entry.sign, colour=entry.colour
        )

    def cell(self, row: int, column: int) -> Cell:
        """The value; what most runs have is dim."""
        of_row = self.rows[row]
        look = "same" if of_row.is_usual[column] else ""
        return Cell(of_row.texts[column] or MISSING, look)

    def told(self, row: int, column: int) -> str:
        """The whole key and value."""
        of_row, entry = self.rows[row], self.comparison.entries[column]
        return f"{of_row.key} = {of_row.texts[column] or MISSING}   {entry.label}"


class DifferenceTable(Sheet):
    """Shows in which config keys the runs differ; `/` looks for some of them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search keys", key_display="/"),
    ]

    class SearchWanted(Message):
        """Somebody wants to type what to look for."""

    def __init__(self, *, more: str = "…", id: str | None = None) -> None:
        super().__init__(more=more, id=id)
        self._rows: list[Difference] = []
        self._comparison = Comparison()
        self.search = ""

    @property
    def rows(self) -> list[Difference]:
        """The keys that are shown: those with all the words in their name or in a value."""
        words = self.search.casefold().split()
        return [row for row in self._rows if all(word in _searched(row) for word in words)]

    def compare(self, comparison: Comparison) -> None:
        """Show the differences of runs; the cursor stays on its run."""
        held = self.entry
        self._comparison, self._rows = comparison, differences(comparison)
        self.look_for(self.search, comparison.index(held.path) if held else None)

    @property
    def entry(self) -> Entry | None:
        """The run under the cursor."""
        entries = self._comparison.entries
        return entries[self.column] if self.column < len(entries) else None

    def look_for(self, search: str, column: int | None = None) -> None:
        """Show the keys with these words only; go to a column, if one is given."""
        self.search = search
        rows = self.rows
        corner = f"{len(rows)} of {self.n_all} keys" if search.strip() else f"{len(rows)} keys"
        self.show(Differences(self._comparison, rows, corner, self.size.width), column=column)

    def on_resize(self) -> None:
        """Name the runs, or number them."""
        self.look_for(self.search)

    @property
    def n_all(self) -> int:
        """Differing keys, found or not."""
        return len(self._rows)

    def action_search(self) -> None:
        """Ask for what to look for."""
        self.post_message(self.SearchWanted())

    def export(self) -> list[dict[str, object]]:
        """What is seen, as records: a key with the value of each run."""
        names = told_apart([entry.runs[0] for entry in self._comparison.entries])
        records: list[dict[str, object]] = []
        for row in self.rows:
            records.append({"key": row.key, **dict(zip(names, row.texts, strict=True))})
        return records


def _searched(row: Difference) -> str:
    return " ".join([row.key, *row.texts]).casefold()
