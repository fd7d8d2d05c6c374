"""What can be known about whether a run lives: gathered from its files and this machine."""

from __future__ import annotations

import errno
import functools
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine.errors import FactsError
from engine.facts import machine
from engine.facts.attempts import Attempt, Process, heartbeat_age_s, process_of, read_attempts
from engine.facts.copies import copied_from, is_rewritten, last_event_at
from engine.facts.files import as_facts_error
from engine.facts.job_report import JobReport
from engine.facts.last_seen import LastSeen
from engine.facts.launched import (
    failed_start,
    is_later,
    is_this_process,
    launch_record,
    report_in,
    starting_process,
)
from engine.facts.printed import last_error
from engine.facts.records import integer_in, read_record, text_in
from engine.facts.run_dir import RunDir
from engine.facts.values import seconds_of
from engine.facts.words import signal_of

ENDS = ("on_train_end", "on_exception")
"""The moments after which a training writes nothing more."""

SILENT_S = 120.0
"""A process on another machine that is silent for longer counts as gone, at the earliest."""
JUST_NOW_S = 30.0
"""Three heartbeats: a process that gave one since is there."""
FULL_MEMORY = 0.9
"""Share of its memory limit from which on a process that vanished was likely out of memory."""


@dataclass(frozen=True)
class Evidence:
    """All that the state of a run is told from; ages in seconds, negative for times to come."""

    seen: LastSeen = field(default_factory=LastSeen)
    job: JobReport | None = None
    """The launcher's word, or the launch record where nothing is newer."""
    job_told_s: float | None = None
    """How long ago that was said first, where that is known."""
    attempt: Attempt | None = None
    """The start that owns the run."""
    process: Process | None = None
    """What has become of its process."""
    heartbeat_age_s: float | None = None
    events_age_s: float | None = None
    begun_age_s: float | None = None
    """Since the directory was claimed, or its training launched."""
    hidden: str | None = None
    """Why the events cannot be read, so that it is not known whether they end."""
    starting: bool = False
    """Whether `attempt` is a process that a launcher started, and that has not begun to train."""
    no_event_since: bool = False
    """Whether the attempt has written no event yet."""
    start_failed: str | None = None
    """How the last start of its job failed, where its record tells that it did."""
    reopened: bool = False
    """Whether a newer start, or launch, followed the end that the facts tell of."""
    moved_from: str | None = None
    """Where the process of the attempt trains, if that is not this directory."""
    copied_from: str | None = None
    """Where the attempt is on record as well, if this directory is a copy of that."""
    rewritten: bool = False
    """Whether the events were copied or changed since they were written, and heartbeats too."""
    rival: Attempt | None = None
    """An older start whose process lives too."""
    memory_full: bool = False
    """Whether the process came near its memory limit, or this machine ended one for lack of it."""
    stop_asked: bool = False

    @property
    def silent_s(self) -> float | None:
        """Seconds since the youngest sign of life; None if there never was one."""
        ages = [self.heartbeat_age_s, self.events_age_s]
        known = [age for age in ages if age is not None]
        return min(known) if known else self.begun_age_s


def gather(
    run_dir: RunDir, seen: LastSeen, job: JobReport | None = None, now: float | None = None
) -> Evidence:
    """Collect the evidence about a run; costs a few `stat` calls and two small files.

    Parameters
    ----------
    seen
        What the facts say last.
    job
        What a launcher says; None if there is none, or it could not be asked.
    now
        Unix seconds; the present by default. Ages are by modification times, which a file server
        gives by its own clock, so that the clocks of the machines that train do not matter.

    Raises
    ------
    FactsError
        If nothing tells of a run there.
    """
    now = time.time() if now is None else now
    events, launched = _stat(run_dir.events), _stat(run_dir.launch)
    launch = launch_record(run_dir) if launched else {}
    if is_this_process(run_dir, launch):
        launched, launch = None, {}  # who asks is the job itself, and is no evidence for it
    attempts = read_attempts(run_dir, most=3)
    attempt = attempts[-1] if attempts else None
    size = events.st_size if events else 0
    wrote = _wrote(events, seen)
    silent_attempt = attempt is not None and attempt.events_size == size
    ended = seen.moment in ENDS
    relaunched = ended and events is not None and is_later(launch, launched, events)
    claimed = launched if relaunched or launch.get("state") == "running" else None
    claimed = claimed or _stat(run_dir.facts)
    evidence = Evidence(
        seen=seen,
        job=job,
        job_told_s=now - job.told if job and job.told is not None else None,
        events_age_s=now - wrote if wrote is not None and not relaunched else None,
        begun_age_s=now - claimed.st_mtime if claimed else None,
        hidden=_why_hidden(run_dir.events, events),
        start_failed=failed_start(launch),
        reopened=ended and (silent_attempt or relaunched),
        stop_asked=_stat(run_dir.stop) is not None,
        rewritten=_is_rewritten(run_dir, attempt, seen),
    )
    starting = starting_process(run_dir, launch, launched, attempt)
    if starting is not None:
        evidence = replace(evidence, starting=True, **starting)
    elif attempt is not None and (silent_attempt or not relaunched):
        evidence = _with_attempt(evidence, run_dir, attempts, now, silent_attempt)
    if job is None and launched is not None:
        record_age = now - launched.st_mtime
        recorded = _recorded_job(run_dir, launch, record_age, evidence.silent_s)
        evidence = replace(evidence, job=recorded)
    elif job is not None and job.state == "ended" and not job.reason:
        evidence = replace(evidence, job=_with_reason(job, launch))
    evidence = replace(evidence, job=_with_last_error(run_dir, evidence.job))
    _refuse_nothing(run_dir, evidence)
    return evidence


