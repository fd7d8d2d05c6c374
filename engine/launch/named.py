"""The job that a word means."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence

from engine.errors import ConfigError
from engine.facts.words import first_line
from engine.launch.job import JobHandle, JobState
from engine.launch.jobs import Job
from engine.library.summary import RunSummary

_ID = re.compile(r"[0-9a-f]{4,32}", re.ASCII)
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)
"""What HTCondor calls a job, or a cluster; two schedulers may have the same."""


def select_job(jobs: Sequence[Job], word: str) -> Job:
    """The one job that a word means: `last`, a directory, a name or a part of one, an id.

    An id is that of its record, or what HTCondor calls it. The whole name of a run of a sweep
    means that run alone, the number of a cluster that has several of its runs the sweep.

    Raises
    ------
    ConfigError
        If it means none or several.
    """
    if word == "last" and jobs:
        return jobs[0]
    place = os.path.abspath(os.path.expanduser(word))
    rules: tuple[Callable[[Job], Job | None], ...] = (
        lambda job: job if word == job.name or os.fspath(job.handle.directory) == place else None,
        lambda job: _called(word, job),
        lambda job: job if _ID.fullmatch(word) and (job.handle.id or "").startswith(word) else None,
        lambda job: job if word in job.name else None,
    )
    for rule in rules:
        found = [one for one in map(rule, jobs) if one is not None]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(job.name for job in found[:8])
            what = "number" if _NUMBER.fullmatch(word) else "name"
            raise ConfigError(f"{word}: {len(found)} jobs have that in their {what}", names)
    raise ConfigError(f"{word}: there is no such job", "engine jobs --all lists them.")


def _called(word: str, job: Job) -> Job | None:
    """The job itself, or the run of a sweep, that a name or a number of HTCondor means."""
    own = zip(job.runs, job.handles, strict=True)
    meant = [one for one in own if one[1] is not job.handle and _is_called(word, one[1])]
    if len(meant) == 1:
        return _alone(*meant[0])
    return job if meant or _is_called(word, job.handle) else None


def _is_called(word: str, handle: JobHandle) -> bool:
    """Whether it is its name, its number at HTCondor or that of its cluster."""
    number = handle.job_id or ""
    return word in (handle.name, number or None, number.partition(".")[0] or None)


def _alone(run: RunSummary, handle: JobHandle) -> Job:
    """A run of a sweep as a job of its own."""
    state = JobState(run.state, first_line(run.sentence or run.problem))
    return Job(handle, state, (run,), handles=(handle,))
