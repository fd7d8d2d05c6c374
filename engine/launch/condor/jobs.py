"""A run on HTCondor: submitted once, whoever is killed, and found again.

The record is written first. What is in doubt after a submission, see `doubt`, is looked up by the
id that the record and the job have in common before anything is sent again.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from engine.errors import LaunchError
from engine.facts.condor_log import LogReader
from engine.facts.files import as_facts_error
from engine.facts.run_dir import RunDir
from engine.launch.condor.ads import one_of
from engine.launch.condor.client import Condor, CouldNotAsk
from engine.launch.condor.submit import (
    Submission,
    description,
    job_environment,
)
from engine.launch.configs import as_submitted
from engine.launch.job import HTCONDOR, JobHandle, JobSpec
from engine.launch.local import environment
from engine.launch.lock import locked
from engine.launch.record import (
    NO_PROCESS,
    amend_if,
    new_entries,
    read_job,
    write_record,
)
from engine.launch.resources import Resources
from engine.launch.sweep_records import remove_made
from engine.packaged import packaged

SCRIPT_VARIABLE = "THESIS_TRAIN_SCRIPT"
"""Environment variable that names a script to be started on nodes in place of `train.sh`."""


def submit(spec: JobSpec, resources: Resources, condor: Condor, **entries: Any) -> JobHandle:
    """Submit a run; gives what its record says, which has further `entries`.

    Those of `as_submitted` are found out where they are not given.

    Raises
    ------
    ConfigError
        If it cannot be described to HTCondor, or its directory cannot be made.
    CouldNotAsk
        If the scheduler did not answer: nothing was submitted then, or the record says
        `submitting` and `doubt.submit_again` finds out.
    LaunchError
        If the scheduler refuses it; nothing is left behind then.
    """
    spec.check(HTCONDOR)
    if spec.kind != "run":
        raise LaunchError(f"a {spec.kind} is no single run: see engine.launch.submission")
    script = prepared(RunDir(spec.directory).launch, resources)
    schedd = condor.ping()
    run_dir = RunDir.claim(spec.directory)
    with contextlib.ExitStack() as stack:
        try:
            # Whoever is stopped in the middle still has the lock, and sends when he goes on.
            stack.enter_context(locked(run_dir.submit_lock, run_dir.run_id))
            with as_facts_error(run_dir.job_log):
                run_dir.job_log.touch()  # a log that cannot be written is missed by nobody
            more = {"state": "submitting", "schedd": schedd, "resources": asdict(resources)}
            own = replace(spec, directory=run_dir.path)  # whose name may be another than wanted
            if "configs" not in entries:
                entries |= as_submitted(spec.config_dirs, run_dir.path)
            entries = new_entries(own, **NO_PROCESS, **more, **entries)
            handle = write_record(run_dir.launch, entries)
        except BaseException:
            remove_made(run_dir)
            raise
        return send_or(lambda: remove_made(run_dir), handle, script, resources, condor)


def send_or(
    undo: Callable[[], None], handle: JobHandle, script: Path, resources: Resources, condor: Condor
) -> JobHandle:
    """Send a job whose record is written; `undo` that where the scheduler refuses it for certain.

    Raises
    ------
    CouldNotAsk
        If it is not known whether HTCondor has it; nothing is undone then.
    LaunchError
        If the scheduler refuses it.
    """
    try:
        return send(handle, script, resources, condor)
    except CouldNotAsk:
        raise
    except LaunchError as refusal:
        with telling_too(refusal, handle.name):
            found = find(handle, condor)  # a connection may be lost after the job was taken
        if found is None:
            undo()
            raise
        return confirm(handle, found)


@contextlib.contextmanager
def telling_too(refusal: LaunchError, name: str) -> Iterator[None]:
    """Tell of a refusal, too, where nobody says whether jobs were taken all the same."""
    try:
        yield
    except CouldNotAsk as silence:
        doubt = "whether it has any of it all the same is not known"
        says = [refusal.hint.removesuffix("."), f"engine submit --again {name} finds out."]
        raise CouldNotAsk(
            f"{name}: {refusal.message}, and {doubt}: {silence.message}",
            ". ".join(filter(None, says)),
        ) from refusal


def find(handle: JobHandle, condor: Condor) -> str | None:
    """The number that HTCondor gave a job; None if it answers that it has, and had, none such.

    Raises
    ------
    CouldNotAsk
        If it does not answer.
    """
    reader = LogReader(RunDir(handle.directory).job_log)
    reader.read()
    logged = [job for job in reader.jobs.values() if job.run_id == handle.id]
    if logged:
        return logged[-1].id
    own, wanted = _own(handle), ("ClusterId", "ProcId")
    ads = condor.query(own, wanted) or condor.history(own, wanted, most=1)
    return f"{ads[0]['ClusterId']}.{ads[0]['ProcId']}" if ads else None


def _own(handle: JobHandle) -> str:
    return one_of([handle.id])


def prepared(record: Path, resources: Resources) -> Path:
    """The script that a node starts, if the job can be described to HTCondor.

    Raises
    ------
    ConfigError
        With all that HTCondor would not take as it is meant.
    LaunchError
        If the script cannot be executed.
    """
    script = train_script()
    description(_submission(record, "id", script, resources))
    return script


def train_script() -> Path:
    """The script that a node starts.

    Raises
    ------
    LaunchError
        If it is not there, or cannot be executed.
    """
    own = os.environ.get(SCRIPT_VARIABLE)
    path = Path(os.path.abspath(own)) if own else packaged("hpc/stoomboot/train.sh")
    if not os.access(path, os.X_OK):
        raise LaunchError(f"{path} cannot be executed", f"chmod +x {path} lets HTCondor start it.")
    return path


def send(handle: JobHandle, script: Path, resources: Resources, condor: Condor) -> JobHandle:
    """Send a job whose record is written; gives what that says then.

    Raises
    ------
    CouldNotAsk
        If it is not known whether HTCondor has it.
    LaunchError
        If the scheduler refuses it, or the connection was lost.
    """
    job = _submission(handle.path, handle.id or "", script, resources)
    described = description(replace(job, sweep_id=handle.sweep_id))
    try:
        answer = condor.submit(described)
    except CouldNotAsk as error:
        raise CouldNotAsk(
            f"{handle.name}: whether HTCondor has the job is not known: {error.message}",
            f"engine submit --again {handle.name} looks for it, and never submits it twice.",
        ) from error
    return confirm(handle, f"{answer.value}.0")


def _submission(record: Path, job_id: str, script: Path, resources: Resources) -> Submission:
    variables = job_environment(environment(), Path(sys.executable), job_id, resources)
    return Submission(record, job_id, script, resources, variables)


def confirm(handle: JobHandle, job_id: str) -> JobHandle:
    """Say in the record that HTCondor has the job, unless that has said more by itself."""
    own, known = {"job_id": job_id}, (handle.path, handle.id)
    if not amend_if(*known, {"state": "submitting"}, {"state": "queued", **own}):
        amend_if(*known, {"job_id": None}, own)
    return read_job(handle.path) or handle
