"""A thread that asks HTCondor about our jobs, while there are any that it may have."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import FactsError
from engine.facts.job_report import OVER, JobReport
from engine.launch.job import HTCONDOR, JobHandle
from engine.launch.record import read_job, record_path
from tui.feeds import Feed, Post
from tui.messages import QueueTold

if TYPE_CHECKING:
    from engine.launch.condor.ads import QueuedJob
    from engine.launch.condor.queue import Queue, View
    from engine.library.summary import RunSummary

RESTS_S = 3600.0
"""Until the next look while there is no such job; another list of runs comes earlier."""

FIRST_S = 2.0
"""After the first list of runs: the screen is drawn before."""


_Record = tuple[tuple[int, int], JobHandle | None]
"""A launch record, behind what tells whether the file has changed."""


@dataclass(frozen=True)
class Standing:
    """How the job of a run stands, as its scheduler said last."""

    job: QueuedJob
    told: float
    """Unix seconds at which it was said."""
    is_stale: bool = False
    """Whether the scheduler does not answer any more, so that it may be otherwise by now."""

    @property
    def report(self) -> JobReport:
        """The same for the state of its run."""
        return self.job.report(self.told)

    def waiting_s(self, now: float) -> float | None:
        """How long it has been in its state."""
        since = self.job.since_s
        return None if since is None else since + max(0.0, now - self.told)


class QueueFeed(Feed):
    """Asks about the jobs of those runs that go on, and tells the app what is said.

    Without such a job nothing is loaded, and no process is started.

    Parameters
    ----------
    queue
        What is asked; a `Queue` of its own once there is a job if not given.
    first_s
        Seconds after the first list of runs until it is looked for jobs.
    """

    def __init__(self, post: Post, queue: Queue | None = None, first_s: float = FIRST_S) -> None:
        super().__init__("queue", post)
        self._queue, self._first_s = queue, first_s
        self._runs: Sequence[RunSummary] | None = None
        self._not_before = 0.0
        self._watched = False
        self._records: dict[str, _Record] = {}
        self._ended: dict[str, Standing] = {}
        """Id of a job that is no more in the queue, which nobody has to ask about again."""
        self._said = QueueTold({}, ())

    def show(self, runs: Sequence[RunSummary]) -> None:
        """These are the runs now."""
        if self._runs is None:
            self._not_before = time.monotonic() + self._first_s
        self._runs = runs
        self.hurry()

    def watch(self, on: bool) -> None:
        """Ask more often from now on, as somebody looks at jobs; or less often again."""
        self._watched = on
        if on:
            self.hurry()

    def acted(self) -> None:
        """Ask soon: something was done to a job."""
        if self._queue is not None:
            self._queue.acted()
        self.hurry()

    def stop(self) -> None:
        """End the thread, and at once the process that may be waiting for an answer."""
        super().stop()
        if self._queue is not None:
            self._queue.close()

    def look(self) -> float:
        """Ask once, if it is time to; the seconds until the next time."""
        early = self._not_before - time.monotonic()
        if self._runs is None or early > 0:
            return max(early, 0.0) or RESTS_S
        jobs = dict(self._jobs())
        self._ended = {job.id or "": self._ended[job.id or ""] for job in jobs.values()
                      if job.id in self._ended}  # fmt: skip
        asked = [job for job in jobs.values() if job.id not in self._ended]
        if not asked:
            self._rest(jobs)
            return RESTS_S
        if self._queue is None:
            from engine.launch.condor.queue import Queue

            self._queue = Queue()
        self._queue.watched = self._watched
        self._tell(jobs, self._queue.look(asked))
        return min(RESTS_S, self._queue.wait_s)

    def _rest(self, jobs: Mapping[str, JobHandle]) -> None:
        """No job is left that has to be asked about."""
        if self._queue is not None:
            self._queue.close()
        self._tell(jobs, None)

    def _tell(self, jobs: Mapping[str, JobHandle], view: View | None) -> None:
        standings = {}
        for path, job in jobs.items():
            one = self._ended.get(job.id or "") or _standing(job, view)
            if one is not None:
                standings[path] = one
                if one.job.state in OVER and not one.job.is_leaving:
                    self._ended[one.job.run_id] = one
        said = QueueTold(standings, tuple(view.problems) if view else ())
        if (said.standings, said.problems) != (self._said.standings, self._said.problems):
            self._said = said
            self._post(said)

    def _jobs(self) -> Iterator[tuple[str, JobHandle]]:
        """The jobs that HTCondor may have, by the paths of their runs."""
        from engine.launch.jobs import may_be_queued

        runs = [run for run in self._runs or () if run.launcher == HTCONDOR]
        self._records = {run.path: self._record(run.path) for run in runs}
        for run in runs:
            job = self._records[run.path][1]
            if job is not None and may_be_queued(run, job):
                yield run.path, job

    def _record(self, path: str) -> _Record:
        """The launch record of a run, read anew only when it has changed."""
        place, known = record_path(Path(path), sweep=False), self._records.get(path)
        try:
            status = os.lstat(place)
            mark = (status.st_mtime_ns, status.st_size)
            return known if known and known[0] == mark else (mark, read_job(place))
        except (OSError, FactsError):
            return (0, 0), None


def states_of(standings: Mapping[str, Standing]) -> dict[str, str]:
    """The state of each."""
    return {path: one.job.state for path, one in standings.items()}


def _standing(job: JobHandle, view: View | None) -> Standing | None:
    """What a view says of a job; None where it says nothing."""
    found = view.jobs.get(job.id or "") if view else None
    if view is None or found is None:
        return None
    return Standing(found, view.told[found.run_id], view.is_stale(job))
