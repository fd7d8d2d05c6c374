"""The table of runs: columns, order, and rows of one run or of several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.errors import ConfigError
from engine.facts.text import natural
from engine.library.summary import RunSummary
from engine.tables.cells import as_number, as_text, is_missing
from engine.tables.groups import (
    GROUP_SIZE,
    differing_keys,
    group,
    seed_groups,
    telling_keys,
    value_of,
)
from engine.tables.keys import TRAINER, Key, Vocabulary

Group = tuple[RunSummary, ...]

NEWEST_FIRST = ("-started",)

TELLING = 5
"""Columns for what the runs differ in, at most."""


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    runs: Group
    """One run, or those that are folded into this row."""
    values: tuple[Any, ...]
    """One for each column."""


@dataclass(frozen=True)
class Table:
    """Columns and rows; nothing in it is formatted."""

    keys: tuple[Key, ...]
    titles: tuple[str, ...]
    rows: tuple[Row, ...]
    telling: tuple[str, ...] = ()
    """Titles of the columns that are there because the runs differ in them."""
    left_out: tuple[str, ...] = ()
    """Keys in which the runs differ too, for which there was no column."""


def run_table(
    runs: Sequence[RunSummary],
    columns: Sequence[str] = (),
    sort: Sequence[str] = NEWEST_FIRST,
    now: float | None = None,
    limit: int | None = None,
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
    limit
        At most so many rows, the first ones; the columns are those of all runs.

    Raises
    ------
    ConfigError
        If there is no such key.
    """
    vocabulary = Vocabulary(runs, now)
    telling, left_out = ([], []) if _stand_alone(columns) else _telling(runs, vocabulary)
    default = _and_sorted_by(_default(runs, telling, vocabulary), sort, vocabulary)
    names = chosen(columns, default)
    table = _table(names, [(run,) for run in runs], sort, vocabulary, limit)
    table = replace(table, telling=tuple(telling))
    return table if columns else replace(table, left_out=tuple(left_out))


def group_table(
    runs: Sequence[RunSummary],
    by: Sequence[str] | None = None,
    columns: Sequence[str] = (),
    sort: Sequence[str] = (),
    now: float | None = None,
    limit: int | None = None,
) -> Table:
    """A row for each group of runs, with the mean and spread of what was measured.

    Parameters
    ----------
    by
        Names of keys whose values the runs of a group share; None groups runs that differ in
        nothing but the seed.
    runs, columns, sort, now, limit
        As in `run_table`. Without `sort` the groups come in the order of the runs.

    Raises
    ------
    ConfigError
        If there is no such key.
    """
    vocabulary = Vocabulary(runs, now)
    if by is None:
        groups = seed_groups(runs)
        by, left_out = _telling(runs, vocabulary, ignored="seed")
        by += ["epochs"] if f"{TRAINER}epochs" in differing_keys(runs) else []
    else:
        groups, left_out = group(runs, [vocabulary.find(name) for name in by]), []
    default = [*by, "runs", "state", *_measured(vocabulary), "duration"]
    names = chosen(columns, _and_sorted_by(default, sort, vocabulary))
    table = _table(names, groups, sort, vocabulary, limit)
    return table if columns else replace(table, left_out=tuple(left_out))


def sort_runs(
    runs: Sequence[RunSummary], sort: Sequence[str], vocabulary: Vocabulary
) -> list[RunSummary]:
    """The runs in the order of the keys, those without a value last; see `run_table`."""
    return [run for (run,) in _sorted([(run,) for run in runs], sort, vocabulary)]


def chosen(columns: Sequence[str], default: Sequence[str]) -> list[str]:
    """The columns that somebody asks for: `a,b` instead of the default, `+c` and `-d` beside it."""
    if _stand_alone(columns):
        names = [name.removeprefix("+") for name in columns if not name.startswith("-")]
    else:
        removed = {name[1:] for name in columns if name.startswith("-")}
        names = [name for name in default if name not in removed]
        names += [name[1:] for name in columns if name.startswith("+")]
    if not names:
        raise ConfigError("no column is left", "Name those you want: --columns name,val_loss.")
    return list(dict.fromkeys(names))


def _stand_alone(columns: Sequence[str]) -> bool:
    """Whether the columns stand for themselves, rather than change the default ones."""
    return any(name[:1] not in ("+", "-") for name in columns)


def _default(
    runs: Sequence[RunSummary], telling: Sequence[str], vocabulary: Vocabulary
) -> list[str]:
    """The columns of a table of runs; `telling` are those that tell them apart."""
    names = ["state", "name", *telling, "progress", *_measured(vocabulary)]
    names += ["eta"] if any(run.eta_s is not None for run in runs) else []
    names += ["age", "duration"]
    return names + (["problem"] if any(run.problem for run in runs) else [])


def _and_sorted_by(names: Sequence[str], sort: Sequence[str], vocabulary: Vocabulary) -> list[str]:
    """The default columns, and what the rows are sorted by: the age tells when they started."""
    there = {_find(name, vocabulary).name for name in names} | {"started"}
    more = [name.removeprefix("-") for name in sort]
    return [*names, *(name for name in more if _find(name, vocabulary).name not in there)]


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
    groups: Sequence[Group],
    sort: Sequence[str],
    vocabulary: Vocabulary,
    limit: int | None,
) -> Table:
    keys = tuple(_find(name, vocabulary) for name in names)
    ordered = _sorted(groups, sort, vocabulary)[:limit]
    rows = (Row(runs, tuple(value_of(key, runs) for key in keys)) for runs in ordered)
    return Table(keys, tuple(names), tuple(rows))


def _find(name: str, vocabulary: Vocabulary) -> Key:
    return GROUP_SIZE if name == GROUP_SIZE.name else vocabulary.find(name)


def _sorted(groups: Iterable[Group], sort: Sequence[str], vocabulary: Vocabulary) -> list[Group]:
    ordered = list(groups)
    for name in reversed(sort):
        key, down = _find(name.removeprefix("-"), vocabulary), name.startswith("-")
        values = {id(runs): value_of(key, runs) for runs in ordered}
        numbers, texts, missing = _sorts(ordered, values)
        numbers.sort(key=lambda runs: as_number(values[id(runs)]) or 0, reverse=down)
        texts.sort(key=lambda runs: natural(as_text(values[id(runs)]).casefold()), reverse=down)
        ordered = numbers + texts + missing
    return ordered


def _sorts(groups: Iterable[Group], values: dict[int, Any]) -> tuple[list[Group], ...]:
    """Those with a number, with anything else, and with nothing that has a place in an order."""
    numbers: list[Group] = []
    texts: list[Group] = []
    missing: list[Group] = []
    for runs in groups:
        value = values[id(runs)]
        of_number = as_number(value) is not None
        (missing if _unordered(value) else numbers if of_number else texts).append(runs)
    return numbers, texts, missing


def _unordered(value: Any) -> bool:
    """Whether a value has no place in an order: missing, or a number that is not finite."""
    return is_missing(value) or (isinstance(value, float) and as_number(value) is None)
