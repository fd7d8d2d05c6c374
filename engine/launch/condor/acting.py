"""What all that is done to jobs has in common: on which jobs, and how it is told."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from engine.errors import EngineError
from engine.launch.condor.absent import TO_COME, still_to_come
from engine.launch.condor.ads import WANTED, QueuedJob, by_id, one_of
from engine.launch.condor.client import Condor, CouldNotAsk
from engine.launch.condor.queue import Connect
from engine.launch.job import HTCONDOR, JobHandle

GONE = "HTCondor does not have it any more"
_TO_COME = f"{TO_COME}; remove takes the whole sweep"


Pair = tuple[JobHandle, QueuedJob]


@dataclass
class Done:
    """What came of an action."""

    jobs: list[JobHandle] = field(default_factory=list)
    """Those that it was done to."""
    problems: dict[str, str] = field(default_factory=dict)
    """Name of each other job, to why not."""
    already: dict[str, str] = field(default_factory=dict)
    """Name of a job that was as it should be before, to how it is."""
    changes: dict[str, str] = field(default_factory=dict)
    """Name of a job to what was changed of it, from what to what."""
    remarks: dict[str, str] = field(default_factory=dict)
    """Name of a job to what is worth knowing all the same."""


@contextlib.contextmanager
def in_doubt() -> Iterator[None]:
    """What nobody answers may have been done all the same."""
    try:
        yield
    except CouldNotAsk as error:
        doubt = f"whether it was done is not known: {error.message}"
        raise CouldNotAsk(doubt, error.hint) from error


def by_scheduler(
    jobs: Iterable[JobHandle], connect: Connect, done: Done
) -> Iterable[tuple[Condor, list[JobHandle]]]:
    """The jobs of each scheduler; those that none has are problems."""
    groups: dict[str | None, list[JobHandle]] = {}
    for job in jobs:
        if job.target != HTCONDOR or not job.id:
            done.problems[job.name] = "it is no job on HTCondor"
        elif job.is_copy:
            done.problems[job.name] = f"it is a copy: the job is that of {job.original_dir}"
        else:
            groups.setdefault(job.schedd, []).append(job)
    for schedd, own in groups.items():
        yield connect(schedd), own


@contextlib.contextmanager
def telling(jobs: Sequence[JobHandle], done: Done) -> Iterator[None]:
    """What a scheduler refuses, or does not answer, is a problem of each of its jobs."""
    try:
        yield
    except EngineError as error:
        text = error.in_a_line if isinstance(error, CouldNotAsk) else error.message
        done.problems |= {job.name: text.removeprefix(f"{job.name}: ") for job in jobs}


def there(
    condor: Condor,
    jobs: Sequence[JobHandle],
    done: Done,
    refusal: Callable[[QueuedJob], str],
    is_done: Callable[[QueuedJob], bool] = lambda job: False,
) -> list[Pair]:
    """Those of the jobs that are in the queue and fit for it.

    The others are problems, but for those that are refused as they are so already: see `is_done`.
    """
    known, fit = known_of(condor, [job.id or "" for job in jobs]), []
    absent = [job for job in jobs if job.id not in known]
    to_come = still_to_come(condor, absent)
    for job in jobs:
        queued = known.get(job.id or "")
        absence = _TO_COME if job.id in to_come else GONE
        if queued is None:
            done.problems[job.name] = absence
        elif problem := refusal(queued):
            told = done.already if is_done(queued) else done.problems
            told[job.name] = problem
        else:
            fit.append((job, queued))
    return fit


def known_of(condor: Condor, ids: Sequence[str]) -> dict[str, QueuedJob]:
    """Id of the launch record to the job, of those that are in the queue."""
    return by_id(condor.query(one_of(ids), WANTED))
