"""The command `engine jobs`: what was launched, how it is, and what can be done with it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.cli.arguments import check_grace
from engine.cli.jobs_actions import ASKED, CHANGING, ON_CLUSTER, act_on_cluster, choose
from engine.cli.jobs_help import PAGES, add_options, page_of
from engine.cli.jobs_table import list_jobs
from engine.cli.output import Command, print_json, remark, say, write
from engine.errors import ConfigError, EngineError

if TYPE_CHECKING:
    from engine.launch.jobs import Job

ACTIONS = tuple(PAGES)

_DETAILS = """\
A job is a run or a sweep that engine launch, engine submit or the app has started; the runs of a
sweep are counted, not listed. Without --all those that are under way, and those of the last day.

JOB is a name or a part of one, a directory, the first digits of an id, or HTCondor's number; last
is the newest run, last~1 the one before.

  list            state, process, memory and CPU of this machine (of one core), progress; of jobs
                  on HTCondor node, number and how long they wait
  stop JOB…       asks to save and end, wherever it runs; what waits does not begin, and a sweep
                  begins no further runs
  kill JOB…       ends its processes on this machine: SIGTERM, on which it saves and ends, and
                  SIGKILL for what lives on for --grace seconds
  log JOB         the last lines of what it printed; of a sweep on HTCondor those of its runs

On HTCondor; of a sweep all runs that are under way, in one request:

  hold JOB…       waits until it is released; one that runs saves first
  release JOB…    goes on; with --memory and the like it asks for that from now on
  remove JOB…     ends for good; one that runs saves first
  edit JOB… KEY=VALUE…
                  what it asks for: memory, disk, cpus, gpus, category, requirements, priority
  why JOB…        in one sentence why it does not run

engine jobs ACTION --help tells more of each.

  engine jobs
  engine jobs list --all --json
  engine jobs release last --memory 8GB
  engine jobs edit last category=long priority=5
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=ACTIONS, default="list", help="default: list")
    parser.add_argument("jobs", metavar="JOB", nargs="*", default=[], help="for all but list")
    add_options(parser)


def _work(args: argparse.Namespace) -> int:
    check_grace(args.grace)
    if args.lines < 1:
        raise ConfigError(f"-n {args.lines}: must be at least 1")
    changes = [f"{key}={value}" for key in ASKED if (value := getattr(args, key)) is not None]
    if changes and args.action not in CHANGING:
        given = f"--{changes[0].partition('=')[0]}"
        raise ConfigError(f"{given} is for {' and '.join(CHANGING)}, not for {args.action}")
    if args.action == "list":
        return list_jobs(args)
    if args.action in ON_CLUSTER:
        return act_on_cluster(args, changes)
    chosen = choose(args)
    return _log(chosen, args.lines, args.json) if args.action == "log" else _end(chosen, args)


def _log(jobs: Sequence[Job], lines: int, as_json: bool) -> int:
    from engine.cli.show import log_lines

    places = [place for job in jobs for place in job.printed_in]
    told = {place.name: log_lines(place, lines) for place in places}
    if as_json:
        print_json(told)
        return 0
    shown = {name: log for name, log in told.items() if log}
    for name, log in shown.items():
        if len(told) > 1:
            say(f"==> {name} <==")
        write("".join(f"{line}\n" for line in log))
    silent = [name for name in told if name not in shown]
    if silent:
        more = f" and {len(silent) - 1} more" if len(silent) > 1 else ""
        remark(f"{silent[0]}{more}: nothing was printed yet")
    return 0


def _end(jobs: Sequence[Job], args: argparse.Namespace) -> int:
    """Stop or kill; 1 if any of them is over already or does not end."""
    from engine.launch.control import asked_to_stop, kill_job, stop_all

    if args.action == "kill" and not args.yes:
        _ask([job.name for job in jobs if job.under_way])
    told, code = {}, 0
    for job in jobs:
        try:
            if args.action == "kill":
                told[job.name] = f"ended by {kill_job(job.handle, args.grace)}"
            elif job.under_way:
                stop_all(job)
                told[job.name] = asked_to_stop(job.name, job.state.state)
            else:
                told[job.name], code = job.state.sentence, 1
        except EngineError as error:
            told[job.name] = error.message.removeprefix(f"{job.name}: ")
            code = error.exit_code
    if args.json:
        print_json(told)
    else:
        for name, text in told.items():
            say(f"{name}: {text}")
    return code


def _ask(names: Sequence[str]) -> None:
    """Ask on a terminal before anything is killed; elsewhere `--yes` has to be said."""
    if not names:
        return
    if not sys.stdin.isatty():
        raise ConfigError(f"kill {', '.join(names)}? --yes says so where nobody can be asked")
    remark(f"kill {', '.join(names)}? What was done since the last checkpoint is lost. [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise ConfigError("nothing is killed")


class _Jobs(Command):
    """The command, with a page of help for each thing that it does."""

    def __call__(self, argv: Sequence[str] | None = None, program: str = "engine") -> int:
        """Run it, or print the page that is asked for."""
        words = list(sys.argv[1:] if argv is None else argv)
        actions = [word for word in words if word in PAGES]
        if actions and {"-h", "--help"} & set(words):
            write(page_of(actions[0], program))
            return 0
        return super().__call__(words, program)


main = _Jobs(
    name="jobs",
    summary="List what was launched, and end, hold or change it.",
    add_arguments=_add_arguments,
    work=_work,
    details=_DETAILS,
)
