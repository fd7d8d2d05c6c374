"""The commands `engine stop` and `engine kill`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.arguments import check_grace
from engine.cli.output import Command, add_json_option, print_json, say
from engine.cli.run_text import state_sentence
from engine.cli.select import add_root_option, add_run_argument, select
from engine.errors import EngineError
from engine.facts.run_dir import RunDir
from engine.facts.state import UNDER_WAY

if TYPE_CHECKING:
    from engine.library.summary import RunSummary

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
    text = "nothing is asked here: for scripts that are written for engine jobs kill"
    parser.add_argument("--yes", action="store_true", help=text)
    add_root_option(parser)
    add_json_option(parser)


def _stop(args: argparse.Namespace) -> int:
    from engine.launch.control import ask_to_stop, asked_to_stop
    from engine.library.index import summarise

    runs = select(args.runs, args.root)
    told = {run.name: state_sentence(run) for run in runs}
    asked = []
    for run in (run for run in runs if run.state in UNDER_WAY):
        try:
            ask_to_stop(RunDir(Path(run.path)))
        except EngineError as error:
            told[run.name] = error.message.removeprefix(f"{run.name}: ")
            continue
        asked.append(run)
        told[run.name] = asked_to_stop(run.name, run.state)
    for run in asked if args.wait else ():
        _wait_for_end(run, summarise)
        told[run.name] = state_sentence(run)
    _tell(told, args.json)
    return 0 if asked else 1


def _kill(args: argparse.Namespace) -> int:
    from engine.launch import control

    check_grace(args.grace)
    told, code = {}, 0
    for run in select(args.runs, args.root):
        if run.state not in UNDER_WAY:  # its process may be another run's by now
            told[run.name], code = state_sentence(run), 1
            continue
        try:
            told[run.name] = f"ended by {control.kill(RunDir(Path(run.path)), args.grace)}"
        except EngineError as error:
            told[run.name] = error.message.removeprefix(f"{run.name}: ")
            code = error.exit_code
    _tell(told, args.json)
    return code


def _wait_for_end(run: RunSummary, summarise: Callable[[str], RunSummary]) -> None:
    """Return when a run is under way no more, with its state and sentence as they are then."""
    while run.state == "running":
        time.sleep(0.2)
        now = summarise(run.path)
        run.state, run.sentence = now.state, now.sentence


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
