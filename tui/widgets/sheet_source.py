"""What a table shows: cells, asked for one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rich.cells import cell_len


@dataclass(frozen=True)
class Cell:
    """One place of a table."""

    text: str = ""
    look: str = ""
    """`same`, `best`, or nothing."""
    sign: str = ""
    colour: str = ""
    """Colour of the sign."""
    right: bool = False

    @property
    def width(self) -> int:
        """The cells that it needs."""
        return cell_len(self.text) + (cell_len(self.sign) + 1 if self.sign else 0)


class Source(Protocol):
    """What a sheet shows."""

    @property
    def n_rows(self) -> int:
        """Rows."""

    @property
    def n_columns(self) -> int:
        """Columns, without the fixed one."""

    @property
    def corner(self) -> str:
        """Title of the fixed column."""

    def key(self, row: int) -> Cell:
        """The fixed column of a row."""

    def group(self, column: int) -> str:
        """A title that neighbouring columns share; it stands above theirs."""

    def head(self, column: int) -> Cell:
        """Title of a column."""

    def cell(self, row: int, column: int) -> Cell:
        """A value."""

    def told(self, row: int, column: int) -> str:
        """All about a value, in one line."""
