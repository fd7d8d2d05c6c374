"""The command `engine resume`, `thesis-train resume=RUN`, and a run that resumes by itself."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from engine.cli.attempt import Loop, draw_seed, guarded, import_from_here, train_in, write_config
from engine.cli.output import Command
from engine.cli.select import add_root_option, select_one
from engine.cli.trust import trusted_packages
from engine.errors import ConfigError
from engine.facts.run_dir import RunDir
from engine.facts.state import UNDER_WAY

if TYPE_CHECKING:
    from engine.library.summary import RunSummary

log = logging.getLogger("engine")

_DETAILS = """\
The run goes on in its own directory, with the config that is saved there, from last.pt: on a CPU
it gives the numbers that it would have given without the interruption. Only these values may
change: phase1.trainer.epochs (--epochs), phase1.trainer.early_stopping, device, logging, run, and
data.path, where the same data have another place.

A saved config may name classes of engine only. --trust, or the environment variable
THESIS_TRUST=package,package, allows packages of your own.

  engine resume last
  engine resume run_20261123-040545_ae --epochs 40
  engine resume outputs/runs/run_20261123-040545_ae device=cpu
  thesis-train resume=outputs/runs/run_20261123-040545_ae
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="the run: a name, a part of it, a path, last")
    parser.add_argument(
        "overrides", metavar="KEY=VALUE", nargs="*", default=[], help="values that may change"
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="train until N epochs are done")
    parser.add_argument(
        "--trust", action="append", default=[], metavar="PACKAGE", help="a package of your own"
    )
    add_root_option(parser)


def _work(args: argparse.Namespace) -> int:
    overrides = with_epochs(args.overrides, args.epochs)

    def work() -> None:
        run_dir = RunDir(select_one(args.run, args.root))
        resume(run_dir, overrides, [*args.trust, *trusted_packages()])

    return guarded(work, [], args.debug)


def with_epochs(overrides: Sequence[str], epochs: int | None) -> list[str]:
    """The values that change, and what `--epochs` gave as one of them."""
    return [*overrides, *([] if epochs is None else [f"phase1.trainer.epochs={epochs}"])]


main = Command(
    name="resume",
    summary="Go on with a run that was interrupted, or train a finished one further.",
    add_arguments=_add_arguments,
    work=_work,
    details=_DETAILS,
)


def resume_words(words: Sequence[str]) -> None:
    """What `thesis-train resume=RUN [KEY=VALUE]...` does.

    Raises
    ------
    ConfigError
        If there is a flag or a second run.
    """
    wanted = [word for word in words if word.startswith("resume=")]
    others = [word for word in words if not word.startswith("resume=")]
    flags = [word for word in others if word.startswith("-")]
    if len(wanted) > 1 or flags:
        raise ConfigError(
            f"{' '.join([*wanted, *flags])}: resume= takes one run, and no flags",
            "See engine resume --help.",
        )
    resume(RunDir(select_one(wanted[0].removeprefix("resume="), None)), others, trusted_packages())


def resume(
    run_dir: RunDir,
    overrides: Sequence[str],
    trusted: Sequence[str],
    launched: bool = False,
    again: bool = False,
) -> None:
    """Go on with a run in its own directory.

    Parameters
    ----------
    launched
        Whether a launcher started this process, and a file `stop` is meant for it.
    again
        Whether it starts this process anew wherever it likes, so that what it says of the job is
        said of this process, and one that has finished meanwhile is all right.

    Raises
    ------
    ConfigError
        If it is under way, has finished, or its config may not be used.
    FactsError
        If its checkpoint cannot be read.
    """
    from omegaconf import OmegaConf

    from engine.cli.train import find_loop
    from engine.config.saved import merged
    from engine.library.overrides import read_overrides

    cfg, changed = changed_config(run_dir, overrides, trusted)
    nothing_left = _refusal(run_dir, cfg, again)
    if nothing_left and again:
        log.info(nothing_left)
        return
    if nothing_left:
        raise ConfigError(nothing_left)
    loop = find_loop(cfg.loop)
    if changed:
        started_with = read_overrides(run_dir.hydra / "overrides.yaml")
        words = OmegaConf.to_yaml(OmegaConf.create(merged(started_with, overrides)))
        write_config(run_dir, cfg, {"overrides.yaml": words})
    if not launched:
        run_dir.stop.unlink(missing_ok=True)
    _go_on(run_dir, loop, cfg)


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
    nothing_left = _refusal(run_dir, cfg)
    if nothing_left:
        raise ConfigError(nothing_left)
    return cfg, changed


