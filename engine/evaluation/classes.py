"""Which classes of events are background, and which are signal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import ConfigError, DataError

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Classes:
    """The classes that the events have: name to number, those of the background and the others."""

    background: dict[str, int]
    signal: dict[str, int]

    @property
    def all(self) -> dict[str, int]:
        """Every class, by its number: the same order whatever the background is."""
        return dict(sorted((self.signal | self.background).items(), key=lambda entry: entry[1]))


def choose_classes(
    labels: IntArray, names: Mapping[int, str], background: Sequence[Any] | None
) -> Classes:
    """Divide the classes that occur in `labels` [N] into background and signals.

    Parameters
    ----------
    names
        Number of a class to its name; a class without a name is called by its number.
    background
        Names or numbers; ones that do not occur are left out. None: all but the first class of
        `names` that occurs, which is the signal.

    Raises
    ------
    ConfigError
        If there is no such class, or none is left as signal.
    DataError
        If no event is of the background.
    """
    known = dict(names) | {int(c): str(c) for c in np.unique(labels) if int(c) not in names}
    counts = {number: int((labels == number).sum()) for number in known}
    there = [number for number in known if counts[number]]
    if background is None:
        chosen = set(there[1:])
    else:
        chosen = {_number_of(entry, known) for entry in background}
    found = ", ".join(known[number] for number in there)
    if not chosen.intersection(there):
        wanted = ", ".join(known[number] for number in sorted(chosen)) or "none"
        raise DataError(
            f"no event is of a background class ({wanted}); the events have {found}",
            "Choose others: evaluation.background=[…], or engine evaluate --background CLASS,….",
        )
    if chosen.issuperset(there):
        raise ConfigError(
            f"evaluation.background takes every class of the events ({found}): none is signal",
            "Leave a class out of it.",
        )
    return Classes(
        {known[number]: number for number in there if number in chosen},
        {known[number]: number for number in there if number not in chosen},
    )


def _number_of(entry: Any, known: Mapping[int, str]) -> int:
    """The number of the class that `entry`, a name or a number, means."""
    for number, name in known.items():
        if str(entry) in (name, str(number)):
            return number
    raise ConfigError(
        f"evaluation.background: there is no class {entry}; choose from {', '.join(known.values())}"
    )
