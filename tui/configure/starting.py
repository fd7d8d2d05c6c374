"""Where the app starts a training: what is asked for, and the one call that does it."""

from __future__ import annotations

import re
import time
from pathlib import Path

from engine.launch.job import HTCONDOR, JobSpec
from engine.launch.local import submit

PING_S = 5.0
"""How long a scheduler may take to say that it is there, before anything is sent to it."""


def launch(spec: JobSpec) -> Path:
    """Start it; gives its directory. Takes a moment: call it in a thread.

    Raises
    ------
    EngineError
        If it cannot be started.
    """
    if spec.target != HTCONDOR:
        return submit(spec).directory
    # Whoever never sends anything there does not wait for it.
    from engine.launch.condor.client import Condor
    from engine.launch.resources import Resources
    from engine.launch.submission import submit as submit_to_htcondor

    resources = Resources.from_entries(spec.resources)
    with Condor(resources.schedd) as condor:
        return submit_to_htcondor(spec, resources, condor).directory


def scheduler(spec: JobSpec) -> str:
    """The name of the scheduler that a job would be sent to; for a thread.

    Raises
    ------
    EngineError
        If it does not answer, or what the job asks for is wrong.
    """
    from engine.launch.condor.client import Condor
    from engine.launch.resources import Resources

    resources = Resources.from_entries(spec.resources)
    with Condor(resources.schedd, {"ping": PING_S}) as condor:
        return condor.ping()


def directory_of(root: Path, name: str, *, sweep: bool, now: float | None = None) -> Path:
    """Where a run or a sweep of a name goes, as the config would have it."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    clean = re.sub(r"[^-\w.]+", "_", name) or "run"
    return (
        root / "multiruns" / f"exp_{stamp}_{clean}"
        if sweep
        else (root / "runs" / f"run_{stamp}_{clean}")
    )
