"""What `engine jobs` has HTCondor do, and which jobs are meant."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from engine.cli.output import print_json, remark, say
from engine.cli.select import existing_root, select_one
from engine.cli.shelf import is_last
from engine.errors import ConfigError, LaunchError
from engine.launch.job import HTCONDOR

if TYPE_CHECKING:
    from engine.launch.condor.acting import Done
    from engine.launch.condor.client import Condor
    from engine.launch.job import JobHandle
    from engine.launch.jobs import Job

ON_CLUSTER = ("hold", "release", "remove", "edit", "why")
"""What HTCondor does, or tells."""
ASKED = ("memory", "disk", "cpus", "gpus")
"""Keys that are options, too."""
CHANGING = ("release", "edit")

ANSWER_S = 10.0
"""How long a scheduler may take to say how a job is."""

MOST_REASONS = 40
"""Runs of a sweep of which it is told why they do not run."""


def choose(args: argparse.Namespace) -> list[Job]:
    """The jobs that are named, each once.

    Raises
    ------
    ConfigError
        If none is, or a word means none or several.
    """
    from engine.launch.jobs import find_jobs

    if not args.jobs:
        raise ConfigError(f"engine jobs {args.action}: name a job", "engine jobs lists them.")
    root = existing_root(args.root)
    known = find_jobs(root) if root else []
    chosen = (_meant(known, word, args) for word in args.jobs)
    return list({job.handle.path: job for job in chosen}.values())


def _meant(known: Sequence[Job], word: str, args: argparse.Namespace) -> Job:
    """The job that a word means; `last` is the newest run, as it is for every command."""
    from engine.launch.named import job_of_newest, select_job

    if not is_last(word):
        return select_job(known, word, lambda number: _unrecorded(known, number))
    newest = select_one(word, args.root).absolute()
    return job_of_newest(known, newest, on_cluster=args.action in ON_CLUSTER)


def _unrecorded(known: Sequence[Job], number: str) -> list[Job]:
    """Jobs that HTCondor has by a number, and whose run directories are gone."""
    from engine.launch.condor.orphans import orphans_numbered

    handles = [handle for job in known for handle in (job.handle, *job.handles)]
    schedulers = {handle.schedd for handle in handles if handle.target == HTCONDOR}
    if not schedulers and "." not in number:
        return []  # a number of nothing that HTCondor may have
    return orphans_numbered(number, schedulers or {None}, _connect)


def _with_orphans(jobs: Sequence[Job]) -> list[Job]:
    """The jobs, each sweep followed by its runs at HTCondor whose directories are gone."""
    from engine.launch.condor.client import CouldNotAsk
    from engine.launch.condor.orphans import orphans_of

    told: list[Job] = []
    for job in jobs:
        told.append(job)
        if job.handle.target != HTCONDOR or (job.handle.points or 0) <= len(job.handles):
            continue
        try:
            told += orphans_of(job.handle, job.handles, _connect)
        except CouldNotAsk:
            if not job.on_cluster:  # else it is told of each of these
                raise
    return told


def act_on_cluster(args: argparse.Namespace, changes: Sequence[str]) -> int:
    """Do it, and tell what came of it; 1 if anything came to nothing."""
    from engine.launch.condor.changes import read_changes

    words = [*changes]
    if args.action in CHANGING:
        words += [word for word in args.jobs if _is_change(word)]
        args.jobs = [word for word in args.jobs if not _is_change(word)]
    changed = read_changes(words) if words or args.action == "edit" else {}
    jobs = choose(args)
    if args.action == "why":
        return _why(_with_orphans(jobs), args.json)
    if args.action == "remove" and any(job.handle.kind == "sweep" for job in jobs):
        return _remove_sweeps(jobs, args)
    handles = [handle for job in jobs for handle in _of(job)]
    return _tell(jobs, _ACTIONS[args.action](handles, args, changed), args)


def _remove_sweeps(jobs: Sequence[Job], args: argparse.Namespace) -> int:
    """Whole sweeps, with the jobs that HTCondor has not made yet; and single ones among them."""
    from engine.launch.condor.acting import Done
    from engine.launch.condor.actions import remove
    from engine.launch.control import kill_job

    done = Done()
    for job in jobs:
        if job.handle.kind != "sweep" or job.handle.target != HTCONDOR:
            one = remove(_of(job), _connect)
            done.jobs += one.jobs
            done.problems |= one.problems
            continue
        try:
            kill_job(job.handle)
            done.jobs.append(job.handle)
        except LaunchError as error:
            done.problems[job.name] = error.message.removeprefix(f"{job.name}: ")
    return _tell(jobs, done, args)


def _connect(schedd: str | None) -> Condor:
    from engine.launch.condor.client import Condor

    return Condor(schedd, {"query": ANSWER_S})


def _hold(handles: list[JobHandle], args: argparse.Namespace, changes: dict[str, Any]) -> Done:
    from engine.launch.condor.actions import hold

    return hold(handles, args.reason, _connect)


def _release(handles: list[JobHandle], args: argparse.Namespace, changes: dict[str, Any]) -> Done:
    from engine.launch.condor.actions import release

    return release(handles, changes, _connect)


def _remove(handles: list[JobHandle], args: argparse.Namespace, changes: dict[str, Any]) -> Done:
    from engine.launch.condor.actions import remove

    return remove(handles, _connect)


def _edit(handles: list[JobHandle], args: argparse.Namespace, changes: dict[str, Any]) -> Done:
    from engine.launch.condor.editing import edit

    return edit(handles, changes, _connect)


_ACTIONS: dict[str, Callable[[list[JobHandle], argparse.Namespace, dict[str, Any]], Done]] = {
    "hold": _hold,
    "release": _release,
    "remove": _remove,
    "edit": _edit,
}


def _is_change(word: str) -> bool:
    key, equals, _ = word.partition("=")
    return bool(equals) and key.replace(".", "").isidentifier()


def _of(job: Job) -> list[JobHandle]:
    """Its runs that HTCondor may have; of a single one itself, of which more can be told."""
    return job.on_cluster or list(job.handles[:1]) or [job.handle]


def _tell(jobs: Sequence[Job], done: Done, args: argparse.Namespace) -> int:
    """What came of it, a line for each job that was named; 1 if anything came to nothing."""
    from engine.cli.jobs_told import action_lines, shared_lines, told_of_each

    told = told_of_each(args.action, done)
    if args.json:
        print_json(told)
    for job in jobs:
        runs = [job.name] if job.name in told else [one.name for one in _of(job)]
        for line in [] if args.json else action_lines(job.name, runs, args.action, done):
            say(line)
        remarks = {run: done.remarks[run] for run in runs if run in done.remarks}
        for line in shared_lines(job.name, runs, remarks):
            remark(line)
    return 1 if done.problems else 0


def _why(jobs: Sequence[Job], as_json: bool) -> int:
    """Why jobs do not run, by their files where HTCondor has none; 1 if it could not be asked."""
    from engine.cli.jobs_told import shared_lines
    from engine.launch.condor.why import UNASKED

    told: dict[str, str] = {}
    for job in jobs:
        reasons = _reasons(job)
        told |= reasons
        for line in [] if as_json else shared_lines(job.name, list(reasons), reasons):
            say(line)
        if len(job.on_cluster) > len(reasons):
            remark(f"{job.name}: {len(job.on_cluster) - len(reasons)} more runs are not told of")
    if as_json:
        print_json(told)
    return 1 if any(sentence.startswith(UNASKED) for sentence in told.values()) else 0


def _reasons(job: Job) -> dict[str, str]:
    """Why its runs do not run; where nobody answers, he is not asked again."""
    from engine.launch.condor.why import UNASKED, why

    told: dict[str, str] = {}
    for handle in job.on_cluster[:MOST_REASONS]:
        told[handle.name] = why(handle, _connect) or _files(job, handle)
        if told[handle.name].startswith(UNASKED):
            return dict.fromkeys([one.name for one in job.on_cluster], told[handle.name])
    return told or {job.name: job.state.sentence}


def _files(job: Job, handle: JobHandle) -> str:
    sentences = {run.name: run.sentence or run.problem for run in job.runs}
    return f"HTCondor does not have it: {sentences.get(handle.name) or job.state.sentence}"
