"""Where a training will write, and whether it can."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.config.problem_keys import Problem


@dataclass(frozen=True)
class Place:
    """The output root of a training."""

    path: str
    free_bytes: int | None
    """What is left on its disk; None where it cannot be asked."""
    problem: Problem | None = None


def output_place(cfg: Any) -> Place | None:
    """The output root of a config; None for a training that saves nothing.

    Nothing is made: what is not there yet is looked for where it would be made.
    """
    if not cfg.logging.save_artifacts:
        return None
    root = Path(os.path.abspath(os.path.expanduser(cfg.env.output_root)))
    there = _nearest(root)
    return Place(str(root), _free(there), _problem(root, there))


def _nearest(path: Path) -> Path:
    """The path itself, or the folder above it that is there."""
    return next((place for place in (path, *path.parents) if os.path.lexists(place)), path)


def _problem(root: Path, there: Path) -> Problem | None:
    hint = "Choose a directory you may write to with THESIS_OUTPUT_ROOT or env.output_root=…"
    if not there.is_dir():
        text = f"the output root {root} cannot be made: {there} is no directory"
    elif not os.access(there, os.W_OK | os.X_OK):
        text = f"the output root {root} cannot be written: {there} is not yours to write to"
    else:
        return None
    return Problem("env.output_root", f"{text}\n{hint}")


def _free(there: Path) -> int | None:
    try:
        return shutil.disk_usage(there).free
    except OSError:
        return None
