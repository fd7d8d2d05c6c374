"""The columns of the table of runs, which grow with what stands in them and never shrink."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from engine.facts.text import plain
from tui.look import Look
from tui.table.columns import Column, Spec, fitting, rank
from tui.table.keys import CURVE, MEAN
from tui.table.row_cells import CellScene, is_numeric, short_name, width_of
from tui.table.rows import Arranged
from tui.table.tree import Row

SAMPLED = 200
"""Rows that are measured, beside those on the screen."""

_TITLES = {CURVE: "curve", MEAN: "mean", "progress": "epoch", "tag": "tags"}


class ColumnWidths:
    """How wide the columns are, for one choice of columns after the other."""

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._contents: list[int] = []
        self._numeric: list[bool] = []
        self._short = 0

    def measure(self, arranged: Arranged, rows: Sequence[Row], scene: CellScene) -> bool:
        """Take the widths of these rows into account; whether a column needs more room."""
        if arranged.names != self._names:
            self._names = arranged.names
            self._contents, self._short = [0] * len(arranged.keys), 0
            sample = self._sample(arranged.rows) if arranged.is_whole else rows
            self._numeric = [is_numeric(key, sample) for key in arranged.keys]
            rows = [*rows, *sample]
        before, short = list(self._contents), self._short
        self._short = max(short, max((short_name(row, scene) for row in rows), default=0))
        for number, key in enumerate(arranged.keys):
            widths = [width_of(key, row, scene) for row in rows]
            if key.name == "progress":
                widths.append(len(_TITLES[key.name]))
            self._contents[number] = max(before[number], max(widths, default=0))
        return self._contents != before or self._short != short

    def columns(
        self, arranged: Arranged, sort: Sequence[str], room: int, look: Look
    ) -> list[Column]:
        """The columns that there is room for."""
        titles = dict(zip(self._names, map(title_of, self._names), strict=True))
        for name in sort[:1]:
            key = name.removeprefix("-")
            titles[key] = _arrow(name.startswith("-"), look) + titles.get(key, "")
        by = {name.removeprefix("-") for name in sort}
        specs = []
        for name, content, numeric in zip(self._names, self._contents, self._numeric, strict=True):
            place = rank(name, arranged.telling, by)
            specs.append(Spec(name, titles[name], content, numeric, place, self._short))
        return fitting([_with_title(spec) for spec in specs], room)

    def _sample(self, rows: Sequence[Row]) -> Sequence[Row]:
        return rows[:: max(1, len(rows) // SAMPLED)]


def title_of(name: str) -> str:
    """What stands above a column."""
    return _TITLES.get(name, plain(name))


def _with_title(spec: Spec) -> Spec:
    """A column of which nothing is known yet is as wide as its title."""
    return spec if spec.content else spec._replace(content=min(4, cell_len(spec.title)))


def _arrow(down: bool, look: Look) -> str:
    if look.ascii:
        return "v" if down else "^"
    return "↓" if down else "↑"
