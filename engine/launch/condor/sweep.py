"""A sweep on HTCondor: every run submitted once, whoever is killed, and finished by anybody.

What is to be done is written down first: the record of the sweep and the list of its runs. All
else is made from these two, and what HTCondor has is found by the ids in them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.errors import ConfigError, FactsError, LaunchError
from engine.facts.files import replace_file, sync_folder
from engine.facts.job_report import REMOVED_HERE
from engine.facts.records import read_record
from engine.facts.run_dir import RunDir
from engine.facts.sweep_dir import SweepDir
from engine.launch.condor.ads import of_sweeps
from engine.launch.condor.client import Condor
from engine.launch.condor.jobs import prepared, train_script
from engine.launch.condor.sending import Progress, Sending, discard, remove_runs
from engine.launch.configs import as_submitted
from engine.launch.job import HTCONDOR, JobHandle, JobSpec
from engine.launch.lock import locked
from engine.launch.record import NO_PROCESS, amend_if, new_entries, read_job, write_record
from engine.launch.resources import Resources
from engine.launch.sweep_runs import planned, read_runs, runs_folder, write_runs

_NONE_LEFT = "does not have its jobs any more"


def submit_sweep(
    spec: JobSpec, resources: Resources, condor: Condor, progress: Progress | None = None
) -> JobHandle:
    """Submit each run of a sweep as a job; gives what the record of the sweep says.

    Raises
    ------
    ConfigError, FactsError
        If it cannot be described to HTCondor, or its directories cannot be made.
    CouldNotAsk
        If the scheduler did not answer: nothing was submitted then, or `finish_sweep` finds out.
    LaunchError
        If the scheduler refuses it. Where it has taken none nothing is left behind.
    """
    spec.check(HTCONDOR)
    if not spec.runs:
        raise LaunchError("the runs of the sweep are not listed: see engine.config.points")
    script = prepared(runs_folder(spec.directory) / "run" / "launch.json", resources)
    schedd = condor.ping()
    place = SweepDir.claim(spec.directory)
    with locked(place.lock, place.path.name):
        runs = planned(place.path, spec.runs)
        more: dict[str, Any] = {
            "state": "submitting",
            "schedd": schedd,
            "resources": asdict(resources),
        }
        try:
            more |= as_submitted(spec.config_dirs, place.path)
            write_runs(place, runs)
            write_record(place.record, new_entries(spec, **more))
            sync_folder(place.path.parent)
            sending = Sending(place, runs, resources, script, condor, progress)
            sending.make()
        except BaseException:
            discard(place, runs)
            raise
        return sending.send_new()


def finish_sweep(place: SweepDir, condor: Condor, progress: Progress | None = None) -> JobHandle:
    """Finish the submission of a sweep that was interrupted, without sending any run twice.

    Raises
    ------
    ConfigError
        If there is nothing to finish.
    CouldNotAsk
        If the scheduler did not answer.
    LaunchError
        If another process is at it, or what was sent may still arrive.
    """
    entries = unfinished(place)
    with locked(place.lock, place.path.name):
        entries = unfinished(place)
        resources = Resources.from_entries(entries.get("resources") or {})
        sending = Sending(place, read_runs(place), resources, train_script(), condor, progress)
        return sending.send_rest()


def unfinished(place: SweepDir) -> dict[str, Any]:
    """The entries of the record of a sweep whose submission is to be finished.

    Raises
    ------
    ConfigError
        If it is no such sweep.
    """
    entries, name = read_record(place.record) or {}, place.path.name
    if entries.get("target") != HTCONDOR or entries.get("kind") != "sweep":
        raise ConfigError(f"{name} is no sweep on HTCondor")
    if os.path.realpath(place.path) != entries.get("original_dir"):
        raise ConfigError(f"{name} was moved or copied from {entries.get('original_dir')}")
    if not place.runs.exists():
        raise ConfigError(
            f"{name} submits its runs one by one, and waits for them",
            f"{entries.get('command')} goes on with it; --again takes a run of it.",
        )
    if entries.get("state") != "submitting":
        raise ConfigError(f"{name}: nothing of it is left to submit")
    if place.stop.exists():
        raise ConfigError(
            f"{name} was asked to stop, so that no more of its runs are submitted",
            f"engine jobs remove {name} ends it.",
        )
    return entries


def remove_sweep(handle: JobHandle) -> str:
    """Have HTCondor end all jobs of a sweep with one request; gives who ended them.

    What was not sent yet, or arrives late, does not begin either.

    Raises
    ------
    CouldNotAsk
        If the scheduler did not answer.
    LaunchError
        If it has none of them any more, some are not ours to remove, the directory is a copy, or
        they are removed and that cannot be written down.
    """
    if handle.is_copy:
        raise LaunchError(f"{handle.name} is a copy: the jobs are those of {handle.original_dir}")
    own, unwritten = of_sweeps([handle.id]), list[str]()
    stop = SweepDir(handle.directory).stop
    was_asked = stop.exists()
    with _told_later(unwritten):
        # Who submits it looks for this after each request, so that it is written before ours.
        replace_file(stop, lambda file: None)
    with Condor(handle.schedd) as condor:
        acted = condor.act("remove", own, REMOVED_HERE)
    if acted.refused:
        raise LaunchError(
            f"{handle.name}: HTCondor did not remove {acted.refused} of its jobs: {acted.why}"
        )
    is_new = acted.done or handle.state == "submitting"
    told = "its jobs are removed" if is_new else f"HTCondor {_NONE_LEFT}"
    with _told_later(unwritten):
        # What was asked to stop, and HTCondor has no more, was ended here, too.
        reason = REMOVED_HERE if is_new or was_asked else told
        _note_removal(handle, reason, begun=bool(acted.done))
    if unwritten or not is_new:
        raise LaunchError(f"{handle.name}: {'; '.join([told, *unwritten[:1]])}")
    return "HTCondor"


def _note_removal(handle: JobHandle, reason: str, *, begun: bool) -> None:
    """Say in the records of a sweep that HTCondor has none of its jobs any more."""
    place, folder = SweepDir(handle.directory), runs_folder(handle.directory)
    if place.runs.exists():
        remove_runs(folder, read_runs(place), reason, begun=begun)
    elif begun:  # who waits for a sweep, and submits one by one, notes himself what he had to send
        removed = {"state": "removed", "reason": reason}
        for job in _jobs_of(handle, folder):
            amend_if(job.path, job.id, {"state": "running"}, removed, sync=False)
    end = {"state": "queued", **NO_PROCESS}
    amend_if(handle.path, handle.id, {"state": "submitting"}, end)


def _jobs_of(sweep: JobHandle, folder: Path) -> Iterator[JobHandle]:
    """The jobs of a sweep that has no list of its runs."""
    for path in folder.glob(f"*/{RunDir(folder).launch.name}"):
        with contextlib.suppress(FactsError):  # a damaged one is nobody's
            job = read_job(path)
            if job is not None and job.sweep_id == sweep.id:
                yield job


@contextlib.contextmanager
def _told_later(unwritten: list[str]) -> Iterator[None]:
    """What cannot be written keeps nobody from having jobs removed."""
    try:
        yield
    except FactsError as error:
        unwritten.append(error.message)
