"""Jobs that the queue's answers lack: another user's, still to come, or over.

They are looked for by their ids and in the history, which can be slow, or closed to its users. So
this has its own patience: what the queue tells of all other jobs holds meanwhile. How a job ended
goes into its record where its log does not tell: whoever reads that need not ask.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence

from engine.errors import FactsError, LaunchError
from engine.facts.condor_log import LogReader
from engine.facts.job_report import OVER
from engine.facts.job_state import GRACE_S
from engine.facts.run_dir import RunDir
from engine.launch.condor.ads import WANTED, QueuedJob, by_id, of_sweeps, one_of
from engine.launch.condor.client import Condor
from engine.launch.job import JobHandle
from engine.launch.record import amend_if

GONE_AFTER = 2
"""In how many answers a job is missing until it is looked for."""
PATIENCE_S = 60.0
"""Until it is looked for again after that failed; twice as long after each further failure."""
LONGEST_S = 900.0
"""Between two such looks, and until a job that nobody knows is looked for again."""

TO_COME = "HTCondor makes it only once others of its sweep are over"
"""What is told of a job of a large sweep that is not made yet."""
NEVER_MADE = "its sweep left HTCondor before it was made"
NOWHERE = "HTCondor knows nothing of it any more"
"""Why a job is over that nobody has."""


class Absent:
    """Looks for the jobs of one scheduler that its answers lack.

    Parameters
    ----------
    clock
        Seconds that only grow.
    once
        Whether nobody looks a second time: what an answer lacks is looked for at once.
    """

    def __init__(self, condor: Condor, clock: Callable[[], float], once: bool = False) -> None:
        self._condor, self._clock, self._once = condor, clock, once
        self.untold: frozenset[str] = frozenset()
        """Ids of the jobs that could not be looked for, so that nobody knows how they are."""
        self.problem: str | None = None
        """Why not."""
        self._missing: dict[str, int] = {}
        self._gone: dict[str, float] = {}
        self._over: dict[str, float] = {}
        self._failures = 0
        self._next = -math.inf

    def look(
        self, wanted: Sequence[JobHandle], here: Mapping[str, QueuedJob]
    ) -> dict[str, QueuedJob]:
        """What is found of the jobs that an answer, `here`, lacks; see `untold` for the others."""
        jobs = {job.id: job for job in wanted if job.id and job.state != "submitting"}
        absent = [run_id for run_id in jobs if run_id not in here]
        self._missing = {run_id: self._missing.get(run_id, 0) + 1 for run_id in absent}
        self._gone = {run_id: at for run_id, at in self._gone.items() if run_id in absent}
        self._over = {run_id: at for run_id, at in self._over.items() if run_id not in here}
        self._over |= {run_id: math.inf for run_id, job in here.items() if job.state in OVER}
        gone = [one for one in absent if self._is_gone(jobs[one]) and not self._rests(one)]
        return self._look_for({run_id: jobs[run_id] for run_id in gone})

    def _is_gone(self, job: JobHandle) -> bool:
        """Whether a job that is absent is to be looked for: not one that is just about to move."""
        often = self._once or self._missing[job.id or ""] >= GONE_AFTER
        return often or _left_no_trace(job)

    def _rests(self, run_id: str) -> bool:
        """Whether a job is known to be over, or not to be found, and need not be looked for."""
        return self._clock() < self._over.get(run_id, -math.inf)

    def _look_for(self, gone: Mapping[str, JobHandle]) -> dict[str, QueuedJob]:
        """Look for these, as far as somebody answers; the others are `untold`."""
        found: dict[str, QueuedJob] = {}
        left = dict(gone)
        try:
            made = _clusters(self._condor, list(gone.values()))  # before what they make meanwhile
            left = {one: job for one, job in gone.items() if not _is_to_come(job, made)}
            if left:
                found |= by_id(self._condor.query(one_of(left), WANTED))
                left = {one: job for one, job in left.items() if one not in found}
            if left and self._clock() >= self._next:
                found |= self._past(left, made)
                left, self._failures = {}, 0
        except LaunchError as error:
            self.problem = error.message
            self._next = self._clock() + min(PATIENCE_S * 2**self._failures, LONGEST_S)
            self._failures += 1
        self.untold = frozenset(left)
        self.problem = self.problem if left else None
        return found

    def _past(self, left: Mapping[str, JobHandle], made: Mapping[str, int]) -> dict[str, QueuedJob]:
        """What the history tells of jobs that the queue does not have."""
        unknown = [one for one in left if one not in self._gone or one in self._over]
        ads = self._condor.history(one_of(unknown), WANTED, most=len(unknown)) if unknown else []
        found = by_id(reversed(ads))  # of several with one id the newest counts
        found |= _never_made({one: left[one] for one in unknown if one not in found}, made)
        over = {one: job for one, job in found.items() if job.state in OVER}
        self._over |= dict.fromkeys(over, math.inf)
        for run_id, end in over.items():
            note_end(left[run_id], end)
        for run_id, job in left.items():
            silent_s = _silent_s(job) if self._once else 0.0
            begun = self._gone.setdefault(run_id, self._clock() - silent_s)
            if run_id not in found and self._clock() - begun >= GRACE_S:
                found[run_id] = QueuedJob(run_id, job.job_id or "", "ended", reason=NOWHERE)
                self._over[run_id] = self._clock() + LONGEST_S
        return found


def still_to_come(condor: Condor, jobs: Sequence[JobHandle]) -> set[str]:
    """Ids of those that HTCondor has not made yet: of a large sweep it makes a few at a time."""
    made = _clusters(condor, jobs)
    return {job.id or "" for job in jobs if _is_to_come(job, made)}


def _clusters(condor: Condor, jobs: Sequence[JobHandle]) -> dict[str, int]:
    """The clusters of large sweeps that HTCondor has: number to the job that it makes next."""
    sweeps = sorted({job.sweep_id for job in jobs if job.sweep_id})
    clusters = condor.clusters(of_sweeps(sweeps)) if sweeps else []
    return {str(cluster.number): cluster.next_job for cluster in clusters}


def _is_to_come(job: JobHandle, made: Mapping[str, int]) -> bool:
    """Whether a job's number is one that its cluster has not come to."""
    cluster, _, number = (job.job_id or "").partition(".")
    return cluster in made and number.isdecimal() and int(number) >= made[cluster]