def changed_config(
    run_dir: RunDir, overrides: Sequence[str], trusted: Sequence[str]
) -> tuple[Any, bool]:
    """The saved config with what changes, and whether that is anything."""
    from omegaconf import OmegaConf

    from engine.config.saved import change, load_saved, untrusted

    _refuse_what_never_began(run_dir)
    cfg = load_saved(run_dir.hydra / "config.yaml")
    before = OmegaConf.to_yaml(cfg)
    change(cfg, overrides)
    if trusted:
        import_from_here()
    problems = untrusted(cfg, trusted)
    if problems:
        raise ConfigError.from_problems(problems)
    return cfg, OmegaConf.to_yaml(cfg) != before


def _refuse_what_never_began(run_dir: RunDir) -> None:
    """Raise if the run was launched, and there is no config yet to go on with."""
    from engine.launch.record import read_job
    from engine.library.index import summarise

    job = read_job(run_dir.launch)
    if job is None or (run_dir.hydra / "config.yaml").exists():
        return
    state = summarise(run_dir.path).state
    if state in UNDER_WAY:
        raise ConfigError(f"{run_dir.run_id} is {state} and has not begun yet")
    hint = f"{job.command}   trains it anew." if job.command else ""
    raise ConfigError(f"{run_dir.run_id} has never begun: there is nothing to go on with", hint)


def _refusal(run_dir: RunDir, cfg: Any, again: bool = False) -> str | None:
    """Why nothing is left to train; raises if somebody trains there."""
    from engine.library.index import summarise

    summary = summarise(run_dir.path)
    if again:
        _refuse_a_process_here(run_dir, summary)
    elif summary.state in UNDER_WAY:
        hint = f"engine stop {run_dir.run_id} ends it."
        raise ConfigError(f"{run_dir.run_id} is {summary.state}: {summary.sentence}", hint)
    elif summary.state != "finished" and (summary.epochs_done or 0) > cfg.phase1.trainer.epochs:
        done = f"{run_dir.run_id} has done {summary.epochs_done} epochs"
        return f"{done}; --epochs {summary.epochs_done + 1} or more trains it further"
    return _nothing_left(run_dir, summary, cfg)


def _refuse_a_process_here(run_dir: RunDir, summary: RunSummary) -> None:
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


def resume_by_itself(run_dir: RunDir, cfg: Any, loop: Loop, texts: dict[str, str]) -> None:
    """Go on with a run because `run.resume=auto` and its directory is there already.

    The config is the one that was typed; it must ask for the same training. A run that was ended
    before it had written its config begins with this one, and with `texts` in `.hydra/`.

    Raises
    ------
    ConfigError
        If the run lives on this machine, or was started with another config.
    """
    from engine.config.saved import differences, load_saved
    from engine.library.index import summarise

    summary = summarise(run_dir.path)
    _refuse_a_process_here(run_dir, summary)
    if not (run_dir.hydra / "config.yaml").exists():
        draw_seed(cfg)
        train_in(run_dir, loop, cfg, new=texts)
        return
    saved = load_saved(run_dir.hydra / "config.yaml")
    problems = differences(saved, cfg)
    if problems:
        raise ConfigError.from_problems(problems)
    cfg.phase1.trainer.seed = saved.phase1.trainer.get("seed")
    nothing_left = _nothing_left(run_dir, summary, cfg)
    if nothing_left:
        log.info(nothing_left)
        return
    if summary.state == "finished":
        run_dir.stop.unlink(missing_ok=True)  # it came too late for the training that is over
    _go_on(run_dir, loop, cfg)


def _go_on(run_dir: RunDir, loop: Loop, cfg: Any) -> None:
    if run_dir.events.exists() and not run_dir.last.exists():
        log.warning("%s has no last.pt: it begins again from the first step", run_dir.run_id)
        run_dir.scalars.unlink(missing_ok=True)  # its rows will be written again
    train_in(run_dir, loop, cfg)


def _nothing_left(run_dir: RunDir, summary: RunSummary, cfg: Any) -> str | None:
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
