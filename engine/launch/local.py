"""A job on this machine: a process of its own that goes on whatever becomes of the launcher."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import engine
from engine.errors import ConfigError, EngineError, LaunchError
from engine.facts.text import plain
from engine.launch.job import ID_VARIABLE, JobHandle, JobSpec
from engine.launch.record import read_job

ANSWER_S = 30.0
"""How long the starter may take; a disk that hangs takes for ever."""

_MOST_ANSWER = 1 << 16


def submit(spec: JobSpec, timeout_s: float = ANSWER_S) -> JobHandle:
    """Start a job in the background; gives what its record says.

    The directory and the record are made by the started process itself, which becomes the
    training: see `engine.launch.start`. So whenever this process is killed, there is either no
    job, or one with a record.

    Parameters
    ----------
    timeout_s
        How long to wait for the record.

    Raises
    ------
    ConfigError
        If the directory cannot be made there.
    LaunchError
        If the job cannot be started, or nothing is heard of it.
    """
    spec.check()
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "engine.launch.start"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment() | {ID_VARIABLE: uuid.uuid4().hex},
        )
    except OSError as error:
        raise LaunchError(f"{sys.executable} cannot be started: {error}") from error
    with contextlib.suppress(BrokenPipeError):  # it has ended, and its answer says why
        _send(process, message(spec))
    answer = _listen(process, timeout_s)
    return _read_answer(answer)


def message(spec: JobSpec) -> bytes:
    """A spec as it is sent: its length, a line end, and the spec. A part of it starts nothing."""
    body = json.dumps(spec.as_entries()).encode()
    return b"%d\n%s" % (len(body), body)


def environment() -> dict[str, str]:
    """What a process of ours gets: a package that is not installed is found by its place."""
    folder = Path(engine.__file__).resolve().parents[1]
    paths = list(filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)))
    if folder.name not in ("site-packages", "dist-packages"):
        paths = list(dict.fromkeys([str(folder), *paths]))
    more = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
    return os.environ | more


def _send(process: subprocess.Popen[bytes], data: bytes) -> None:
    if process.stdin is not None:
        with process.stdin:
            process.stdin.write(data)


def _listen(process: subprocess.Popen[bytes], timeout_s: float) -> bytes:
    """The line that the starter says, or what else comes until it ends.

    The process that was started here ends at once: its child goes on, and is no child of ours.
    """
    if process.stdout is None:
        return b""
    deadline, parts = time.monotonic() + timeout_s, b""
    with process.stdout as pipe:
        while b"\n" not in parts and len(parts) < _MOST_ANSWER:
            ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                process.poll()
                raise LaunchError(
                    f"nothing was heard of the job within {timeout_s:g} s",
                    "The disk may hang. If the job begins after all, engine jobs shows it.",
                )
            part = os.read(pipe.fileno(), 4096)
            if not part:
                break
            parts += part
    process.wait()
    return parts


def _read_answer(answer: bytes) -> JobHandle:
    """The job that the starter has made, or an error with what it said."""
    try:
        told: dict[str, Any] = json.loads(answer)
        if "error" in told:
            raise _error(told)
        handle = read_job(Path(told["record"]))
    except (ValueError, TypeError, KeyError) as error:
        said = plain(answer.decode("utf-8", "replace").strip()[-500:], keep_lines=True)
        raise LaunchError("the job did not start", said) from error
    if handle is None:
        raise LaunchError(f"{told['record']} is gone: somebody has removed the job's directory")
    return handle


def _error(told: dict[str, Any]) -> EngineError:
    kind = ConfigError if told.get("exit_code") == ConfigError.exit_code else LaunchError
    return kind(str(told["error"]), str(told.get("hint", "")))
