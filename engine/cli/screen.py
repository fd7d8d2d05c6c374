"""Pictures that take the place of each other while runs go on."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from engine.cli.output import on_terminal, write

if TYPE_CHECKING:
    from engine.cli.curves import Subject

_FASTEST_S = 1.0
"""Shortest time between two pictures."""
_SLOWEST_S = 5.0
"""Longest time between two looks: a person is waiting."""


def watch(
    subjects: Sequence[Subject],
    now: Callable[[], str],
    *,
    is_json: bool = False,
    wait: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Print what `now` gives each time when the runs have grown or changed, until all are over.

    Parameters
    ----------
    now
        Makes the pictures.
    wait
        Called with the seconds until the next look.
    clock
        Gives seconds that only go on.
    """
    from engine.facts.follow import Pace

    pace = Pace(fastest=_FASTEST_S)
    screen = Screen()
    size, states = None, list[str | None]()
    while True:
        # Told before the reading: what a run writes at its end is then in the last picture.
        over = sum(subject.is_over() for subject in subjects) == len(subjects)
        grown = sum(subject.read() for subject in subjects) > 0
        resized = size not in (None, shutil.get_terminal_size()) and on_terminal()
        changed = states != [subject.run.state for subject in subjects]
        if grown or resized or changed:
            states = [subject.run.state for subject in subjects]
            size = shutil.get_terminal_size()
            show = screen.show if on_terminal() and not is_json else _append
            show(now() if is_json or on_terminal() else f"{now()}\n\f")
        if over:
            return
        wait(min(pace.next_interval(grown, clock()), _SLOWEST_S))


class Screen:
    """Where a picture takes the place of the one before."""

    def __init__(self) -> None:
        self._lines = 0
        self._size: os.terminal_size | None = None

    def show(self, text: str) -> None:
        """Print over what was last printed; all anew in a terminal whose size has changed."""
        size = shutil.get_terminal_size()
        lines = text.split("\n")[: max(size.lines - 1, 1)]
        same = self._size == size
        start = f"\x1b[{self._lines}A" if self._lines else ""
        start = start if same or self._size is None else "\x1b[H\x1b[2J"
        # Each line is cleared first: after a full one that would take its last character.
        body = "".join(f"\x1b[2K{line}\n" for line in lines)
        # Between these two marks a terminal that knows them shows nothing half drawn.
        _append(f"\x1b[?2026h\r{start}{body}\x1b[J\x1b[?2026l", end="")
        self._lines, self._size = len(lines), size


def _append(text: str, end: str = "\n") -> None:
    write(text + end)
    sys.stdout.flush()
