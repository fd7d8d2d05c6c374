"""Where the app starts a training: what is asked for, and the one call that does it."""

from __future__ import annotations

import re
import time
from pathlib import Path

from engine.launch.job import JobSpec
from engine.launch.local import submit


def launch(spec: JobSpec) -> Path:
    """Start it; gives its directory. Takes a moment: call it in a thread.

    Raises
    ------
    EngineError
        If it cannot be started.
    """
    return submit(spec).directory


def directory_of(root: Path, name: str, *, sweep: bool, now: float | None = None) -> Path:
    """Where a run or a sweep of a name goes, as the config would have it."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    clean = re.sub(r"[^-\w.]+", "_", name) or "run"
    return (
        root / "multiruns" / f"exp_{stamp}_{clean}"
        if sweep
        else (root / "runs" / f"run_{stamp}_{clean}")
    )
