"""Whether a run can go on, and with which config."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli.attempt import import_from_here
from engine.errors import ConfigError, StartsAgain
from engine.facts.attempts import JOB_ID, newest_attempt, process_of
from engine.facts.launched import launch_record
from engine.facts.run_dir import RunDir
from engine.facts.state import UNDER_WAY
from engine.facts.time_limit import REQUEUE
from engine.facts.words import count

if TYPE_CHECKING:
    from engine.launch.job import JobHandle
    from engine.library.summary import RunSummary

log = logging.getLogger("engine")

_LOOK_S = 1.0
"""How often it is looked whether a process has ended."""


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
    run_dir: RunDir, overrides: Sequence[str], trusted: Sequence[str] | None
) -> tuple[Any, bool]:
    """The saved config with what changes, and whether that is anything.

    Parameters
    ----------
    trusted
        Packages whose classes it may name; None for a config that may name all.
    """
    from omegaconf import OmegaConf

    from engine.config.saved import change, load_saved, untrusted

    refuse_what_never_began(run_dir, overrides)
    cfg = load_saved(run_dir.hydra / "config.yaml")
    before = OmegaConf.to_yaml(cfg)
    change(cfg, overrides)
    if trusted is None or trusted:
        import_from_here()
    problems = [] if trusted is None else untrusted(cfg, trusted)
    if problems:
        raise ConfigError.from_problems(problems)
    return cfg, OmegaConf.to_yaml(cfg) != before


def as_begun(cfg: Any, run_dir: RunDir) -> Any:
    """The config of a batch job that goes on by itself: the saved one, where it has begun.

    HTCondor starts it again with the same command, which may give another config by then.

    Raises
    ------
    ConfigError
        If what is saved there names what the command does not, and may not.
    """
    from omegaconf import OmegaConf

    from engine.cli.trust import trusted_packages
    from engine.config.saved import load_saved, untrusted

    path = run_dir.hydra / "config.yaml"
    goes_on = OmegaConf.select(cfg, "run.resume") == "auto" and JOB_ID in os.environ
    if not goes_on or not path.exists():
        return cfg
    saved, trusted = load_saved(path), trusted_packages()
    typed = untrusted(cfg, trusted)
    problems = [text for text in untrusted(saved, trusted) if text not in typed]
    if problems:
        raise ConfigError.from_problems(problems)
    return saved


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
    from engine.launch.condor.over import as_told, check_job_is_over
    from engine.launch.going_on import way_out
    from engine.library.index import summarise

    if again:
        return nothing_left_in(run_dir, wait_for_a_process_here(run_dir), cfg)
    summary = summarise(run_dir.path)
    summary = summary if take_over else as_told(run_dir, summary)
    if take_over:
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
    pid = _process_here(run_dir, summary)
    if pid is not None:
        raise ConfigError(
            f"{run_dir.run_id} is running: process {pid} on this host",
            f"engine stop {run_dir.run_id} ends it.",
        )


def wait_for_a_process_here(run_dir: RunDir) -> RunSummary:
    """What a run is like once no start of it lives on this machine, for a job that goes on.

    HTCondor may start a job again while the process before still saves, which has as long for it
    as the job asked for.

    Raises
    ------
    StartsAgain
        If it lives longer: the job stays in the queue.
    """
    from engine.launch.resources import Resources
    from engine.library.index import summarise

    asked = launch_record(run_dir).get("resources")
    known = asked.get("max_vacate_time") if isinstance(asked, dict) else None
    patience_s = known if isinstance(known, int) else Resources.max_vacate_time
    deadline, told = time.monotonic() + patience_s, None
    while (pid := _process_here(run_dir, summary := summarise(run_dir.path))) is not None:
        if pid != told:
            log.info("%s: waiting for process %d, which still saves", run_dir.run_id, pid)
        if time.monotonic() >= deadline:
            raise StartsAgain(REQUEUE, f"{run_dir.run_id}: process {pid} on this host lives on")
        told = pid
        time.sleep(_LOOK_S)
    return summary


def _process_here(run_dir: RunDir, summary: RunSummary) -> int | None:
    """The process on this machine that trains a run; None where there is none."""
    newest = newest_attempt(run_dir)
    if newest is None or process_of(newest) != "alive" or summary.state != "running":
        return None
    return newest.pid


def nothing_left_in(run_dir: RunDir, summary: RunSummary, cfg: Any) -> str | None:
    """Why a run that has finished cannot go on; None if it has not, or can."""
    if summary.state != "finished":
        return None
    done = f"{run_dir.run_id} has finished {count(summary.epochs_done, 'epoch')}"
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
