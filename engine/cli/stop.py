"""The commands `engine stop` and `engine kill`."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.arguments import check_grace
from engine.cli.output import Command, add_json_option, print_json, remark, say
from engine.cli.run_text import state_sentence
from engine.cli.select import add_root_option, add_run_argument, select
from engine.errors import EngineError, FactsError
from engine.facts.run_dir import RunDir
from engine.facts.state import UNDER_WAY

if TYPE_CHECKING:
    from engine.launch.condor.queue import Queue
    from engine.launch.job import JobHandle
    from engine.library.summary import RunSummary

POLL_S = 0.2
"""Between two looks at runs that are to end."""
ANSWER_S = 10.0
"""How long HTCondor may take to say how their jobs are."""

_STOP_DETAILS = """\
A file `stop` in the run directory does it, so this works for a run on any machine that sees the
directory. The run finishes its present step, saves last.pt, records its end, and is `stopped`;
engine resume RUN goes on with it. A job that waits does not begin: it ends once HTCondor starts it,
and engine jobs remove ends it at once. --wait waits for that, too; Ctrl-C ends the waiting alone.

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
    if args.wait:
        told |= {run.name: state_sentence(run) for run in _ends(asked)}
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


def _ends(runs: Sequence[RunSummary]) -> list[RunSummary]:
    """The runs once none of them is under way, not even as a job that waits; Ctrl-C ends that."""
    from engine.launch.condor.queue import Queue

    queue = Queue(deadline_s=ANSWER_S)
    queue.watched = True
    known, told = {run.path: run for run in runs}, set[str]()
    try:
        while left := [run for run in known.values() if run.state in UNDER_WAY]:
            now = {*_what_waits(left), *queue.view.problems}
            for text in sorted(now - told):
                remark(text)
            told = now
            time.sleep(POLL_S)
            known |= _as_they_are(left, queue)
    except KeyboardInterrupt:
        remark(f"asked to stop all the same: {_named(left)}")
        raise
    finally:
        queue.close()
    return list(known.values())


def _what_waits(runs: Sequence[RunSummary]) -> list[str]:
    """Why it may take long until these have ended; nothing where all of them run."""
    waiting = [run for run in runs if run.state != "running"]
    if not waiting:
        return []
    held = any(run.state == "held" for run in waiting)
    start = "it is released and has a node" if held else "it has a node"
    how = f"a job that waits ends once {start}; engine jobs remove ends it now"
    return [f"waiting for {_named(waiting)}: {how}"]


def _named(runs: Sequence[RunSummary]) -> str:
    more = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
    return f"{runs[0].name}, which is {runs[0].state}{more}"


def _as_they_are(runs: Sequence[RunSummary], queue: Queue) -> dict[str, RunSummary]:
    """The same runs by their paths as they are now, by their files and what HTCondor says."""
    from engine.launch.record import read_job
    from engine.library.index import summarise

    jobs: list[JobHandle] = []
    for run in runs:
        with contextlib.suppress(FactsError):
            job = read_job(RunDir(Path(run.path)).launch)
            jobs += [job] if job is not None else []
    reports = queue.look(jobs).reports(jobs)
    return {run.path: summarise(run.path, reports.get(run.path)) for run in runs}


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
