"""The table of `engine jobs`, and the same as JSON."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from engine.cli.output import (
    Cell,
    on_terminal,
    print_json,
    print_table,
    remark,
    state_cell,
)
from engine.cli.select import existing_root
from engine.errors import ConfigError

if TYPE_CHECKING:
    from engine.launch.condor.ads import QueuedJob
    from engine.launch.condor.queue import View
    from engine.launch.jobs import Job

DAY_S = 86400.0
ANSWER_S = 5.0
"""How long a scheduler may take to say how its jobs are."""

_TITLES = (
    *("job", "kind", "state", "host", "pid", "memory", "CPU", "number", "waiting"),
    *("progress", "age", "directory"),
)
_OF_CLUSTER = ("number", "waiting")
_UNITS = {"memory": "memory_bytes", "CPU": "cpu_percent", "age": "age_s", "waiting": "waiting_s"}
"""Titles in a pipe, where a number stands without its unit."""

_COUNTED = ("running", "finished", "stopped")
"""States of which the epochs say most."""
_MATTERS = (
    *("job", "state", "progress", "number", "age", "waiting", "memory", "CPU", "host", "kind"),
    *("pid", "directory"),
)
"""Titles of which the last goes first where a terminal has no room."""
_LEAST = {"job": 28, "progress": 30, "directory": 1000}
"""How narrow columns may become: names stay apart, a reason is read, half a path is none."""

_ENTRIES = (
    *("id", "kind", "target", "submitted", "ended", "exit_code", "reason", "host", "pid"),
    *("command", "earlier", "overrides", "config_dirs", "at_once", "leave_out", "points", "parent"),
    *("job_id", "schedd"),
)


def list_jobs(args: argparse.Namespace) -> int:
    """Print the jobs of the root; HTCondor is asked where it may have one of them."""
    if args.jobs:
        raise ConfigError(f"{args.jobs[0]}: list takes no job", "engine jobs --help tells more.")
    root = existing_root(args.root)
    known, view = look(str(root)) if root else ([], None)
    jobs = known if args.all else _recent(known)
    if args.json:
        print_json(_record(job, view) for job in jobs)
    elif jobs or not on_terminal():
        _print(jobs, view)
    for problem in view.problems if view else []:
        remark(problem)
    if args.json:
        return 0
    if len(jobs) < len(known):
        remark(f"{len(known) - len(jobs)} older: --all lists them")
    elif not known:
        remark("no jobs yet: engine launch starts one")
    return 0


def look(root: str) -> tuple[list[Job], View | None]:
    """The jobs, and what HTCondor said of those that it may have; None where it was not asked."""
    from engine.launch.jobs import JobFinder

    finder = JobFinder(root)
    jobs = finder.refresh()
    handles = [handle for job in jobs for handle in job.on_cluster]
    if not handles:
        return jobs, None
    from engine.launch.condor.queue import look_once

    view = look_once(handles, deadline_s=ANSWER_S)
    return finder.refresh(reports=view.reports(handles)), view


def _recent(jobs: Sequence[Job]) -> list[Job]:
    now = time.time()
    return [job for job in jobs if job.under_way or now - (job.submitted or 0) < DAY_S]


def _print(jobs: Sequence[Job], view: View | None) -> None:
    """A terminal has no columns that are empty for want of a cluster."""
    from engine.launch.job import HTCONDOR

    cluster = not on_terminal() or any(job.handle.target == HTCONDOR for job in jobs)
    shown = [title for title in _TITLES if cluster or title not in _OF_CLUSTER]
    titles = shown if on_terminal() else [_UNITS.get(title, title) for title in shown]
    rows = [[_cells(job, view)[title] for title in shown] for job in jobs]
    if not on_terminal():
        print_table(titles, rows)
        return
    from engine.cli.aligned import print_fitting

    print_fitting(titles, rows, list(map(_MATTERS.index, shown)), _LEAST)


def _cells(job: Job, view: View | None) -> dict[str, Cell]:
    from engine.tables.units import show_age, show_size

    handle, usage, queued = job.handle, job.usage, _queued(job, view)
    memory = usage.memory_bytes if usage else None
    percent = round(usage.cpu_percent, 1) if usage and usage.cpu_percent is not None else None
    age = round(time.time() - job.submitted) if job.submitted is not None else None
    waiting = _waiting_s(queued, view)
    host = queued.host if queued and queued.host else handle.host
    state = state_cell(job.state.state or "unknown")
    return {
        "job": Cell(job.name, job.name),
        "kind": Cell(handle.kind or "", handle.kind),
        "state": state._replace(style="dim") if _is_stale(job, view) else state,
        "host": Cell(host or "", host),
        "pid": Cell(str(handle.pid or ""), handle.pid),
        "memory": Cell(show_size(memory) if memory is not None else "", memory),
        "CPU": Cell(f"{percent:.0f} %" if percent is not None else "", percent),
        "number": Cell(handle.job_id or "", handle.job_id),
        "waiting": Cell(show_age(waiting) if waiting is not None else "", waiting),
        "progress": Cell(*[_progress(job)] * 2),
        "age": Cell(show_age(age) if age is not None else "", age),
        "directory": Cell(str(handle.directory), str(handle.directory)),
    }


def _queued(job: Job, view: View | None) -> QueuedJob | None:
    """What HTCondor says of a single run."""
    return view.jobs.get(job.handle.id or "") if view else None


def _waiting_s(queued: QueuedJob | None, view: View | None) -> int | None:
    """How long a job has been waiting, or held, by the scheduler's clock."""
    if queued is None or view is None or queued.state not in ("queued", "held"):
        return None
    if queued.since_s is None:
        return None
    return round(queued.since_s + time.time() - view.told[queued.run_id])


def _is_stale(job: Job, view: View | None) -> bool:
    """Whether it may be otherwise by now, as its scheduler does not answer."""
    return view is not None and any(view.is_stale(handle) for handle in job.on_cluster)


def _progress(job: Job) -> str:
    """How far it is, epochs of a run, runs of a sweep; why it waits, or what it ended by."""
    from engine.facts.verdict import CUT_OFF

    single = job.runs[0] if job.runs and job.handle.kind in ("run", "resume") else None
    told = job.state.state in _COUNTED and single is not None and single.cause != CUT_OFF
    if single is None or not single.epochs or not told:
        return job.state.sentence
    return f"{single.epochs_done}/{single.epochs} epochs"


def _record(job: Job, view: View | None) -> dict[str, Any]:
    """Everything that is known of a job."""
    handle, usage = job.handle, job.usage
    return {
        "name": job.name,
        "directory": str(handle.directory),
        "state": job.state.state,
        "sentence": job.state.sentence,
        **{name: getattr(handle, name) for name in _ENTRIES},
        "runs": {run.name: run.state for run in job.runs},
        "queue": {one.name: _queue_entry(one.id, view) for one in job.on_cluster},
        "stale": _is_stale(job, view),
        "processes": usage.processes if usage else None,
        "memory_bytes": usage.memory_bytes if usage else None,
        "cpu_percent": usage.cpu_percent if usage else None,
        "problem": job.problem,
    }


def _queue_entry(run_id: str | None, view: View | None) -> dict[str, Any] | None:
    """What HTCondor says of a run, with the Unix seconds at which it did; None for nothing."""
    queued = view.jobs.get(run_id or "") if view else None
    if queued is None or view is None:
        return None
    waiting = _waiting_s(queued, view)
    return asdict(queued) | {"told": view.told[queued.run_id], "waiting_s": waiting}
