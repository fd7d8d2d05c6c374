"""Jobs for HTCondor of every kind: a run, a sweep, a run that goes on."""

from __future__ import annotations

from pathlib import Path

from engine.errors import ConfigError
from engine.facts.run_dir import RunDir
from engine.facts.sweep_dir import SweepDir
from engine.launch.condor import doubt
from engine.launch.condor import jobs as condor_jobs
from engine.launch.condor.client import Condor
from engine.launch.condor.resume import submit_resumed
from engine.launch.condor.sending import Progress
from engine.launch.condor.sweep import finish_sweep, submit_sweep
from engine.launch.job import JobHandle, JobSpec
from engine.launch.record import read_job
from engine.launch.resources import Resources
from engine.launch.sweep_runs import sweep_of


def submit(
    spec: JobSpec, resources: Resources, condor: Condor, progress: Progress | None = None
) -> JobHandle:
    """Submit what is asked for; gives what its record says.

    Parameters
    ----------
    progress
        Told how far a sweep is.

    Raises
    ------
    ConfigError
        If it cannot be described to HTCondor, or its directory cannot be made.
    CouldNotAsk
        If the scheduler did not answer: nothing was submitted then, or the record says
        `submitting` and `submit_again` finds out.
    LaunchError
        If the scheduler refuses it; all is then as it was before.
    """
    if spec.kind == "sweep":
        return submit_sweep(spec, resources, condor, progress)
    if spec.kind == "resume":
        return submit_resumed(spec, resources, condor)
    return condor_jobs.submit(spec, resources, condor)


def submit_again(directory: Path, condor: Condor, progress: Progress | None = None) -> JobHandle:
    """Finish a submission of which it is not known how far it came; nothing is sent twice.

    Parameters
    ----------
    directory
        Of a sweep, or of a run; a run of a sweep that is not wholly submitted means all of that.

    Raises
    ------
    ConfigError
        If there is nothing to finish.
    CouldNotAsk
        If the scheduler did not answer.
    LaunchError
        If what was sent may still arrive.
    """
    place = SweepDir(directory)
    if place.record.exists():
        return finish_sweep(place, condor, progress)
    job = read_job(RunDir(directory).launch)
    if job is None:
        raise ConfigError(f"{directory.name} was not submitted")
    sweep = sweep_of(job)
    if sweep is not None and job.state == "submitting":
        return finish_sweep(sweep, condor, progress)
    return doubt.submit_again(job, condor)
