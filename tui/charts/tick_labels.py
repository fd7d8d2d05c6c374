"""Values at an axis in a few characters. Pure functions."""

from __future__ import annotations

import math
from typing import Literal

Unit = Literal["number", "whole", "seconds"]
"""What is written: any number, whole ones only (steps, epochs), or a span of time."""

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

_LARGE, _SMALL = 1e4, 1e-3
_SUFFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (0.0, "k"))


def labels(values: list[float], unit: Unit = "number") -> list[str]:
    """Values as short as they can be told apart: `20k`, `0.05`, `1e-5`, `1h30`."""
    if unit == "seconds":
        return [span(value) for value in values]
    size = max(map(abs, values), default=0.0)
    small = min((abs(value) for value in values if value), default=0.0)
    if size < _LARGE and small >= _SMALL:
        return _plain(values)
    if size < 1e15 and small >= _LARGE / 10:
        least, suffix = next(each for each in _SUFFIXES if size >= each[0])
        scaled = _plain([value / max(least, 1e3) for value in values])
        return [text if text == "0" else text + suffix for text in scaled]
    return [_scientific(value) for value in values]


def span(seconds: float) -> str:
    """A span of time in a few characters: `40s`, `5min`, `1h30`, `2d`, `1d12h`."""
    sign, seconds = "-" if seconds < 0 else "", abs(seconds)
    if seconds < MINUTE:
        return f"{sign}{seconds:.3g}s" if seconds else "0"
    if seconds >= 1000 * DAY:
        return f"{sign}{seconds / DAY:.3g}d"
    whole = round(seconds)
    days, rest = divmod(whole, int(DAY))
    hours, rest = divmod(rest, int(HOUR))
    minutes, rest = divmod(rest, int(MINUTE))
    if days:
        return f"{sign}{days}d{hours}h" if hours else f"{sign}{days}d"
    if hours:
        return f"{sign}{hours}h{minutes:02}" if minutes else f"{sign}{hours}h"
    return f"{sign}{minutes}m{rest:02}" if rest else f"{sign}{minutes}min"


def clean(value: float) -> float:
    """A value without the last digits that a multiplication leaves."""
    return float(f"{value:.12g}")


def _plain(values: list[float]) -> list[str]:
    """All with the same number of decimals, as few as tell them exactly."""
    for decimals in range(11):
        texts = [f"{value:.{decimals}f}" for value in values]
        exactly = all(
            math.isclose(float(text), value, rel_tol=1e-9, abs_tol=1e-12)
            for text, value in zip(texts, values, strict=True)
        )
        if exactly:
            break
    return ["0" if not float(text) else text for text in texts]


def _scientific(value: float) -> str:
    """`1e-5`, `2.5e+20` as `2.5e20`."""
    if not value:
        return "0"
    mantissa, power = f"{value:.3e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(power)}"
