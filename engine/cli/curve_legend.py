"""What stands above a picture of curves: its title, and which curve is which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from engine.facts.text import plain

MOST_NAMED = 8
"""Curves with a colour and a name; of more, the best have them."""

_SHARE = 4
"""The legend takes at most this part of the height of a picture: a quarter."""
_BETWEEN = 3
"""Blanks between two entries of a line."""
_RESET = "\x1b[0m"


class Name(NamedTuple):
    """What the legend says of a curve."""

    label: str
    brief: str
    """A shorter label, whose keys stand in the title."""
    value: str
    """Its last and best value."""
    sign: str
    colour: int | None
    """One of the 256 of a terminal; None without colours."""


class Head(NamedTuple):
    """Title and legend."""

    lines: list[str]
    n_named: int
    """How many of the curves have an entry."""


def make_head(
    title: str, by: str, status: str, names: Sequence[Name], room: tuple[int, int]
) -> Head:
    """Title and legend in at most the width and a quarter of the height that there is.

    Parameters
    ----------
    title, by, status
        What is drawn, the keys that the short labels leave out, and how far the runs are.
    names
        The curves, those first that are to be named first.
    room
        Columns and lines of the whole picture.
    """
    width, most = room[0], max(1, room[1] // _SHARE)
    if len(names) < 2:
        named = [name.label for name in names if name.label not in title]
        values = [name.value for name in names if name.value]
        return Head([_line([title, *named, *values, status], width)], len(names))
    shown = names[:MOST_NAMED]
    labels = [_entry(name.label, name) for name in shown]
    title_by = title
    if by and _n_named(labels, len(names), width, most) < len(shown):
        labels, title_by = [_entry(name.brief, name) for name in shown], f"{title} by {by}"
    n_named = _n_named(labels, len(names), width, most)
    lines = _columns(labels[:n_named], shown[:n_named], width)
    if n_named < len(names) and len(lines) < most:
        hint = "name or filter fewer runs" + ", or take --seeds" * ("seed" in by.split())
        lines.append(cut(f"and {len(names) - n_named} more in the background: {hint}", width))
    return Head([_line([title_by, status], width), *lines], n_named)


def _n_named(entries: Sequence[str], n_curves: int, width: int, most: int) -> int:
    """How many entries fit into `most` lines, with a line for the others where there are some."""
    n_named = len(entries)
    while n_named > 1:
        is_more = n_named < n_curves and most > 1
        if _n_lines(entries[:n_named], width) + is_more <= most:
            break
        n_named -= 1
    return n_named


def cut(text: str, width: int) -> str:
    """The text in `width` columns; a character may take two of them."""
    from rich.cells import cell_len, set_cell_size

    return text if cell_len(text) <= width else set_cell_size(text, max(0, width - 3)) + "..."


def _line(parts: Sequence[str], width: int) -> str:
    return cut("   ".join(plain(part) for part in parts if part), width)


def _entry(label: str, name: Name) -> str:
    return f"{name.sign} {plain(label)}" + (f"  {name.value}" if name.value else "")


def _n_lines(entries: Sequence[str], width: int) -> int:
    per_line = _per_line(entries, width)
    return -(-len(entries) // per_line)


def _per_line(entries: Sequence[str], width: int) -> int:
    from rich.cells import cell_len

    widest = max(map(cell_len, entries))
    return max(1, (width + _BETWEEN) // (widest + _BETWEEN))


def _columns(entries: Sequence[str], names: Sequence[Name], width: int) -> list[str]:
    """The entries side by side, below each other in columns of one width."""
    from rich.cells import cell_len

    per_line = _per_line(entries, width)
    widest = min(width, max(map(cell_len, entries)))
    n_lines = _n_lines(entries, width)
    lines = []
    for row in range(n_lines):
        cells = []
        for place in range(row, len(entries), n_lines)[:per_line]:
            text = cut(entries[place], widest)
            text += " " * (widest - cell_len(text))
            cells.append(_painted(text, names[place].colour))
        lines.append((" " * _BETWEEN).join(cells).rstrip())
    return lines


def _painted(text: str, colour: int | None) -> str:
    """The sign in its colour."""
    return text if colour is None else f"\x1b[38;5;{colour}m{text[:1]}{_RESET}{text[1:]}"
