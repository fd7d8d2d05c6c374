"""What is done to jobs on HTCondor: hold, release, remove, edit.

Many jobs are one request for each scheduler; what came of it is told for each job.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.errors import EngineError, FactsError, LaunchError
from engine.facts.holds import PERSISTENT, hold_remedy
from engine.facts.job_report import REMOVED_HERE
from engine.facts.records import read_record
from engine.launch.condor.absent import TO_COME, still_to_come
from engine.launch.condor.ads import WANTED, QueuedJob, one_of, read_ad
from engine.launch.condor.changes import (
    expressions,
    new_environment,
    new_requirements,
    quoted,
)
from engine.launch.condor.client import Action, Condor, CouldNotAsk
from engine.launch.condor.doubt import let_go
from engine.launch.condor.queue import Connect
from engine.launch.job import HTCONDOR, JobHandle
from engine.launch.record import amend_record
from engine.launch.resources import problems_of, seconds_in

_GONE = "HTCondor does not have it any more"
_TO_COME = f"{TO_COME}; remove takes the whole sweep"
_NOT_DONE = "HTCondor did not do it"

_Pair = tuple[JobHandle, QueuedJob]


@dataclass
class Done:
    """What came of an action."""

    jobs: list[JobHandle] = field(default_factory=list)
    """Those that it was done to."""
    problems: dict[str, str] = field(default_factory=dict)
    """Name of each other job, to why not."""
    remarks: dict[str, str] = field(default_factory=dict)
    """Name of a job to what is worth knowing all the same."""


def hold(jobs: Sequence[JobHandle], reason: str = "", connect: Connect = Condor) -> Done:
    """Let jobs wait until they are released; one that runs saves first."""
    why = reason or "asked for with engine"

    def refusal(job: QueuedJob) -> str:
        return "it is held already" if job.state == "held" else ""

    return _act("hold", jobs, why, connect, refusal, lambda now: now is None or now.state == "held")


def release(
    jobs: Sequence[JobHandle],
    changes: Mapping[str, Any] | None = None,
    connect: Connect = Condor,
) -> Done:
    """Let held jobs go on, with other resources where `changes` says so: see `edit`."""

    def refusal(job: QueuedJob) -> str:
        return "" if job.state == "held" else f"it is not held, but {job.state}"

    changed = _edit(jobs, changes, connect, refusal) if changes else None
    done = _act(
        "release",
        changed.jobs if changed is not None else jobs,
        "released with engine",
        connect,
        refusal,
        lambda now: now is not None and now.state != "held",
        remark=None if changes else _persistent,
    )
    if changed is not None:
        done.problems = changed.problems | done.problems
        done.remarks = changed.remarks | done.remarks
    return done


def remove(jobs: Sequence[JobHandle], connect: Connect = Condor) -> Done:
    """End jobs for good; one that runs saves first, and one that may still come does not begin."""
    done = _act("remove", jobs, REMOVED_HERE, connect, lambda job: "", _is_away)
    for job in done.jobs:
        with contextlib.suppress(FactsError):  # logs may be full, or never get the end
            amend_record(job.path, job.id, state="removed", reason=REMOVED_HERE)
    for job in jobs:
        if job.state == "submitting" and done.problems.get(job.name) == _GONE:
            with _telling([job], done), connect(job.schedd) as condor:
                let_go(job, condor)
                del done.problems[job.name]
                done.jobs.append(job)
    return done


def edit(jobs: Sequence[JobHandle], changes: Mapping[str, Any], connect: Connect = Condor) -> Done:
    """Change what jobs ask for, in the queue and in their records.

    Parameters
    ----------
    changes
        As `changes.read_changes` gives them.
    """

    def remark(name: str, job: QueuedJob) -> str:
        return (
            f"it is held: engine jobs release {name} lets it go on" if job.state == "held" else ""
        )

    return _edit(jobs, changes, connect, lambda job: "", remark)


def _edit(
    jobs: Sequence[JobHandle],
    changes: Mapping[str, Any],
    connect: Connect,
    refusal: Callable[[QueuedJob], str],
    remark: Callable[[str, QueuedJob], str] = lambda name, job: "",
) -> Done:
    done = Done()
    for condor, own in _by_scheduler(jobs, connect, done):
        with condor, _telling(own, done):
            there = _there(condor, own, done, refusal)
            for job, queued in _changed(condor, there, changes, done) if there else ():
                done.jobs.append(job)
                told = remark(job.name, queued)
                if queued.state == "running":
                    told = "it runs: that counts from its next start on"
                if told:
                    done.remarks[job.name] = told
    for job in done.jobs:
        _amend(job, changes, done)
    return done


def _act(
    action: Action,
    jobs: Sequence[JobHandle],
    reason: str,
    connect: Connect,
    refusal: Callable[[QueuedJob], str],
    is_done: Callable[[QueuedJob | None], bool],
    remark: Callable[[JobHandle, QueuedJob], str] | None = None,
) -> Done:
    """Do something to all jobs that can have it done, and look where the count is not theirs."""
    done = Done()
    for condor, own in _by_scheduler(jobs, connect, done):
        with condor, _telling(own, done):
            fit = _there(condor, own, done, refusal)
            ids = [job.id or "" for job, _ in fit]
            if not ids:
                continue
            with _in_doubt():
                acted = condor.act(action, one_of(ids), reason)
                after = _known(condor, ids) if acted.done < len(ids) else None
            for job, queued in fit:
                if after is not None and not is_done(after.get(job.id or "")):
                    done.problems[job.name] = _NOT_DONE + (f": {acted.why}" if acted.why else "")
                    continue
                done.jobs.append(job)
                if remark and (told := remark(job, queued)):
                    done.remarks[job.name] = told
    return done


@contextlib.contextmanager
def _in_doubt() -> Iterator[None]:
    """What nobody answers may have been done all the same."""
    try:
        yield
    except CouldNotAsk as error:
        raise CouldNotAsk(f"whether it was done is not known: {error.message}") from error


def _by_scheduler(
    jobs: Iterable[JobHandle], connect: Connect, done: Done
) -> Iterable[tuple[Condor, list[JobHandle]]]:
    """The jobs of each scheduler; those that none has are problems."""
    groups: dict[str | None, list[JobHandle]] = {}
    for job in jobs:
        if job.target != HTCONDOR or not job.id:
            done.problems[job.name] = "it is no job on HTCondor"
        elif job.is_copy:
            done.problems[job.name] = f"it is a copy: the job is that of {job.original_dir}"
        else:
            groups.setdefault(job.schedd, []).append(job)
    for schedd, own in groups.items():
        yield connect(schedd), own


@contextlib.contextmanager
def _telling(jobs: Sequence[JobHandle], done: Done) -> Iterator[None]:
    """What a scheduler refuses, or does not answer, is a problem of each of its jobs."""
    try:
        yield
    except EngineError as error:
        text = error.message
        done.problems |= {job.name: text.removeprefix(f"{job.name}: ") for job in jobs}


def _there(
    condor: Condor, jobs: Sequence[JobHandle], done: Done, refusal: Callable[[QueuedJob], str]
) -> list[_Pair]:
    """Those of the jobs that are in the queue and fit for it; the others are problems."""
    known, fit = _known(condor, [job.id or "" for job in jobs]), []
    absent = [job for job in jobs if job.id not in known]
    to_come = still_to_come(condor, absent)
    for job in jobs:
        queued = known.get(job.id or "")
        absence = _TO_COME if job.id in to_come else _GONE
        problem = refusal(queued) if queued else absence
        if problem or queued is None:
            done.problems[job.name] = problem
        else:
            fit.append((job, queued))
    return fit


def _known(condor: Condor, ids: Sequence[str]) -> dict[str, QueuedJob]:
    return {job.run_id: job for job in map(read_ad, condor.query(one_of(ids), WANTED))}


def _is_away(now: QueuedJob | None) -> bool:
    return now is None or now.state == "removed"


def _persistent(job: JobHandle, queued: QueuedJob) -> str:
    """That what it was held for is as it was."""
    if queued.hold_code not in PERSISTENT:
        return ""
    remedy = hold_remedy(queued.hold_code, queued.hold_subcode, job.name)
    return f"it was held because {queued.reason}; where that is as it was: {remedy}"


def _changed(
    condor: Condor, jobs: Sequence[_Pair], changes: Mapping[str, Any], done: Done
) -> list[_Pair]:
    """Those of the jobs that were changed: one that may not be does not keep others from it."""
    try:
        with _in_doubt():
            _change(condor, jobs, changes)
        return list(jobs)
    except CouldNotAsk:
        raise
    except LaunchError as error:
        if len(jobs) > 1:
            return [one for job in jobs for one in _changed(condor, [job], changes, done)]
        done.problems[jobs[0][0].name] = error.message
        return []


def _change(condor: Condor, jobs: Sequence[_Pair], changes: Mapping[str, Any]) -> None:
    everyone = one_of(job.id for job, _ in jobs)
    for attribute, expression in expressions(changes).items():
        condor.edit(everyone, attribute, expression)
    of_each = {"requirements": "Requirements", "cpus": "Environment", "category": "Environment"}
    wanted = list(dict.fromkeys(name for key, name in of_each.items() if key in changes))
    for job, _ in jobs if wanted else ():
        own = one_of([job.id])
        for ad in condor.query(own, wanted) or ({},):
            parts = {name: _new_part(job, name, ad.get(name), changes) for name in wanted}
            for attribute, expression in parts.items():
                condor.edit(own, attribute, expression)


def _new_part(job: JobHandle, attribute: str, before: Any, changes: Mapping[str, Any]) -> str:
    """The expression for what is another one in each job."""
    if before is None:
        raise LaunchError(f"HTCondor does not tell its {attribute}, so that it stays as it is")
    if attribute == "Requirements":
        return new_requirements(str(before), changes["requirements"])
    limit = _resources(job).get("time_limit")
    own_limit_s = seconds_in(limit) if limit is not None else None
    return quoted(new_environment(str(before), changes, own_limit_s))


def _resources(job: JobHandle) -> dict[str, Any]:
    """What the record says that the job asks for; nothing where it cannot be read."""
    try:
        resources = (read_record(job.path) or {}).get("resources")
    except FactsError:
        return {}
    known = isinstance(resources, dict) and not problems_of(resources)
    return dict(resources) if isinstance(resources, dict) and known else {}


def _amend(job: JobHandle, changes: Mapping[str, Any], done: Done) -> None:
    """Say so in the record, which a submission that is made again reads."""
    kept = {key: value for key, value in changes.items() if key != "priority"}
    try:
        amend_record(job.path, job.id, resources=_resources(job) | kept)
    except (FactsError, LaunchError) as error:
        done.remarks[job.name] = f"its record could not be changed: {error.message}"
