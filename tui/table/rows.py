"""From runs, and how somebody wants to see them, to the rows of the table. Pure functions."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from engine.errors import ConfigError
from engine.facts.text import natural
from engine.library.summary import RunSummary
from engine.tables.advice import advice, asks_for
from engine.tables.groups import telling_keys
from engine.tables.keys import BROKEN, Key
from engine.tables.query import parse
from engine.tables.table import NEWEST_FIRST, TELLING, chosen, sort_runs
from tui.table.keys import CURVE, MAIN, MEAN, SEEN, WHERE, Ends, Words, best_run
from tui.table.tree import Row, Tree, order_of, seeds_of, tree_rows

if TYPE_CHECKING:
    from tui.queue_feed import Standing

FIRST = 60
"""Runs that are looked at before all of them are."""


@dataclass(frozen=True)
class View:
    """How somebody wants to see the runs."""

    filter: str = ""
    sort: tuple[str, ...] = NEWEST_FIRST
    by: tuple[str, ...] = ()
    """Keys whose values make the groups, the outermost first."""
    seeds: bool = False
    """Runs that differ in the seed alone stand in one row."""
    columns: tuple[str, ...] = ()
    """As `engine runs --columns` has them; none for the usual ones."""
    pinned: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    everything: bool = False
    """Hidden and archived runs, too."""
    turned: frozenset[str] = frozenset()
    """Groups that are closed, and seeds that are open."""


@dataclass(frozen=True)
class Arranged:
    """The rows of a view."""

    rows: tuple[Row, ...] = ()
    names: tuple[str, ...] = ()
    """The columns,"""
    keys: tuple[Key, ...] = ()
    """and what stands in them."""
    shown: tuple[RunSummary, ...] = ()
    """The runs that match, in their order."""
    n_listed: int = 0
    """Runs that could match."""
    n_left_out: int = 0
    """Hidden and archived runs."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """State to the number of runs that match."""
    best: str = ""
    """Path of the run with the best `val_loss`."""
    stale: frozenset[str] = frozenset()
    """Paths of the runs of which their scheduler says no more how they are."""
    telling: tuple[str, ...] = ()
    """Columns in which the runs differ."""
    problem: str = ""
    """What cannot be done of what was asked for."""
    advice: str = ""
    """Why nothing matches."""
    is_whole: bool = True
    """False while only the first runs have been looked at."""


class Arranger:
    """Makes the rows, and keeps what need not be found out each time.

    Parameters
    ----------
    ends
        The smoothed end of a run's `val_loss`, by its path.
    standings
        Gives how the jobs of runs stand on HTCondor, by their paths.
    """

    def __init__(
        self,
        ends: Ends = lambda path: None,
        standings: Callable[[], Mapping[str, Standing]] = dict,
    ) -> None:
        self._ends, self._standings = ends, standings
        self._keys: dict[str, Key] = {}
        self._told_of: tuple[str, ...] = ()
        self._telling: tuple[str, ...] = ()

    def first(self, runs: Sequence[RunSummary], view: View, telling: Sequence[str]) -> Arranged:
        """A table of many runs before they are all read: newest names first.

        Parameters
        ----------
        telling
            The columns in which they differed when somebody looked last.
        """
        ordered = sorted(runs, key=lambda run: natural(run.name), reverse=True)
        listed = [run for run in ordered if run.path not in view.hidden]
        words = Words(listed[:FIRST], time.time(), self._ends, standings=self._standings())
        names, _ = _columns(view, default_columns(listed[:FIRST], telling), words)
        rows = tuple(Row(run.path, (run,)) for run in listed)
        keys = tuple(map(words.find, names))
        return Arranged(
            rows, tuple(names), keys, tuple(listed), len(listed), telling=tuple(telling),
            is_whole=False,
        )  # fmt: skip

    def arrange(
        self,
        runs: Sequence[RunSummary],
        view: View,
        now: float | None = None,
        *,
        keep: bool = False,
    ) -> Arranged:
        """The rows of a view.

        Parameters
        ----------
        keep
            Leave the columns that tell runs apart as they are, as while a filter is typed.

        Raises
        ------
        ConfigError
            If the filter is none, or no run has a key of it.
        """
        now = time.time() if now is None else now
        query = parse(view.filter, now)
        listed = [run for run in runs if view.everything or not _is_left_out(run, view)]
        pool = runs if asks_for(query, "archived") else listed
        found = query.select(pool)
        words = Words(runs, now, self._ends, self._keys, self._standings())
        sort, problem = words.usable(view.sort)
        ordered = sort_runs(found, sort, words) if found else []
        by, other = words.usable(view.by)
        telling = self._differing(ordered or listed, words, keep=keep)
        names, third = _columns(view, _usual(view, ordered, telling), words)
        return Arranged(
            rows=tuple(_rows(ordered, replace(view, by=tuple(by)), sort, words)),
            names=tuple(names),
            keys=tuple(map(words.find, names)),
            shown=tuple(ordered),
            n_listed=len(pool),
            n_left_out=len(runs) - len(pool),
            counts=Counter(run.state or BROKEN for run in ordered),
            best=best.path if (best := best_run(ordered)) else "",
            stale=frozenset(path for path, one in self._standings().items() if one.is_stale),
            telling=telling,
            problem=problem or other or third,
            advice="" if found else advice(query, pool),
        )

    def _differing(
        self, runs: Sequence[RunSummary], words: Words, *, keep: bool
    ) -> tuple[str, ...]:
        paths = tuple(run.path for run in runs)
        if paths != self._told_of and not (keep and self._telling):
            if len(paths) != len(self._told_of) or set(paths) != set(self._told_of):
                keys, _ = telling_keys(runs, TELLING)
                self._telling = tuple(map(words.short, keys))
            self._told_of = paths
        return self._telling


def default_columns(
    runs: Sequence[RunSummary], telling: Sequence[str], *, grouped: bool = False
) -> list[str]:
    """The columns that a table of these runs has if nobody asks for others."""
    has_loss = any(MAIN in run.numbers for run in runs)
    names = ["state", "name", *telling, "progress"]
    names += [CURVE, MAIN] if has_loss else []
    names += [MEAN] if has_loss and grouped else []
    names += ["eta"] if any(run.eta_s is not None for run in runs) else []
    names += [SEEN, WHERE]
    return names + (["tag"] if any(run.tags for run in runs) else [])


def _usual(view: View, runs: Sequence[RunSummary], telling: Sequence[str]) -> list[str]:
    grouped = bool(view.by) or view.seeds
    telling = [name for name in telling if name not in view.by]
    telling = [name for name in telling if not (view.seeds and name == "seed")]
    return default_columns(runs, telling, grouped=grouped)


def _columns(view: View, usual: Sequence[str], words: Words) -> tuple[list[str], str]:
    """The columns that can be shown, the name at least; and what is wrong with the others."""
    try:
        names, problem = words.usable(chosen(view.columns, usual))
    except ConfigError:  # none is left
        names, problem = [], ""
    return names or ["name"], problem


def _is_left_out(run: RunSummary, view: View) -> bool:
    return run.path in view.hidden or run.archived


def _rows(
    runs: Sequence[RunSummary], view: View, sort: Sequence[str], words: Words
) -> Iterator[Row]:
    """The pinned runs, then the others as they are grouped."""
    if view.pinned:
        for run in runs:
            if run.path in view.pinned:
                yield Row(run.path, (run,), is_pinned=True)
        runs = [run for run in runs if run.path not in view.pinned]
    if not (view.by or view.seeds):
        yield from (Row(run.path, (run,)) for run in runs)
        return
    keys = [(name, words.find(name)) for name in view.by]
    folded = seeds_of(runs) if view.seeds else {}
    by_value = tuple(sort) in ((), NEWEST_FIRST)
    yield from tree_rows(runs, keys, Tree(view.turned, folded, order_of(sort), by_value))
