"""One point a run: any number over any number or setting. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import ConfigError
from engine.facts.text import plain
from engine.library.summary import RunSummary
from engine.tables.cells import as_number, is_missing, show
from engine.tables.groups import SEED, differing_keys, value_of
from engine.tables.keys import Vocabulary
from engine.tables.measures import has_best
from tui.compare.comparison import Comparison, Entry, differences, numbers_of, results_of

MOST_CATEGORIES = 40
"""Values that are no numbers have a place each; those beyond share the last one."""

_MEASURED_FIELDS = ("duration", "throughput", "parameters", "epochs_done", "memory", "epoch_time")


@dataclass(frozen=True)
class Point:
    """One run, or the mean of its seeds."""

    entry: Entry
    x: float
    """The number, or the place of the category."""
    y: float
    told_x: str
    told_y: str


@dataclass(frozen=True)
class Points:
    """What a scatter plot shows."""

    x: str
    y: str
    points: tuple[Point, ...]
    categories: tuple[str, ...] = ()
    """Values of x that are no numbers, in the order of their places."""
    n_missing: int = 0
    """Entries without x or y."""

    @property
    def rank_correlation(self) -> float | None:
        """Spearman's coefficient; None of categories, or of fewer than four points."""
        if self.categories or len(self.points) < 4:
            return None
        return rank_correlation([one.x for one in self.points], [one.y for one in self.points])


def x_choices(comparison: Comparison) -> list[str]:
    """What may stand below: what the runs differ in first, then what was measured."""
    runs = comparison.runs
    vocabulary = Vocabulary(runs)
    settings = [row.name for row in differences(comparison) if row.name != "seed"]
    known = [name for name in settings if _is_known(vocabulary, name)]
    seed = ["seed"] if SEED in differing_keys(runs) else []
    return list(dict.fromkeys([*known, *seed, *y_choices(comparison)]))


def y_choices(comparison: Comparison) -> list[str]:
    """What may stand upwards: losses, metrics, results, then time and size."""
    runs = comparison.runs
    vocabulary = Vocabulary(runs)
    numbers = [
        part
        for name in numbers_of(runs)
        for part in ((name, f"{name}.last") if has_best(name) else (f"{name}.last",))
    ]
    fields = [name for name in _MEASURED_FIELDS if any(_numeric(vocabulary, name, runs))]
    return list(dict.fromkeys([*numbers, *results_of(runs), *fields]))


def points_of(
    comparison: Comparison, x: str, y: str, among: Sequence[RunSummary] | None = None
) -> Points:
    """The points of the entries that have both.

    Parameters
    ----------
    comparison
        The entries.
    x, y
        Names of keys. Values of `x` that are not all numbers are categories.
    among
        The runs whose keys the names are; those of the entries if not given.

    Raises
    ------
    ConfigError
        If there is no such key.
    """
    vocabulary = Vocabulary(comparison.runs if among is None else among)
    key_x, key_y = vocabulary.find(x), vocabulary.find(y)
    found = []
    for entry in comparison.entries:
        value_x, value_y = value_of(key_x, entry.runs), value_of(key_y, entry.runs)
        number = as_number(value_y)
        if not is_missing(value_x) and number is not None:
            found.append((entry, value_x, value_y, number))
    categories: tuple[str, ...] = ()
    if any(as_number(value) is None for _, value, _, _ in found):
        texts = sorted({show("any", value) for _, value, _, _ in found}, key=_in_order)
        categories = tuple(texts[:MOST_CATEGORIES])
    points = tuple(
        Point(
            entry,
            _place(value_x, categories),
            y_number,
            plain(show(key_x.kind, value_x)),
            plain(show(key_y.kind, value_y)),
        )
        for entry, value_x, value_y, y_number in found
    )
    return Points(x, y, points, categories, len(comparison.entries) - len(points))


def rank_correlation(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """Spearman's rank correlation, equal values sharing their mean rank; None if one is constant.

    Spearman, The proof and measurement of association between two things (1904).
    """
    a, b = _ranks(xs), _ranks(ys)
    mean = (len(a) + 1) / 2
    covariance = math.fsum((p - mean) * (q - mean) for p, q in zip(a, b, strict=True))
    squares = math.fsum((p - mean) ** 2 for p in a) * math.fsum((q - mean) ** 2 for q in b)
    return covariance / math.sqrt(squares) if squares > 0 else None


def _ranks(values: Sequence[float]) -> list[float]:
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for place in order[start:end]:
            ranks[place] = (start + 1 + end) / 2
        start = end
    return ranks


def _is_known(vocabulary: Vocabulary, name: str) -> bool:
    """Whether the name means one key."""
    try:
        vocabulary.find(name)
    except ConfigError:
        return False
    return True


def _numeric(vocabulary: Vocabulary, name: str, runs: Sequence[RunSummary]) -> list[bool]:
    key = vocabulary.find(name)
    return [as_number(key.read(run)) is not None for run in runs]


def _place(value: Any, categories: Sequence[str]) -> float:
    if not categories:
        return float(as_number(value) or 0.0)
    text = show("any", value)
    return float(categories.index(text) if text in categories else len(categories) - 1)


def _in_order(text: str) -> tuple[bool, float, str]:
    """Numbers by their size, before any other text."""
    try:
        return (False, float(text), text)
    except ValueError:
        return (True, 0.0, text)
