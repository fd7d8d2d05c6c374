"""The process that becomes a job: `python -m engine.launch.start`, called by `launch.local`.

It reads on standard input what to start, all of it before it does anything; leaves its parent;
takes the directory; writes the record with its own process id; says so; and becomes the training.
Whoever is killed, and when: a directory with a record is there or not, and the process that the
record names is the one that trains, or was to.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from engine.errors import EngineError, LaunchError
from engine.facts.files import as_facts_error
from engine.facts.run_dir import RunDir
from engine.facts.sweep_dir import SweepDir
from engine.launch.going_on import check_is_over, entries_before
from engine.launch.job import ID_VARIABLE, JobHandle, JobSpec
from engine.launch.lock import locked
from engine.launch.record import (
    amend_record,
    new_entries,
    now,
    record_path,
    write_record,
)


def main() -> int:
    """Start what standard input says; comes back only if that cannot be."""
    spec = read_spec()
    if spec is None:  # the launcher was killed, and nothing has begun
        return 1
    if os.fork():
        os._exit(0)  # the launcher has no child to wait for
    os.setsid()
    _forget_signals()
    launcher = os.dup(1)  # not inherited by what this process becomes
    try:
        handle, log = begin(spec)
    except EngineError as error:
        told = {"error": error.message, "hint": error.hint, "exit_code": error.exit_code}
        _tell(launcher, told)
        return error.exit_code
    _redirect(log)
    _tell(launcher, {"record": str(handle.path)})
    _become(handle)


def read_spec() -> JobSpec | None:
    """What to start; None if not all of it comes."""
    head = sys.stdin.buffer.readline()
    body = sys.stdin.buffer.read(int(head)) if head.endswith(b"\n") else b""
    if not head.endswith(b"\n") or len(body) < int(head):
        return None
    return JobSpec.from_entries(json.loads(body))


def begin(spec: JobSpec) -> tuple[JobHandle, int]:
    """Take the directory, open its log, and write the record; the job, and the log to write to.

    Raises
    ------
    EngineError
        If that cannot be; nothing is left behind then.
    """
    if spec.resume:
        return _begin_again(spec)
    place = SweepDir.claim(spec.directory) if spec.sweep else RunDir.claim(spec.directory)
    try:
        log = _open_log(place.log)
        path = record_path(place.path, sweep=spec.sweep)
        handle = write_record(path, new_entries(replace(spec, directory=place.path)) | _mark())
    except BaseException:
        _discard(place)
        raise
    return handle, log


def _begin_again(spec: JobSpec) -> tuple[JobHandle, int]:
    """The record of a run that goes on, which keeps what it came from."""
    run_dir = RunDir(spec.directory)
    with locked(run_dir.submit_lock, run_dir.run_id):
        check_is_over(run_dir)
        log = _open_log(run_dir.log)
        entries = new_entries(spec) | _mark() | entries_before(run_dir)
        with contextlib.suppress(OSError):
            run_dir.stop.unlink()  # it was meant for the start before
        return write_record(run_dir.launch, entries), log


def _mark() -> dict[str, str]:
    """The id that this process has in its environment, where its launcher has put it."""
    given = os.environ.get(ID_VARIABLE)
    return {"id": given} if given else {}


def _discard(place: RunDir | SweepDir) -> None:
    """Remove a directory that was just made, if there is nothing of anybody's in it."""
    with contextlib.suppress(OSError):
        place.log.unlink()
    with contextlib.suppress(OSError):
        if isinstance(place, RunDir):
            place.facts.rmdir()
        place.path.rmdir()


def _open_log(path: Path) -> int:
    """The log, for appending; not through a link."""
    with as_facts_error(path):
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o644)


def _redirect(log: int) -> None:
    """Output goes to the log, input comes from nowhere."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)


def _forget_signals() -> None:
    """As a process has them that nobody has started from a terminal; SIGHUP does not end it."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(signum, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _tell(launcher: int, answer: dict[str, Any]) -> None:
    """Say how it went, if anybody still listens."""
    with contextlib.suppress(OSError):
        os.write(launcher, json.dumps(answer).encode() + b"\n")


def _become(handle: JobHandle) -> NoReturn:
    """Be the training from here on, under the same process id."""
    os.environ[ID_VARIABLE] = handle.id or ""
    words = ["-P", "-m", "engine", "train", "--launch", str(handle.path)]
    try:
        os.execv(sys.executable, [sys.executable, *words])
    except OSError as error:
        reason = f"{sys.executable} cannot be started: {error}"
        end = {"state": "ended", "exit_code": 1, "reason": reason, "ended": now()}
        amend_record(handle.path, handle.id, **end)
        raise LaunchError(reason) from error


if __name__ == "__main__":
    sys.exit(main())
