"""The command `engine launch`: a training in the background of this machine."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from engine.cli.job_spec import add_job_options, job_spec
from engine.cli.output import Command, add_json_option, print_json, say
from engine.errors import ConfigError

if TYPE_CHECKING:
    from engine.launch.job import JobHandle

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
    add_job_options(parser)
    text = "how many runs of the sweep train at the same time (default 1)"
    parser.add_argument("--at-once", type=int, default=1, metavar="N", help=text)
    add_json_option(parser)


def _work(args: argparse.Namespace) -> int:
    from engine.launch.job import LOCAL
    from engine.launch.local import submit

    spec = job_spec(args, args.overrides, args.at_once)
    if spec.target != LOCAL:
        hint = "engine submit sends it there; launcher=local starts it here."
        raise ConfigError(f"launcher={spec.target}: engine launch starts it on this machine", hint)
    _tell(submit(spec), args.json)
    return 0


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
