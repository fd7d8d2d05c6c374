"""What a job asks a cluster for: how much, for how long, and where."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

from engine.errors import ConfigError
from engine.launch.expressions import has_comment, is_balanced

CATEGORIES = {"express": 600, "short": 4 * 3600, "medium": 24 * 3600, "long": 96 * 3600}
"""Job categories of Stoomboot, and the seconds that a job of each may take."""

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT])(?:i?B)?", re.ASCII | re.IGNORECASE)
_KIB = {"K": 1, "M": 1024, "G": 1024**2, "T": 1024**3}
_TIME = re.compile(r"(\d{1,9})\s*(s|min|h|d)", re.ASCII)
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_WORD = re.compile(r"[\w.@+-]+", re.ASCII)


@dataclass(frozen=True)
class Resources:
    """What a job asks for; None leaves it to the cluster."""

    cpus: int = 1
    gpus: int = 0
    gpu_capability: float | None = None
    """Lowest CUDA capability of a GPU that will do: a torch for CUDA sees no other makers'."""
    memory: str = "4 GB"
    """With its unit; 1 GB is 1024 MB here, as HTCondor counts."""
    disk: str = "2 GB"
    category: str | None = None
    """One of `CATEGORIES`: how long the job may take."""
    time_limit: str | None = None
    """How long the job may take, where the category does not tell; with its unit."""
    os: str | None = None
    """System of the container, such as `el9`."""
    requirements: str | None = None
    """A ClassAd expression that a node has to fulfil."""
    accounting_group: str | None = None
    max_vacate_time: int = 300
    """Seconds that a job which is sent away has to save."""
    max_materialize: int = 1000
    """How many jobs of a large sweep are in the queue at once."""
    schedd: str | None = None
    """Name of the scheduler; None for the one that this machine is set up for."""

    @classmethod
    def from_entries(cls, entries: Mapping[str, Any]) -> Resources:
        """The resources of a config.

        Raises
        ------
        ConfigError
            With all that is wrong.
        """
        problems = problems_of(entries)
        if problems:
            raise ConfigError.from_problems(problems)
        return cls(**entries)

    @property
    def memory_mib(self) -> int:
        """`memory` in MiB, rounded up."""
        return -(-size_kib(self.memory) // 1024)

    @property
    def disk_kib(self) -> int:
        """`disk` in KiB."""
        return size_kib(self.disk)

    @property
    def limit_s(self) -> int | None:
        """Seconds that the job may take; None where that is not known."""
        if self.time_limit is not None:
            return seconds_in(self.time_limit)
        return CATEGORIES[self.category] if self.category else None


def size_kib(text: str) -> int:
    """A size with its unit in KiB, rounded up.

    Raises
    ------
    ValueError
        If it is none.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    size = float(match[1]) * _KIB[match[2].upper()]
    return int(-(-size // 1))


def seconds_in(time: str) -> int:
    """A time with its unit, such as `90min` or `4h`, in seconds.

    Raises
    ------
    ValueError
        If it is none.
    """
    match = _TIME.fullmatch(time.strip())
    if match is None:
        raise ValueError(time)
    return int(match[1]) * _SECONDS[match[2]]


def problems_of(entries: Mapping[str, Any]) -> list[str]:
    """All that is wrong with what a config asks for, a sentence each."""
    known = [field.name for field in fields(Resources)]
    problems = []
    for key, value in entries.items():
        if key not in known:
            close = get_close_matches(key, known, n=1)
            hint = f"did you mean launcher.{close[0]}?" if close else f"known: {', '.join(known)}"
            problems.append(f"launcher.{key}: there is no such key; {hint}")
            continue
        wrong = _CHECKS[key](value)
        if wrong:
            problems.append(f"launcher.{key}={value!r}: {wrong}")
    if entries.get("gpu_capability") is not None and not entries.get("gpus"):
        problems.append("launcher.gpu_capability: it needs launcher.gpus=1 or more")
    return problems + _limits_differ(entries.get("category"), entries.get("time_limit"))


def _limits_differ(category: Any, time_limit: Any) -> list[str]:
    """What is wrong with a job that counts on more time than its category gives it."""
    if time_limit is None or category not in CATEGORIES or _time(time_limit):
        return []
    if seconds_in(time_limit) <= CATEGORIES[category]:
        return []
    return [f"launcher.time_limit={time_limit}: a job of category {category} gets less time"]


def _whole(least: int) -> Callable[[Any], str]:
    return lambda value: (
        ""
        if type(value) is int and value >= least
        else f"a whole number, {least} or more, is needed"
    )


def _size(value: Any) -> str:
    try:
        kib = size_kib(value) if isinstance(value, str) else 0
    except ValueError:
        kib = 0
    return "" if kib > 0 else "a size with its unit is needed, such as 4GB or 512MB"


def _capability(value: Any) -> str:
    good = value is None or (type(value) in (int, float) and 0 < value < 100)
    return "" if good else "a number such as 7.0 is needed"


def _category(value: Any) -> str:
    if value is None or value in CATEGORIES:
        return ""
    close = get_close_matches(str(value), CATEGORIES, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"the categories are {', '.join(CATEGORIES)}{hint}"


def _time(value: Any) -> str:
    try:
        good = value is None or (isinstance(value, str) and seconds_in(value) > 0)
    except ValueError:
        good = False
    return "" if good else "a time with its unit is needed, such as 90min or 4h"


def _word(value: Any) -> str:
    good = value is None or (isinstance(value, str) and _WORD.fullmatch(value))
    return "" if good else "letters, digits and . _ @ + - only"


def _expression(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or not value.strip():
        return "an expression is needed"
    if not is_balanced(value):
        return "a parenthesis or a quote in it is not closed, or not opened"
    if has_comment(value):
        return "it may have no comment, as // and /* begin one"
    lines = [char for char in value if ord(char) < 32 and char != "\t"]
    return "it has to be one line" if lines or value.rstrip().endswith("\\") else ""


_CHECKS: dict[str, Callable[[Any], str]] = {
    "cpus": _whole(1),
    "gpus": _whole(0),
    "gpu_capability": _capability,
    "memory": _size,
    "disk": _size,
    "category": _category,
    "time_limit": _time,
    "os": _word,
    "requirements": _expression,
    "accounting_group": _word,
    "max_vacate_time": _whole(1),
    "max_materialize": _whole(1),
    "schedd": _word,
}
"""Key to what is wrong with its value, in words."""
