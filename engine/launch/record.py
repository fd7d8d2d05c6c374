"""The record of a job, `launch.json` or `sweep.json`: written whole, read with care.

Reading one executes nothing: it may be somebody else's, or damaged.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import uuid
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.errors import LaunchError
from engine.facts import machine
from engine.facts.files import replace_file
from engine.facts.records import MAX_RECORD, id_in, integer_in, read_record, text_in
from engine.facts.run_dir import RunDir
from engine.facts.sweep_dir import SweepDir
from engine.launch.job import HTCONDOR, KINDS, JobHandle, JobSpec
from engine.launch.lock import briefly_locked

SCHEMA_VERSION = 1

MOST_EARLIER = 20
"""Starts after the first one that a record keeps."""

NO_PROCESS = dict.fromkeys(("host", "pid", "pid_started", "pid_namespace", "boot_id"))
"""Entries of the record of a job on a cluster that it fills in on its node."""

_OF_A_START = (
    *("id", "kind", "submitted", "command", "overrides", "config_dirs", "trust", "cwd", "host"),
    *("pid", "exit_code", "reason", "ended"),
)


def record_path(directory: Path, *, sweep: bool) -> Path:
    """The record in a run directory, or in that of a sweep."""
    return SweepDir(directory).record if sweep else RunDir(directory).launch


def new_entries(spec: JobSpec, **more: Any) -> dict[str, Any]:
    """The entries of a record for a job that this very process is, or becomes."""
    return {
        "schema_version": SCHEMA_VERSION,
        "id": uuid.uuid4().hex,
        "kind": spec.kind,
        "target": spec.target,
        "state": "running",
        "submitted": now(),
        "command": command_text(spec),
        "overrides": list(spec.overrides),
        "config_dirs": [os.fspath(folder) for folder in spec.config_dirs],
        "at_once": spec.at_once,
        "leave_out": list(spec.leave_out),
        "points": spec.points,
        "parent": spec.parent,
        "trust": list(spec.trust),
        "original_dir": os.path.realpath(spec.directory),
        "cwd": os.getcwd(),
        **this_process(),
        **more,
    }


def this_process() -> dict[str, Any]:
    """The entries of a record that name the process that asks."""
    return {
        "host": machine.host_name(),
        "pid": os.getpid(),
        "pid_started": machine.process_start(os.getpid()),
        "pid_namespace": machine.pid_namespace(),
        "boot_id": machine.boot_id(),
    }


def command_text(spec: JobSpec) -> str:
    """What somebody would type in a shell for the same."""
    if spec.target == HTCONDOR:
        words = ["engine", "submit"] + (["--resume", spec.directory.name] if spec.resume else [])
    elif spec.resume:
        return shlex.join(["engine", "resume", os.fspath(spec.directory), *spec.overrides])
    else:
        words = ["thesis-train"]
    for folder in spec.config_dirs:
        words += ["--config-dir", os.fspath(folder)]
    words += ["--multirun"] if spec.sweep else []
    said = f"launcher={HTCONDOR}" if spec.target == HTCONDOR else None  # by the command itself
    overrides = [word for word in spec.overrides if word != said]
    return shlex.join([*words, *overrides, *sweep_settings(spec.at_once, spec.leave_out)])


def sweep_settings(at_once: int, leave_out: tuple[int, ...]) -> list[str]:
    """The overrides that run a sweep with several at once, without some of its points."""
    words = ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={at_once}"] if at_once > 1 else []
    return words + (
        [f"hydra.sweeper.leave_out=[{','.join(map(str, leave_out))}]"] if leave_out else []
    )


def write_record(path: Path, entries: dict[str, Any]) -> JobHandle:
    """Write a record, whole or not at all; gives what it says.

    One that is there already is replaced in its turn, so that a late word of the job that it was
    of is not written over it.

    Raises
    ------
    LaunchError
        If it is larger than anybody would read.
    FactsError
        If it cannot be written.
    """
    with briefly_locked(lock_of(path)) if os.path.lexists(path) else contextlib.nullcontext():
        write_entries(path, entries)
    return _handle(path, entries)


def write_entries(path: Path, entries: dict[str, Any], *, sync: bool = True) -> None:
    """Write the entries of a record, whole or not at all.

    Parameters
    ----------
    sync
        Whether it has to outlive a power cut.

    Raises
    ------
    LaunchError
        If it is larger than anybody would read.
    FactsError
        If it cannot be written.
    """
    data = json.dumps(entries).encode() + b"\n"
    if len(data) > MAX_RECORD:
        raise LaunchError(f"the overrides are too long: {len(data):,} bytes")
    replace_file(path, lambda handle: handle.write(data), sync=sync)


def amend_record(path: Path, job_id: str | None, /, **changes: Any) -> bool:
    """Change some entries of the record of a job; those that this version does not know stay.

    Returns
    -------
    bool
        Whether it was written: it is not where it is gone, or is by now that of a newer start.

    Raises
    ------
    FactsError
        If it cannot be read or written.
    """
    return amend_if(path, job_id, {}, changes)


def amend_if(
    path: Path,
    job_id: str | None,
    said: Mapping[str, Any],
    changes: Mapping[str, Any],
    *,
    sync: bool = True,
) -> bool:
    """As `amend_record`, where the record says just now what it is expected to.

    Whoever submits a job and the job itself, on its node, write into the same record: one after
    the other, by a lock. Where the file server has none, one of two changes within the same
    moment may be undone.

    Parameters
    ----------
    said
        Entries that it has to have for that.
    sync
        Whether it has to outlive a power cut.
    """
    if not os.path.lexists(path):
        return False
    with briefly_locked(lock_of(path)):
        entries, wanted = read_record(path), {"id": job_id, **said}
        if entries is None or any(entries.get(name) != wanted[name] for name in wanted):
            return False
        write_entries(path, {**entries, **changes}, sync=sync)
    return True


def lock_of(path: Path) -> Path:
    """The file that is locked by whoever changes a record."""
    return path.with_name(f".{path.name}.lock")


def earlier_starts(entries: dict[str, Any]) -> list[dict[str, Any]]:
    """What a newer record keeps of the one before: its start and those before, the oldest first.

    Of many starts it is the first one and the newest.
    """
    told = entries.get("earlier")
    known = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
    starts = [*known, {name: entries[name] for name in _OF_A_START if name in entries}]
    return [*starts[:1], *starts[1:][-MOST_EARLIER:]]


def read_job(path: Path) -> JobHandle | None:
    """The job of a record; None where there is no such file.

    Raises
    ------
    FactsError
        If the file cannot be read, is too large, or holds no JSON object.
    """
    entries = read_record(path)
    return None if entries is None else _handle(path, entries)


def find_record(directory: Path) -> JobHandle | None:
    """The job of a directory, that of a sweep or of a run; None where there is no record.

    Raises
    ------
    FactsError
        As `read_job` does.
    """
    job = read_job(record_path(directory, sweep=True))
    return read_job(record_path(directory, sweep=False)) if job is None else job


def now() -> str:
    """The time, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _handle(path: Path, entries: dict[str, Any]) -> JobHandle:
    known: dict[str, Any] = {}
    for field in fields(JobHandle):
        if field.name not in ("path", "kind", "command", "reason", "earlier"):
            known[field.name] = _READERS[str(field.type)](entries, field.name)
    starts = entries.get("earlier")
    starts = [one for one in starts if isinstance(one, dict)] if isinstance(starts, list) else []
    commands = [one["command"] for one in starts if isinstance(one.get("command"), str)]
    known["earlier"] = tuple(commands)
    kind = entries.get("kind")
    known["kind"] = kind if kind in KINDS else None
    known |= {name: id_in(entries, name) for name in ("id", "sweep_id")}
    for name in ("command", "reason"):  # as long as they are
        known[name] = entries.get(name) if isinstance(entries.get(name), str) else None
    return JobHandle(path, **known)


def _texts_in(entries: dict[str, Any], key: str) -> tuple[str, ...]:
    value = entries.get(key)
    whole = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return tuple(value) if isinstance(value, list) and whole else ()


def _numbers_in(entries: dict[str, Any], key: str) -> tuple[int, ...]:
    value = entries.get(key)
    whole = isinstance(value, list) and all(type(one) is int for one in value)
    return tuple(value) if isinstance(value, list) and whole else ()


_READERS: dict[str, Callable[[dict[str, Any], str], Any]] = {
    "str | None": text_in,
    "int | None": integer_in,
    "tuple[str, ...]": _texts_in,
    "tuple[int, ...]": _numbers_in,
}
"""The type of a field to what reads it."""
