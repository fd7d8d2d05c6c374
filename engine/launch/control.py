"""How a run is ended from outside: asked to, or killed where it does not listen."""

from __future__ import annotations

import os
import signal
import time

from engine.errors import LaunchError
from engine.facts.attempts import Attempt, newest_attempt, process_of
from engine.facts.files import replace_file
from engine.facts.run_dir import RunDir

_POLL_S = 0.05


def ask_to_stop(run_dir: RunDir) -> None:
    """Leave the file `stop`: the run saves and ends after its present step, wherever it runs.

    Raises
    ------
    FactsError
        If the file cannot be written.
    """
    replace_file(run_dir.stop, lambda handle: None)


def kill(run_dir: RunDir, grace_s: float = 10.0) -> str:
    """End the process of a run on this host: SIGTERM, and SIGKILL if it lives on for `grace_s`.

    Gives the name of the signal that ended it.

    Raises
    ------
    LaunchError
        If no process of this run lives here, or it is somebody else's.
    """
    attempt = newest_attempt(run_dir)
    if attempt is None or attempt.pid is None:
        raise LaunchError(f"{run_dir.run_id}: no process is known", "It has not been started.")
    where = process_of(attempt)
    if where != "alive":
        raise LaunchError(f"{run_dir.run_id}: {_why_not(attempt, where)}")
    for signum, patience in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 10.0)):
        _send(attempt, signum)
        if _ends_within(attempt, patience):
            return signum.name
    raise LaunchError(
        f"{run_dir.run_id}: process {attempt.pid} does not end",
        "It hangs in the system, as one whose disk is gone does.",
    )


def _why_not(attempt: Attempt, where: str) -> str:
    if where == "elsewhere":
        return f"it runs on {attempt.host}, and can be killed there only"
    if where == "unknown":
        return f"whether process {attempt.pid} lives cannot be told from here"
    return f"process {attempt.pid} has ended already"


def _send(attempt: Attempt, signum: signal.Signals) -> None:
    """Signal the process, if it is still the one that the record means."""
    if attempt.pid is None or process_of(attempt) != "alive":
        return
    try:
        os.kill(attempt.pid, signum)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise LaunchError(f"process {attempt.pid} is not yours to end") from error


def _ends_within(attempt: Attempt, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while process_of(attempt) == "alive":
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True
