"""Runs that are laid over each other: their names, colours, signs and values. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.facts.text import plain
from engine.library.best import higher_is_better
from engine.library.summary import COMPONENTS, Number, RunSummary
from engine.report.charts import in_order
from engine.tables.cells import as_number, identity, show
from engine.tables.groups import SEED, comparable, differing_keys, seed_groups, spread
from engine.tables.keys import BROKEN, FIELDS, Vocabulary
from engine.tables.legend import legend
from engine.tables.measures import has_best
from tui.look import ASCII_SIGNS, SIGNS

TARGET = "._target_"

_TOLD = ("running", "queued", "failed", "lost", BROKEN)


@dataclass(frozen=True)
class Entry:
    """What has a line, a column or a point of its own: one run, or the seeds of one setting."""

    runs: tuple[RunSummary, ...]
    label: str
    """What tells it apart: `encoder=mlp, seed=1`."""
    brief: str
    """The same without the keys: `mlp 1`."""
    parts: tuple[str, ...]
    """The same as columns that line up: one text for each of the keys; one alone otherwise."""
    colour: str
    """`#RRGGBB`."""
    sign: str

    @property
    def path(self) -> str:
        """Path of its first run, which stands for it."""
        return self.runs[0].path

    @property
    def state(self) -> str:
        """State of the run; of several the one that most needs a look."""
        states = [run.state or BROKEN for run in self.runs]
        order = ("running", "failed", "lost", BROKEN, "held", "queued", "stopped", "finished")
        return min(states, key=lambda state: order.index(state) if state in order else 0)


@dataclass(frozen=True)
class Comparison:
    """Runs side by side."""

    entries: tuple[Entry, ...] = ()
    by: tuple[str, ...] = ()
    """The keys that the short names leave out: `encoder`, `seed`."""
    seeds: bool = False
    """Whether runs that differ in the seed alone are one entry."""

    def index(self, path: str) -> int | None:
        """The number of the entry that a run is in; None if it is in none."""
        found = (n for n, one in enumerate(self.entries) if any(r.path == path for r in one.runs))
        return next(found, None)

    @property
    def runs(self) -> list[RunSummary]:
        """All runs."""
        return [run for entry in self.entries for run in entry.runs]


def entries_of(
    runs: Sequence[RunSummary],
    colours: Mapping[str, str],
    *,
    seeds: bool = False,
    ascii: bool = False,
    coloured: bool = True,
) -> Comparison:
    """The entries of the runs.

    Parameters
    ----------
    runs
        The runs, in the order in which they are shown.
    colours
        The colour of each path.
    seeds
        Whether runs that differ in the seed alone are one entry.
    ascii
        Whether to take plain characters for signs.
    coloured
        Whether colours tell runs apart; signs alone have to, otherwise.
    """
    groups = seed_groups(runs) if seeds else [(run,) for run in runs]
    firsts = [members[0] for members in groups]
    names = legend(firsts, ["seed"] * seeds)
    by, signs = tuple(names.by.split()), ASCII_SIGNS if ascii else SIGNS
    used: Counter[str] = Counter()
    entries = []
    for members, label, brief in zip(groups, names.names, names.briefs, strict=True):
        parts = tuple(brief.split(" "))
        parts = parts if len(parts) == len(by) else (brief,)
        colour = colours[members[0].path]
        look = colour if coloured else ""
        sign = signs[used[look] % len(signs)]
        entries.append(Entry(members, label, brief, parts, colour, sign))
        used[look] += 1
    return Comparison(tuple(entries), by, seeds)


def paths_with_colour(runs: Sequence[RunSummary], seeds: bool) -> list[str]:
    """The runs that need a colour of their own: one of each setting with `seeds`."""
    return [members[0].path for members in seed_groups(runs)] if seeds else [r.path for r in runs]


def headline(comparison: Comparison, *, brief: bool = False) -> str:
    """How many runs are compared."""
    n_runs, n_entries = len(comparison.runs), len(comparison.entries)
    told = f"{n_runs} {'run' if n_runs == 1 else 'runs'}"
    if brief:
        return told
    folded = f" in {n_entries} settings" if n_entries != n_runs else ""
    return f"Compare {told}{folded}"


def remarks(runs: Sequence[RunSummary], *, n_gone: int = 0, n_removed: int = 0) -> str:
    """What is to be known of them: how many are not over, ended badly, or are not shown."""
    counts = Counter(run.state or BROKEN for run in runs)
    told = [f"{counts[state]} {state}" for state in _TOLD if counts[state]]
    told += [f"{n_gone} no longer there"] if n_gone else []
    told += [f"{n_removed} removed"] if n_removed else []
    return ", ".join(told)


def numbers_of(runs: Sequence[RunSummary], more: Sequence[str] = ()) -> list[str]:
    """Losses and metrics of any run: the losses first, then what was validated."""
    return in_order([*Vocabulary(runs).numbers, *more])


def results_of(runs: Sequence[RunSummary]) -> list[str]:
    """Results of any run, those of the test first."""
    return sorted(Vocabulary(runs).results, key=lambda name: not name.startswith("test_"))


def best_of(entry: Entry, name: str) -> Any:
    """The best value of a number: a float, mean and spread over seeds, or None."""
    return _together(entry, [number.best for number in _numbers(entry, name)])


def last_of(entry: Entry, name: str) -> Any:
    """The last value of a number, likewise."""
    return _together(entry, [number.last for number in _numbers(entry, name)])


def result_of(entry: Entry, name: str) -> Any:
    """The value of a result, likewise."""
    values = [run.results[name] for run in comparable(entry.runs) if name in run.results]
    return _together(entry, values)


def best_epoch_of(entry: Entry, name: str) -> int | None:
    """The epoch of the best value; None of several runs."""
    number = entry.runs[0].numbers.get(name)
    return number.best_epoch if number and len(entry.runs) == 1 else None


def winners(name: str, values: Sequence[Any]) -> frozenset[int]:
    """Which of the values are the best; none where nothing is better than another."""
    numbers = [as_number(value) for value in values]
    known = [number for number in numbers if number is not None]
    if not has_best(name) or len(set(known)) < 2:
        return frozenset()
    best = (max if higher_is_better(name) else min)(known)
    return frozenset(row for row, number in enumerate(numbers) if number == best)


@dataclass(frozen=True)
class Difference:
    """A config key in which entries differ."""

    key: str
    """Its whole path."""
    name: str
    """Its shortest name."""
    texts: tuple[str, ...]
    """The value of each entry; empty where it has none."""
    is_usual: tuple[bool, ...]
    """Whether it is what most entries have, or the first of them where none is more frequent."""


def differences(comparison: Comparison) -> list[Difference]:
    """The config keys in which the entries differ: components, shared keys, then the others."""
    runs = [entry.runs[0] for entry in comparison.entries]
    vocabulary, known = Vocabulary(runs), [run for run in runs if run.config]
    parts = {f"phase1.{name}{TARGET}": name for name in COMPONENTS}
    rows: list[tuple[int, Difference]] = []
    for key in differing_keys(runs):
        if comparison.seeds and key == SEED:
            continue
        rank = 0 if key in parts or key == "loop" else 1
        rank += not all(key in run.config for run in known)
        texts = [show("any", _class(run.config.get(key))) for run in runs]
        name = vocabulary.short(key)
        if key in parts:
            modules = [FIELDS[parts[key]].read(run) or "" for run in runs]
            name, texts = parts[key], modules if len(set(modules)) > 1 else texts
        usual = _most_frequent([identity(run.config.get(key)) for run in runs])
        rows.append((rank, Difference(key, plain(name), tuple(map(plain, texts)), usual)))
    return [row for _, row in sorted(rows, key=lambda ranked: ranked[0])]


def _most_frequent(values: Sequence[Any]) -> tuple[bool, ...]:
    counts = Counter(values)
    usual = max(counts, key=lambda value: counts[value])  # the first of equally frequent ones
    return tuple(value == usual for value in values)


def _class(value: Any) -> Any:
    """A class of this project by its module and name; anything else as it is."""
    if isinstance(value, str) and value.startswith("engine."):
        return ".".join(value.split(".")[-2:])
    return value


def _numbers(entry: Entry, name: str) -> list[Number]:
    return [run.numbers[name] for run in comparable(entry.runs) if name in run.numbers]


def _together(entry: Entry, values: Sequence[float]) -> Any:
    if len(entry.runs) > 1:
        return spread(values)
    return values[0] if values else None
