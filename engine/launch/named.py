"""The job that a word means."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from engine.errors import ConfigError
from engine.facts.words import first_line
from engine.launch.job import HTCONDOR, JobHandle, JobState
from engine.launch.jobs import Job
from engine.library.summary import RunSummary

_ID = re.compile(r"[0-9a-f]{4,32}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,10})?", re.ASCII)


def select_job(
    jobs: Sequence[Job], word: str, unrecorded: Callable[[str], Sequence[Job]] = lambda word: ()
) -> Job:
    """The one job that a word means: a directory, a name or a part of one, an id.

    An id is that of its record, or what HTCondor calls it. The name of a run of a sweep, or its
    directory, means that run alone, the number of a cluster that has several the sweep; so does a
    part of that name which no job has, and of several such runs the end of one.

    Parameters
    ----------
    jobs
        The newest first.
    unrecorded
        Asked for the jobs with a number that no record has.

    Raises
    ------
    ConfigError
        If it means none or several.
    """
    numbered = _of_number(jobs, word)
    check_one_scheduler(word, {schedd: job.name for schedd, job in numbered.items()})
    place = os.path.abspath(os.path.expanduser(word))
    rules = (
        lambda job: word == job.name or os.fspath(job.handle.directory) == place,
        lambda job: bool(_ID.fullmatch(word)) and (job.handle.id or "").startswith(word),
        lambda job: word in job.name,
    )
    named = [
        _alone(*one)
        for job in jobs
        for one in _runs_of_sweep(job)
        if word == one[1].name or os.fspath(one[1].directory) == place
    ]
    by_rule = ([*filter(rule, jobs)] for rule in rules)
    found = next(filter(None, (named[:1], [*numbered.values()], *by_rule)), None)
    if found is None and _NUMBER.fullmatch(word):
        found = list(unrecorded(word))
    if found and len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(job.name for job in found[:8])
        raise ConfigError(f"{word}: {len(found)} jobs have that in their name", names)
    return _part_of_a_run(jobs, word)


def job_of_newest(jobs: Sequence[Job], newest: Path, on_cluster: bool) -> Job:
    """The job of the newest run, which has this directory.

    Parameters
    ----------
    on_cluster
        Whether it has to be one on HTCondor.

    Raises
    ------
    ConfigError
        If it is no such job; the newest run that is one is named.
    """
    launched = [
        (run, handle)
        for job in jobs
        for run, handle in zip(job.runs, job.handles, strict=True)
        if handle.target == HTCONDOR or not on_cluster
    ]
    if any(handle.directory == newest for _, handle in launched):
        return select_job(jobs, os.fspath(newest))
    others = [run for run, _ in launched if run.started is not None and not run.archived]
    others.sort(key=lambda run: (run.started, run.path))
    what = "job on HTCondor" if on_cluster else "job that was launched"
    other = f"the newest that is one is {others[-1].name}" if others else "no run here is one"
    raise ConfigError(f"{newest.name}, the newest run, is no {what}; {other}")


def _part_of_a_run(jobs: Sequence[Job], word: str) -> Job:
    """The one run of a sweep that has a word in its name, or whose name ends in it.

    Raises
    ------
    ConfigError
        If there is none, or several.
    """
    runs = [pair for job in jobs for pair in _runs_of_sweep(job)]
    is_part = not _NUMBER.fullmatch(word)  # which may be meant as HTCondor's
    found = [pair for pair in runs if is_part and word in pair[1].name]
    ends = [pair for pair in found if pair[1].name.endswith(word)]
    found = ends if len(ends) == 1 else found
    if len(found) == 1:
        return _alone(*found[0])
    if found:
        names = ", ".join(handle.name for _, handle in found[:8])
        raise ConfigError(f"{word}: {len(found)} runs of sweeps have that in their name", names)
    known = [*(job.name for job in jobs), *(handle.name for _, handle in runs)]
    close = get_close_matches(word, known, n=3, cutoff=0.5)
    lists = "engine jobs --all lists jobs, and engine runs the runs of sweeps, too."
    guess = f"Did you mean {' or '.join(map(first_line, close))}?" if close else lists
    raise ConfigError(f"{word}: there is no such job", guess)


def has_number(word: str, number: str | None) -> bool:
    """Whether a word is the number of a job at HTCondor, `77.0`, or that of its cluster, 77."""
    is_number = number is not None and bool(_NUMBER.fullmatch(word))
    return is_number and word in (number, str(number).partition(".")[0])


def check_one_scheduler(word: str, names: Mapping[str | None, str]) -> None:
    """Raise a `ConfigError` where several schedulers gave a number, with a name for each."""
    if len(names) > 1:
        told = ", ".join(f"{name} of {first_line(at) or '?'}" for at, name in names.items())
        raise ConfigError(f"{word}: {len(names)} jobs have that number: {told}", "Name one.")


def _of_number(jobs: Sequence[Job], word: str) -> dict[str | None, Job]:
    """Scheduler to the job that has this number there.

    One that gave a number twice has lost its queue between: the newer job counts.
    """
    found: dict[str | None, Job] = {}
    for job in jobs:
        meant = [one for one in _runs_of_sweep(job) if has_number(word, one[1].job_id)]
        if meant:
            found.setdefault(meant[0][1].schedd, job if len(meant) > 1 else _alone(*meant[0]))
        elif has_number(word, job.handle.job_id):
            found.setdefault(job.handle.schedd, job)
    return found


def _runs_of_sweep(job: Job) -> Iterator[tuple[RunSummary, JobHandle]]:
    pairs = zip(job.runs, job.handles, strict=True)
    return (pair for pair in pairs if pair[1] is not job.handle)


def _alone(run: RunSummary, handle: JobHandle) -> Job:
    """A run of a sweep as a job of its own."""
    state = JobState(run.state, first_line(run.sentence or run.problem))
    return Job(handle, state, (run,), handles=(handle,))
