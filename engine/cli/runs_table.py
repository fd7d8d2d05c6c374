"""How `engine runs` writes its table: for people, for pipes, and as JSON."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from engine.cli.aligned import Column, has_colours, render
from engine.cli.output import Cell, print_table, remark, state_cell, write

if TYPE_CHECKING:
    from engine.library.summary import RunSummary
    from engine.tables.keys import Key
    from engine.tables.table import Table

_RANKS = {
    "name": 0, "val_loss": 2, "progress": 11, "state": 12, "eta": 20, "test_loss": 30, "runs": 35,
    "age": 40, "duration": 60,
}  # fmt: skip
"""Which column stays longest where there is no room: the lowest."""

_LEAST = {"name": 10, "state": 24}
"""Of columns that stay readable when they are narrower, or do not."""

_SORTED_BY, _ASKED_FOR, _FIRST_TELLING, _TELLING = 1, 10, 50, 100


def print_for_people(table: Table, sort: Sequence[str], *, whole: bool = False) -> None:
    """Print it aligned, as wide as the terminal; with `whole` as wide as it is.

    Parameters
    ----------
    sort
        The keys that it is sorted by, which stay longest.
    """
    room = None if whole else shutil.get_terminal_size().columns
    lines, left_out = lines_for_people(table, sort, room)
    write("".join(f"{line}\n" for line in lines))
    if left_out:
        remark(f"no room for {', '.join(left_out)}: a wider terminal, or --table | less -S")
    for text in _remarks(table):
        remark(text)


def lines_for_people(
    table: Table, sort: Sequence[str], room: int | None
) -> tuple[list[str], list[str]]:
    """The lines of the table, and the titles of the columns that there is no room for."""
    by = {name.removeprefix("-") for name in sort}
    columns = []
    for number, (key, title) in enumerate(zip(table.keys, table.titles, strict=True)):
        if key.name == "problem" and title not in by and room is not None:
            continue  # told below, where there is room
        cells = [_cell(key, row.values[number]) for row in table.rows]
        shorter = _short([cell.text for cell in cells]) if key.name == "name" else ()
        column = Column(title, cells, _rank(title, table, by), shorter)
        columns.append(column._replace(least=_LEAST.get(title, column.least)))
    return render(columns, room, coloured=room is not None and has_colours())


def print_for_pipes(table: Table) -> None:
    """Print it tab-separated, with all digits; a spread is a column of its own."""
    from engine.cli.formats import Field, split_spreads
    from engine.tables.cells import machine

    rows = [[*map(Field, _kinds(table), row.values)] for row in table.rows]
    titles, split = split_spreads(table.titles, rows)
    print_table(titles, [[Cell("", machine(kind, value)) for kind, value in row] for row in split])


def json_rows(table: Table) -> Iterator[dict[str, Any]]:
    """The rows as objects; that of a group names its runs."""
    from engine.tables.cells import machine

    for row in table.rows:
        values = map(machine, _kinds(table), row.values)
        told = dict(zip(table.titles, values, strict=True))
        names = {"names": [run.name for run in row.runs]}
        yield told | (names if len(row.runs) > 1 or "runs" in told else {})


def _kinds(table: Table) -> list[str]:
    return [key.kind for key in table.keys]


def _remarks(table: Table) -> Iterator[str]:
    """What is wrong with runs, and in what else they differ."""
    runs: list[RunSummary] = [run for row in table.rows for run in row.runs]
    for run in runs:
        if run.problem:
            yield f"{run.name}: {run.problem}"
    if table.left_out:
        yield f"they differ in these too: {', '.join(table.left_out)} (--columns +KEY)"


def _rank(title: str, table: Table, sorted_by: set[str]) -> int:
    """How soon a column goes: see `_RANKS`; what tells the runs apart before all but the first."""
    if title in sorted_by and title != "name":
        return _SORTED_BY
    if title in table.telling:
        place = table.telling.index(title)
        return _TELLING if place else _FIRST_TELLING
    return _RANKS.get(title, _ASKED_FOR)


def _short(names: Sequence[str]) -> Sequence[str]:
    """The names without what all begin with, up to a `-` or `_`."""
    if len(names) < 2:
        return names
    letters = itertools.takewhile(lambda column: len(set(column)) == 1, zip(*names, strict=False))
    n_same = sum(1 for _ in letters)
    n_gone = max(names[0].rfind(sign, 0, n_same) for sign in "-_") + 1
    return [f"…{name[n_gone:]}" for name in names] if n_gone > 1 else names


def _cell(key: Key, value: Any) -> Cell:
    from engine.tables.cells import as_number, machine, show

    if key.name == "state" and value is not None:
        return state_cell(value)
    number = as_number(value)
    for_pipe = machine(key.kind, number if hasattr(value, "std") else value)
    return Cell(show(key.kind, value), for_pipe)
