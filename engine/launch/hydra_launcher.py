"""What `hydra/launcher=htcondor` does with the runs of a sweep: submits each once, and waits.

It knows no Hydra: `engine.config.cluster_launcher` says what the runs are. What came of one is read
from its facts. Who calls it again for the same sweep finds the jobs that are there.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from engine.errors import ConfigError, EngineError, FactsError
from engine.facts.job_report import OVER as JOB_OVER
from engine.facts.job_report import REMOVED_HERE, JobReport
from engine.facts.job_state import GRACE_S
from engine.facts.run_dir import RunDir
from engine.facts.state import OVER
from engine.facts.sweep_dir import SweepDir
from engine.facts.words import first_line
from engine.launch.awaited_sweep import known_job
from engine.launch.condor.ads import one_of
from engine.launch.condor.client import Condor, CouldNotAsk
from engine.launch.condor.doubt import give_up, submit_again
from engine.launch.condor.following import is_told
from engine.launch.condor.jobs import submit
from engine.launch.configs import as_submitted
from engine.launch.control import ask_to_stop
from engine.launch.job import HTCONDOR, JobHandle, JobSpec
from engine.launch.record import read_job
from engine.launch.resources import Resources
from engine.library.index import summarise
from engine.library.summary import RunSummary, best_val_loss

RETRY_S = 30.0
"""After how long a submission that nobody answered is tried again, and the facts of a run are read
whose job says nothing."""

GIVEN_UP = f"{REMOVED_HERE}: it never came to HTCondor, and its sweep was stopped"


NOT_REACHED = "running (node not reached)"
"""What is told of runs whose node is lost, until their scheduler gives it up."""


class Follower(Protocol):
    """Knows what becomes of jobs; see `engine.launch.condor.following`."""

    def look(self, jobs: Sequence[JobHandle]) -> tuple[Mapping[str, JobReport], str | None]:
        """What is known of each, by its id, and that the scheduler does not answer, if so."""

    def remedy(self, job: JobHandle) -> str:
        """What to do about a job that is held."""


@dataclass(frozen=True)
class Point:
    """A run that is to be a job."""

    spec: JobSpec
    resources: Resources


@dataclass(frozen=True)
class End:
    """What came of a run."""

    directory: Path | None
    """None where there is no run."""
    state: str
    sentence: str
    value: float | None = None
    """Its best validation loss; None where its facts tell of none."""
    exit_code: int = 1


class AwaitedRuns:
    """Runs that are submitted together: each once, and followed until it is over.

    Parameters
    ----------
    sweep
        The record that they belong to.
    follower
        Knows what becomes of them.
    tell
        Gets what happens to single runs, a line each.
    clock
        Seconds that only grow.
    """

    def __init__(
        self,
        points: Sequence[Point],
        sweep: JobHandle,
        condor: Condor,
        follower: Follower,
        tell: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._points, self._sweep, self._condor = points, sweep, condor
        self._follower, self._tell, self._clock = follower, tell, clock
        self._try_at, self._read_at = clock(), clock() + RETRY_S
        self._stopping = False
        self._states: dict[int, str] = {}
        self._held: dict[int, str] = {}
        self._over_since: dict[int, float] = {}
        self.jobs: dict[int, JobHandle] = {}
        """The jobs that there are, by the place of their points."""
        self.ends: dict[int, End] = {}
        """What came of those that are over."""
        self.silent: str | None = None
        """Why the scheduler could not be asked, if it could not."""

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to wait for."""
        return len(self.ends) == len(self._points)

    def counts(self) -> dict[str, int]:
        """How many runs are in which state; `done` stands for those that have finished.

        Those on a node that its scheduler cannot reach, where they may be dead, are told apart.
        """
        words = {"finished": "done", "stopped": "stopped"}
        ended = (words.get(end.state, "failed") for end in self.ends.values())
        waiting = len(self._points) - len(self.jobs.keys() | self.ends.keys())
        open_ones = (self._states.get(place, "queued") for place in self._open())
        found = Counter([*ended, *open_ones]) + Counter({"not submitted": waiting})
        over = ("done", "stopped", "failed")
        order = ("not submitted", "queued", "held", "running", NOT_REACHED, *over)
        return {state: found[state] for state in order if found[state]}

    def step(self) -> None:
        """Submit what is not submitted yet, and look at what is.

        Raises
        ------
        CouldNotAsk
            If nothing has begun, and the scheduler does not answer.
        """
        if self._clock() >= self._try_at:
            self._try_at = self._clock() + RETRY_S
            self.silent = None
            (self._settle if self._stopping else self._submit)()
        if not self._stopping and self._is_asked_to_stop():
            self._stop()
        open_ones = self._open()
        asked = [job for job in open_ones.values() if job.target == HTCONDOR]
        reports, silent = self._follower.look(asked) if asked else ({}, None)
        self.silent = silent or self.silent
        read = self._clock() >= self._read_at
        if read:
            self._read_at = self._clock() + RETRY_S
        for place, job in open_ones.items():
            self._note(place, job, reports.get(job.id or ""), read or job.target != HTCONDOR)

    @functools.cached_property
    def _as_submitted(self) -> dict[str, Any]:
        """What they all train with, which is looked at once."""
        return as_submitted(self._points[0].spec.config_dirs, self._sweep.directory)

    def _is_asked_to_stop(self) -> bool:
        return SweepDir(self._sweep.directory).stop.exists()

    def _open(self) -> dict[int, JobHandle]:
        return {place: job for place, job in self.jobs.items() if place not in self.ends}

    def _stop(self) -> None:
        """Ask all runs to save and end, as somebody has asked the sweep to; submit no others."""
        self._stopping = True
        self._tell("stopping all runs, as asked")
        for job in self._open().values():
            ask_to_stop(RunDir(job.directory))
        for place in range(len(self._points)):
            if place not in self.jobs and place not in self.ends:
                self.ends[place] = End(None, "stopped", "not submitted, as the sweep was stopped")

    def _settle(self) -> None:
        """Of a sweep that was stopped look up the jobs of which it is not known who has them."""
        doubtful = [
            (place, job) for place, job in self._open().items() if job.state == "submitting"
        ]
        for place, job in doubtful:
            try:
                self.jobs[place] = told = give_up(read_job(job.path) or job, self._condor, GIVEN_UP)
            except CouldNotAsk as error:
                self.silent = error.message
                return
            except ConfigError:
                self.jobs[place] = read_job(job.path) or job  # it has said more by itself
            except EngineError as error:
                self.silent = error.message  # it may still arrive
            else:
                if told.state == "removed":
                    self.ends[place] = End(told.directory, "stopped", GIVEN_UP)
                    self._tell(f"{job.name}: {GIVEN_UP}")

    def _submit(self) -> None:
        """Submit what is not there yet; what nobody answers to is left for another time."""
        for place, point in enumerate(self._points):
            if self._is_asked_to_stop():
                return
            if place in self.ends or not self._is_to_do(place):
                continue
            try:
                self._begin(place, point)
            except CouldNotAsk as error:
                job = known_job(point.spec, self._sweep)  # it may have arrived all the same
                if job is not None:
                    self.jobs[place] = job
                elif not self.jobs and not self.ends:
                    raise
                self.silent = error.message
                return
            except EngineError as error:
                if place not in self.jobs:  # else it may still arrive
                    self.ends[place] = End(None, "failed", error.message, None, error.exit_code)
                    self._tell(f"{point.spec.directory.name}: {error.message}")

    def _is_to_do(self, place: int) -> bool:
        return place not in self.jobs or self.jobs[place].state == "submitting"

    def _begin(self, place: int, point: Point) -> None:
        job = known_job(point.spec, self._sweep)
        if job is None:
            own = {"sweep_id": self._sweep.id, "sweep_dir": str(self._sweep.directory)}
            own |= self._as_submitted
            job = self.jobs[place] = submit(point.spec, point.resources, self._condor, **own)
            if self._is_asked_to_stop():  # whoever did could not remove what was on its way
                self._condor.act("remove", one_of([job.id]), REMOVED_HERE)
        elif job.state == "submitting":
            self.jobs[place] = job
            job = submit_again(job, self._condor)
        self.jobs[place] = job
        self._tell(f"{job.name}: job {job.job_id} of {job.schedd}")

    def _note(self, place: int, job: JobHandle, report: JobReport | None, read: bool) -> None:
        """Take in what is known of a job now."""
        is_over = report is not None and report.state in JOB_OVER
        if report is not None and not is_over:
            self._states[place] = NOT_REACHED if report.is_cut_off else report.state
            self._tell_of_hold(place, job, report)
        if not (is_over or read or job.target != HTCONDOR):
            return
        with contextlib.suppress(FactsError):  # what is damaged just now tells nothing new
            job = self.jobs[place] = read_job(job.path) or job
        # A run that ended by itself has said why in its record, which no scheduler knows.
        run = summarise(str(job.directory), None if job.state == "ended" else report)
        if self._is_certain(place, job, run, report if is_over else None):
            self.ends[place] = end = _end(job, run)
            self._tell(f"{job.name}: {end.sentence}")
        elif job.target != HTCONDOR:
            self._states[place] = run.state or "queued"

    def _is_certain(
        self, place: int, job: JobHandle, run: RunSummary, over: JobReport | None
    ) -> bool:
        """Whether a run is over; `over` is the report of a job that is."""
        if over is not None:
            since = self._over_since.setdefault(place, self._clock())
            return is_told(run.state, over) or self._clock() - since >= GRACE_S
        self._over_since.pop(place, None)
        # Somebody may have gone on with it here; else HTCondor may start again what it sent away.
        return run.state in (OVER if job.target != HTCONDOR else ("finished",))

    def _tell_of_hold(self, place: int, job: JobHandle, report: JobReport) -> None:
        """Tell of a hold once, and again when its reason is another one."""
        is_held = report.state == "held"
        reason = first_line(report.reason) or "no reason is given" if is_held else ""
        if is_held and reason != self._held.get(place):
            self._tell(f"{job.name} is held: {reason}")
            self._tell(f"  {self._follower.remedy(job)}; engine kill {job.name} gives it up")
        self._held[place] = reason


def _end(job: JobHandle, run: RunSummary) -> End:
    state, sentence = run.state or "lost", run.sentence or run.problem or "nothing is known of it"
    if state == "finished":
        value = best_val_loss(run)
        best = "" if value is None else f", best validation loss {value:.6g}"
        return End(job.directory, state, sentence + best, value, 0)
    return End(job.directory, state, sentence, None, job.exit_code or 1)
