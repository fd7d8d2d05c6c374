"""The command `engine launch`: a training in the background of this machine."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.arguments import (
    POINTS_OUT,
    add_config_dir_option,
    check_overrides,
    config_folders,
    point_numbers,
)
from engine.cli.output import Command, add_json_option, print_json, say
from engine.cli.select import add_root_option, select_one
from engine.errors import ConfigError
from engine.facts.run_dir import RunDir

if TYPE_CHECKING:
    from engine.config.composer import Composer
    from engine.launch.job import JobHandle, JobSpec

_DETAILS = """\
The training goes on when the terminal, or the connection to this machine, is closed. What it
prints is in train.log in its directory, and launch.json there tells what was started. All mistakes
in the overrides are told first, and nothing is started then.

  engine launch phase1/latent_space=vq phase1.trainer.epochs=40
  engine launch -m phase1.trainer.seed=1,2,3 phase1/latent_space=vq,linear --at-once 2
  engine launch -m phase1.trainer.lr=1e-3,1e-4 phase1.trainer.seed=1,2 --leave-out 1
  engine launch --parent last phase1.trainer.lr=1e-4
  engine launch --resume last --epochs 80

engine jobs lists what was launched, engine follow RUN shows what a run does.
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "overrides", metavar="OVERRIDE", nargs="*", default=[], help="as for thesis-train"
    )
    parser.add_argument("-m", "--multirun", action="store_true", help="a run for each combination")
    text = "how many runs of the sweep train at the same time (default 1)"
    parser.add_argument("--at-once", type=int, default=1, metavar="N", help=text)
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
    add_json_option(parser)


def _work(args: argparse.Namespace) -> int:
    from engine.launch.local import submit

    check_overrides(args.overrides)
    spec = _resumption(args) if args.resume else _beginning(args)
    _tell(submit(spec), args.json)
    return 0


def _resumption(args: argparse.Namespace) -> JobSpec:
    """A run that goes on; raises where `engine resume` would."""
    from engine.cli.resume import config_to_go_on, with_epochs
    from engine.cli.trust import trusted_packages
    from engine.launch.job import JobSpec

    others = (args.leave_out, args.config_dir, args.config_name, args.parent)
    if args.multirun or args.at_once != 1 or any(others):
        raise ConfigError("--resume takes a run and the values that change, and nothing else")
    path = select_one(args.resume, args.root).absolute()
    overrides = with_epochs(args.overrides, args.epochs)
    config_to_go_on(RunDir(path), overrides, [*args.trust, *trusted_packages()])
    return JobSpec(tuple(overrides), path, resume=True, trust=tuple(args.trust))


def _beginning(args: argparse.Namespace) -> JobSpec:
    """A new run or sweep; raises with all that is wrong with it."""
    from engine.cli.train import DISPATCH
    from engine.config import draft
    from engine.config.command import experiment_of
    from engine.config.compose import dotted_loops, register_loops
    from engine.config.composer import Composer
    from engine.config.directories import left_out, wanted_directory
    from engine.launch.job import JobSpec

    if args.epochs is not None:
        raise ConfigError("--epochs is for --resume", "phase1.trainer.epochs=N sets it in a run.")
    leave_out = point_numbers(args.leave_out)
    if args.at_once < 1:
        raise ConfigError(f"--at-once {args.at_once}: must be at least 1")
    folders = config_folders(args.config_dir)
    composer, overrides = Composer(folders), [*experiment_of(args.config_name), *args.overrides]
    register_loops([*DISPATCH, *dotted_loops(overrides)])
    parent = select_one(args.parent, args.root) if args.parent else None
    if parent is not None:
        overrides = _changed(composer, parent, overrides, args.trust)
    sweep = look_ahead(composer, overrides, args.multirun)
    if not sweep and (args.at_once != 1 or leave_out):
        raise ConfigError("--at-once and --leave-out are for a sweep: add --multirun")
    out, points = left_out(composer, overrides, leave_out) if sweep else ((), None)
    return JobSpec(
        draft.without(overrides, draft.LEAVE_OUT),
        wanted_directory(composer, overrides, sweep=sweep),
        sweep=sweep,
        at_once=args.at_once,
        config_dirs=tuple(folders),
        leave_out=out,
        parent=parent.name if parent else None,
        trust=tuple(args.trust),
        points=points,
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


def look_ahead(composer: Composer, overrides: Sequence[str], multirun: bool) -> bool:
    """Whether it is a sweep; raises with all problems at once. An experiment is one by itself."""
    from engine.config.points import asks_for_sweep
    from engine.config.problems import find_problems

    sweep = multirun or asks_for_sweep(composer, overrides)
    problems = find_problems(overrides, composer.config_dirs, sweep=sweep, composer=composer)
    if problems:
        raise ConfigError.from_problems(problems)
    return sweep


def _tell(job: JobHandle, as_json: bool) -> None:
    if as_json:
        told = {"id": job.id, "name": job.name, "kind": job.kind, "pid": job.pid}
        print_json(told | {"directory": str(job.directory), "command": job.command})
        return
    what = "sweep " if job.kind == "sweep" else ""
    of = f" of {job.points} runs" if job.points else ""
    say(f"{what}{job.name}{of}: process {job.pid}, in {os.path.relpath(job.directory)}")
    follow = f"engine jobs log {job.name}" if what else f"engine follow {job.name}"
    for command, meaning in ((follow, "shows what it does"), (_stop(job), "lets it save and end")):
        say(f"  {command}   {meaning}")


def _stop(job: JobHandle) -> str:
    return f"engine jobs stop {job.name}"


main = Command(
    name="launch",
    summary="Train in the background, on this machine.",
    add_arguments=_add_arguments,
    work=_work,
    details=_DETAILS,
)
