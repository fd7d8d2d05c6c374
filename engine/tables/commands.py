"""The commands that have a run again, and go on with it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from engine.facts.job_report import HTCONDOR
from engine.facts.run_dir import RunDir
from engine.facts.state import RESUMABLE
from engine.facts.text import plain
from engine.library.overrides import read_config_dirs
from engine.library.summary import RunSummary
from engine.tables.groups import SEED


def train_command(run: RunSummary) -> str | None:
    """The command that trains the same again where it did; None for a run that tells no config.

    A seed that was drawn is given as it was drawn.
    """
    if not run.overrides and not run.config:
        return None
    drawn = run.seed is not None and f"{SEED}=null" in run.overrides
    words = [word for word in run.overrides if not (drawn and word.startswith(f"{SEED}="))]
    words += [f"{SEED}={run.seed}"] if drawn else []
    folders = read_config_dirs(RunDir(Path(run.path)))
    words = [*(word for folder in folders for word in ("--config-dir", folder)), *words]
    if run.launcher != HTCONDOR:
        return _command("thesis-train", words)
    return _command(
        "engine", ["submit", *(word for word in words if word != f"launcher={HTCONDOR}")]
    )


def resume_command(run: RunSummary) -> str | None:
    """The command that goes on with a run where it ran before.

    None where that makes no sense, or none can be typed.
    """
    if run.state not in RESUMABLE or plain(run.name) != run.name:
        return None
    words = ["submit", "--resume"] if run.launcher == HTCONDOR else ["resume"]
    return _command("engine", [*words, run.name])


def _command(program: str, words: Sequence[str]) -> str:
    """A line for the shell; control characters, which would hide what it does, are left out."""
    return shlex.join([program, *map(plain, words)])
