"""Runs in groups within groups, and the seeds of a setting folded into one. Pure functions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.library.summary import RunSummary
from engine.tables.cells import as_number, as_text, is_missing, show
from engine.tables.groups import SEED, group, says_where, seed_groups
from engine.tables.keys import Key
from tui.table.keys import MEAN, mean_of


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a run, or the head of several."""

    id: str
    """The path of the run, or what the group is made by; the same from one list to the next."""
    runs: tuple[RunSummary, ...]
    kind: str = "run"
    """`run`, `group`, or `seeds`."""
    depth: int = 0
    label: str = ""
    """Of a group: what its runs share."""
    is_open: bool = False
    is_pinned: bool = False

    @property
    def run(self) -> RunSummary:
        """The run; of several the first."""
        return self.runs[0]


@dataclass(frozen=True)
class Tree:
    """What is the same in all of a tree."""

    turned: frozenset[str]
    """Groups that are closed, and seeds that are open."""
    seeds: Mapping[str, int]
    """Path of a run to the number of its seeds' group; none if they are not folded."""
    order: Callable[[list[tuple[RunSummary, ...]]], None]
    """Puts groups in their order."""
    by_value: bool = False
    """Whether groups by a key stand in the order of its values."""


def tree_rows(
    runs: Sequence[RunSummary],
    keys: Sequence[tuple[str, Key]],
    tree: Tree,
    depth: int = 0,
    above: str = "",
) -> Iterator[Row]:
    """Groups by the first key, in each of them those by the next, and the runs at last."""
    if not keys:
        yield from _leaves(runs, tree, depth, above)
        return
    (name, key), *others = keys
    groups = group(runs, [key])
    if tree.by_value:
        groups.sort(key=lambda members: _in_order(key.read(members[0])))
    tree.order(groups)
    for members in groups:
        label = f"{name}={show(key.kind, key.read(members[0])) or '(none)'}"
        place = f"{above}/{label}"
        is_open = place not in tree.turned
        yield Row(place, members, "group", depth, label, is_open)
        if is_open:
            yield from tree_rows(members, others, tree, depth + 1, place)


def _in_order(value: Any) -> tuple[int, float, str]:
    """Numbers by their size, before texts; what is missing comes last."""
    number = as_number(value)
    if number is not None:
        return 0, number, ""
    return (2, 0.0, "") if is_missing(value) else (1, 0.0, as_text(value).casefold())


def _leaves(runs: Sequence[RunSummary], tree: Tree, depth: int, above: str) -> Iterator[Row]:
    if not tree.seeds:
        yield from (Row(run.path, (run,), depth=depth) for run in runs)
        return
    folded: dict[int, list[RunSummary]] = {}
    for run in runs:
        folded.setdefault(tree.seeds[run.path], []).append(run)
    groups = [tuple(members) for members in folded.values()]
    tree.order(groups)
    for members in groups:
        if len(members) == 1:
            yield Row(members[0].path, members, depth=depth)
            continue
        place = f"{above}/seeds of {_setting(members[0])}"
        is_open = place in tree.turned
        yield Row(place, members, "seeds", depth, _n_seeds(members), is_open)
        if is_open:
            yield from (Row(run.path, (run,), depth=depth + 1) for run in members)


def _setting(run: RunSummary) -> str:
    """What the runs of a setting share, whatever their seeds, in a few letters."""
    keys = sorted(key for key in run.config if key != SEED and not says_where(key))
    told = "".join(f"{key}={_told(run.config[key])}\n" for key in keys)
    return hashlib.blake2b(told.encode("utf-8", "replace"), digest_size=8).hexdigest()


def _told(value: Any) -> str:
    is_whole = isinstance(value, float) and value.is_integer()
    return repr(int(value) if is_whole else value)  # 1.0 is 1


def _n_seeds(members: Sequence[RunSummary]) -> str:
    """How many seeds there are, or runs where several have the same seed."""
    n_runs = len(members)
    differ = len({run.seed for run in members}) == n_runs
    return f"{n_runs} seeds" if differ else f"{n_runs} runs"


def seeds_of(runs: Sequence[RunSummary]) -> dict[str, int]:
    """Path of a run to the number of the group of those that differ in the seed alone."""
    groups = seed_groups(runs)
    return {run.path: number for number, members in enumerate(groups) for run in members}


def order_of(sort: Sequence[str]) -> Callable[[list[tuple[RunSummary, ...]]], None]:
    """Groups by their mean if that is asked for; else they stand as their first runs do."""
    down = bool(sort) and sort[0] == f"-{MEAN}"

    def by_mean(groups: list[tuple[RunSummary, ...]]) -> None:
        means = {id(members): mean_of(members) for members in groups}
        sign = -1 if down else 1
        groups.sort(key=lambda members: _last_if_none(means[id(members)], sign))

    def as_they_are(groups: list[tuple[RunSummary, ...]]) -> None:
        return

    return by_mean if sort and sort[0].removeprefix("-") == MEAN else as_they_are


def _last_if_none(value: float | None, sign: int) -> tuple[bool, float]:
    return (value is None, 0.0 if value is None else sign * value)
