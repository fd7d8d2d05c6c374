"""Whether the times of a run's files are those of a copy, and tell nothing of its training.

`cp -r` gives every file the time of the copying, which must not pass for an event or a heartbeat.
Clocks may differ between the machine that trains and the one that gives files their times, and a
directory may have other paths on other machines; neither makes a copy.
"""

from __future__ import annotations

import os
from pathlib import Path

from engine.facts.attempts import Attempt, read_attempts
from engine.facts.run_dir import RunDir
from engine.facts.values import seconds_of

YOUNGER_S = 300.0
"""A file so much younger than what it tells last was not written by that event."""

_BEATS_END_S = 120.0
_SAME_BEAT_S = 2.0
"""Times of one file, seen twice, differ by less: some file systems give whole seconds."""


def last_event_at(written: float | None, told: float | None) -> float | None:
    """Unix seconds of the last event: when its file was written, or what it says if that is copied.

    Parameters
    ----------
    written
        Modification time of the events.
    told
        The time in the last event, by the clock of the machine that trains.
    """
    return told if is_younger(written, told) else written


def is_younger(written: float | None, told: float | None) -> bool:
    """Whether a file of events was written long after the last event in it."""
    return written is not None and told is not None and written - told > YOUNGER_S


def is_rewritten(run_dir: RunDir, attempt: Attempt, written: float, told: float) -> bool:
    """Whether events that are younger than what they tell were copied, or changed, since.

    They are younger as well where the clock of the machine that trains is behind. There the times
    of the files lie as far apart as the times in them, and the heartbeat is as young as the events.
    """
    try:
        begun, beaten = os.stat(run_dir.attempts).st_mtime, os.stat(attempt.path).st_mtime
    except OSError:
        return True
    started = seconds_of(attempt.started)
    is_closer = started is not None and 2 * (written - begun) < told - started
    return is_closer or written - beaten > _BEATS_END_S


def copied_from(run_dir: RunDir, attempt: Attempt) -> str | None:
    """Where an attempt began, if its record is still there and this directory is another one."""
    there = attempt.run_dir
    if there is None or not os.path.isabs(there) or there == os.path.realpath(run_dir.path):
        return None
    original = RunDir(Path(there)).attempts / attempt.path.name
    try:
        mine, other = os.stat(attempt.path), os.stat(original)
    except (OSError, ValueError):
        return None
    is_same_file = mine.st_ino == other.st_ino or abs(mine.st_mtime - other.st_mtime) < _SAME_BEAT_S
    return None if is_same_file or not _is_recorded(attempt, RunDir(Path(there))) else there


def began_here(attempt: Attempt, directory: Path) -> bool:
    """Whether an attempt began in a directory, as its record tells, and not in another one."""
    try:
        return attempt.run_dir is not None and os.path.samefile(attempt.run_dir, directory)
    except (OSError, ValueError):
        return False


def _is_recorded(attempt: Attempt, there: RunDir) -> bool:
    """Whether the same start is on record there."""
    return any(_start_of(one) == _start_of(attempt) for one in read_attempts(there))


def _start_of(attempt: Attempt) -> tuple[object, ...]:
    return attempt.number, attempt.host, attempt.pid, attempt.pid_started, attempt.started
