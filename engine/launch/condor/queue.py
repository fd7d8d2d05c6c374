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
from engine.facts.job_report import JobReport
from engine.facts.state import UNDER_WAY
from engine.facts.words import count
from engine.launch.condor.absent import Absent
from engine.launch.condor.ads import OURS, WANTED, QueuedJob, by_id, recorded
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
    untold: frozenset[str] = frozenset()
    """Ids of the jobs that it does not tell of where it tells of all others."""

    def is_silent_of(self, job: JobHandle) -> bool:
        """Whether a job of this scheduler may be otherwise by now than was said last."""
        is_one = self.schedd == job.schedd and self.silent_since is not None
        return is_one and (not self.untold or job.id in self.untold)

    @property
    def sentence(self) -> str:
        """That it does not answer, for above what is shown; nothing where it does."""
        if self.silent_since is None:
            return ""
        name = f" ({self.schedd})" if self.schedd else ""
        of = f" for {count(len(self.untold), 'job')} that left the queue" if self.untold else ""
        since = time.strftime("%H:%M", time.localtime(self.silent_since))
        states = "last known state" + "s" * (len(self.untold) != 1)
        return f"HTCondor{name} not answering{of} since {since}: {states}"


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
        return any(one.is_silent_of(job) for one in self.schedulers)

    @property
    def problems(self) -> list[str]:
        """A sentence for each scheduler that does not answer, and why."""
        return [f"{one.sentence} ({one.problem})" for one in self.schedulers if one.sentence]


class Queue:
    """Asks each scheduler when it is time to, and knows what it said.

    `look` waits for each answer, for `deadline_s` at most; it is for one thread. What it found last
    is `view`, which any thread may read at any time.

    Parameters
    ----------
    deadline_s
        How long a scheduler may take; None for as long as the client lets it.
    every_s
        Seconds between two questions, instead of those of this module.
    once
        Whether it is looked once: see `look_once`.
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
        once: bool = False,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        asked = () if deadline_s is None else ("query", "clusters", "history")
        deadlines = dict.fromkeys(asked, deadline_s or 0.0)
        self._connect = connect or (lambda schedd: Condor(schedd, deadlines))
        self._every_s, self._once, self._clock, self._now = every_s, once, clock, now
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
                absent = Absent(condor := self._connect(schedd), self._clock, self._once)
                self._schedulers[schedd] = _Scheduler(schedd, condor, absent)
            one = self._schedulers[schedd]
            begun = self._clock()
            if begun >= self._due(one):
                one.asked, one.soon = begun, math.inf
                one.ask(own, self._now())
        shown = [one for schedd, one in self._schedulers.items() if schedd in of_schedulers]
        self.view = View(
            {run_id: job for one in shown for run_id, job in (one.recorded | one.jobs).items()},
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


def look_once(
    jobs: Iterable[JobHandle], connect: Connect | None = None, deadline_s: float | None = None
) -> View:
    """What is known of jobs by a single look: one that its queue does not have is gone at once.

    Parameters
    ----------
    jobs, connect, deadline_s
        See `Queue`.
    """
    queue = Queue(connect, deadline_s=deadline_s, once=True)
    try:
        return queue.look(jobs)
    finally:
        queue.close()


class _Scheduler:
    """One scheduler, and what it said."""

    def __init__(self, schedd: str | None, condor: Condor, absent: Absent) -> None:
        self.condor = condor
        self.state = Told(schedd)
        self.jobs: dict[str, QueuedJob] = {}
        self.told: dict[str, float] = {}
        self.recorded: dict[str, QueuedJob] = {}
        """Jobs that it never told of, and does not now, as their records have them."""
        self.asked = -math.inf
        """When it was asked last, and when it has to be again at the latest."""
        self.soon = math.inf
        self.failures = 0
        self._absent = absent

    def ask(self, wanted: Sequence[JobHandle], now: float) -> None:
        """Ask once; nothing is forgotten where there is no answer."""
        schedd = self.state.schedd
        try:
            here = by_id(self.condor.query(OURS, WANTED, mine=True))
        except LaunchError as error:  # whatever it refuses, nothing is known of the jobs
            self.failures += 1
            self.state = Told(schedd, self.state.answered, self._silent_since(now), error.message)
            self._take_from_records(wanted, now)
            return
        self.failures = 0
        here |= self._absent.look(wanted, here)
        untold = self._absent.untold
        since = self._silent_since(now) if untold else None
        self.state = Told(schedd, now, since, self._absent.problem, untold)
        # Nobody asks for what is over and known to be.
        kept = {job.id for job in wanted} | here.keys()
        self.jobs = {run_id: job for run_id, job in (self.jobs | here).items() if run_id in kept}
        self.told = {run_id: self.told.get(run_id, now) for run_id in self.jobs}
        self.told |= dict.fromkeys(here, now)
        self._take_from_records([job for job in wanted if job.id in untold], now)

    def _take_from_records(self, jobs: Sequence[JobHandle], now: float) -> None:
        """Know jobs that nobody tells of by what was written down of them last."""
        unknown = [job for job in jobs if job.id not in self.jobs]
        self.recorded = {job.id or "": recorded(job) for job in unknown if job.state in UNDER_WAY}
        self.told |= dict.fromkeys(self.recorded, now)

    def _silent_since(self, now: float) -> float:
        return now if self.state.silent_since is None else self.state.silent_since
