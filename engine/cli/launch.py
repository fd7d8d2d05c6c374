"""The command `engine launch`: a training in the background of this machine."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.arguments import listed
from engine.cli.output import Command, add_json_option, print_json, say
from engine.cli.select import add_root_option, select_one
from engine.errors import ConfigError
from engine.facts.run_dir import RunDir

if TYPE_CHECKING:
    from engine.launch.job import JobHandle, JobSpec

_DETAILS = """\
The training goes on when the terminal, or the connection to this machine, is closed. What it
prints is in train.log in its directory, and launch.json there tells what was started. All mistakes
in the overrides are told first, and nothing is started then.

  engine launch phase1/latent_space=vq phase1.trainer.epochs=40
  engine launch -m phase1.trainer.seed=1,2,3 phase1/latent_space=vq,linear --at-once 2
  engine launch -m phase1.trainer.lr=1e-3,1e-4 phase1.trainer.seed=1,2 --leave-out 1
  engine launch --resume last --trust my_package phase1.trainer.epochs=80

engine jobs lists what was launched, engine follow RUN shows what a run does.
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "overrides", metavar="OVERRIDE", nargs="*", default=[], help="as for thesis-train"
    )
    parser.add_argument("-m", "--multirun", action="store_true", help="a run for each combination")
    text = "how many runs of the sweep train at the same time (default 1)"
    parser.add_argument("--at-once", type=int, default=1, metavar="N", help=text)
    text = "points of the sweep that are no runs, counted from 0, the last value fastest"
    parser.add_argument("--leave-out", action="append", default=[], metavar="N,…", help=text)
    text = "a further folder with config groups"
    parser.add_argument("--config-dir", metavar="DIR", help=text)
    parser.add_argument("--resume", metavar="RUN", help="go on with a run in its own directory")
    parser.add_argument("--parent", metavar="RUN", help="the run that the values are taken from")
    text = "a package of your own whose classes a config of another run may name"
    parser.add_argument("--trust", action="append", default=[], metavar="PACKAGE", help=text)
    add_root_option(parser)
    add_json_option(parser)


def _work(args: argparse.Namespace) -> int:
    from engine.launch.local import submit

    flags = [word for word in args.overrides if word.startswith("-")]
    if flags:
        raise ConfigError(f"{flags[0]}: a value is set by key=value, without dashes")
    spec = _resumption(args) if args.resume else _beginning(args)
    _tell(submit(spec), args.json)
    return 0


def _resumption(args: argparse.Namespace) -> JobSpec:
    """A run that goes on; raises where `engine resume` would."""
    from engine.cli.resume import config_to_go_on
    from engine.cli.trust import trusted_packages
    from engine.launch.job import JobSpec

    if args.multirun or args.at_once != 1 or args.leave_out or args.config_dir or args.parent:
        raise ConfigError("--resume takes a run and the values that change, and nothing else")
    path = select_one(args.resume, args.root).absolute()
    config_to_go_on(RunDir(path), args.overrides, [*args.trust, *trusted_packages()])
    words, trust = tuple(args.overrides), tuple(args.trust)
    return JobSpec(words, path, resume=True, trust=trust)


def _beginning(args: argparse.Namespace) -> JobSpec:
    """A new run or sweep; raises with all that is wrong with it."""
    from engine.launch.job import JobSpec

    leave_out = tuple(_numbers(args.leave_out))
    if not args.multirun and (args.at_once != 1 or leave_out):
        raise ConfigError("--at-once and --leave-out are for a sweep: add --multirun")
    if args.at_once < 1:
        raise ConfigError(f"--at-once {args.at_once}: at least one run has to train")
    folders = [Path(os.path.abspath(os.path.expanduser(args.config_dir or ".")))]
    folders = folders if args.config_dir else []
    directory, points = look_ahead(args.overrides, folders, args.multirun, leave_out)
    return JobSpec(
        tuple(args.overrides),
        directory,
        sweep=args.multirun,
        at_once=args.at_once,
        config_dirs=tuple(folders),
        leave_out=leave_out,
        parent=select_one(args.parent, args.root).name if args.parent else None,
        trust=tuple(args.trust),
        points=points,
    )


def look_ahead(
    overrides: Sequence[str], folders: Sequence[Path], sweep: bool, leave_out: Sequence[int]
) -> tuple[Path, int | None]:
    """The directory that is wanted, and how many runs there will be; all problems at once."""
    from engine.cli.train import DISPATCH
    from engine.config.compose import dotted_loops, register_loops
    from engine.config.composer import Composer
    from engine.config.directories import number_of_points, wanted_directory
    from engine.config.problems import find_problems

    for folder in folders:
        if not folder.is_dir():
            raise ConfigError(f"--config-dir: there is no folder {folder}")
    register_loops([*DISPATCH, *dotted_loops(overrides)])
    problems = find_problems(overrides, folders, sweep=sweep)
    if problems:
        raise ConfigError.from_problems(problems)
    composer = Composer(folders)
    points = number_of_points(composer, overrides, leave_out) if sweep else None
    return wanted_directory(composer, overrides, sweep=sweep), points


def _numbers(given: Sequence[str]) -> list[int]:
    words = listed(given)
    strange = [word for word in words if not word.isdecimal()]
    if strange:
        raise ConfigError(f"--leave-out {strange[0]}: it takes numbers of points, from 0")
    return [int(word) for word in words]


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
