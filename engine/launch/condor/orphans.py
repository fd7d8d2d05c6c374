"""Our jobs at HTCondor whose run directory was removed, so that no record tells of them.

HTCondor knows them by their numbers and by the ids that they were submitted with, and where their
directory was.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.errors import ConfigError
from engine.facts.holds import NO_DIRECTORY
from engine.facts.job_report import OVER
from engine.facts.run_dir import RunDir
from engine.facts.text import plain
from engine.launch.condor.ads import OURS, WANTED, QueuedJob, of_sweeps, read_ad
from engine.launch.condor.client import Condor, CouldNotAsk
from engine.launch.condor.queue import Connect
from engine.launch.condor.why import standing
from engine.launch.job import HTCONDOR, JobHandle, JobState
from engine.launch.jobs import Job
from engine.launch.record import read_job

_DIRECTORY = "Iwd"
"""Attribute with the run directory."""


def orphans_numbered(
    word: str, schedulers: Iterable[str | None], connect: Connect = Condor
) -> list[Job]:
    """The jobs without a run directory that HTCondor knows by a number, `77.0` or `77`.

    Parameters
    ----------
    schedulers
        Names of those that are asked; None for that of this machine.

    Raises
    ------
    ConfigError
        If it is the job of a run whose record is there.
    CouldNotAsk
        If any of them does not answer.
    """
    cluster, _, number = word.partition(".")
    own = f"ProcId =?= {int(number)}" if number else "ProcId =!= undefined"
    constraint = f"{OURS} && ClusterId =?= {int(cluster)} && {own}"
    found = []
    for schedd in schedulers:
        try:
            jobs = _jobs(constraint, schedd, connect)
        except CouldNotAsk as error:
            unknown = f"{word}: no record has that number, and HTCondor could not be asked"
            raise CouldNotAsk(f"{unknown}: {error.message}", error.hint) from error
        for job in jobs:
            _refuse_recorded(word, job.handle)
        found += jobs
    return found


def orphans_of(
    sweep: JobHandle, known: Iterable[JobHandle], connect: Connect = Condor
) -> list[Job]:
    """The jobs of a sweep that HTCondor has, and that are none of the `known` ones.

    Raises
    ------
    CouldNotAsk
        If its scheduler does not answer.
    """
    ids = {job.id for job in known}
    jobs = _jobs(f"ProcId =!= undefined && {of_sweeps([sweep.id])}", sweep.schedd, connect)
    return [job for job in jobs if job.handle.id not in ids and job.state.state not in OVER]


def _jobs(constraint: str, schedd: str | None, connect: Connect) -> list[Job]:
    with connect(schedd) as condor:
        ads = condor.query(constraint, [*WANTED, _DIRECTORY], mine=True)
    return [_job(read_ad(ad), ad.get(_DIRECTORY), schedd) for ad in ads]


def _job(queued: QueuedJob, directory: Any, schedd: str | None) -> Job:
    """A job as it would be told if its record were there."""
    place = Path(directory if isinstance(directory, str) else queued.job_id)
    handle = JobHandle(
        RunDir(place).launch,
        queued.run_id,
        "run",
        HTCONDOR,
        queued.state,
        sweep_id=queued.sweep_id,
        job_id=queued.job_id,
        schedd=schedd,
    )
    if queued.hold_code == NO_DIRECTORY:
        queued = replace(queued, reason=None)  # which names the same directory
    gone = "has no record of it" if os.path.lexists(place) else "is gone"
    ends = f"; engine jobs remove {queued.job_id} ends it" if queued.state not in OVER else ""
    sentence = f"its run directory {plain(str(place))} {gone}; {standing(queued)}{ends}"
    return Job(handle, JobState(queued.state, sentence), ())


def _refuse_recorded(word: str, job: JobHandle) -> None:
    """Raise if the record of a job is there, below another output root than was looked at."""
    recorded = read_job(job.path)
    if recorded is not None and recorded.id == job.id:
        root = job.directory.parent
        root = root.parent if root.name == "runs" else root
        raise ConfigError(f"{word}: it is the job of {job.directory}", f"--root {root} finds it.")
