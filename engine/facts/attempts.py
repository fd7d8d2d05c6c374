"""The starts of a run: `attempts/N.json`, one per start, whose mtime is the heartbeat.

The record says which process on which machine trains; a newer one fences the older ones, which
end as soon as they see it.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from engine.errors import FactsError
from engine.facts import machine
from engine.facts.files import as_facts_error, sync_folder
from engine.facts.records import integer_in, read_record, text_in
from engine.facts.run_dir import RunDir

JOB_ID = "THESIS_JOB_ID"
"""Environment variable in which a launcher leaves the id of its job."""

BEAT_EVERY_S = 10.0

MOST_READ = 1000
"""Attempts that are read at most, the newest ones."""

Process = Literal["alive", "gone", "reused", "rebooted", "elsewhere", "unknown"]

_NAME = re.compile(r"([1-9][0-9]{0,8})\.json", re.ASCII)
_NO_LINKS = (errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


@dataclass(frozen=True)
class Attempt:
    """One start of a run; entries that were not known, or are damaged, are None."""

    path: Path
    number: int
    host: str | None = None
    pid: int | None = None
    pid_started: int | None = None
    """Start of the process in clock ticks since the machine's; tells a reused id."""
    pid_namespace: str | None = None
    """Which numbering of processes `pid` belongs to; a container may have its own."""
    boot_id: str | None = None
    job_id: str | None = None
    started: str | None = None
    """ISO 8601, by the clock of the host."""
    run_dir: str | None = None
    """Where the run directory was."""
    events_size: int | None = None
    """Bytes of `events.jsonl` at the start: as long as it has as many, they are not this
    attempt's."""
    memory_limit_mib: int | None = None
    oom_kills: int | None = None
    """How many processes the machine had ended for lack of memory."""

    def beat(self) -> None:
        """Say "alive" now, by the clock of the file server; a failure never ends a training."""
        with contextlib.suppress(OSError):
            os.utime(self.path)

    def superseded(self) -> bool:
        """Whether a newer attempt has begun, and this one is to end; costs one `stat`."""
        try:
            os.stat(self.path.with_name(f"{self.number + 1}.json"))
        except OSError:
            return False
        return True


class Heartbeat:
    """While it is entered, beats from a thread of its own every `every_s` seconds."""

    def __init__(self, attempt: Attempt, every_s: float = BEAT_EVERY_S) -> None:
        self.attempt = attempt
        self.every_s = every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join(timeout=2)  # a disk that hangs must not hold the end up

    def _run(self) -> None:
        while not self._ended.wait(self.every_s):
            self.attempt.beat()


def begin_attempt(run_dir: RunDir, job_id: str | None = None) -> Attempt:
    """Write the next `attempts/N.json` for this process, which owns the run from then on.

    Two processes at once get different numbers, on a network file system too, and a reader finds
    the whole record.

    Parameters
    ----------
    job_id
        The launcher's id of the job; from the environment (`THESIS_JOB_ID`) if not given.

    Raises
    ------
    FactsError
        If the record cannot be written.
    """
    record = _record(run_dir, job_id or os.environ.get(JOB_ID))
    folder = run_dir.attempts.absolute()  # beats reach it from any working directory
    with as_facts_error(folder):
        folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f".{machine.host_name()}-{os.getpid()}-{threading.get_ident()}.tmp"
    with as_facts_error(beside):
        for number in itertools.count(max(_numbers(folder), default=0) + 1):
            attempt = Attempt(folder / f"{number}.json", number, **record)
            if _create(attempt, beside):
                return attempt
    raise AssertionError("itertools.count ends never")


def read_attempts(run_dir: RunDir, most: int = MOST_READ) -> list[Attempt]:
    """The attempts of a run, the oldest first; of a damaged one as much as can be read.

    Parameters
    ----------
    most
        How many are read; the newest ones.
    """
    folder = run_dir.attempts
    return [_read(folder / f"{number}.json", number) for number in _numbers(folder)[-most:]]


def newest_attempt(run_dir: RunDir) -> Attempt | None:
    """The attempt that owns the run; None if none was begun."""
    attempts = read_attempts(run_dir, most=1)
    return attempts[-1] if attempts else None


