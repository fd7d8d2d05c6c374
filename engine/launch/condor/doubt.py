"""A submission to HTCondor that nobody confirmed: looked up, and sent again or given up.

Nothing is sent again until HTCondor has answered that it does not have the job, and it is too late
for what was sent before.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.errors import ConfigError, LaunchError
from engine.facts.files import as_facts_error, replace_file
from engine.facts.job_report import REMOVED_HERE
from engine.facts.records import read_record
from engine.facts.run_dir import RunDir
from engine.launch.condor.ads import one_of
from engine.launch.condor.client import Condor
from engine.launch.condor.jobs import confirm, find, send, train_script
from engine.launch.job import HTCONDOR, JobHandle
from engine.launch.lock import locked
from engine.launch.record import amend_record, now, read_job
from engine.launch.resources import Resources
from engine.launch.sweep_runs import sweep_of

IN_DOUBT_S = 300.0
"""How long a submission that nobody confirmed may still arrive at the scheduler."""


def submit_again(handle: JobHandle, condor: Condor) -> JobHandle:
    """Look for a job whose submission is in doubt; submit it if it is certain not to be there.

    Raises
    ------
    ConfigError
        If its submission is not in doubt, or it was asked to stop.
    CouldNotAsk
        If the scheduler did not answer.
    LaunchError
        If the submission may still arrive, or another process is at it.
    """
    with _settling(handle, condor) as (job, found):
        if found is not None:
            return confirm(job, found)
        if RunDir(job.directory).stop.exists():
            remove = f"engine jobs remove {job.name} gives it up."
            raise ConfigError(f"{job.name} was asked to stop, so that it is not sent again", remove)
        entries = read_record(job.path) or {}
        resources = Resources.from_entries(_mapping(entries.get("resources")))
        amend_record(job.path, job.id, submitted=now())
        return send(job, train_script(), resources, condor)


def give_up(handle: JobHandle, condor: Condor, reason: str) -> JobHandle:
    """Look for a job whose submission is in doubt; count it as removed if it is not there.

    Raises as `submit_again` does.
    """
    with _settling(handle, condor) as (job, found):
        if found is not None:
            return confirm(job, found)
        amend_record(job.path, job.id, state="removed", reason=reason)
        return read_job(job.path) or job


def let_go(handle: JobHandle, condor: Condor) -> None:
    """Remove a job in doubt, and see to it that it does not begin where it comes later.

    Raises
    ------
    ConfigError
        If its submission is not in doubt.
    FactsError
        If that it is to stop cannot be written.
    LaunchError
        If it may still come, the scheduler did not answer, or another process is at it.
    """
    job = _in_doubt(handle)
    replace_file(RunDir(job.directory).stop, lambda file: None)
    sweep = sweep_of(job)
    try:
        if sweep is not None:
            again = f"engine submit --again {sweep.path.name} finds out."
            raise LaunchError(f"{job.name}: whether HTCondor gets it is not known", again)
        told = give_up(job, condor, f"{REMOVED_HERE}: it never came to HTCondor")
        if told.state != "removed":
            condor.act("remove", one_of([job.id]), REMOVED_HERE)
    except LaunchError as error:
        text = f"{error.message}; it does not begin then. {error.hint}"
        raise LaunchError(text.strip()) from error


def _in_doubt(handle: JobHandle) -> JobHandle:
    """The job as its record has it now."""
    job = read_job(handle.path)
    if job is None or (job.id, job.target, job.state) != (handle.id, HTCONDOR, "submitting"):
        raise ConfigError(f"{handle.name} is no job whose submission is in doubt")
    return job


@contextlib.contextmanager
def _settling(handle: JobHandle, condor: Condor) -> Iterator[tuple[JobHandle, str | None]]:
    """A job in doubt as it is now, and its number; None once it is certain that it has none."""
    run_dir = RunDir(handle.directory)
    with locked(run_dir.submit_lock, handle.name):
        job = _in_doubt(handle)
        found = find(job, condor)
        if found is None:
            text = f"{job.name}: HTCondor does not have it yet, and may still get it"
            refuse_in_doubt(job.path, run_dir.submit_lock, text)
        yield job, found


def refuse_in_doubt(record: Path, lock: Path, text: str) -> None:
    """Raise a `LaunchError` with this text for as long as a submission may still arrive.

    It began when its record was written, by the clock of the machine on which that lies: those of
    who submitted and of who asks may differ from it, and from each other.

    Parameters
    ----------
    lock
        A file beside the record, of the process that asks.
    """
    with as_facts_error(lock):
        os.utime(lock)
        left = IN_DOUBT_S - (os.stat(lock).st_mtime - os.stat(record).st_mtime)
    if left > 0:
        raise LaunchError(text, f"Try again in {math.ceil(left / 60)} min.")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
