"""What stands in a table of runs: compared, shown to people, and written for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

from engine.facts.text import plain
from engine.tables import units

_LARGEST = 2**1023
"""Whole numbers from here on have no place among the floats."""


class Progress(NamedTuple):
    """Epochs done, of how many."""

    done: int
    total: int | None

    def __str__(self) -> str:
        return f"{self.done}/{self.total}" if self.total is not None else str(self.done)


class Spread(NamedTuple):
    """A number over several runs."""

    mean: float
    std: float | None
    """Sample standard deviation; None for a single run."""
    n: int
    """Runs that have the number."""

    def __str__(self) -> str:
        """Two digits of the deviation, and the mean to the same place."""
        if self.std is None:
            return units.show_number(self.mean)
        if self.std <= 0:
            return f"{units.show_number(self.mean)} ± 0"
        decimals = 1 - math.floor(math.log10(self.std))
        if decimals > 8 or abs(self.mean) >= 1e6:
            return f"{self.mean:.4g} ± {self.std:.2g}"
        places = max(decimals, 0)
        return f"{self.mean:.{places}f} ± {self.std:.{places}f}"


def is_missing(value: Any) -> bool:
    """Whether a run has no such thing: None, or an empty text or list."""
    return value is None or (isinstance(value, str | list | tuple) and len(value) == 0)


def identity(value: Any) -> Hashable:
    """What two values share exactly if they are the same: the one rule for groups and differences.

    Numbers are the same by their size, as 1 and 1.0 are. Anything else is the same within its
    kind only: `true` is not 1, and the text `null` is not what is missing.
    """
    if isinstance(value, str):
        return ("text", value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return ("number", value if value == value else "nan")
    if isinstance(value, list | tuple):
        return ("list", tuple(map(identity, value)))
    if isinstance(value, Mapping):
        return ("mapping", frozenset((key, identity(entry)) for key, entry in value.items()))
    return (type(value).__name__, str(value))


def are_same(one: Any, other: Any) -> bool:
    """Whether two values have the same `identity`."""
    if type(one) is type(other) and isinstance(one, str | int | None):
        return bool(one == other)  # most of a config: no need to look closer
    return identity(one) == identity(other)


def as_number(value: Any) -> float | None:
    """The finite number that a value is, for comparing and averaging; None if it is none."""
    if isinstance(value, Progress):
        return value.done / value.total if value.total else None
    if isinstance(value, Spread):
        return value.mean
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) < _LARGEST else None
    return value if isinstance(value, float) and math.isfinite(value) else None


def as_text(value: Any) -> str:
    """A value as the filter compares it: all digits, `true`, `null`, lists without spaces."""
    if isinstance(value, str | Progress | Spread):
        return str(value)
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        return str(type(value).__name__)


def show(kind: str, value: Any) -> str:
    """A value of a kind of key for a person; nothing where there is none."""
    if is_missing(value):
        return ""
    if isinstance(value, Progress):
        return plain(value)
    if isinstance(value, Spread):
        return _show_spread(kind, value)
    if as_number(value) is not None:
        return _SHOWN_BY.get(kind, units.show_number)(value)
    if kind == "words" and not isinstance(value, str):
        return plain(", ".join(map(str, value)))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return plain(as_text(value))


def machine(kind: str, value: Any) -> Any:
    """A value for a program: base units, times in ISO 8601 (UTC)."""
    if kind == "time":
        number = as_number(value)
        return None if number is None else units.iso_time(number)
    return str(value) if isinstance(value, Progress) else value


_SHOWN_BY: dict[str, Callable[[float], str]] = {
    "metric": units.show_measured,
    "duration": units.show_duration,
    "age": units.show_age,
    "size": units.show_size,
    "time": units.show_time,
}


def _show_spread(kind: str, value: Spread) -> str:
    shown_by = _SHOWN_BY.get(kind, units.show_number)
    if shown_by is units.show_measured and value.std is not None:
        return str(value)
    mean = shown_by(value.mean)
    return mean if value.std is None else f"{mean} ± {shown_by(value.std)}"
