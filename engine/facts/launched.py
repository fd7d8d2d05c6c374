"""The launch record of a run, and its process until that begins an attempt of its own."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.errors import FactsError
from engine.facts.attempts import Attempt, attempt_of, process_of
from engine.facts.job_report import OVER as JOB_OVER
from engine.facts.job_report import REMOVED_HERE, JobReport, is_error
from engine.facts.records import integer_in, read_record, text_in
from engine.facts.run_dir import RunDir
from engine.facts.words import first_line

_UNDER_WAY = ("submitting", "queued", "held", "running")
"""States in a launch record of a job that may still do something."""

REMOVAL_S = 60.0
"""How long a training may save after its job was removed."""


def launch_record(run_dir: RunDir) -> dict[str, Any]:
    """What a launcher wrote; empty where there is nothing that can be read."""
    try:
        return read_record(run_dir.launch) or {}
    except FactsError:
        return {}  # damaged: it tells nothing


def recorded_end(
    run_dir: RunDir, launch: dict[str, Any], now: float | None = None, *, cut_off: bool = False
) -> JobReport | None:
    """The end of a job that its record tells of; None where it does not.

    A log that was full, or whose scheduler was ended, may never tell it. A removal that was
    asked for here counts a minute later: until then the training saves. On a node that is cut off
    nobody hears of it.
    """
    changed = _changed(run_dir.launch)
    if launch.get("state") not in JOB_OVER or changed is None:
        return None
    now = time.time() if now is None else now
    ours = (text_in(launch, "reason") or "").startswith(REMOVED_HERE)
    saves = launch["state"] == "removed" and ours and not cut_off
    is_young = saves and now - changed < REMOVAL_S
    return None if is_young else replace(report_in(launch), told=changed)


def failed_start(launch: dict[str, Any]) -> str | None:
    """How the last start failed, by the record that it wrote last; None where it did not.

    An event may not tell, where that is what it could not write.
    """
    if launch.get("state") != "ended" or not is_error(integer_in(launch, "exit_code")):
        return None
    reason = first_line(text_in(launch, "reason"))
    return f"failed: {reason}" if reason else "failed and did not say why"


def report_in(launch: dict[str, Any]) -> JobReport:
    """What a launch record says of its job."""
    return JobReport(
        state=text_in(launch, "state") or "",
        reason=text_in(launch, "reason"),
        exit_code=integer_in(launch, "exit_code"),
        signal=integer_in(launch, "signal"),
    )


def is_later(
    launch: dict[str, Any], launched: os.stat_result | None, events: os.stat_result
) -> bool:
    """Whether a run was launched again after its training ended, and has written nothing since.

    No clock of the machine that launched it counts, which may be an hour slow.

    Parameters
    ----------
    launch, launched
        The launch record, and its status.
    events
        The status of the events, which end.
    """
    if launched is None or launch.get("state") not in _UNDER_WAY or launch.get("kind") == "run":
        return False  # a run that is new has a directory without events
    before = integer_in(launch, "events_size")
    return before == events.st_size if before is not None else launched.st_mtime > events.st_mtime


def is_this_process(run_dir: RunDir, launch: dict[str, Any]) -> bool:
    """Whether a launch record names the very process that reads it."""
    return launch.get("pid") == os.getpid() and process_of(_named(run_dir, launch)) == "alive"


def starting_process(
    run_dir: RunDir,
    launch: dict[str, Any],
    launched: os.stat_result | None,
    attempt: Attempt | None,
) -> dict[str, Any] | None:
    """What there is to know of a process that was launched and has not begun to train.

    None where there is none, or it is on another machine: whether it lives cannot be told there,
    and its launch is a sign of life like others.

    Parameters
    ----------
    launch, launched
        The launch record, and its status.
    attempt
        The newest attempt.

    Returns
    -------
    dict
        Entries of `evidence.Evidence`.
    """
    if launched is None or launch.get("state") != "running":
        return None
    process = _named(run_dir, launch)
    signs = [_changed(run_dir.events), _changed(attempt.path) if attempt else None]
    if any(sign > launched.st_mtime for sign in signs if sign is not None):
        return None
    if attempt and (attempt.pid, attempt.pid_started) == (process.pid, process.pid_started):
        return None
    known = process_of(process)
    if known not in ("alive", "gone", "reused", "rebooted"):
        return None
    return {"attempt": process, "process": known, "no_event_since": signs != [None, None]}


def _named(run_dir: RunDir, launch: dict[str, Any]) -> Attempt:
    return attempt_of(run_dir.launch, 0, launch)


def _changed(path: Path) -> float | None:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return None
