"""Where the app starts a training: what is asked for, and the one call that does it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

from engine.errors import LaunchError

LOCAL = "local"
"""The target that is this machine."""


@dataclass(frozen=True)
class LaunchSpec:
    """What is to be started; the fields are those of the launcher's own record."""

    overrides: tuple[str, ...]
    directory: Path
    """The run or sweep directory that is wanted; another one takes the next free name."""
    sweep: bool = False
    at_once: int = 1
    """How many runs of a sweep train at the same time."""
    config_dirs: tuple[Path, ...] = ()
    leave_out: tuple[int, ...] = ()
    """Points of the sweep that are no runs, in the order of the product, from 0."""
    parent: str | None = None
    """Name of the run whose config this one began as."""
    trust: tuple[str, ...] = ()
    resume: bool = False
    target: str = LOCAL


def launch(spec: LaunchSpec) -> Path:
    """Start it; gives its directory. Takes a moment: call it in a thread.

    Raises
    ------
    EngineError
        If it cannot be started.
    """
    # A launcher takes this place: `submit(JobSpec(**vars(spec))).directory`.
    raise LaunchError("nothing is started from here yet", "y copies the command.")


def directory_of(root: Path, name: str, *, sweep: bool, now: float | None = None) -> Path:
    """Where a run or a sweep of a name goes, as the config would have it."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    clean = re.sub(r"[^-\w.]+", "_", name) or "run"
    return (
        root / "multiruns" / f"exp_{stamp}_{clean}"
        if sweep
        else (root / "runs" / f"run_{stamp}_{clean}")
    )
