"""Values from a file, which may be of any type, as what a reader can count on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MOST_KEYS = 10_000
"""Entries of a config beyond these are left out."""

_LARGEST = 2**63
_LONGEST_TEXT = 4096
_DEEPEST = 32


def number(value: object) -> float | None:
    """`value` if it is a finite number; a bool is none."""
    if type(value) is int:
        return float(value) if value.bit_length() < 1000 else None
    return value if type(value) is float and math.isfinite(value) else None


def whole(value: object) -> int | None:
    """`value` if it counts something."""
    return value if type(value) is int and 0 <= value < _LARGEST else None


def text(value: object) -> str | None:
    """`value` if it is a text, and no more of it than anyone reads."""
    return value[:_LONGEST_TEXT] if isinstance(value, str) else None


def numbers_of(values: Sequence[Any]) -> Sequence[float | None]:
    """Each value as a finite number, or None."""
    if set(map(type, values)) == {float} and math.isfinite(sum(values)):
        return values  # nearly always; one that is not finite would show in the sum
    return [number(value) for value in values]


def wholes_of(values: Sequence[Any]) -> Sequence[int | None]:
    """Each value as a count, or None."""
    if set(map(type, values)) == {int} and min(values) >= 0 and max(values) < _LARGEST:
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
    return max((value for value in values if value is not None), default=None)


def lowest(values: Iterable[Any]) -> Any:
    """The lowest of what is known; None if nothing is."""
    return min(known(values), default=None)


def flatten(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config as one dictionary of its leaves: `phase1.trainer.lr` to its value."""
    flat: dict[str, Any] = {}
    _flatten(config, "", flat, _DEEPEST)
    return flat


def _flatten(config: Mapping[str, Any], prefix: str, flat: dict[str, Any], depth: int) -> None:
    for key, value in config.items():
        if type(value) is dict and value and depth:
            _flatten(value, f"{prefix}{key}.", flat, depth - 1)
        elif len(flat) < MOST_KEYS:
            flat[prefix + key] = value if _is_shallow(value, _DEEPEST) else "…"


def _is_shallow(value: object, depth: int) -> bool:
    """Whether nothing in a value lies deeper than this."""
    if type(value) is list:
        return depth > 0 and all(_is_shallow(entry, depth - 1) for entry in value)
    if type(value) is dict:
        return depth > 0 and all(_is_shallow(entry, depth - 1) for entry in value.values())
    return True
