"""A table of a report, before it is HTML or Markdown."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """One cell."""

    text: str = ""
    numeric: bool = False
    best: bool = False
    """Whether it is the best of the runs."""
    code: bool = False
    """Whether it is a word of the config or of the shell."""
    run: int | None = None
    """Number, from 0, of the run that it names."""
    is_state: bool = False
    """Whether it is the state of a run."""


class Grid(NamedTuple):
    """Titles and rows, each as wide as the titles."""

    titles: list[Entry]
    rows: list[list[Entry]]


def run_entry(index: int) -> Entry:
    """The cell that names a run by its number."""
    return Entry(f"#{index + 1}", run=index)
