"""Values from a file, which may be of any type, as what a reader can count on."""

from __future__ import annotations

import math
from datetime import UTC, datetime

LONGEST_TEXT = 4096
"""Characters of a text beyond these are left out: nobody reads more."""

_LARGEST = 2**63


def number(value: object) -> float | None:
    """`value` if it is a finite number; a bool is none."""
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            return None
    return value if type(value) is float and math.isfinite(value) else None


def whole(value: object) -> int | None:
    """`value` if it counts something."""
    return value if type(value) is int and 0 <= value < _LARGEST else None


def text(value: object) -> str | None:
    """`value` if it is a text."""
    return value[:LONGEST_TEXT] if isinstance(value, str) else None


def seconds_of(timestamp: object) -> float | None:
    """Unix seconds of an ISO 8601 time, which is UTC if it does not say; None if it is none."""
    try:
        when = datetime.fromisoformat(timestamp) if isinstance(timestamp, str) else None
        if when is None:
            return None
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
