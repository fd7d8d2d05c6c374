"""The table of runs: columns, order, and rows of one run or of several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import ConfigError
from engine.library.summary import RunSummary
from engine.tables.cells import as_number, as_text, is_missing
from engine.tables.groups import GROUP_SIZE, group, keys_but_seed, telling_keys, value_of
from engine.tables.keys import Key, Vocabulary

NEWEST_FIRST = ("-started",)

TELLING = 5
"""Columns for what the runs differ in, at most."""


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    runs: tuple[RunSummary, ...]
    """One run, or those that are folded into this row."""
    values: tuple[Any, ...]
    """One for each column."""


@dataclass(frozen=True)
class Table:
    """Columns and rows; nothing in it is formatted."""

    keys: tuple[Key, ...]
    titles: tuple[str, ...]
    rows: tuple[Row, ...]
    left_out: tuple[str, ...] = ()
    """Keys in which the runs differ too, for which there was no column."""


def run_table(
    runs: Sequence[RunSummary],
    columns: Sequence[str] = (),
    sort: Sequence[str] = NEWEST_FIRST,
    now: float | None = None,
) -> Table:
    """A row for each run.

    Parameters
    ----------
    runs
        The runs.
    columns
        Names of keys; `+key` and `-key` change the default columns.
    sort
        Names of keys; `-key` sorts descending. The first counts most.
    now
        Unix seconds; None takes the clock.

    Raises
    ------
    ConfigError
        If there is no such key.
    """
    vocabulary = Vocabulary(runs, now)
    default, left_out = ([], []) if _replace(columns) else _default(runs, vocabulary)
    names = chosen(columns, default)
    table = _table(names, [(run,) for run in runs], sort, vocabulary)
    return table if columns else _with_left_out(table, left_out)


def group_table(
    runs: Sequence[RunSummary],
    by: Sequence[str] | None = None,
    columns: Sequence[str] = (),
    sort: Sequence[str] = (),
    now: float | None = None,
) -> Table:
    """A row for each group of runs, with the mean and spread of what was measured.

    Parameters
    ----------
    by
        Names of keys whose values the runs of a group share; None groups runs that differ in
        nothing but the seed.
    runs, columns, sort, now
        As in `run_table`. Without `sort` the groups come in the order of the runs.

    Raises
    ------
    ConfigError
        If there is no such key.
    """
    vocabulary = Vocabulary(runs, now)
    if by is None:
        keys, left_out = keys_but_seed(runs, vocabulary), list[str]()
        by, left_out = _telling(runs, vocabulary, ignored="seed")
    else:
        keys, left_out = [vocabulary.find(name) for name in by], []
    names = chosen(columns, [*by, "runs", "state", *_measured(vocabulary), "duration"])
    table = _table(names, group(runs, keys), sort, vocabulary)
    return table if columns else _with_left_out(table, left_out)


def sort_runs(
    runs: Sequence[RunSummary], sort: Sequence[str], vocabulary: Vocabulary
) -> list[RunSummary]:
    """The runs in the order of the keys, those without a value last; see `run_table`."""
    return [run for (run,) in _sorted([(run,) for run in runs], sort, vocabulary)]


def chosen(columns: Sequence[str], default: Sequence[str]) -> list[str]:
    """The columns that somebody asks for: `a,b` instead of the default, `+c` and `-d` beside it."""
    if _replace(columns):
        names = [name.removeprefix("+") for name in columns if not name.startswith("-")]
    else:
        removed = {name[1:] for name in columns if name.startswith("-")}
        names = [name for name in default if name not in removed]
        names += [name[1:] for name in columns if name.startswith("+")]
    if not names:
        raise ConfigError("no column is left", "Name those you want: --columns name,val_loss.")
    return list(dict.fromkeys(names))


def _replace(columns: Sequence[str]) -> bool:
    """Whether the columns stand for themselves, rather than change the default ones."""
    return any(name[:1] not in ("+", "-") for name in columns)


def _default(runs: Sequence[RunSummary], vocabulary: Vocabulary) -> tuple[list[str], list[str]]:
    """The columns of a table of runs, and the keys for which there was none."""
    telling, left_out = _telling(runs, vocabulary)
    names = ["state", "name", *telling, "progress", *_measured(vocabulary)]
    names += ["eta"] if any(run.eta_s is not None for run in runs) else []
    names += ["age", "duration"]
    return names + (["problem"] if any(run.problem for run in runs) else []), left_out


def _telling(
    runs: Sequence[RunSummary], vocabulary: Vocabulary, ignored: str = ""
) -> tuple[list[str], list[str]]:
    """`telling_keys` by their shortest names."""
    room = TELLING + bool(ignored)
    shown, left_out = telling_keys(runs, room)
    names = [vocabulary.short(key) for key in shown]
    kept = [name for name in names if name != ignored]
    return kept[:TELLING], kept[TELLING:] + [vocabulary.short(key) for key in left_out]


def _measured(vocabulary: Vocabulary) -> list[str]:
    """The losses to show, of those that there are."""
    losses = [name for name in ("val_loss",) if name in vocabulary.numbers]
    return losses + [name for name in ("test_loss",) if name in vocabulary.results]


def _table(
    names: Sequence[str],
    groups: Sequence[tuple[RunSummary, ...]],
    sort: Sequence[str],
    vocabulary: Vocabulary,
) -> Table:
    keys = tuple(_find(name, vocabulary) for name in names)
    ordered = _sorted(groups, sort, vocabulary)
    rows = (Row(runs, tuple(value_of(key, runs) for key in keys)) for runs in ordered)
    return Table(keys, tuple(names), tuple(rows))


def _with_left_out(table: Table, left_out: Sequence[str]) -> Table:
    return Table(table.keys, table.titles, table.rows, tuple(left_out))


def _find(name: str, vocabulary: Vocabulary) -> Key:
    return GROUP_SIZE if name == GROUP_SIZE.name else vocabulary.find(name)


def _sorted(
    groups: Iterable[tuple[RunSummary, ...]], sort: Sequence[str], vocabulary: Vocabulary
) -> list[tuple[RunSummary, ...]]:
    ordered = list(groups)
    for name in reversed(sort):
        key = _find(name.removeprefix("-"), vocabulary)
        values = {id(runs): value_of(key, runs) for runs in ordered}
        there = [runs for runs in ordered if not _unordered(values[id(runs)])]
        missing = [runs for runs in ordered if _unordered(values[id(runs)])]
        there.sort(key=lambda runs: _rank(values[id(runs)]), reverse=name.startswith("-"))
        ordered = there + missing
    return ordered


def _unordered(value: Any) -> bool:
    """Whether a value has no place in an order: missing, or a number that is not finite."""
    return is_missing(value) or (isinstance(value, float) and as_number(value) is None)


def _rank(value: Any) -> tuple[int, float, str]:
    """Numbers by size, then anything else by its text."""
    number = as_number(value)
    return (1, 0.0, as_text(value).casefold()) if number is None else (0, number, "")
