"""The command `engine resume`, `thesis-train resume=RUN`, and a run that resumes by itself."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
from collections.abc import Callable, Sequence
from typing import Any

from engine.cli.attempt import Loop, draw_seed, guarded, train_in, write_config
from engine.cli.output import Command
from engine.cli.recorded import taken_from_cluster, was_submitted
from engine.cli.resumable import (
    changed_config,
    nothing_left_in,
    refusal,
    refuse_a_process_here,
    wait_for_a_process_here,
)
from engine.cli.select import add_root_option, select_one
from engine.cli.sweep import left_out
from engine.cli.trust import trusted_packages
from engine.errors import ConfigError
from engine.facts.attempts import JOB_ID
from engine.facts.run_dir import RunDir

log = logging.getLogger("engine")

_DETAILS = """\
The run goes on in its own directory, with the config that is saved there, from last.pt: on a CPU
it gives the numbers that it would have given without the interruption. Only these values may
change: phase1.trainer.epochs (--epochs), phase1.trainer.early_stopping, device, logging, run, and
data.path, where the same data have another place.

A run whose job HTCondor may start again goes on here once that is over. --take-over goes on at
once, if the scheduler does not answer for example: a start elsewhere ends, or does not begin.

A saved config may name classes of engine only. --trust, or the environment variable
THESIS_TRUST=package,package, allows packages of your own.

  engine resume last
  engine resume run_20261123-040545_ae --epochs 40
  engine resume outputs/runs/run_20261123-040545_ae device=cpu
  engine resume last --take-over
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
    parser.add_argument(
        "--take-over",
        action="store_true",
        help="also if another machine, or HTCondor, may still train it: that start then ends",
    )
    add_root_option(parser)


def _work(args: argparse.Namespace) -> int:
    overrides = with_epochs(args.overrides, args.epochs)

    def work() -> None:
        run_dir = RunDir(select_one(args.run, args.root))
        trusted = [*args.trust, *trusted_packages()]
        resume(run_dir, overrides, trusted, take_over=args.take_over)

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
    trusted: Sequence[str] | None,
    launched: bool = False,
    again: bool = False,
    take_over: bool = False,
) -> None:
    """Go on with a run in its own directory.

    Parameters
    ----------
    trusted
        Packages whose classes the saved config may name; None for one that may name all.
    launched
        Whether a launcher started this process, and a file `stop` is meant for it.
    again
        Whether that starts this process anew wherever it likes, so that what it says of the job is
        said of this process, and one that has finished meanwhile is all right.
    take_over
        Whether it goes on although a start of it elsewhere may live, or may still come.

    Raises
    ------
    ConfigError
        If it is under way, has finished, or its config may not be used.
    FactsError
        If its checkpoint cannot be read.
    LaunchError
        If another process is starting it.
    """
    from engine.launch.lock import locked

    with contextlib.ExitStack() as starting:
        if not launched:  # else whoever started this process was alone, and has named it
            starting.enter_context(locked(run_dir.submit_lock, run_dir.run_id))
        ready = _ready(run_dir, overrides, trusted, again, take_over)
        if ready is None:
            return
        loop, cfg = ready
        if launched:
            _go_on(run_dir, left_out if run_dir.stop.exists() else loop, cfg)
            return
        with taken_from_cluster(run_dir, overrides):
            run_dir.stop.unlink(missing_ok=True)
            _go_on(run_dir, loop, cfg, begun=starting.close)


def _ready(
    run_dir: RunDir,
    overrides: Sequence[str],
    trusted: Sequence[str] | None,
    again: bool,
    take_over: bool,
) -> tuple[Loop, Any] | None:
    """The loop and the config with which a run goes on; None where nothing is left to do."""
    from omegaconf import OmegaConf

    from engine.cli.train import find_loop
    from engine.config.saved import merged
    from engine.library.overrides import read_overrides

    cfg, changed = changed_config(run_dir, overrides, trusted)
    nothing_left = refusal(run_dir, cfg, again, take_over)
    if nothing_left and again:
        log.info(nothing_left)
        return None
    if nothing_left:
        raise ConfigError(nothing_left)
    loop = find_loop(cfg.loop)
    if changed:
        started_with = read_overrides(run_dir.hydra / "overrides.yaml")
        words = OmegaConf.to_yaml(OmegaConf.create(merged(started_with, overrides)))
        write_config(run_dir, cfg, {"overrides.yaml": words})
    return loop, cfg


def resume_by_itself(
    run_dir: RunDir, cfg: Any, loop: Loop, texts: dict[str, str], typed: Sequence[str] | None
) -> None:
    """Go on with a run because `run.resume=auto` and its directory is there already.

    The config is the one that was typed; it must ask for the same training. A run that was ended
    before it had written its config begins with this one, and with `texts` in `.hydra/`.

    Parameters
    ----------
    typed
        The overrides; None for a job that its cluster starts again, which asks nobody.

    Raises
    ------
    ConfigError
        If the run lives on this machine, was started with another config, or is a job that
        HTCondor may start.
    LaunchError
        If it is such a job, and another process is starting it.
    """
    from engine.launch.going_on import check_is_over
    from engine.launch.lock import locked

    with contextlib.ExitStack() as starting:
        if typed is not None and was_submitted(run_dir):
            starting.enter_context(locked(run_dir.submit_lock, run_dir.run_id))
            check_is_over(run_dir)
        is_new = not (run_dir.hydra / "config.yaml").exists()
        if not _is_ready(run_dir, cfg, is_new):
            return
        with _taken(run_dir, typed):
            if is_new:
                draw_seed(cfg)
                train_in(run_dir, loop, cfg, new=texts, begun=starting.close)
            else:
                _go_on(run_dir, loop, cfg, begun=starting.close)


def _taken(run_dir: RunDir, typed: Sequence[str] | None) -> contextlib.AbstractContextManager[None]:
    """A run that was HTCondor's as one of who typed the overrides; a job is its own."""
    from engine.config.saved import changeable

    if typed is None:
        return contextlib.nullcontext()
    return taken_from_cluster(run_dir, changeable(typed))


def _is_ready(run_dir: RunDir, cfg: Any, is_new: bool) -> bool:
    """Whether something is left to train; the seed is that of the run."""
    from engine.config.saved import differences, load_saved
    from engine.library.index import summarise

    if JOB_ID in os.environ:
        summary = wait_for_a_process_here(run_dir)
    else:
        summary = summarise(run_dir.path)
        refuse_a_process_here(run_dir, summary)
    if is_new:
        return True
    saved = load_saved(run_dir.hydra / "config.yaml")
    problems = differences(saved, cfg)
    if problems:
        raise ConfigError.from_problems(problems)
    cfg.phase1.trainer.seed = saved.phase1.trainer.get("seed")
    nothing_left = nothing_left_in(run_dir, summary, cfg)
    if nothing_left:
        log.info(nothing_left)
    elif summary.state == "finished":
        run_dir.stop.unlink(missing_ok=True)  # it came too late for the training that is over
    return nothing_left is None


def _go_on(
    run_dir: RunDir, loop: Loop, cfg: Any, begun: Callable[[], object] = lambda: None
) -> None:
    begins = loop is not left_out and not run_dir.last.exists()
    if begins and run_dir.events.exists():
        log.warning("%s has no last.pt: it begins again from the first step", run_dir.run_id)
        run_dir.scalars.unlink(missing_ok=True)  # its rows will be written again
    train_in(run_dir, loop, cfg, begun=begun)