def own_attempt(run_dir: RunDir) -> Attempt | None:
    """The attempt of this process, whether or not a newer one owns the run; None without one."""
    mine = [a for a in read_attempts(run_dir) if a.pid == os.getpid() and process_of(a) == "alive"]
    return mine[-1] if mine else None


def heartbeat_age_s(attempt: Attempt, now: float | None = None) -> float | None:
    """Seconds since the last heartbeat, negative for a time to come; None if it cannot be told.

    Parameters
    ----------
    now
        Unix seconds; the present by default.
    """
    try:
        beaten = os.stat(attempt.path).st_mtime
    except OSError:
        return None
    return (time.time() if now is None else now) - beaten


def process_of(attempt: Attempt) -> Process:
    """What has become of the process of an attempt, as far as this machine can tell.

    `gone`: it is not there. `reused`: its id is another's. `rebooted`: this machine has started
    again since. `elsewhere`: another machine's. `unknown`: it cannot be told.
    """
    if attempt.pid is None or attempt.host is None:
        return "unknown"
    if attempt.host != machine.host_name():
        return "elsewhere"
    if _differ(attempt.boot_id, machine.boot_id()):
        return "rebooted"
    if _differ(attempt.pid_namespace, machine.pid_namespace()):
        return "unknown"
    exists = machine.process_exists(attempt.pid)
    if exists is None:
        return "unknown"
    if not exists:
        return "gone"
    reused = _differ(attempt.pid_started, machine.process_start(attempt.pid))
    return "reused" if reused else "alive"


def names_one_process(attempt: Attempt) -> bool:
    """Whether the record of an attempt tells its process from any other that has the same id."""
    return None not in (attempt.pid_started, attempt.pid_namespace, attempt.boot_id)


def _differ(one: object, other: object) -> bool:
    """Whether both are known and not the same."""
    return one is not None and other is not None and one != other


def _record(run_dir: RunDir, job_id: str | None) -> dict[str, Any]:
    """What there is to say about this process, named like the fields of `Attempt`."""
    try:
        events_size = os.stat(run_dir.events).st_size
    except OSError:
        events_size = 0
    return {
        "host": machine.host_name(),
        "pid": os.getpid(),
        "pid_started": machine.process_start(os.getpid()),
        "pid_namespace": machine.pid_namespace(),
        "boot_id": machine.boot_id(),
        "job_id": job_id,
        "started": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "run_dir": os.path.realpath(run_dir.path),
        "events_size": events_size,
        "memory_limit_mib": machine.memory_limit_mib(),
        "oom_kills": machine.oom_kills(),
    }


def _create(attempt: Attempt, beside: Path) -> bool:
    """Make the file of an attempt, whole; False if there is one of this number."""
    entries = {"attempt": attempt.number} | asdict(attempt)
    del entries["path"], entries["number"]
    data = json.dumps(entries).encode() + b"\n"
    try:
        _write(beside, data, os.O_TRUNC)
        os.link(beside, attempt.path)
    except FileExistsError:
        # A network file system may repeat a request that it has carried out already.
        return os.stat(beside).st_nlink == 2
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        try:
            _write(attempt.path, data, os.O_EXCL)
        except FileExistsError:
            return False
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(beside.parent)
    return True


def _write(path: Path, data: bytes, how: int) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o644), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _numbers(folder: Path) -> list[int]:
    """The numbers of the attempts in order; found one by one in a folder that hides its names."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError:
        return list(_found_one_by_one(folder))
    return sorted(int(match[1]) for match in map(_NAME.fullmatch, names) if match)


def _found_one_by_one(folder: Path) -> Iterator[int]:
    for number in itertools.count(1):
        try:
            os.stat(folder / f"{number}.json")
        except OSError:
            return
        yield number


def _read(path: Path, number: int) -> Attempt:
    try:
        record = read_record(path, in_folder=True) or {}
    except FactsError:
        record = {}
    return attempt_of(path, number, record)


def attempt_of(path: Path, number: int, record: dict[str, Any]) -> Attempt:
    """The start that a record tells of; what it does not tell, or wrongly, is None."""
    known: dict[str, Any] = {
        field.name: (integer_in if field.type.startswith("int") else text_in)(record, field.name)
        for field in fields(Attempt)
        if field.name not in ("path", "number")
    }
    return Attempt(path, number, **known)
