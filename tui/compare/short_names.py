"""Short names of compared runs in columns that line up, as many as there is room for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from tui.compare.comparison import Comparison, Entry

GAP = 2


@dataclass(frozen=True)
class Names:
    """Which of the keys are columns, and how wide; none where the names have no parts."""

    columns: tuple[int, ...] = ()
    widths: tuple[int, ...] = ()
    keys: tuple[str, ...] = ()

    def of(self, entry: Entry) -> str:
        """The name of a run."""
        if not self.columns or len(entry.parts) < len(self.keys):
            return entry.brief
        parts = [entry.parts[column] for column in self.columns]
        cells = [set_cell_size(part, width) for part, width in zip(parts, self.widths, strict=True)]
        return (" " * GAP).join(cells)

    @property
    def width(self) -> int:
        """Cells of a name."""
        return _total(self.columns, dict(zip(self.columns, self.widths, strict=True)))

    def head(self, more: str) -> str:
        """The keys above the columns, each cut to the width of its own, with a sign where it is."""
        if not self.columns:
            return " ".join(self.keys) or "run"
        cells = []
        for column, width in zip(self.columns, self.widths, strict=True):
            key = self.keys[column]
            is_cut = cell_len(key) > width > 2
            cells.append(
                set_cell_size(key, width - 1) + more if is_cut else set_cell_size(key, width)
            )
        return (" " * GAP).join(cells)


def names_of(comparison: Comparison, room: int) -> Names:
    """The columns that fit: without those that tell no runs apart, where there is little room."""
    keys = comparison.by
    rows = [entry.parts for entry in comparison.entries if len(entry.parts) == len(keys)]
    if not rows or not keys:
        return Names(keys=keys)
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    columns = list(range(len(keys)))
    for column in reversed(range(len(keys))):
        if _total(columns, widths) <= room:
            break
        others = [one for one in columns if one != column]
        if others and _n_different(rows, others) == _n_different(rows, columns):
            columns = others
    for column in columns:
        spare = max(0, room - _total(columns, widths))
        widths[column] += min(spare, max(0, cell_len(keys[column]) - widths[column]))
    return Names(tuple(columns), tuple(widths[column] for column in columns), keys)


def _total(columns: Sequence[int], widths: Sequence[int] | Mapping[int, int]) -> int:
    return sum(widths[column] + GAP for column in columns) - GAP


def _n_different(rows: Sequence[Sequence[str]], columns: Sequence[int]) -> int:
    return len({tuple(row[column] for column in columns) for row in rows})
