"""What HTCondor says of a job, in a few words. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from engine.facts.text import plain
from engine.facts.words import in_words
from engine.launch.job import HTCONDOR

if TYPE_CHECKING:
    from engine.launch.jobs import Job
    from tui.queue_feed import Standing

_VERBS = {"queued": "waits", "held": "held"}


def where(
    job_id: str | None, host: str | None, standing: Standing | None, now: float, state: str | None
) -> str:
    """The number of a job with its node, or how long it waits; the host where there is none.

    Its facts and its log may know better than the queue, which is asked now and then: nobody waits
    whose `state` is another one.
    """
    if job_id is None and standing is None:
        return plain(host or "")
    number = plain(job_id or (standing.job.job_id if standing else ""))
    node = plain((standing.job.host if standing else None) or host or "").partition(".")[0]
    if standing is None:
        return f"{number} {node}" if node else f"job {number}"
    job, waiting = standing.job, standing.waiting_s(now)
    verb = _VERBS.get(job.state) if state == job.state else None
    if verb is not None:
        return f"{number} {verb} {in_words(waiting)}" if waiting is not None else f"{number} {verb}"
    return f"{number} {node}".rstrip()


def job_where(job: Job, standings: Mapping[str, Standing], now: float) -> str:
    """The same of a job of the list; a sweep has many, and its scheduler."""
    handle = job.handle
    if handle.target == HTCONDOR:
        if handle.kind == "sweep":
            return plain((handle.schedd or "HTCondor").partition(".")[0])
        run = job.runs[0] if job.runs else None
        host = run.host if run else None
        standing = standings.get(str(handle.directory))
        return where(handle.job_id, host, standing, now, job.state.state)
    name = plain(handle.host or "")
    return f"{name.partition('.')[0]}:{handle.pid}" if handle.pid is not None else name


def memory(job: Job, standings: Mapping[str, Standing]) -> str:
    """What a job took at most on its node, as HTCondor counts."""
    standing = standings.get(str(job.handle.directory))
    taken = standing.job.memory_mib if standing else None
    return size(taken) if taken else ""


def size(mib: int) -> str:
    """An amount of memory as jobs ask for it: 1 GB is 1024 MB."""
    return f"{mib / 1024:.3g} GB" if mib >= 1024 else f"{mib} MB"


def is_stale(job: Job, standings: Mapping[str, Standing]) -> bool:
    """Whether a job may be otherwise by now, as its scheduler does not answer."""
    found = (standings.get(run.path) for run in job.runs)
    return job.under_way and any(one.is_stale for one in found if one is not None)


def by_keys(answer: str, name: str, before: str = "") -> str:
    """Why a job waits, with keys of the screen of jobs for the commands that it advises.

    Parameters
    ----------
    name
        Of the job, in these commands.
    before
        What is pressed before such a key.
    """
    job = re.escape(name)
    release = f"engine jobs release {job}"
    for command, key in (
        (f"engine jobs edit {job} (\\S+), then {release}", r"E with \1 lets it go on"),
        (f"engine jobs edit {job}", "E with"),
        (rf"{release} --(\w+) (\S+)", r"E with \1=\2"),
        (release, "U"),
        (f"engine jobs remove {job}", "D"),
    ):
        answer = re.sub(rf"{command}(?!\w)", before + key, answer)
    return answer


def remedy(job: Job) -> str:
    """What to do about a job that is held or waits, by the keys of the screen of jobs."""
    if job.handle.target != HTCONDOR or not job.under_way:
        return ""
    if "held" in job.counts:
        return "E changes what it asks for and lets it go on, U lets it go on as it is"
    return "W tells why it does not run yet" if job.state.state == "queued" else ""
