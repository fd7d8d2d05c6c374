"""A table for people: aligned, with as many of its columns as there is room for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from engine.cli.output import Cell, remark, write
from engine.facts.text import plain

_GAP = "  "


class Column(NamedTuple):
    """One column, before it is known how much room there is."""

    title: str
    cells: Sequence[Cell]
    rank: int = 0
    """Where there is no room the column with the highest goes first; of equal ones the last."""
    shorter: Sequence[str] = ()
    """Texts to take before any column goes; nothing for those of the cells."""
    least: int = 16
    """A column of text is made narrower before one goes, but not narrower than this."""


class _Laid(NamedTuple):
    """A column as it is printed."""

    title: str
    texts: Sequence[str]
    styles: Sequence[str]
    is_numeric: bool
    width: int
    least: int
    """Its smallest width."""


def render(
    columns: Sequence[Column], room: int | None = None, *, coloured: bool = False
) -> tuple[list[str], list[str]]:
    """The lines of a table, the titles first, and the titles of columns that it has no room for.

    Long texts are cut in the middle, because names of runs differ at both ends. Numbers never are.

    Parameters
    ----------
    room
        Characters of a line; None for as many as it takes.
    coloured
        Whether to write the styles of the cells.
    """
    laid = _fitting(columns, room)
    heads = _line(laid, [column.title for column in laid], ["bold"] * len(laid), coloured)
    lines = [
        _line(laid, [c.texts[row] for c in laid], [c.styles[row] for c in laid], coloured)
        for row in range(len(laid[0].texts) if laid else 0)
    ]
    kept = {column.title for column in laid}
    return [heads, *lines], [plain(c.title) for c in columns if plain(c.title) not in kept]


def print_fitting(
    titles: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    ranks: Sequence[int] | None = None,
    least: Mapping[str, int] | None = None,
) -> None:
    """Print a table as wide as the terminal at most; without room the last columns go first.

    Parameters
    ----------
    ranks
        Of each column: those with the highest go first instead.
    least
        Title to how narrow that column may become, where it is not `Column.least`.
    """
    usual, narrow = Column("", ()).least, least or {}
    columns = [
        Column(
            title,
            [row[number] for row in rows],
            ranks[number] if ranks else number,
            least=narrow.get(title, usual),
        )
        for number, title in enumerate(titles)
    ]
    lines, left_out = render(columns, shutil.get_terminal_size().columns, coloured=has_colours())
    write("".join(f"{line}\n" for line in lines))
    if left_out:
        remark(f"no room for {', '.join(left_out)}: a wider terminal, or | less -S")


def cut(text: str, width: int) -> str:
    """`text` without its middle where it takes more than `width` places on a terminal."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width:
        return text
    behind = (width - 1) // 2
    return f"{set_cell_size(text, width - 1 - behind)}…{set_cell_size(text[::-1], behind)[::-1]}"


def has_colours() -> bool:
    """Whether a terminal is to have colours: it can, and `NO_COLOR` is not set."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _fitting(columns: Sequence[Column], room: int | None) -> list[_Laid]:
    """The columns that fit, as wide as they may be."""
    laid = [_lay(column) for column in columns]
    if room is None or _total([column.width for column in laid]) <= room:
        return laid
    pairs = [(column.rank, _lay(column, shorter=True)) for column in columns]
    while len(pairs) > 1 and _total([column.least for _, column in pairs]) > room:
        highest = max(rank for rank, _ in pairs)
        last = max(n for n, (rank, _) in enumerate(pairs) if rank == highest)
        del pairs[last]
    return _narrowed([column for _, column in pairs], room)


def _lay(column: Column, *, shorter: bool = False) -> _Laid:
    from rich.cells import cell_len

    texts = column.shorter if shorter and column.shorter else [cell.text for cell in column.cells]
    texts = list(map(plain, texts))
    title = plain(column.title)
    is_numeric = all(_is_number(cell.value) for cell in column.cells)
    width = max(map(cell_len, [title, *texts]))
    least = width if is_numeric else max(cell_len(title), min(width, column.least))
    return _Laid(title, texts, [cell.style for cell in column.cells], is_numeric, width, least)


def _narrowed(laid: Sequence[_Laid], room: int) -> list[_Laid]:
    """The columns with the widest texts made narrower until the line has room."""
    widths = [column.width for column in laid]
    if len(laid) == 1:
        return [laid[0]._replace(width=max(1, min(widths[0], room)))]
    while _total(widths) > room:
        widest = max(
            (n for n, column in enumerate(laid) if widths[n] > column.least),
            key=lambda n: widths[n],
        )
        widths[widest] -= 1
    return [column._replace(width=width) for column, width in zip(laid, widths, strict=True)]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _line(
    laid: Sequence[_Laid], texts: Sequence[str], styles: Sequence[str], coloured: bool
) -> str:
    """One line: numbers to the right, texts to the left."""
    from rich.cells import cell_len

    cells = []
    for column, text, style in zip(laid, texts, styles, strict=True):
        text = cut(text, column.width)
        blanks = " " * (column.width - cell_len(text))
        text = _styled(text, style) if coloured and style and text else text
        cells.append(blanks + text if column.is_numeric else text + blanks)
    return _GAP.join(cells).rstrip()


def _styled(text: str, style: str) -> str:
    from rich.style import Style

    return Style.parse(style).render(text)


def _is_number(value: Any) -> bool:
    """Whether a cell does not speak against being set to the right: a number, or empty."""
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
