"""Past runs that are started again: gone on with, or trained once more with another seed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from engine.errors import ConfigError
from engine.facts.records import read_record
from engine.facts.run_dir import RunDir
from engine.facts.state import RESUMABLE, UNDER_WAY
from engine.launch.job import HTCONDOR, JobSpec
from engine.library.summary import RunSummary
from engine.tables.groups import SEED
from tui.configure.starting import directory_of, launch


def cannot_resume(run: RunSummary) -> str:
    """Why a run cannot be gone on with from here; empty if it can."""
    if run.state in RESUMABLE:
        return ""
    if run.state == "finished":
        return "it has finished: engine resume RUN --epochs N trains it further"
    return f"it is {run.state}"


def resume(run: RunSummary, trusted: Sequence[str]) -> Path:
    """Go on with a run in its own directory, where it ran before; for a thread.

    Nothing in it is changed where its config may not be used.

    Raises
    ------
    EngineError
        If its config cannot be read or trusted, or it cannot be started.
    """
    from engine.config.clone import read_trusted

    path = Path(run.path)
    read_trusted(path, trusted)
    spec = JobSpec((), path, resume=True, trust=tuple(trusted))
    if run.launcher == HTCONDOR:
        before = (read_record(RunDir(path).launch) or {}).get("resources")
        resources = before if isinstance(before, dict) else {}
        spec = replace(spec, target=HTCONDOR, resources=resources)
    return launch(spec)


def train_again(
    run: RunSummary, seed: int, root: Path, config_dirs: Sequence[str], trusted: Sequence[str]
) -> Path:
    """Train the config of a run with another seed, in a new directory; for a thread.

    It trains where the run did.

    Raises
    ------
    EngineError
        If its config cannot be read or trusted, or the run cannot be started.
    """
    from engine.config import draft
    from engine.config.clone import draft_of, name_of
    from engine.config.composer import Composer
    from engine.config.launcher import wanted_launcher

    folders = tuple(Path(os.path.abspath(folder)) for folder in config_dirs)
    composer = Composer(folders)
    overrides = draft_of(composer, Path(run.path), trusted)
    name = name_of(composer, overrides)
    for change in (f"{SEED}={seed}", f"env.output_root={draft.text_of(str(root))}"):
        overrides = draft.put(overrides, change)
    launcher = wanted_launcher(composer, overrides)
    spec = JobSpec(
        overrides,
        directory_of(root, name, sweep=False),
        config_dirs=folders,
        parent=run.name,
        trust=tuple(trusted),
        target=launcher.target,
        resources=launcher.resources,
    )
    return launch(spec)


def next_seed(run: RunSummary, runs: Iterable[RunSummary]) -> int:
    """A seed that no run of the same config has had: the largest one and one more.

    Raises
    ------
    ConfigError
        If the run has no seed of the config that could be another one.
    """
    if not run.config and run.state in UNDER_WAY:
        raise ConfigError(f"{run.name} has not begun yet: try again in a moment")
    if not run.config:
        raise ConfigError(f"{run.name}: no config of it is recorded")
    if SEED not in run.config:
        raise ConfigError(f"{run.name}: its config has no {SEED}")
    wanted = _without_seed(run)
    used = [one.seed for one in runs if _without_seed(one) == wanted and one.seed is not None]
    return max([*used, run.seed or 0]) + 1


def _without_seed(run: RunSummary) -> dict[str, object]:
    return {key: value for key, value in run.config.items() if key != SEED}
