"""One value of each of many events, as what a reader can count on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from engine.facts.values import number, whole


def numbers_in(values: Sequence[Any]) -> Sequence[float | None]:
    """Each value as a finite number, or None."""
    if set(map(type, values)) == {float} and math.isfinite(sum(values)):
        return values  # nearly always; one that is not finite would show in the sum
    return [number(value) for value in values]


def wholes_in(values: Sequence[Any]) -> Sequence[int | None]:
    """Each value as a count, or None."""
    if set(map(type, values)) == {int} and min(values) >= 0 and max(values) < 2**63:
        return values
    return [whole(value) for value in values]


def is_nonfinite(value: object) -> bool:
    """Whether this is NaN or infinite."""
    return type(value) is float and not math.isfinite(value)


def known(values: Iterable[Any]) -> list[Any]:
    """`values` without None."""
    return [value for value in values if value is not None]


def highest(values: Iterable[Any]) -> Any:
    """The highest of what is known; None if nothing is."""
    return max(known(values), default=None)


def lowest(values: Iterable[Any]) -> Any:
    """The lowest of what is known; None if nothing is."""
    return min(known(values), default=None)
