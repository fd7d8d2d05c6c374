"""The directories and records of the runs of a sweep on a cluster, made from those of the sweep.

They are not synced one by one: whatever a power cut takes is made again from the record of the
sweep and the list of its runs, which are.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.errors import FactsError, LaunchError
from engine.facts.files import as_facts_error
from engine.facts.records import read_record
from engine.facts.run_dir import RunDir, unwritable_output
from engine.launch.job import HTCONDOR, JobSpec
from engine.launch.record import (
    NO_PROCESS,
    SCHEMA_VERSION,
    amend_if,
    command_text,
    lock_of,
    write_entries,
)
from engine.launch.sweep_runs import SweepRun

_OF_THE_SWEEP = (
    *("target", "submitted", "config_dirs", "parent", "trust", "cwd", "schedd", "resources"),
    *("configs", "git_commit"),
)


def run_entries(sweep: Mapping[str, Any], place: Path, run: SweepRun) -> dict[str, Any]:
    """The record of a run that is still to be submitted; a pure function.

    Parameters
    ----------
    sweep
        The entries of the record of the sweep.
    place
        The run directory, without links on the way.
    """
    folders = tuple(map(Path, sweep.get("config_dirs") or ()))
    spec = JobSpec(run.overrides, place, config_dirs=folders, target=HTCONDOR)
    own = {
        "schema_version": SCHEMA_VERSION,
        "id": run.id,
        "kind": "run",
        "state": "submitting",
        "command": command_text(spec),
        "overrides": list(run.overrides),
        "original_dir": os.fspath(place),
        "sweep_id": sweep["id"],
        "sweep_dir": sweep["original_dir"],
        "number": run.number,
    }
    return {**{name: sweep.get(name) for name in _OF_THE_SWEEP}, **NO_PROCESS, **own}


def make_run(folder: Path, real: Path, sweep: Mapping[str, Any], run: SweepRun) -> str:
    """Make the directory and the record of a run where they are not there; its recorded state.

    Parameters
    ----------
    folder, real
        Where the runs lie, and the same without links on the way.

    Raises
    ------
    ConfigError, FactsError
        If it cannot be made there.
    LaunchError
        If the directory is another run's.
    """
    run_dir = RunDir(folder / run.name)
    try:
        made = _make_folders(run_dir)
    except OSError as error:
        raise unwritable_output(run_dir.path, error) from error
    state = None if made else _recorded_state(run_dir, run)
    if state is not None:
        return state
    try:
        with as_facts_error(run_dir.job_log):
            # A log that cannot be written is missed by nobody.
            os.close(os.open(run_dir.job_log, os.O_WRONLY | os.O_CREAT, 0o666))
        write_entries(run_dir.launch, run_entries(sweep, real / run.name, run), sync=False)
    except BaseException:
        if made:
            remove_made(run_dir)
        raise
    return "submitting"


def _make_folders(run_dir: RunDir) -> bool:
    """Make the folders of a run; whether they are ours: whoever can make `facts` has the other."""
    with contextlib.suppress(FileExistsError):
        run_dir.path.mkdir()
    try:
        run_dir.facts.mkdir()
    except FileExistsError:
        return False
    return True


def _recorded_state(run_dir: RunDir, run: SweepRun) -> str | None:
    """What the record in a directory that is there says; None where it was not written yet."""
    try:
        entries = read_record(run_dir.launch)
    except FactsError:
        entries = None  # a power cut may have left a part of it
    if entries is None and not any(map(os.path.lexists, (run_dir.events, run_dir.attempts))):
        return None
    if entries is None or entries.get("id") != run.id:
        raise LaunchError(f"{run_dir.path} is another run's")
    return str(entries.get("state"))


def confirm_run(folder: Path, run: SweepRun, **changes: Any) -> None:
    """Change the record of a run that is still to be submitted; its job may have done more."""
    path = RunDir(folder / run.name).launch
    done = amend_if(path, run.id, {"state": "submitting"}, changes, sync=False)
    if not done and "job_id" in changes:
        amend_if(path, run.id, {"job_id": None}, {"job_id": changes["job_id"]}, sync=False)


def remove_run(launch: Path, run_id: str, reason: str, *, begun: bool = False) -> None:
    """Say in the record of a run that its job was removed, unless that is over.

    Of a job that HTCondor had still to make nothing else tells: it has no log, and no history; nor
    of one whose node is lost, as long as HTCondor waits for that.

    Parameters
    ----------
    launch
        The record.
    begun
        Whether it is meant also where it trains.
    """
    end = {"state": "removed", "reason": reason}
    # Each of these becomes the next one, and never the reverse.
    for state in ("submitting", "queued", *(["running"] if begun else [])):
        if amend_if(launch, run_id, {"state": state}, end, sync=False):
            return


def discard_runs(folder: Path, runs: Sequence[SweepRun]) -> None:
    """Remove directories that were just made for jobs that there will not be; no other run's."""
    for run in runs:
        run_dir = RunDir(folder / run.name)
        with contextlib.suppress(FactsError):
            if (read_record(run_dir.launch) or {}).get("id") == run.id:
                remove_made(run_dir)


def remove_made(run_dir: RunDir) -> None:
    """Remove a directory that was just made for a job that there will not be."""
    files = (run_dir.job_log, run_dir.launch, lock_of(run_dir.launch), run_dir.submit_lock)
    for path in files:
        with contextlib.suppress(OSError):
            path.unlink()
    for path in (run_dir.facts, run_dir.path):
        with contextlib.suppress(OSError):
            path.rmdir()
