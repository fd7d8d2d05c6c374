"""All our jobs on HTCondor, followed with one question per scheduler and interval.

What a scheduler said stays known while it does not answer, with the time since which it does not:
a job that nobody can tell of is not gone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from engine.errors import LaunchError
from engine.facts.job_report import OVER, JobReport
from engine.facts.job_state import GRACE_S
from engine.launch.condor.ads import OURS, WANTED, QueuedJob, of_sweeps, one_of, read_ad
from engine.launch.condor.client import Condor
from engine.launch.job import HTCONDOR, JobHandle

WATCHED_S = 30.0
"""Between two questions while somebody looks at jobs."""
UNWATCHED_S = 60.0
"""Between two questions while nobody does."""
SOON_S = 2.0
"""After an action."""
LONGEST_S = 300.0
"""Between two questions to a scheduler that does not answer."""

GONE_AFTER = 2
"""In how many answers a job is missing until it is looked for by its id, and in the history."""

TO_COME = "HTCondor makes it only once others of its sweep are over"
"""What is told of a job of a large sweep that is not in the queue yet."""

Connect = Callable[[str | None], Condor]
"""Makes the client for a scheduler, by its name."""


@dataclass(frozen=True)
class Told:
    """What a scheduler said last, and whether it answers."""

    schedd: str | None
    """Its name; None for that of this machine."""
    answered: float | None = None
    """Unix seconds of its last answer; None where there was none yet."""
    silent_since: float | None = None
    """Unix seconds since which it does not answer; None where it does."""
    problem: str | None = None
    """Why it could not be asked."""

    @property
    def sentence(self) -> str:
        """That it does not answer, for above what is shown; nothing where it does."""
        if self.silent_since is None:
            return ""
        name = f" ({self.schedd})" if self.schedd else ""
        since = time.strftime("%H:%M", time.localtime(self.silent_since))
        return f"HTCondor{name} not answering since {since}: last known states"


@dataclass(frozen=True)
class View:
    """What is known of our jobs in the queues."""

    jobs: Mapping[str, QueuedJob] = field(default_factory=dict)
    """Id of the launch record to what was said of that job last."""
    told: Mapping[str, float] = field(default_factory=dict)
    """The same to the Unix seconds at which it was said."""
    schedulers: tuple[Told, ...] = ()

    def report(self, job: JobHandle) -> JobReport | None:
        """What was said of a job, for the state of its run; None where nothing was."""
        found = self.jobs.get(job.id or "")
        return found.report(self.told[found.run_id]) if found else None

    def reports(self, jobs: Iterable[JobHandle]) -> dict[str, JobReport]:
        """The same of many, by the paths of their directories, as an index of runs takes them."""
        told = {str(job.directory): self.report(job) for job in jobs}
        return {path: report for path, report in told.items() if report}

    def is_stale(self, job: JobHandle) -> bool:
        """Whether the scheduler of a job does not answer, so that it may be otherwise by now."""
        return any(one.schedd == job.schedd and one.silent_since for one in self.schedulers)

    @property
    def problems(self) -> list[str]:
        """A sentence for each scheduler that does not answer, and why."""
        return [f"{one.sentence} ({one.problem})" for one in self.schedulers if one.sentence]


class Queue:
    """Asks each scheduler when it is time to, and knows what it said.

    `look` waits for the answer, for `deadline_s` at most; it is for one thread. What it found last
    is `view`, which any thread may read at any time.

    Parameters
    ----------
    deadline_s
        How long a scheduler may take; None for as long as the client lets it.
    every_s
        Seconds between two questions, instead of those of this module.
    clock
        Seconds that only grow.
    now
        Unix seconds.
    """

    def __init__(
        self,
        connect: Connect | None = None,
        *,
        deadline_s: float | None = None,
        every_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        deadlines = {} if deadline_s is None else {"query": deadline_s, "history": deadline_s}
        self._connect = connect or (lambda schedd: Condor(schedd, deadlines))
        self._every_s, self._clock, self._now = every_s, clock, now
        self._schedulers: dict[str | None, _Scheduler] = {}
        self.watched = False
        """Whether somebody looks at jobs, who wants to know sooner."""
        self.view = View()

    @property
    def asked(self) -> int:
        """How many questions were sent so far."""
        return sum(one.condor.asked for one in list(self._schedulers.values()))

    def acted(self) -> None:
        """Ask all schedulers soon: something was done to jobs."""
        for one in list(self._schedulers.values()):
            one.soon = self._clock() + SOON_S

    @property
    def wait_s(self) -> float:
        """Seconds until a scheduler is to be asked again."""
        due = min(map(self._due, list(self._schedulers.values())), default=math.inf)
        return max(0.0, due - self._clock())

    def look(self, jobs: Iterable[JobHandle]) -> View:
        """What is known now, asked for where it is time to.

        Parameters
        ----------
        jobs
            Those that are under way, as far as their files tell; others are left out. Read their
            files after this, not before: else a job that ends meanwhile seems to have vanished.
        """
        of_schedulers: dict[str | None, list[JobHandle]] = {}
        for job in jobs:
            if job.target == HTCONDOR and job.id:
                of_schedulers.setdefault(job.schedd, []).append(job)
        for schedd, own in of_schedulers.items():
            if schedd not in self._schedulers:
                self._schedulers[schedd] = _Scheduler(schedd, self._connect(schedd))
            one = self._schedulers[schedd]
            begun = self._clock()
            if begun >= self._due(one):
                one.asked, one.soon = begun, math.inf
                one.ask(own, self._now())
        shown = [one for schedd, one in self._schedulers.items() if schedd in of_schedulers]
        self.view = View(
            {run_id: job for one in shown for run_id, job in one.jobs.items()},
            {run_id: told for one in shown for run_id, told in one.told.items()},
            tuple(one.state for one in shown),
        )
        return self.view

    def close(self) -> None:
        """End the helper processes; another look starts new ones."""
        for one in list(self._schedulers.values()):
            one.condor.close()

    def _due(self, one: _Scheduler) -> float:
        return min(one.soon, one.asked + self._wait_s(one.failures))

    def _wait_s(self, failures: int) -> float:
        usual = WATCHED_S if self.watched else UNWATCHED_S
        usual = usual if self._every_s is None else self._every_s
        return min(usual * 2**failures, max(usual, LONGEST_S))


class _Scheduler:
    """One scheduler, and what it said."""

    def __init__(self, schedd: str | None, condor: Condor) -> None:
        self.condor = condor
        self.state = Told(schedd)
        self.jobs: dict[str, QueuedJob] = {}
        self.told: dict[str, float] = {}
        self.asked = -math.inf
        """When it was asked last, and when it has to be again at the latest."""
        self.soon = math.inf
        self.failures = 0
        self._missing: dict[str, int] = {}
        self._gone: dict[str, float] = {}

    def ask(self, wanted: Sequence[JobHandle], now: float) -> None:
        """Ask once; nothing is forgotten where there is no answer."""
        schedd = self.state.schedd
        try:
            here = _by_id(self.condor.query(OURS, WANTED, mine=True))
            here |= self._look_closer(wanted, here, now)
        except LaunchError as error:  # whatever it refuses, nothing is known of the jobs
            self.failures += 1
            since = self.state.silent_since or now
            self.state = Told(schedd, self.state.answered, since, error.message)
            return
        self.failures = 0
        self.state = Told(schedd, now)
        # Nobody asks for what is over and known to be.
        kept = {job.id for job in wanted} | here.keys()
        self.jobs = {run_id: job for run_id, job in (self.jobs | here).items() if run_id in kept}
        self.told = {run_id: self.told.get(run_id, now) for run_id in self.jobs}
        self.told |= dict.fromkeys(here, now)

    def _look_closer(
        self, wanted: Sequence[JobHandle], here: Mapping[str, QueuedJob], now: float
    ) -> dict[str, QueuedJob]:
        """What is found of jobs that the answers lack: another user's, or those that are over."""
        names = {job.id: job for job in wanted if job.id and job.state != "submitting"}
        absent = [run_id for run_id in names if run_id not in here and not self._is_over(run_id)]
        self._missing = {run_id: self._missing.get(run_id, 0) + 1 for run_id in absent}
        self._gone = {run_id: at for run_id, at in self._gone.items() if run_id in absent}
        gone = [run_id for run_id in absent if self._missing[run_id] >= GONE_AFTER]
        if not gone:
            return {}
        found = _by_id(self.condor.query(one_of(gone), WANTED))
        to_come = still_to_come(self.condor, [names[run_id] for run_id in gone])
        gone = [run_id for run_id in gone if run_id not in to_come]
        left = [run_id for run_id in gone if run_id not in found and run_id not in self._gone]
        if left:
            ads = self.condor.history(one_of(left), WANTED, most=len(left))
            found |= _by_id(reversed(ads))  # of several with one id the newest counts
        for run_id in gone:
            if run_id not in found:
                begun = self._gone.setdefault(run_id, now)
                if now - begun >= GRACE_S:
                    found[run_id] = _nowhere(run_id, names[run_id])
        return found

    def _is_over(self, run_id: str) -> bool:
        known = self.jobs.get(run_id)
        return known is not None and known.state in OVER


def still_to_come(condor: Condor, jobs: Sequence[JobHandle]) -> set[str]:
    """Ids of those that HTCondor has not made yet: of a large sweep it makes a few at a time."""
    sweeps = sorted({job.sweep_id for job in jobs if job.sweep_id})
    clusters = condor.clusters(of_sweeps(sweeps)) if sweeps else []
    made = {str(cluster.number): cluster.next_job for cluster in clusters}
    return {job.id or "" for job in jobs if _is_to_come(job.job_id or "", made)}


def _is_to_come(job_id: str, made: Mapping[str, int]) -> bool:
    """Whether a job's number is one that its cluster has not come to."""
    cluster, _, number = job_id.partition(".")
    return cluster in made and number.isdecimal() and int(number) >= made[cluster]


def _nowhere(run_id: str, job: JobHandle) -> QueuedJob:
    reason = "HTCondor knows nothing of it any more"
    return QueuedJob(run_id, job.job_id or "", "ended", reason=reason)


def _by_id(ads: Iterable[Mapping[str, object]]) -> dict[str, QueuedJob]:
    return {job.run_id: job for job in map(read_ad, ads) if job.run_id}
