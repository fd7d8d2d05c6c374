"""A table of a report, before it is HTML or Markdown."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from engine.tables import units

MOST_RUNS = 10
"""Columns of runs; of more runs each has a row."""

MOST_COLUMNS = 8
"""Columns beside the runs that fit on a page; further ones stand in a table below."""


class Entry(NamedTuple):
    """One cell."""

    text: str = ""
    numeric: bool = False
    best: bool = False
    """Whether it is the best of the runs."""
    code: bool = False
    """Whether it is a word of the config or of the shell."""
    run: int | None = None
    """Number, from 0, of the run whose colour it has."""
    is_state: bool = False
    """Whether it is the state of a run."""


class Grid(NamedTuple):
    """Titles and rows, each as wide as the titles."""

    titles: list[Entry]
    rows: list[list[Entry]]


def run_entry(index: int) -> Entry:
    """The cell that names a run by its number."""
    return Entry(f"#{index + 1}", run=index)


def number_entry(value: float | None) -> Entry:
    """A number for a person; an empty cell for none."""
    return Entry("" if value is None else units.show_number(value), numeric=True)


def duration_entry(seconds: float | None) -> Entry:
    """A time span for a person; an empty cell for none."""
    return Entry("" if seconds is None else units.show_duration(seconds), numeric=True)


def runs_text(indices: Iterable[int]) -> str:
    """Several runs by their numbers: `#1, #4–#6`."""
    pieces = []
    counted = enumerate(sorted(indices))
    for _, stretch in itertools.groupby(counted, key=lambda pair: pair[1] - pair[0]):
        numbers = [index + 1 for _, index in stretch]
        ends = f"#{numbers[0]}\N{EN DASH}#{numbers[-1]}"
        pieces += [ends] if len(numbers) > 2 else [f"#{number}" for number in numbers]
    return ", ".join(pieces)


def laid(grid: Grid, most: int = MOST_RUNS, columns: int = MOST_COLUMNS) -> list[Grid]:
    """A table with a column for each run as it is; with more than `most` of them, a row for each.

    What does not fit beside each other then, more than so many `columns`, stands in several tables,
    one below the other.
    """
    if not grid.rows:
        return []
    if len(grid.titles) <= most + 1:
        return [grid]
    return [_turned(grid.titles, rows) for rows in _split(grid.rows, columns)]


def _split(rows: Sequence[list[Entry]], most: int) -> Iterable[Sequence[list[Entry]]]:
    """Parts of at most so many rows, of about one size."""
    n_parts = -(-len(rows) // most)
    size = -(-len(rows) // n_parts)
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _turned(titles: Sequence[Entry], rows: Sequence[list[Entry]]) -> Grid:
    """Columns for rows."""
    heads, *columns = map(list, zip(*rows, strict=True))
    numeric = [all(entry.numeric for entry in row[1:]) for row in rows]
    turned = [head._replace(numeric=is_so) for head, is_so in zip(heads, numeric, strict=True)]
    lines = [[title, *column] for title, column in zip(titles[1:], columns, strict=True)]
    return Grid([titles[0], *turned], lines)
