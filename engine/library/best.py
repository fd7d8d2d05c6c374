"""The last and the best value of every number of a run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

MOST_NAMES = 1000
LONGEST_NAME = 200
"""Metrics beyond these, and names with more characters, are left out."""

_HIGHER = ("accuracy", "auroc", "auc", "perplexity", "codes_used", "rejection", "efficiency")

Optionals = Sequence[int | None]
Known = list[Any]
"""Last value, its step and epoch; then the best one of the rows before, its step and epoch."""


def higher_is_better(name: str) -> bool:
    """Whether the best of a number is its highest: by the end of its name; else the lowest is."""
    return name.endswith(_HIGHER) or "_rejection_at_" in name


def add_number(
    numbers: dict[str, Known],
    name: str,
    values: Sequence[Any],
    steps: Optionals,
    epochs: Optionals,
) -> None:
    """Take in the next values of one number, finite or None, whose steps rise.

    The first value takes the place of the last known one if that has the same step.
    """
    if None in values:
        rows = [row for row, value in enumerate(values) if value is not None]
        values = [values[row] for row in rows]
        steps, epochs = [steps[row] for row in rows], [epochs[row] for row in rows]
    before = numbers.get(name)
    if not values or (before is None and not has_room(name, numbers)):
        return
    best = before[3:] if before else [None, None, None]
    if before and (before[1] is None or before[1] != steps[0]):
        best = _better(name, best, before[:3])
    if len(values) > 1:
        extreme = (max if higher_is_better(name) else min)(values[:-1])
        row = values.index(extreme)
        best = _better(name, best, [extreme, steps[row], epochs[row]])
    numbers[name] = [values[-1], steps[-1], epochs[-1], *best]


def last_and_best(name: str, known: Known) -> list[Any]:
    """Last value, its step and epoch; best value, its step and epoch: the first of equal ones."""
    last, best = known[:3], known[3:]
    return last + (last if best[0] is None else _better(name, best, last))


def has_room(name: str, known: Collection[str]) -> bool:
    """Whether one more name may be kept, so that no file can fill the memory."""
    return len(name) <= LONGEST_NAME and (len(known) < MOST_NAMES or name in known)


def _better(name: str, first: list[Any], second: list[Any]) -> list[Any]:
    """The better of two values with their step and epoch; the first of equal ones."""
    if first[0] is None:
        return second
    higher = second[0] > first[0] if higher_is_better(name) else second[0] < first[0]
    return second if higher else first
