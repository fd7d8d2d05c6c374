"""From a command line to what is to be started, for `engine launch` and `engine submit`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli.arguments import (
    POINTS_OUT,
    add_config_dir_option,
    check_overrides,
    config_folders,
    point_numbers,
)
from engine.cli.select import add_root_option, select_one
from engine.errors import ConfigError
from engine.facts.run_dir import RunDir

if TYPE_CHECKING:
    from engine.config.composer import Composer
    from engine.launch.job import JobSpec


def add_job_options(parser: argparse.ArgumentParser) -> None:
    """Add what both commands take."""
    text = "as for thesis-train; launcher.KEY=VALUE for what a job on a cluster asks for"
    parser.add_argument("overrides", metavar="OVERRIDE", nargs="*", default=[], help=text)
    parser.add_argument("-m", "--multirun", action="store_true", help="a run for each combination")
    parser.add_argument("--leave-out", action="append", default=[], metavar="N,…", help=POINTS_OUT)
    add_config_dir_option(parser)
    text = "phase1/experiment/X, as thesis-train has it"
    parser.add_argument("-cn", "--config-name", metavar="NAME", help=text)
    parser.add_argument("--resume", metavar="RUN", help="go on with a run in its own directory")
    text = "with --resume: train until N epochs are done"
    parser.add_argument("--epochs", type=int, metavar="N", help=text)
    text = "a run that the values are taken from; OVERRIDE changes some of them"
    parser.add_argument("--parent", metavar="RUN", help=text)
    text = "a package of your own whose classes a config of another run may name"
    parser.add_argument("--trust", action="append", default=[], metavar="PACKAGE", help=text)
    add_root_option(parser)


def job_spec(
    args: argparse.Namespace,
    overrides: Sequence[str],
    at_once: int = 1,
    cluster: str | None = None,
) -> JobSpec:
    """What is to be started; raises with all that is wrong with it.

    Parameters
    ----------
    overrides
        Those of the command line, and what the command itself adds.
    at_once
        How many runs of a sweep train at the same time.
    cluster
        The target to which a run that goes on is sent; None for this machine.
    """
    check_overrides(args.overrides)
    if args.resume:
        return _resumption(args, overrides, at_once, cluster)
    return _beginning(args, overrides, at_once)


def _resumption(
    args: argparse.Namespace, typed: Sequence[str], at_once: int, cluster: str | None
) -> JobSpec:
    """A run that goes on; raises where `engine resume` would."""
    from engine.cli.resumable import config_to_go_on
    from engine.cli.resume import with_epochs
    from engine.cli.trust import trusted_packages
    from engine.launch.job import JobSpec

    others = (args.leave_out, args.config_dir, args.config_name, args.parent)
    if args.multirun or at_once != 1 or any(others):
        raise ConfigError("--resume takes a run and the values that change, and nothing else")
    path = select_one(args.resume, args.root).absolute()
    overrides, trust = with_epochs(typed, args.epochs), [*args.trust, *trusted_packages()]
    if cluster is not None:
        return _resumption_there(args, path, overrides, trust, cluster)
    cfg, _ = config_to_go_on(RunDir(path), overrides, trust)
    _check_start([cfg], has_place=True)
    return JobSpec(tuple(overrides), path, resume=True, trust=tuple(args.trust))


def _resumption_there(
    args: argparse.Namespace,
    path: Path,
    typed: Sequence[str],
    trust: Sequence[str],
    cluster: str,
) -> JobSpec:
    """A run that goes on at a cluster; what it asks for there is no value of the training."""
    from engine.cli.resumable import config_to_go_on, refuse_what_never_began
    from engine.config.composer import Composer
    from engine.config.launcher import is_of_launcher, launcher_to_go_on
    from engine.launch.job import JobSpec

    run_dir = RunDir(path)
    refuse_what_never_began(run_dir, typed, cluster)
    overrides = [word for word in typed if not is_of_launcher(word)]
    cfg, _ = config_to_go_on(run_dir, overrides, trust)
    _check_start([cfg], has_place=True)
    words = [word for word in typed if is_of_launcher(word)]
    last = _asked_last(run_dir)
    launcher = launcher_to_go_on(Composer([]), cfg, words, cluster, last)
    return JobSpec(
        tuple(overrides),
        path,
        resume=True,
        trust=tuple(args.trust),
        target=launcher.target,
        resources=launcher.resources,
    )


def _asked_last(run_dir: RunDir) -> dict[str, Any]:
    """What the last job of a run asked its cluster for, as it was changed there."""
    from engine.facts.launched import launch_record

    asked = launch_record(run_dir).get("resources")
    return asked if isinstance(asked, dict) else {}


def _beginning(args: argparse.Namespace, typed: Sequence[str], at_once: int) -> JobSpec:
    """A new run or sweep."""
    from engine.cli.train import DISPATCH
    from engine.config import draft
    from engine.config.command import experiment_of
    from engine.config.compose import dotted_loops, register_loops
    from engine.config.composer import Composer
    from engine.config.directories import left_out, wanted_directory
    from engine.config.draft import key_of
    from engine.config.launcher import wanted_launcher
    from engine.config.points import points, words_of_runs
    from engine.launch.job import LOCAL, JobSpec
    from engine.preflight.start import configs_of

    if args.epochs is not None:
        raise ConfigError("--epochs is for --resume", "phase1.trainer.epochs=N sets it in a run.")
    leave_out = point_numbers(args.leave_out)
    if at_once < 1:
        raise ConfigError(f"--at-once {at_once}: must be at least 1")
    folders = config_folders(args.config_dir)
    composer, overrides = Composer(folders), [*experiment_of(args.config_name), *typed]
    register_loops([*DISPATCH, *dotted_loops(overrides)], folders)
    parent = select_one(args.parent, args.root) if args.parent else None
    if parent is not None:
        overrides = _changed(composer, parent, overrides, args.trust)
    sweep = _look_ahead(composer, overrides, args.multirun, leave_out)
    if not sweep and (at_once != 1 or leave_out):
        raise ConfigError("--at-once and --leave-out are for a sweep: add --multirun")
    launcher = wanted_launcher(composer, overrides)
    out, n_runs = left_out(composer, overrides, leave_out) if sweep else ((), None)
    on_cluster = sweep and launcher.target != LOCAL
    directory, every = (
        wanted_directory(composer, overrides, sweep=sweep),
        points(composer, overrides),
    )
    is_placed = any(key_of(one) in ("hydra.run.dir", "hydra.sweep.dir") for one in overrides)
    trained = [point for point in every if point.number not in out]
    _check_start(configs_of(composer, trained), has_place=is_placed)
    return JobSpec(
        draft.without(overrides, draft.LEAVE_OUT),
        directory,
        sweep=sweep,
        at_once=at_once,
        config_dirs=tuple(folders),
        leave_out=out,
        parent=parent.name if parent else None,
        trust=tuple(args.trust),
        points=n_runs,
        target=launcher.target,
        resources=launcher.resources,
        runs=words_of_runs(every, overrides, out) if on_cluster else (),
    )


def _changed(
    composer: Composer, parent: Path, typed: Sequence[str], trust: Sequence[str]
) -> list[str]:
    """The overrides that give the config of a run again, with what was typed in its place.

    Values of the run that do not go with an option that was typed are left out.
    """
    from engine.cli.trust import trusted_packages
    from engine.config import draft
    from engine.config.clone import draft_of
    from engine.config.fitting import missing

    before = after = draft_of(composer, parent, [*trust, *trusted_packages()])
    for change in typed:
        after = draft.put(after, change)
    dropped = set(missing(composer, before, after)).difference(typed)
    return [one for one in after if one not in dropped]


def _look_ahead(
    composer: Composer, overrides: Sequence[str], multirun: bool, leave_out: Sequence[int]
) -> bool:
    """Whether it is a sweep; raises with all problems at once. An experiment is one by itself."""
    from engine.cli.train import DISPATCH
    from engine.config.points import asks_for_sweep
    from engine.config.problems import find_problems
    from engine.config.sweep_problems import sweep_problems
    from engine.preflight.start import start_problems, usable_config

    sweep = multirun or asks_for_sweep(composer, overrides)
    if sweep:
        problems = sweep_problems(composer, overrides, leave_out)
    else:
        problems = find_problems(overrides, composer.config_dirs, sweep=False, composer=composer)
    if problems:
        rest = usable_config(composer, overrides, problems)
        problems += start_problems([rest] if rest is not None else [], DISPATCH)
        raise ConfigError.from_problems(problems)
    return sweep


def _check_start(configs: Sequence[Any], *, has_place: bool) -> None:
    """Raise with all that would end a training before its first step."""
    from engine.cli.train import DISPATCH
    from engine.preflight.start import start_problems

    problems = start_problems(configs, DISPATCH, has_place=has_place)
    if problems:
        raise ConfigError.from_problems(problems)
