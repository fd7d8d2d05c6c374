"""How a run is ended from outside: asked to, or killed where it does not listen."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import FactsError, LaunchError
from engine.facts.attempts import Attempt, names_one_process, newest_attempt, process_of
from engine.facts.copies import began_here
from engine.facts.files import as_facts_error
from engine.facts.launched import launch_record
from engine.facts.run_dir import RunDir
from engine.facts.sweep_dir import SweepDir
from engine.facts.words import first_line
from engine.launch.condor.actions import remove
from engine.launch.condor.sweep import remove_sweep
from engine.launch.job import HTCONDOR, JobHandle
from engine.launch.record import read_job
from engine.launch.usage import is_of_job, members

if TYPE_CHECKING:
    from engine.launch.jobs import Job

_POLL_S = 0.05


def ask_to_stop(run_dir: RunDir) -> None:
    """Leave the file `stop`: the run saves and ends after its present step, wherever it runs.

    Raises
    ------
    FactsError
        If the file cannot be written.
    LaunchError
        If the directory is gone: nothing is written then.
    """
    _leave(run_dir.stop)


def ask_job_to_stop(job: JobHandle) -> None:
    """The same for a job: all runs of a sweep save and end, and no further ones begin.

    Raises
    ------
    FactsError
        If the file cannot be written.
    LaunchError
        If the directory is gone, or a copy, where nothing trains.
    """
    if job.is_copy:
        raise LaunchError(f"{job.name}: {_not_here(job.attempt)}")
    place = SweepDir(job.directory) if job.kind == "sweep" else RunDir(job.directory)
    _leave(place.stop)


def _leave(stop: Path) -> None:
    """Make the file, empty; a directory that was deleted is not made again."""
    with as_facts_error(stop):
        try:
            os.close(os.open(stop, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
        except FileExistsError:
            return
        except FileNotFoundError as error:
            raise LaunchError(f"{stop.parent.name}: its directory is gone") from error


def asked_to_stop(name: str, state: str | None) -> str:
    """What is told of a job, or a run, that was asked to stop in this state."""
    if state not in ("queued", "held"):
        return "asked to stop"
    return f"asked to stop; it waits, and does not begin: engine jobs remove {name} ends it now"


def stop_all(job: Job) -> None:
    """Ask a job to stop, and all of its runs that a cluster has: they look in their own place.

    Raises
    ------
    FactsError, LaunchError
        As `ask_job_to_stop`.
    """
    ask_job_to_stop(job.handle)
    for run in job.on_cluster:
        if run.path != job.handle.path:
            ask_job_to_stop(run)


def kill_job(job: JobHandle, grace_s: float = 10.0) -> str:
    """End a job on this host with all its processes, and give the name of the signal that did.

    A job on a cluster is removed by HTCondor instead.

    SIGTERM goes to its first process, on which every run saves and ends; SIGKILL to whatever lives
    on for `grace_s`.

    Raises
    ------
    LaunchError
        If none of its processes lives here, they are somebody else's, or the directory is a copy.
    """
    if job.target == HTCONDOR:
        return remove_sweep(job) if job.kind == "sweep" else _removed(job)
    where = job.process()
    if not began_here(job.attempt, job.directory) or not members(job):
        raise LaunchError(f"{job.name}: {_why_not(job.attempt, where, job.directory)}")
    for signum, patience in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 10.0)):
        first = signum == signal.SIGTERM and where == "alive"
        for pid in [job.pid] if first else members(job):
            if pid is not None and pid in members(job):
                _send_to(pid, signum)
        if _comes_true_within(lambda: not members(job), patience):
            return signum.name
    raise LaunchError(
        f"{job.name}: process {job.pid} does not end",
        "It hangs in the system, as one whose disk is gone does.",
    )


def kill(run_dir: RunDir, grace_s: float = 10.0) -> str:
    """End the process of a run on this host: SIGTERM, and SIGKILL if it lives on for `grace_s`.

    Gives the name of the signal that ended it.

    Raises
    ------
    LaunchError
        If no process of this run lives here, it is somebody else's, or the directory is a copy.
    """
    if launch_record(run_dir).get("target") == HTCONDOR and (job := read_job(run_dir.launch)):
        return _removed(job)
    attempt, is_certain = _process_to_end(run_dir)
    if attempt is None or attempt.pid is None:
        raise LaunchError(f"{run_dir.run_id}: no process is known", "It has not been started.")
    where = process_of(attempt)
    if where != "alive" or not is_certain or not began_here(attempt, run_dir.path):
        raise LaunchError(f"{run_dir.run_id}: {_why_not(attempt, where, run_dir.path)}")
    for signum, patience in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 10.0)):
        _send(attempt, signum)
        if _ends_within(attempt, patience):
            return signum.name
    raise LaunchError(
        f"{run_dir.run_id}: process {attempt.pid} does not end",
        "It hangs in the system, as one whose disk is gone does.",
    )


def _removed(job: JobHandle) -> str:
    """Have HTCondor end a job, which gets SIGTERM and saves if it runs; gives who ended it."""
    for problem in remove([job]).problems.values():
        raise LaunchError(f"{job.name}: {problem}")
    return "HTCondor"


def _process_to_end(run_dir: RunDir) -> tuple[Attempt | None, bool]:
    """The process of the newest attempt, or one that was launched and has not begun.

    And whether it is certain that the process of this id is that one.
    """
    try:
        launched = read_job(run_dir.launch)
    except FactsError:
        launched = None
    if launched is not None and launched.state == "running" and is_of_job(launched):
        return launched.attempt, True
    attempt = newest_attempt(run_dir)
    if attempt is None and launched is not None:
        return launched.attempt, is_of_job(launched)
    return attempt, attempt is not None and names_one_process(attempt)


def _why_not(attempt: Attempt, where: str, directory: Path) -> str:
    if where == "elsewhere":
        return f"it runs on {attempt.host}, and can be killed there only"
    if where == "unknown":
        return f"whether process {attempt.pid} lives cannot be told from here"
    if where == "alive" and attempt.run_dir and not began_here(attempt, directory):
        return _not_here(attempt)
    if where == "alive":
        return f"nothing proves that process {attempt.pid} is the one that was started here"
    return f"process {attempt.pid} has ended already"


def _not_here(attempt: Attempt) -> str:
    place = first_line(attempt.run_dir)
    return f"process {attempt.pid} was started in {place}, and this is another directory"


def _send(attempt: Attempt, signum: signal.Signals) -> None:
    """Signal the process, if it is still the one that the record means."""
    if attempt.pid is None or process_of(attempt) != "alive":
        return
    _send_to(attempt.pid, signum)


def _send_to(pid: int, signum: signal.Signals) -> None:
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise LaunchError(f"process {pid} is not yours to end") from error


def _ends_within(attempt: Attempt, seconds: float) -> bool:
    return _comes_true_within(lambda: process_of(attempt) != "alive", seconds)


def _comes_true_within(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True
