"""What the processes of jobs on this machine take: memory and CPU, from `/proc`."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engine.facts import machine
from engine.facts.attempts import names_one_process
from engine.launch.job import ID_VARIABLE, JobHandle


@dataclass(frozen=True)
class Usage:
    """What all processes of a job take together."""

    processes: int
    memory_bytes: int
    """Resident; what processes share is counted in each."""
    cpu_s: float
    """Seconds of CPU time since the start."""
    cpu_percent: float | None
    """Of one core: since the last look, or since the start at the first one."""


@dataclass(frozen=True)
class _Process:
    pid: int
    started: int
    ticks: int
    memory_bytes: int


class Meter:
    """Looks at all processes of this machine at once; remembers the look before.

    Parameters
    ----------
    clock
        Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: dict[int, list[_Process]] = {}
        self._before: dict[int, tuple[float, float]] = {}
        """Of each session when it was looked at, and its CPU time then."""
        self._now = clock()

    def look(self) -> None:
        """Read what there is now."""
        self._now = self._clock()
        self._sessions = _sessions()

    def usage(self, job: JobHandle) -> Usage | None:
        """What a job takes; None where none of its processes is on this machine."""
        members = self._sessions.get(job.pid or 0, [])
        if not members or job.process() != "alive":
            return None
        ticks = os.sysconf("SC_CLK_TCK")
        cpu_s = sum(one.ticks for one in members) / ticks
        percent = self._percent(job, cpu_s, ticks)
        return Usage(len(members), sum(one.memory_bytes for one in members), cpu_s, percent)

    def _percent(self, job: JobHandle, cpu_s: float, ticks: int) -> float | None:
        session = job.pid or 0
        before = self._before.get(session)
        if before is None or before[0] < self._now:
            self._before[session] = (self._now, cpu_s)
        if before is None:
            uptime = machine.uptime_s()
            age = uptime - (job.pid_started or 0) / ticks if uptime is not None else 0.0
            return 100 * cpu_s / age if age > 0 else None
        passed = self._now - before[0]
        return 100 * max(0.0, cpu_s - before[1]) / passed if passed > 0 else None


def members(job: JobHandle) -> list[int]:
    """The processes of a job that live on this machine, its first one last.

    None where the record does not tell the first one from others of its id, or where that is no
    process of this job. Once it is gone, its id may be another session's: the others are looked at
    closely.
    """
    if job.pid is None:
        return []
    where = job.process()
    if where not in ("alive", "gone"):
        return []
    found = [one.pid for one in _sessions().get(job.pid, []) if one.pid != job.pid]
    if where == "gone":
        return [pid for pid in found if _has_mark(pid, job)]
    return [*found, job.pid] if is_of_job(job) else []


def is_of_job(job: JobHandle) -> bool:
    """Whether the process that the record of a job names lives here, and surely is of that job."""
    if job.pid is None or not names_one_process(job.attempt) or job.process() != "alive":
        return False
    return _has_mark(job.pid, job)


def _has_mark(pid: int, job: JobHandle) -> bool:
    """Whether the environment of a process says that it belongs to a job, or to its sweep."""
    marks = {f"{ID_VARIABLE}={one}".encode() for one in (job.id, job.sweep_id) if one}
    try:
        with open(machine.PROC / str(pid) / "environ", "rb") as file:
            return not marks.isdisjoint(file.read().split(b"\0"))
    except OSError:
        return False


def _sessions() -> dict[int, list[_Process]]:
    """The processes that live, by the session that they belong to."""
    found: dict[int, list[_Process]] = {}
    for pid in _pids():
        fields = machine.stat_fields(pid)
        if len(fields) < 22 or fields[0] in ("Z", "X"):
            continue
        ticks = sum(int(one) for one in fields[11:15])  # its children's that have ended, too
        memory = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
        process = _Process(pid, int(fields[19]), ticks, memory)
        found.setdefault(int(fields[3]), []).append(process)
    return found


def _pids() -> Iterator[int]:
    with contextlib.suppress(OSError):
        for name in os.listdir(machine.PROC):
            if name.isdecimal():
                yield int(name)
