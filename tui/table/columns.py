"""Which columns a table has room for, and how wide they are. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from tui.table.keys import CURVE, MAIN, MEAN, SEEN, WHERE

_RANKS = {
    "name": 0, MAIN: 2, "progress": 3, "state": 4, MEAN: 5, CURVE: 15, "eta": 20, SEEN: 40,
    "tag": 60, WHERE: 70,
}  # fmt: skip
"""Which column stays longest where there is no room: the lowest."""

_SORTED_BY, _ASKED_FOR, _TELLING = 1, 10, 16

WORDS = 10
"""Width of the sign and the longest usual word of a state."""

_BAR = (4, 10)
"""Shortest and longest bar of progress."""

_CURVE = (8, 12, 20)
"""Least, usual and widest."""

_WIDE = 100
"""From so many columns on there are two blanks between columns, and words for states from"""
_MIDDLE = 76

_NARROW = 40

_DATED, _NAMED = 55, 22
"""From so many columns on a name has the least width with its time: without it runs of equal
settings look the same, which no further column of settings is worth."""

_LONGEST_TEXT = 30

_SHORT_TITLE = 8
"""So much of a title is seen where there is room."""


class Spec(NamedTuple):
    """What a column needs."""

    name: str
    title: str
    content: int
    """Width of its widest cell; of progress that of the numbers."""
    is_numeric: bool
    rank: int
    short: int = 0
    """What the widest name takes if its time is written to the minute."""


class Column(NamedTuple):
    """A column that is drawn."""

    number: int
    """Its place among all columns."""
    name: str
    title: str
    left: int
    width: int
    is_numeric: bool
    content: int


def rank(name: str, telling: Sequence[str], sort: Collection[str]) -> int:
    """How soon a column goes where there is no room; see `_RANKS`."""
    if name in sort and name != "name":
        return _SORTED_BY
    if name in telling:
        return _TELLING + 10 * telling.index(name)
    return _RANKS.get(name, _ASKED_FOR)


def gutter(room: int) -> int:
    """Width of what stands before the first column: a mark and a pin, or one of them."""
    return 3 if room >= _WIDE else 2


def fitting(specs: Sequence[Spec], room: int) -> list[Column]:
    """The columns that there is room for, from the left, in their order.

    First each has what it needs least, and those of the highest rank go; what is left over then
    makes the others wider, those that gain most first.
    """
    gap = 2 if room >= _WIDE else 1
    free = room - gutter(room)
    least = {number: _least(spec, room) for number, spec in enumerate(specs)}
    while len(least) > 1 and _total(least.values(), gap) > free:
        del least[max(least, key=lambda number: (specs[number].rank, number))]
    spare = free - _total(least.values(), gap)
    if spare < 0:
        return _placed(specs, {number: max(1, free) for number in least}, room, gap)
    return _placed(specs, _grown(specs, least, spare), room, gap)


def _total(widths: Iterable[int], gap: int) -> int:
    widths = list(widths)
    return sum(widths) + gap * (len(widths) - 1)


def _least(spec: Spec, room: int) -> int:
    if spec.name == "state":
        return WORDS if room >= _MIDDLE else 1
    if spec.name == "name":
        dated = 8 if room < _DATED else 26 if room < _MIDDLE else _NAMED
        return min(spec.short, max(dated, room // 5))
    if spec.name == "progress":
        return spec.content
    if spec.name == CURVE:
        return _CURVE[0]
    is_whole = room >= _WIDE or (spec.name == MAIN and room >= _NARROW)
    is_whole = is_whole or (spec.rank == _SORTED_BY and room >= _NARROW)
    title = min(len(spec.title), _SHORT_TITLE + (spec.rank == _SORTED_BY) if is_whole else 4)
    return max(spec.content, title) if spec.is_numeric else min(max(spec.content, title), 12)


def _grown(specs: Sequence[Spec], widths: dict[int, int], spare: int) -> dict[int, int]:
    """The widths with what is left over given away in steps."""
    for step in range(3):
        for number in widths:
            wish = _wishes(specs[number])[step]
            more = min(spare, wish - widths[number])
            if more > 0 and _is_of_use(specs[number], widths[number] + more):
                widths[number] += more
                spare -= more
    return widths


def _wishes(spec: Spec) -> tuple[int, int, int]:
    """How wide a column would be: soon, then, and at last."""
    text = min(_LONGEST_TEXT, max(spec.content, len(spec.title)))
    match spec.name:
        case "state":
            return (WORDS, WORDS, max(WORDS, min(spec.content, 16)))
        case "name":
            return (min(spec.short, 24), min(spec.short, 36), spec.content)
        case "progress":
            return (spec.content, spec.content + 1 + _BAR[0], spec.content + 1 + _BAR[1])
        case name if name == CURVE:
            return (_CURVE[0], _CURVE[1], _CURVE[2])
    return (min(spec.content, _LONGEST_TEXT), text, text)


def _is_of_use(spec: Spec, width: int) -> bool:
    """Whether a column shows more at this width than at its least."""
    if spec.name == "state":
        return width >= WORDS
    return spec.name != "progress" or width > spec.content + _BAR[0]


def _placed(specs: Sequence[Spec], widths: dict[int, int], room: int, gap: int) -> list[Column]:
    columns, left = [], gutter(room)
    for number, width in widths.items():
        name, title, content, is_numeric, *_ = specs[number]
        columns.append(Column(number, name, title, left, width, is_numeric, content))
        left += width + gap
    return columns
