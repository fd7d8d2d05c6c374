"""A job on the node that HTCondor chose: it says in its record that it is there."""

from __future__ import annotations

import os

from engine.errors import LaunchError
from engine.facts import machine
from engine.facts.attempts import JOB_ID
from engine.facts.time_limit import REQUEUE
from engine.launch.job import HTCONDOR, ID_VARIABLE, JobHandle
from engine.launch.record import amend_record, read_job, this_process


def taken_over(job: JobHandle) -> JobHandle:
    """The job, which this process is from now on; it goes on where it was submitted from.

    HTCondor may start it again at any time, on any node. A newer start ends an older one, which
    may live on where the network is cut: see `engine.facts.attempts`.

    Raises
    ------
    LaunchError
        If HTCondor has not started this process for this job, the place is gone, or the run is
        by now that of a newer start.
    FactsError
        If the record cannot be written.
    """
    if os.environ.get(ID_VARIABLE) != job.id:
        hint = f"engine resume {job.name} goes on with it here, once that job is over."
        raise LaunchError(f"{job.name} was submitted to HTCondor, which has to start it", hint)
    try:
        os.chdir(job.cwd or job.directory)
    except OSError as error:
        where = machine.host_name()
        raise LaunchError(f"{job.cwd} is not there on {where}: {error.strerror}") from error
    known = os.environ.get(JOB_ID) or job.job_id  # whoever submitted it may not have lived on
    is_ours = amend_record(job.path, job.id, state="running", job_id=known, **this_process())
    told = read_job(job.path)
    if not is_ours or told is None or told.id != job.id:
        raise LaunchError(f"{job.name} is no longer the run of this job: a newer start has it")
    return told


def starts_again(job: JobHandle, code: int) -> bool:
    """Whether HTCondor is to start a job again, or may, that ends with this exit code.

    A signal is how it sends jobs away: to another node, into a hold, or for good. Which one it is
    does not say; its log does.
    """
    return job.target == HTCONDOR and (code == REQUEUE or code > 128)
