"""Numbers with units: shown to people, and read from what people type.

Each kind has a `show_…` and, where people type it, a `read_…`, which gives the number in the
base unit (seconds, bytes, Unix seconds) or raises a `ValueError` that says how to write it.
"""

from __future__ import annotations

import contextlib
import math
import re
from datetime import UTC, datetime, timedelta

MINUTE, HOUR, DAY = 60, 3600, 86400

_LONGEST = 10**19
"""Whole numbers, such as seeds, are shown whole up to here."""

_SECONDS = {"ms": 0.001, "s": 1, "sec": 1, "m": 60, "min": 60, "h": HOUR, "d": DAY, "w": 7 * DAY}
_BYTES = {"": 1, "b": 1} | {
    f"{letter}{form}": base**power
    for power, letter in enumerate("kmgtp", start=1)
    for form, base in (("", 1000), ("b", 1000), ("ib", 1024))
}
_NUMBER = r"[0-9]+(?:\.[0-9]*)?(?:e[+-]?[0-9]{1,3})?|\.[0-9]+"
_SPAN_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*([a-z]+)\s*", re.IGNORECASE)
_SPAN = re.compile(rf"(?:{_SPAN_PART.pattern})+", re.IGNORECASE)
_AMOUNT = re.compile(rf"({_NUMBER})\s*([a-z]*)", re.IGNORECASE)


def show_number(value: float) -> str:
    """Four significant digits; whole numbers whole, unless they are huge."""
    if abs(value) < (_LONGEST if isinstance(value, int) else 1e6) and value == int(value):
        return str(int(value))
    return f"{value:.4g}"


def show_measured(value: float) -> str:
    """Four digits, zeros at the end as well, so that a column of them lines up."""
    whole = isinstance(value, int) and abs(value) < _LONGEST
    return str(value) if whole else f"{value:#.4g}".removesuffix(".")


def show_duration(seconds: float) -> str:
    """Two units at most: `4.2s`, `12m 05s`, `3h 20m`, `2d 04h`."""
    if not math.isfinite(seconds):
        return str(seconds)
    if seconds < 0:
        return "-" + show_duration(-seconds)
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < HOUR:
        return f"{whole // MINUTE}m {whole % MINUTE:02}s"
    if whole < DAY:
        return f"{whole // HOUR}h {whole % HOUR // MINUTE:02}m"
    if whole >= 10_000 * DAY:
        return f"{whole / DAY:.4g}d"
    return f"{whole // DAY}d {whole % DAY // HOUR:02}h"


def show_age(seconds: float) -> str:
    """One unit: `now`, `40s`, `12m`, `3h`, `5d`."""
    if not math.isfinite(seconds):
        return str(seconds)
    if seconds < 5:
        return "now"
    for size, letter in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m")):
        if seconds >= size:
            return f"{seconds // size:.6g}{letter}"
    return f"{int(seconds)}s"


def show_size(n_bytes: float) -> str:
    """Three digits and a decimal prefix: `0 B`, `12.3 kB`, `1.20 GB`."""
    if not math.isfinite(n_bytes):
        return str(n_bytes)
    if abs(n_bytes) < 1000:
        return f"{n_bytes:.0f} B"
    for prefix in "kMGTP":
        n_bytes /= 1000
        if abs(n_bytes) < 999.5 or prefix == "P":
            break
    if abs(n_bytes) >= 10_000:
        return f"{n_bytes:.3g} {prefix}B"
    digits = 2 if abs(n_bytes) < 9.995 else 1 if abs(n_bytes) < 99.95 else 0
    return f"{n_bytes:.{digits}f} {prefix}B"


def show_time(when: float) -> str:
    """The local time to the minute, `2026-11-01 14:05`."""
    local = _local(when)
    return local.strftime("%Y-%m-%d %H:%M") if local else str(when)


def iso_time(when: float) -> str | None:
    """UTC, ISO 8601, to the millisecond, as in the events; None for what is no time."""
    local = _local(when)
    if local is None:
        return None
    return datetime.fromtimestamp(when, tz=UTC).isoformat(timespec="milliseconds")


def read_number(text: str) -> float:
    """A finite number.

    Raises
    ------
    ValueError
        If it is none.
    """
    for number in (int, float):
        with contextlib.suppress(ValueError):
            value = number(text.replace("_", "x"))
            if abs(value) < 1e300:
                return value
    raise ValueError("write a number such as 20, 0.001 or 3e-4")


def read_share(text: str) -> float:
    """`0.5`, or `10/20`, as a part of one.

    Raises
    ------
    ValueError
        If it is neither.
    """
    done, slash, total = text.partition("/")
    try:
        return read_number(done) / (read_number(total) if slash else 1)
    except (ValueError, ZeroDivisionError):
        raise ValueError("write how much is done, such as 0.5 or 10/20") from None


def read_duration(text: str) -> float:
    """`90`, `90s`, `5min`, `1h30m`, `2d` in seconds.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    problem = ValueError("write a time span such as 90s, 5min, 1h30m or 2d")
    if _SPAN.fullmatch(text.strip()):
        parts = _SPAN_PART.findall(text)
        if all(unit.lower() in _SECONDS for _, unit in parts):
            return _finite(sum(float(n) * _SECONDS[unit.lower()] for n, unit in parts), problem)
    try:
        return read_number(text)
    except ValueError:
        raise problem from None


def read_size(text: str) -> float:
    """`100`, `100MB`, `1.5GiB` in bytes; kB is 1000 bytes, KiB 1024.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    problem = ValueError("write a size such as 100MB or 1.5GiB")
    match = _AMOUNT.fullmatch(text.strip())
    if not match or match[2].lower() not in _BYTES:
        raise problem
    return _finite(float(match[1]) * _BYTES[match[2].lower()], problem)


def read_time(text: str, now: float) -> tuple[float, float]:
    """The first and last moment that a date means, in Unix seconds: `[first, last)`.

    A day (`2026-11-01`, `today`, `yesterday`) is its 24 hours, `2026-11-01T14:05` that minute,
    with seconds that second. Local time, unless the text ends in an offset such as `+00:00`.

    Raises
    ------
    ValueError
        If it is no date.
    """
    word = text.strip().lower()
    problem = ValueError("write a date such as 2026-11-01, 2026-11-01T14:05, today or yesterday")
    try:
        if word in ("today", "yesterday"):
            today = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0)
            begin, length = today - timedelta(days=word == "yesterday"), timedelta(days=1)
        else:
            begin, length = datetime.fromisoformat(text.strip()), _length(text.strip())
        return begin.timestamp(), (begin + length).timestamp()
    except (ValueError, OverflowError, OSError):
        raise problem from None


def _length(text: str) -> timedelta:
    """How long the moment is that a date names: a day, a minute or a second."""
    clock = re.split(r"[T ]", text, maxsplit=1, flags=re.IGNORECASE)[1:]
    if not clock:
        return timedelta(days=1)
    digits = re.split(r"[+\-Z]", clock[0], flags=re.IGNORECASE)[0]
    return timedelta(seconds=1) if digits.count(":") > 1 else timedelta(minutes=1)


def _finite(value: float, problem: ValueError) -> float:
    if not math.isfinite(value):
        raise problem
    return value


def _local(when: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(when)
    except (ValueError, OverflowError, OSError):
        return None
