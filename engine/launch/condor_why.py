"""Why a job on HTCondor does not run, in one sentence: pure functions but `why`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from engine.facts.holds import hold_remedy, hold_words
from engine.facts.words import count, first_line, in_words
from engine.launch.condor import Condor, CouldNotAsk
from engine.launch.condor_ads import WANTED, QueuedJob, one_of, read_ad
from engine.launch.condor_queue import Connect
from engine.launch.job import JobHandle

_NAMES = {
    "RequestMemory": ("memory", 1024.0**2),
    "RequestCpus": ("cpus", 1.0),
    "RequestDisk": ("disk", 1024.0),
    "RequestGPUs": ("gpus", 1.0),
}
"""What is asked for, to its name for people and what HTCondor's number counts."""


def why(job: JobHandle, connect: Connect = Condor) -> str | None:
    """Why a job does not run; None where HTCondor does not have it, so that its files tell."""
    if job.id is None:
        return None
    with connect(job.schedd) as condor:
        try:
            ads = condor.query(one_of([job.id]), WANTED)
            if not ads:
                return None
            found = read_ad(ads[0])
            match = condor.match(one_of([found.run_id])) if found.state == "queued" else {}
        except CouldNotAsk as error:
            since = time.strftime("%H:%M")
            return f"HTCondor could not be asked at {since}: {error.message}"
    return sentence(job.name, found, match)


def sentence(name: str, job: QueuedJob, match: Mapping[str, Any]) -> str:
    """The answer for a job of the queue.

    Parameters
    ----------
    name
        What people call it.
    match
        What `condor_match.fits` found.
    """
    since = f" for {in_words(job.since_s)}" if job.since_s is not None else ""
    if job.state == "running":
        return f"it runs{since} on {job.host}" if job.host else f"it runs{since}"
    if job.state == "held":
        return _held(name, job, since)
    if job.state != "queued":
        return f"it is over{since}: {job.reason or job.state}"
    return f"it waits{since}: {job.reason or _waits(name, match)}"


def _held(name: str, job: QueuedJob, since: str) -> str:
    words = job.reason or hold_words(job.hold_code, job.hold_subcode, None)
    told = f": {words}" if words else ""
    return f"it is held{since}{told}; {hold_remedy(job.hold_code, job.hold_subcode, name)}"


def _waits(name: str, match: Mapping[str, Any]) -> str:
    if not match:
        return "HTCondor has not looked for a node yet"
    if not match["slots"]:
        return "the pool has no nodes at present"
    return _too_much(name, match) or _unfulfilled(match) or _busy(match)


def _too_much(name: str, match: Mapping[str, Any]) -> str:
    """More than any slot has."""
    for attribute, (called, unit) in _NAMES.items():
        asked, most = match["asked"][attribute], match["largest"][attribute]
        if asked <= most:
            continue
        if attribute == "RequestGPUs" and not most:
            return f"it asks for {count(int(asked), 'GPU')}, and no node has any"
        remedy = f"engine jobs edit {name} {called}=… asks for less"
        wanted, there = _amount(asked * unit, unit), _amount(most * unit, unit)
        return f"it asks for {called} {wanted}, and no node has more than {there}; {remedy}"
    return ""


def _amount(number: float, unit: float) -> str:
    if unit == 1:
        return f"{number:g}"
    for size, letter in ((1024.0**3, "GB"), (1024.0**2, "MB")):
        if number >= size:
            return f"{number / size:.4g} {letter}"
    return f"{number / 1024:.4g} KB"


def _unfulfilled(match: Mapping[str, Any]) -> str:
    """What no slot fulfils."""
    if match["ever"]:
        return ""
    never = [part for part, slots in match["conditions"] if not slots]
    if any("AvailableGPUs" in part for part in never):
        return "no node has such a GPU free"
    if never:
        return f"no node fulfils its requirement {first_line(never[0])}"
    return "each thing that it asks for is somewhere, and no node has all of it or may take it"


def _busy(match: Mapping[str, Any]) -> str:
    fitting = count(match["ever"], "node")
    if not match["now"]:
        return f"{fitting} would do, and others' jobs run there"
    return f"{count(match['now'], 'node')} would do: it starts soon, or others' jobs go first"