def _with_attempt(
    evidence: Evidence, run_dir: RunDir, attempts: list[Attempt], now: float, silent: bool
) -> Evidence:
    """`evidence` with what is known about the newest of `attempts` and its rivals."""
    attempt = attempts[-1]
    age = heartbeat_age_s(attempt, now)
    process = process_of(attempt)
    uptime = machine.uptime_s() if process == "rebooted" else None
    if age is not None and uptime is not None and age < uptime:
        process = "elsewhere"  # it has beaten since this machine started: a namesake's
    original = None if process in ("gone", "reused") else copied_from(run_dir, attempt)
    rivals = [one for one in attempts[:-1] if _is_rival(one, attempt, now)]
    return replace(
        evidence,
        attempt=attempt,
        process=process,
        heartbeat_age_s=age,
        no_event_since=silent,
        moved_from=_moved_from(attempt, run_dir, age, original) if process == "alive" else None,
        copied_from=original,
        rival=rivals[-1] if rivals else None,
        memory_full=_memory_full(evidence.seen, attempt, process),
    )


def _wrote(events: os.stat_result | None, seen: LastSeen) -> float | None:
    """When the last event was written; an empty file tells nothing."""
    if events is None or not events.st_size:
        return None
    return last_event_at(seen.written, seen.at) if seen.is_younger else events.st_mtime


def _is_rewritten(run_dir: RunDir, attempt: Attempt | None, seen: LastSeen) -> bool:
    if attempt is None or seen.written is None or seen.at is None or not seen.is_younger:
        return False
    return is_rewritten(run_dir, attempt, seen.written, seen.at)


def _recorded_job(
    run_dir: RunDir, launch: dict[str, Any], age: float, silent_s: float | None
) -> JobReport | None:
    """The launch record as a report, unless the run gave a sign of life after it was written."""
    state, reason = text_in(launch, "state"), text_in(launch, "reason")
    if state == "submitting":
        again = f"engine submit --again {run_dir.run_id} finds out"
        state, reason = "queued", f"it is not known whether HTCondor has it: {again}"
    if state not in ("queued", "held", "removed", "ended"):
        return None
    if silent_s is not None and silent_s < age:
        return None
    return replace(report_in(launch), state=state, reason=reason)


def _with_reason(job: JobReport, launch: dict[str, Any]) -> JobReport:
    """What a scheduler says of an end, with the reason that the job wrote into its record."""
    same = text_in(launch, "state") == "ended" and integer_in(launch, "exit_code") == job.exit_code
    return replace(job, reason=text_in(launch, "reason")) if same else job


def _with_last_error(run_dir: RunDir, job: JobReport | None) -> JobReport | None:
    """A job that ended by an error of which nothing tells, with what it printed last."""
    if job is None or job.state != "ended" or job.reason or not job.exit_code:
        return job
    by_signal = signal_of(job.exit_code, job.signal) is not None
    return job if by_signal else replace(job, reason=last_error(run_dir))


def _is_rival(older: Attempt, newest: Attempt, now: float) -> bool:
    """Whether an older start, in another process, lives beside the newest one."""
    if (older.host, older.pid, older.pid_started) == (newest.host, newest.pid, newest.pid_started):
        return False
    process = process_of(older)
    if process not in ("elsewhere", "unknown"):
        return process == "alive"
    age, begun = heartbeat_age_s(older, now), seconds_of(newest.started)
    # The last beat of one that ended just before the newest began must not count.
    return age is not None and begun is not None and age < min(JUST_NOW_S, now - begun - 15)


def _moved_from(
    attempt: Attempt, run_dir: RunDir, age: float | None, original: str | None
) -> str | None:
    """Where a process that lives trains, if this directory was moved or copied from there."""
    if original is None and age is not None and age <= SILENT_S:
        return None  # it beats here, whatever name the directory had
    here = os.path.realpath(run_dir.path)
    return attempt.run_dir if attempt.run_dir not in (None, here) else None


def _memory_full(seen: LastSeen, attempt: Attempt, process: Process) -> bool:
    limit, used = attempt.memory_limit_mib, seen.memory_mib
    if limit and used is not None and used >= FULL_MEMORY * limit:
        return True
    if attempt.oom_kills is None or process not in ("gone", "reused"):
        return False
    kills = _in_this_second(machine.oom_kills, int(time.monotonic()))
    return kills is not None and kills > attempt.oom_kills


@functools.lru_cache(maxsize=1)
def _in_this_second(ask: Callable[[], int | None], second: int) -> int | None:
    """What the machine says, asked once in a second of its clock, not for each of many runs."""
    return ask()


def _why_hidden(events: Path, status: os.stat_result | None) -> str | None:
    """Why a file of events that is there, or may be, cannot be read."""
    try:
        status = status or os.stat(events)
    except FileNotFoundError:
        return None
    except OSError as error:
        return error.strerror or str(error)
    if not stat.S_ISREG(status.st_mode):
        return "it is no file"
    return None if os.access(events, os.R_OK) else os.strerror(errno.EACCES)


def _refuse_nothing(run_dir: RunDir, evidence: Evidence) -> None:
    """Raise the reason where there is no evidence at all."""
    known = (evidence.job, evidence.attempt, evidence.silent_s, evidence.seen.moment)
    if any(one is not None for one in known):
        return
    with as_facts_error(run_dir.path, "read"):
        os.listdir(run_dir.path)
    read_record(run_dir.launch)
    raise FactsError(
        f"{run_dir.path} is no run directory", "It holds no facts, no attempt and no launch record."
    )


def _stat(path: Path) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None
