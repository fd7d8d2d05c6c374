"""Lines of the table of runs as they are drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip

from engine.facts.state import STATES
from engine.tables.keys import Key
from tui.look import Look
from tui.table.columns import Column, gutter
from tui.table.row_cells import CellScene, Parts, cell, title
from tui.table.tree import Row

STYLES = (
    "head", "sorted", "cursor", "muted", "best", "tag", "curve", "growing", "empty", "group",
    "pin", "broken", *STATES,
)  # fmt: skip
PREFIX = "run-table--"

_LOUD = ("failed", "lost", "broken", "running", "best", "group")
"""What is bold where there are no colours."""


class RowLine(NamedTuple):
    """What is drawn in one line."""

    id: str
    base: str
    """Style of the line; empty for the usual one."""
    gutter: tuple[tuple[str, str], ...]
    """Texts, each with a colour or the name of a style."""
    cells: tuple[Parts, ...]


class Painter:
    """Makes lines of rows, and strips of lines.

    Parameters
    ----------
    look
        Whether there are colours.
    style
        The style of a component of the table, or of the table itself for no name.
    """

    def __init__(self, look: Look, style: Callable[[str], Style]) -> None:
        self._look, self._style_of = look, style
        self._styles: dict[tuple[str, str], Style] = {}
        self.columns: list[Column] = []
        self.room = 1
        """Width of the lines."""

    def forget(self) -> None:
        """Ask for the styles again, as after another theme."""
        self._styles.clear()

    def colour_of(self, name: str) -> str:
        """The colour of a style, or `bold`, for texts beside the table."""
        if not self._look.colour:
            return "bold" if name in _LOUD else ""
        colour = self._style_of(name).color
        return colour.name if colour is not None else ""

    def titles(self, sort: Sequence[str]) -> RowLine:
        """The line of titles."""
        by = sort[0].removeprefix("-") if sort else ""
        cells = []
        for column in self.columns:
            text = title(column.title, column.width, self._look)
            text = text.rjust(column.width) if column.is_numeric else text.ljust(column.width)
            cells.append(((text, "sorted" if column.name == by else "head"),))
        return RowLine("", "head", ((" " * gutter(self.room), ""),), tuple(cells))

    def line(
        self, row: Row, keys: Sequence[Key], scene: CellScene, marks: Mapping[str, str], base: str
    ) -> RowLine:
        """The line of a row.

        Parameters
        ----------
        marks
            Paths of the marked runs, each with its colour.
        base
            Style of the whole line.
        """
        cells = (cell(keys[column.number], column, row, scene) for column in self.columns)
        return RowLine(row.id, base, tuple(self._gutter(row, marks)), tuple(cells))

    def changes(self, y: int, before: RowLine, now: RowLine, width: int) -> Iterator[Region]:
        """The parts of a line that changed."""
        if before[:3] != now[:3] or len(before.cells) != len(now.cells):
            yield Region(0, y, width, 1)
            return
        for column, old, new in zip(self.columns, before.cells, now.cells, strict=True):
            if old != new:
                yield Region(column.left, y, column.width, 1)

    def strip(self, line: RowLine, width: int) -> Strip:
        """A line, filled up to a width."""
        base = self._style(line.base)
        pieces = [(text, self._style(line.base, name)) for text, name in line.gutter]
        end = gutter(self.room)
        for column, parts in zip(self.columns, line.cells, strict=False):
            pieces.append((" " * (column.left - end), base))
            pieces += [(text, self._style(line.base, name)) for text, name in parts]
            end = column.left + column.width
        pieces.append((" " * (width - end), base))
        return Strip(_joined(pieces)).adjust_cell_length(width, base)

    def _gutter(self, row: Row, marks: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """The mark in the colour of the run's curves, and the pin."""
        look, colours = self._look, [marks.get(run.path, "") for run in row.runs]
        mark = (look.mark, colours[0] if row.kind == "run" else "") if all(colours) else (" ", "")
        pin = (look.pin, "pin") if row.is_pinned else (" ", "")
        if gutter(self.room) > 2:
            yield from (mark, pin)
        else:
            yield mark if all(colours) else pin
        yield " ", ""

    def _style(self, base: str, name: str = "") -> Style:
        """The style of a piece in a line with this base."""
        if (base, name) not in self._styles:
            self._styles[base, name] = self._made(base, name)
        return self._styles[base, name]

    def _made(self, base: str, name: str) -> Style:
        ground = self._style_of(base)
        if not self._look.colour:
            ground += Style(reverse=base == "cursor", bold=name in _LOUD)
            name = "" if base == "cursor" or name in _LOUD else name
        if not name:
            return ground
        if name.startswith("#"):
            return ground + Style(color=name)
        style = self._style_of(name)
        if base == "head":
            return style
        return ground + Style(color=None if name == "group" else style.color, bold=style.bold)


def _joined(pieces: Sequence[tuple[str, Style]]) -> list[Segment]:
    """The pieces as segments; blanks take the style before them, which saves bytes on the line."""
    segments: list[Segment] = []
    for text, style in pieces:
        last = segments[-1] if segments else None
        if last is not None and (last.style == style or not text.strip(" ")):
            segments[-1] = Segment(last.text + text, last.style)
        elif last is not None and not last.text.strip(" "):
            segments[-1] = Segment(last.text + text, style)
        else:
            segments.append(Segment(text, style))
    return segments
