"""HTCondor's event log of a job, read as it grows.

A line that is no event's is skipped, and reading goes on at the next one: a disk may leave such,
at which HTCondor's own reader stands still for ever. An event that is not whole yet is waited for.
"""

from __future__ import annotations

import os
from pathlib import Path

from engine.facts.condor_events import LoggedJob, advanced, event_of
from engine.facts.job_report import JobReport
from engine.facts.tail import Tail

MOST_LINES = 500
"""Lines of the longest event; of what is longer the last ones count."""
MOST_JOBS = 100
"""How many jobs of a log are known at once; the newest."""

_END = b"..."


class LogReader:
    """Follows a log; each call reads what is new.

    Parameters
    ----------
    path
        The log; it need not be there yet.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        path = Path(path)
        self._tail = Tail(Path(os.path.realpath(path.parent)) / path.name)
        self._lines: list[bytes] = []
        self._changed: float | None = None
        self._newest: float | None = None
        self.jobs: dict[tuple[int, int], LoggedJob] = {}
        """Cluster and number of each job in the log, in the order of their first events."""

    def read(self) -> bool:
        """Read what is new; whether there was anything.

        Raises
        ------
        FactsError
            If the log is there and cannot be read.
        """
        changed, more, self._changed = False, True, _modified(self._tail.path)
        while more:
            chunk = self._tail.read()
            if chunk.restarted:
                self._lines, self.jobs, changed = [], {}, True
            for line in chunk.lines:
                changed |= self._take(line)
            more = chunk.more
        return changed

    def report(self, run_id: str | None, job_id: str | None) -> JobReport | None:
        """What the log says of a job, and when it said so; None where it is silent.

        That is when the log changed last, by the clock of its disk, less what it tells to have
        been written since: that a job has grown is no news of its state.
        """
        job, told = self.find(run_id, job_id), self._changed
        if job is None:
            return None
        if told is not None and job.said is not None and self._newest is not None:
            told -= max(0.0, self._newest - job.said)
        return job.report(told)

    def find(self, run_id: str | None, job_id: str | None) -> LoggedJob | None:
        """The newest job with this run id, as the notes of its submission have it.

        Each start of a run adds its job to the same log. One whose submission is not there, as
        after a full disk, has no run id: it is known by its number alone.

        Parameters
        ----------
        job_id
            The number that the launch record has; None where it is not known yet.
        """
        fit = [
            job
            for job in self.jobs.values()
            if (job.run_id == run_id if job.run_id else job.id == job_id)
        ]
        return fit[-1] if fit else None

    def _take(self, line: bytes) -> bool:
        """Take a line; whether it completed an event."""
        if line.rstrip(b"\r") != _END:
            self._lines = [*self._lines[-MOST_LINES + 1 :], line]
            return False
        event, self._lines = event_of(self._lines), []
        if event is None or event.proc < 0:
            return False
        self._newest = event.at
        key = event.cluster, event.proc
        self.jobs[key] = advanced(self.jobs.get(key, LoggedJob(*key)), event)
        if len(self.jobs) > MOST_JOBS:
            del self.jobs[next(iter(self.jobs))]
        return True


def _modified(path: Path) -> float | None:
    try:
        return os.lstat(path).st_mtime
    except OSError:
        return None
