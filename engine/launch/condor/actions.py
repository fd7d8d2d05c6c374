"""What is done to jobs on HTCondor: hold, release, remove.

Many jobs are one request for each scheduler; what came of it is told for each job.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.errors import FactsError
from engine.facts.holds import PERSISTENT, hold_remedy
from engine.facts.job_report import OVER, REMOVED_HERE
from engine.launch.condor.absent import NOWHERE, note_end
from engine.launch.condor.acting import GONE, Done, by_scheduler, in_doubt, known_of, telling, there
from engine.launch.condor.ads import QueuedJob, one_of
from engine.launch.condor.client import Action, Condor
from engine.launch.condor.doubt import let_go
from engine.launch.condor.editing import edited
from engine.launch.condor.queue import Connect, look_once
from engine.launch.job import JobHandle
from engine.launch.record import amend_record

_NOT_DONE = "HTCondor did not do it"


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

    changed = edited(jobs, changes, connect, refusal) if changes else None
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
    """End jobs for good; one that runs saves first, and one that may still come does not begin.

    Their records say so too, also of those that HTCondor does not have any more: their logs may be
    full, or never get the end.
    """
    done = _act("remove", jobs, REMOVED_HERE, connect, lambda job: "", _is_away)
    for job in done.jobs:
        with contextlib.suppress(FactsError):
            amend_record(job.path, job.id, state="removed", reason=REMOVED_HERE)
    gone = [job for job in jobs if done.problems.get(job.name) == GONE]
    _note_ends([job for job in gone if job.state != "submitting"], connect)
    for job in gone:
        if job.state == "submitting":
            with telling([job], done), connect(job.schedd) as condor:
                let_go(job, condor)
                del done.problems[job.name]
                done.jobs.append(job)
    return done


def _note_ends(gone: Sequence[JobHandle], connect: Connect) -> None:
    """Write down how jobs ended that are not in the queue, as far as the history knows."""
    known = look_once(gone, connect).jobs if gone else {}
    for job in gone:
        end = known.get(job.id or "")
        if end is None or end.state not in OVER:
            note_end(job, QueuedJob(job.id or "", job.job_id or "", "ended", reason=NOWHERE))


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
    for condor, own in by_scheduler(jobs, connect, done):
        with condor, telling(own, done):
            fit = there(condor, own, done, refusal)
            ids = [job.id or "" for job, _ in fit]
            if not ids:
                continue
            with in_doubt():
                acted = condor.act(action, one_of(ids), reason)
                after = known_of(condor, ids) if acted.done < len(ids) else None
            for job, queued in fit:
                if after is not None and not is_done(after.get(job.id or "")):
                    done.problems[job.name] = _NOT_DONE + (f": {acted.why}" if acted.why else "")
                    continue
                done.jobs.append(job)
                if remark and (told := remark(job, queued)):
                    done.remarks[job.name] = told
    return done


def _is_away(now: QueuedJob | None) -> bool:
    return now is None or now.state == "removed"


def _persistent(job: JobHandle, queued: QueuedJob) -> str:
    """That what it was held for is as it was."""
    if queued.hold_code not in PERSISTENT:
        return ""
    remedy = hold_remedy(queued.hold_code, queued.hold_subcode, job.name)
    return f"it was held because {queued.reason}; where that is as it was: {remedy}"
