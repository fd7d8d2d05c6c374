"""Whether a run can go on, and with which config."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli.attempt import import_from_here
from engine.errors import ConfigError
from engine.facts.run_dir import RunDir
from engine.facts.state import UNDER_WAY

if TYPE_CHECKING:
    from engine.launch.job import JobHandle
    from engine.library.summary import RunSummary


def config_to_go_on(
    run_dir: RunDir, overrides: Sequence[str], trusted: Sequence[str]
) -> tuple[Any, bool]:
    """The config with which a run would go on, and whether it is another one than before.

    Raises
    ------
    ConfigError
        If it is under way, has finished, or its config may not be used.
    FactsError
        If its checkpoint cannot be read.
    """
    cfg, changed = changed_config(run_dir, overrides, trusted)
    nothing_left = refusal(run_dir, cfg)
    if nothing_left:
        raise ConfigError(nothing_left)
    return cfg, changed


def changed_config(
    run_dir: RunDir, overrides: Sequence[str], trusted: Sequence[str]
) -> tuple[Any, bool]:
    """The saved config with what changes, and whether that is anything."""
    from omegaconf import OmegaConf

    from engine.config.saved import change, load_saved, untrusted

    refuse_what_never_began(run_dir, overrides)
    cfg = load_saved(run_dir.hydra / "config.yaml")
    before = OmegaConf.to_yaml(cfg)
    change(cfg, overrides)
    if trusted:
        import_from_here()
    problems = untrusted(cfg, trusted)
    if problems:
        raise ConfigError.from_problems(problems)
    return cfg, OmegaConf.to_yaml(cfg) != before


def refuse_what_never_began(
    run_dir: RunDir, typed: Sequence[str], target: str | None = None
) -> None:
    """Raise if the run was launched, and there is no config yet to go on with.

    Parameters
    ----------
    typed
        The values that were to change: the command that is told instead has them, too.
    target
        Where it was to go on; None for where it was to begin.
    """
    from engine.launch.record import read_job
    from engine.library.index import summarise

    job = read_job(run_dir.launch)
    if job is None or (run_dir.hydra / "config.yaml").exists():
        return
    state = summarise(run_dir.path).state
    if state in UNDER_WAY:
        raise ConfigError(f"{run_dir.run_id} is {state} and has not begun yet")
    hint = f"{_anew(job, typed, target)}   trains it anew." if job.command else ""
    raise ConfigError(f"{run_dir.run_id} has never begun: there is nothing to go on with", hint)


def _anew(job: JobHandle, typed: Sequence[str], target: str | None) -> str:
    """The command that trains what a job was to train, with other values."""
    from engine.config.draft import key_of
    from engine.launch.job import LOCAL, JobSpec
    from engine.launch.record import command_text

    changed = {key_of(word) for word in typed}
    kept = [word for word in job.overrides if key_of(word) not in changed]
    folders = tuple(map(Path, job.config_dirs))
    where = target or job.target or LOCAL
    words = (*kept, *typed)
    return command_text(JobSpec(words, job.directory, config_dirs=folders, target=where))


def refusal(run_dir: RunDir, cfg: Any, again: bool = False, take_over: bool = False) -> str | None:
    """Why nothing is left to train; raises if somebody trains there, or may begin to."""
    from engine.launch.condor.over import check_job_is_over
    from engine.launch.going_on import way_out
    from engine.library.index import summarise

    summary = summarise(run_dir.path)
    if again or take_over:
        refuse_a_process_here(run_dir, summary)
    elif summary.state in UNDER_WAY:
        told = f"{run_dir.run_id} is {summary.state}: {summary.sentence}"
        raise ConfigError(told, way_out(run_dir, summary))
    elif summary.state != "finished" and (summary.epochs_done or 0) > cfg.phase1.trainer.epochs:
        done = f"{run_dir.run_id} has done {summary.epochs_done} epochs"
        return f"{done}; --epochs {summary.epochs_done + 1} or more trains it further"
    else:
        check_job_is_over(run_dir, summary)
    return nothing_left_in(run_dir, summary, cfg)


def refuse_a_process_here(run_dir: RunDir, summary: RunSummary) -> None:
    """Raise if a start of the run lives on this machine.

    A job that was moved may have left a heartbeat elsewhere: it is ended by this new start.
    """
    from engine.facts.attempts import newest_attempt, process_of

    newest = newest_attempt(run_dir)
    if newest is None or process_of(newest) != "alive" or summary.state != "running":
        return
    raise ConfigError(
        f"{run_dir.run_id} is running: process {newest.pid} on this host",
        f"engine stop {run_dir.run_id} ends it.",
    )


def nothing_left_in(run_dir: RunDir, summary: RunSummary, cfg: Any) -> str | None:
    """Why a run that has finished cannot go on; None if it has not, or can."""
    if summary.state != "finished":
        return None
    done = f"{run_dir.run_id} has finished {summary.epochs_done} epochs"
    if not run_dir.last.exists():
        return f"{done} and left no last.pt to go on from"
    from engine.training_loops.checkpoints import load_last

    fit = load_last(run_dir).get("fit", {})
    trainer = cfg.phase1.trainer
    if summary.epochs_done >= trainer.epochs:
        return f"{done}; --epochs {2 * summary.epochs_done} trains it further"
    patience = (trainer.get("early_stopping") or {}).get("patience")
    if patience is not None and fit.get("early", {}).get("waited", 0) >= patience:
        more = f"phase1.trainer.early_stopping.patience={2 * patience}"
        return f"{done}, ended by early stopping; {more} trains it further"
    return None
