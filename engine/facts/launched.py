"""The process that a launch record names, until it begins an attempt of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from engine.facts.attempts import Attempt, attempt_of, process_of
from engine.facts.run_dir import RunDir


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
