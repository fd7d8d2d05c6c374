"""The command `engine jobs`: what was launched, how it is, and how to end it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from engine.cli.arguments import check_grace
from engine.cli.output import (
    Cell,
    Command,
    add_json_option,
    on_terminal,
    print_json,
    print_table,
    remark,
    say,
    state_cell,
    write,
)
from engine.cli.select import add_root_option, existing_root
from engine.errors import ConfigError, EngineError

if TYPE_CHECKING:
    from engine.launch.jobs import Job

ACTIONS = ("list", "stop", "kill", "log")
DAY_S = 86400.0
LINES = 20

_DETAILS = """\
A job is a run or a sweep that engine launch or the app has started; the runs of a sweep are
counted, not listed. Without --all those that are under way, and those of the last day.

JOB is last, a name or a part of one, a directory, or the first digits of an id.

  list            state, process, memory and CPU of this machine (of one core), progress
  stop JOB…       asks to save and end, wherever it runs; a sweep begins no further runs
  kill JOB…       ends its processes on this machine: SIGTERM, on which it saves and ends, and
                  SIGKILL for what lives on for --grace seconds
  log JOB         the last lines of what it printed

  engine jobs
  engine jobs list --all --json
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=ACTIONS, default="list", help="default: list")
    parser.add_argument("jobs", metavar="JOB", nargs="*", default=[], help="for stop, kill, log")
    parser.add_argument("--all", action="store_true", help="list old ones as well")
    parser.add_argument("--yes", action="store_true", help="kill without a question")
    text = "seconds for SIGTERM (default 10)"
    parser.add_argument("--grace", type=float, default=10.0, metavar="S", help=text)
    text = f"lines of the log (default {LINES})"
    parser.add_argument("-n", "--lines", type=int, default=LINES, metavar="N", help=text)
    add_root_option(parser)
    add_json_option(parser)


def _work(args: argparse.Namespace) -> int:
    from engine.launch.jobs import find_jobs, select_job

    check_grace(args.grace)
    if args.lines < 1:
        raise ConfigError(f"-n {args.lines}: must be at least 1")
    root = existing_root(args.root)
    known = find_jobs(root) if root else []
    if args.action == "list":
        if args.jobs:
            raise ConfigError(
                f"{args.jobs[0]}: list takes no job", "engine jobs --help tells more."
            )
        _list(known if args.all else _recent(known), args.json, len(known))
        return 0
    if not args.jobs:
        raise ConfigError(f"engine jobs {args.action}: name a job", "engine jobs lists them.")
    chosen = list(
        {id(job): job for job in (select_job(known, word) for word in args.jobs)}.values()
    )
    if args.action == "log":
        return _log(chosen, args.lines, args.json)
    return _end(chosen, args)


def _recent(jobs: Sequence[Job]) -> list[Job]:
    now = time.time()
    return [job for job in jobs if job.under_way or now - (job.submitted or 0) < DAY_S]


def _list(jobs: Sequence[Job], as_json: bool, known: int) -> None:
    if as_json:
        print_json(_record(job) for job in jobs)
        return
    if jobs or not on_terminal():
        titles = _TITLES if on_terminal() else [_UNITS.get(title, title) for title in _TITLES]
        print_table(titles, [_row(job) for job in jobs])
    if len(jobs) < known:
        remark(f"{known - len(jobs)} older: --all lists them")
    elif not known:
        remark("no jobs yet: engine launch starts one")


_TITLES = ("job", "kind", "state", "host", "pid", "memory", "CPU", "progress", "age", "directory")
_UNITS = {"memory": "memory_bytes", "CPU": "cpu_percent", "age": "age_s"}
"""Titles in a pipe, where a number stands without its unit."""

_ENTRIES = (
    *("id", "kind", "target", "submitted", "ended", "exit_code", "reason", "host", "pid"),
    *("command", "earlier", "overrides", "config_dirs", "at_once", "leave_out", "points", "parent"),
)


def _row(job: Job) -> list[Cell]:
    from engine.tables.units import show_age, show_size

    handle, usage = job.handle, job.usage
    memory = usage.memory_bytes if usage else None
    percent = round(usage.cpu_percent, 1) if usage and usage.cpu_percent is not None else None
    age = time.time() - job.submitted if job.submitted is not None else None
    return [
        Cell(job.name, job.name),
        Cell(handle.kind or "", handle.kind),
        state_cell(job.state.state or "unknown"),
        Cell(handle.host or "", handle.host),
        Cell(str(handle.pid or ""), handle.pid),
        Cell(show_size(memory) if memory is not None else "", memory),
        Cell(f"{percent:.0f} %" if percent is not None else "", percent),
        Cell(*[_progress(job)] * 2),
        Cell(show_age(age) if age is not None else "", round(age) if age is not None else None),
        Cell(str(handle.directory), str(handle.directory)),
    ]


def _progress(job: Job) -> str:
    """How far it is: epochs of a run, runs of a sweep."""
    single = job.runs[0] if job.runs and job.handle.kind in ("run", "resume") else None
    if single is None or not single.epochs:
        return job.state.sentence
    return f"{single.epochs_done}/{single.epochs} epochs"


def _record(job: Job) -> dict[str, Any]:
    """Everything that is known of a job."""
    handle, usage = job.handle, job.usage
    return {
        "name": job.name,
        "directory": str(handle.directory),
        "state": job.state.state,
        "sentence": job.state.sentence,
        **{name: getattr(handle, name) for name in _ENTRIES},
        "runs": {run.name: run.state for run in job.runs},
        "processes": usage.processes if usage else None,
        "memory_bytes": usage.memory_bytes if usage else None,
        "cpu_percent": usage.cpu_percent if usage else None,
        "problem": job.problem,
    }


def _log(jobs: Sequence[Job], lines: int, as_json: bool) -> int:
    from engine.cli.show import log_lines

    if as_json:
        print_json({job.name: log_lines(job.handle.directory, lines) for job in jobs})
        return 0
    for job in jobs:
        if len(jobs) > 1:
            say(f"{job.name}:")
        write("".join(f"{line}\n" for line in log_lines(job.handle.directory, lines)))
    return 0


def _end(jobs: Sequence[Job], args: argparse.Namespace) -> int:
    """Stop or kill; 1 if any of them is over already or does not end."""
    from engine.launch.control import ask_job_to_stop, kill_job

    if args.action == "kill" and not args.yes:
        _ask([job.name for job in jobs if job.under_way])
    told, code = {}, 0
    for job in jobs:
        try:
            if args.action == "kill":
                told[job.name] = f"ended by {kill_job(job.handle, args.grace)}"
            elif job.under_way:
                ask_job_to_stop(job.handle)
                told[job.name] = "asked to stop"
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


main = Command(
    name="jobs",
    summary="List, stop and kill what was launched.",
    add_arguments=_add_arguments,
    work=_work,
    details=_DETAILS,
)
