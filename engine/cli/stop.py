"""The commands `engine stop` and `engine kill`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.output import Command, add_json_option, print_json, say
from engine.cli.select import add_root_option, add_run_argument, select
from engine.errors import EngineError
from engine.facts.run_dir import RunDir

if TYPE_CHECKING:
    from engine.library.summary import RunSummary

_UNDER_WAY = ("queued", "held", "running")

_STOP_DETAILS = """\
A file `stop` in the run directory does it, so this works for a run on any machine that sees the
directory. The run finishes its present step, saves last.pt, records its end, and is `stopped`;
engine resume RUN goes on with it.

  engine stop last
  engine stop 'run_*_job3' --wait
"""

_KILL_DETAILS = """\
For a run that does not listen to engine stop. Its process, which has to be on this machine, gets
SIGTERM, on which it saves and ends, and after --grace seconds SIGKILL. What a killed run has done
since its last checkpoint is done again by engine resume RUN.
"""


def _stop_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)
    parser.add_argument("--wait", action="store_true", help="return when the runs have ended")
    add_root_option(parser)
    add_json_option(parser)


def _kill_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)
    parser.add_argument(
        "--grace", type=float, default=10.0, metavar="S", help="seconds for SIGTERM (default 10)"
    )
    add_root_option(parser)
    add_json_option(parser)


def _stop(args: argparse.Namespace) -> int:
    from engine.launch.control import ask_to_stop

    runs = select(args.runs, args.root)
    asked = [run for run in runs if run.state in _UNDER_WAY]
    for run in asked:
        ask_to_stop(RunDir(Path(run.path)))
    for run in asked if args.wait else ():
        run.state, run.sentence = _end_of(run)
    told = {run.name: "asked to stop" if run in asked else run.sentence for run in runs}
    if args.wait:
        told |= {run.name: f"{run.state}: {run.sentence}" for run in asked}
    _tell(told, args.json)
    return 0 if asked else 1


def _kill(args: argparse.Namespace) -> int:
    from engine.launch import control

    told, code = {}, 0
    for run in select(args.runs, args.root):
        try:
            told[run.name] = f"ended by {control.kill(RunDir(Path(run.path)), args.grace)}"
        except EngineError as error:
            told[run.name] = error.message.removeprefix(f"{run.name}: ")
            code = error.exit_code
    _tell(told, args.json)
    return code


def _end_of(run: RunSummary) -> tuple[str | None, str]:
    """State and sentence of a run once it is under way no more."""
    from engine.library.index import summarise

    while True:
        now = summarise(Path(run.path))
        if now.state not in _UNDER_WAY:
            return now.state, now.sentence
        time.sleep(0.2)


def _tell(told: dict[str, str], as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    for name, text in told.items():
        say(f"{name}: {text}")


stop = Command(
    name="stop",
    summary="Ask runs to save and end after their present step.",
    add_arguments=_stop_arguments,
    work=_stop,
    details=_STOP_DETAILS,
)

kill = Command(
    name="kill",
    summary="End the process of runs that do not listen.",
    add_arguments=_kill_arguments,
    work=_kill,
    details=_KILL_DETAILS,
)