def _never_made(left: Mapping[str, JobHandle], made: Mapping[str, int]) -> dict[str, QueuedJob]:
    """Those whose cluster was gone before the queue, and then the history, did not have them.

    Their records say so from then on: nothing else would, as they have no log.
    """
    found = {}
    for run_id, job in left.items():
        cluster = (job.job_id or "").partition(".")[0]
        end = QueuedJob(run_id, job.job_id or "", "removed", reason=NEVER_MADE)
        if _left_no_trace(job) and cluster not in made and note_end(job, end):
            found[run_id] = end
    return found


def _left_no_trace(job: JobHandle) -> bool:
    """Whether nothing tells that HTCondor has made a job, of those that it makes later."""
    number = (job.job_id or "").partition(".")[2]
    if not job.sweep_id or job.state != "queued" or number in ("", "0"):
        return False
    try:
        return os.stat(RunDir(job.directory).job_log).st_size == 0
    except OSError:
        return False


def _silent_s(job: JobHandle) -> float:
    """For how long the log of a job has said nothing new: one that was sent just now has begun."""
    try:
        return time.time() - os.stat(RunDir(job.directory).job_log).st_mtime
    except OSError:
        return math.inf


def note_end(job: JobHandle, end: QueuedJob) -> bool:
    """Say in the record of a job how it ended, where its log does not tell that.

    Returns
    -------
    bool
        Whether that is so: it is not where the record says something else by now.
    """
    known = {"exit_code": end.exit_code, "signal": end.signal, "reason": end.reason}
    entries = {name: value for name, value in known.items() if value is not None}
    try:
        if job.is_copy or _log_ends(job):
            return True
        told = {"state": end.state, **entries}
        return amend_if(job.path, job.id, {"state": job.state}, told, sync=False)
    except FactsError:
        return True  # it cannot be written down, and is so all the same


def _log_ends(job: JobHandle) -> bool:
    log = LogReader(RunDir(job.directory).job_log)
    log.read()
    told = log.report(job.id, job.job_id)
    return told is not None and told.state in OVER
