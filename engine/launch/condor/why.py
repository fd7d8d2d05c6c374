"""Why a job on HTCondor does not run, in one sentence: pure functions but `why`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import Any

from engine.errors import ConfigError, FactsError, LaunchError
from engine.facts.condor_log import LogReader
from engine.facts.holds import hold_remedy, hold_words
from engine.facts.run_dir import RunDir
from engine.facts.words import count, first_line, in_words
from engine.launch.condor.absent import TO_COME, still_to_come
from engine.launch.condor.ads import WANTED, QueuedJob, one_of, read_ad
from engine.launch.condor.client import Condor, CouldNotAsk
from engine.launch.condor.queue import Connect, look_once
from engine.launch.job import JobHandle
from engine.launch.resources import Resources
from engine.library.examine import summarise

UNASKED = "HTCondor could not be asked"
"""How the answer begins where nobody gave one."""

_NAMES = {
    "RequestMemory": ("memory", 1024.0**2),
    "RequestCpus": ("cpus", 1.0),
    "RequestDisk": ("disk", 1024.0),
    "RequestGPUs": ("gpus", 1.0),
}
"""What is asked for, to its name for people and what HTCondor's number counts."""

_GPU = "AvailableGPUs"
"""Stands in the part of the requirements that asks for a certain GPU."""


def why(job: JobHandle, connect: Connect = Condor) -> str | None:
    """Why a job does not run; None where its record does not name it, so that its files tell."""
    if job.id is None:
        return None
    with connect(job.schedd) as condor:
        try:
            ads = condor.query(one_of([job.id]), WANTED)
            if not ads:
                return _absent(job, condor) or _gone(job, connect)
            found = read_ad(ads[0])
            match = condor.match(one_of([found.run_id])) if found.state == "queued" else {}
        except CouldNotAsk as error:
            since = time.strftime("%H:%M")
            return f"{UNASKED} at {since}: {error.in_a_line}"
    asked_to_stop = RunDir(job.directory).stop.exists()
    told = sentence(job.name, found, match, asked_to_stop)
    return told + (_cut_off(job) if found.state == "running" else "")


def _cut_off(job: JobHandle) -> str:
    """That the scheduler cannot reach the node, as the log alone tells."""
    log = LogReader(RunDir(job.directory).job_log)
    with contextlib.suppress(FactsError):
        log.read()
    told = log.find(job.id, job.job_id)
    if told is None or told.disconnected is None:
        return ""
    return f"; {told.reason_in_words}, and starts it again elsewhere then"


def _absent(job: JobHandle, condor: Condor) -> str | None:
    """Why a job is not in the queue, where that is no end."""
    if job.state == "submitting":
        again = f"engine submit --again {job.name} finds out"
        return f"HTCondor does not have it yet, and may still get it: {again}"
    return f"it waits: {TO_COME}" if still_to_come(condor, [job]) else None


def _gone(job: JobHandle, connect: Connect) -> str:
    """What became of a job that is not in the queue."""
    run = summarise(job.directory, look_once([job], connect).report(job))
    return f"HTCondor does not have it: {run.sentence or run.problem}"


def sentence(
    name: str, job: QueuedJob, match: Mapping[str, Any], asked_to_stop: bool = False
) -> str:
    """The answer for a job of the queue.

    Parameters
    ----------
    name
        What people call it.
    match
        What `match.fits` found.
    asked_to_stop
        Whether it ends as it begins.
    """
    ends = f"it was asked to stop, and does not begin: engine jobs remove {name} ends it now"
    if job.state == "running":
        is_so = _so_far("it runs", "it has run", job)
        return f"{is_so} on {job.host}" if job.host else is_so
    if job.state == "held":
        remedy = hold_remedy(job.hold_code, job.hold_subcode, name)
        return f"{_held(job)}; {ends if asked_to_stop else remedy}"
    if job.state != "queued":
        unlogged = "HTCondor has not written its log yet" if job.is_leaving else job.state
        return f"{_so_far('it is over', 'it has been over', job)}: {job.reason or unlogged}"
    waits = f"{_so_far('it waits', 'it has waited', job)}: {job.reason or _waits(name, match)}"
    return f"{waits}; {ends}" if asked_to_stop else waits


def standing(job: QueuedJob) -> str:
    """How a job of the queue is and for how long, and why, without what to do about it."""
    if job.state == "running":
        return sentence("", job, {})
    words = {"held": ("it is held", "it has been held"), "queued": ("it waits", "it has waited")}
    so_far = _so_far(*words.get(job.state, ("it is over", "it has been over")), job)
    return f"{so_far}: {job.reason}" if job.reason else so_far


def _so_far(now: str, until_now: str, job: QueuedJob) -> str:
    """The words for what is so now, or until now where it is known for how long."""
    return now if job.since_s is None else f"{until_now} for {in_words(job.since_s)}"


def _held(job: QueuedJob) -> str:
    words = job.reason or hold_words(job.hold_code, job.hold_subcode, None)
    told = f": {words}" if words else ""
    return f"{_so_far('it is held', 'it has been held', job)}{told}"


def _waits(name: str, match: Mapping[str, Any]) -> str:
    if not match:
        return "HTCondor has not looked for a node yet"
    if not match["slots"]:
        return "the pool has no nodes at present"
    keys, told = obstacles(match)
    if keys:
        told.append(f"engine jobs edit {name} {' '.join(keys)} asks for less")
    return "; ".join(told) or _busy(match)


def misfit(resources: Resources, condor: Condor) -> str:
    """What no node of the pool has or fulfils of what a job would ask for.

    Empty where there is no such thing, or HTCondor does not say.

    Raises
    ------
    ConfigError
        If its requirements are no expression.
    """
    asked: dict[str, Any] = {
        "RequestMemory": resources.memory_mib,
        "RequestCpus": resources.cpus,
        "RequestDisk": resources.disk_kib,
        "RequestGPUs": resources.gpus,
    }
    more = {"JobCategory": resources.category, "UseOS": resources.os}
    asked |= {name: value for name, value in more.items() if value}
    try:
        return _never(condor.fit(asked, resources.requirements or "true"))
    except CouldNotAsk:
        return ""
    except LaunchError as error:
        raise unreadable(f"launcher.requirements={resources.requirements}") from error


def unreadable(requirements: str) -> ConfigError:
    """What is told of requirements that are no expression."""
    needed = 'An expression is needed, such as Machine == "wn-9".'
    return ConfigError(f"{first_line(requirements)}: HTCondor cannot read it", needed)


def _never(match: Mapping[str, Any]) -> str:
    """What stands in the way of a job for good, as far as it is certain."""
    if not match["slots"]:
        return "the pool has no nodes at present"
    keys, texts = _too_much(match)
    told = [text.replace("it asks", "a job asks") for text in texts]
    told += [f"no node fulfils {part}" for part in _never_fulfilled(match)]
    if keys:
        told.append(f"{' '.join(f'launcher.{key}' for key in keys)} asks for less")
    return "; ".join(told)


def obstacles(match: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """All that stands in the way of a job for good: what to ask for instead, and sentences."""
    keys, told = _too_much(match)
    never = _never_fulfilled(match)
    told += [f"no node fulfils its requirement {part}" for part in never if _GPU not in part]
    if any(_GPU in part for part in never):
        told.append("no node has such a GPU free")
    if not told and not match["ever"]:
        told.append(
            "each thing that it asks for is somewhere, and no node has all of it or may take it"
        )
    return keys, told


def _never_fulfilled(match: Mapping[str, Any]) -> list[str]:
    """Parts of the requirements that no slot fulfils, but for those of an amount: see there."""
    never = [first_line(part) for part, slots in match["conditions"] if not slots]
    return [part for part in never if not any(name in part for name in _too_much_of(match))]


def _too_much_of(match: Mapping[str, Any]) -> list[str]:
    """Attributes of which more is asked for than any slot has."""
    return [name for name in _NAMES if match["asked"][name] > match["largest"][name]]


def _too_much(match: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """What to ask for instead, `memory=…`, where no slot has so much; and sentences."""
    keys, told = [], []
    for attribute in _too_much_of(match):
        called, unit = _NAMES[attribute]
        asked, most = match["asked"][attribute], match["largest"][attribute]
        if attribute == "RequestGPUs" and not most:
            told.append(f"it asks for {count(int(asked), 'GPU')}, and no node has any")
            keys.append("gpus=0")
            continue
        keys.append(f"{called}=…")
        wanted, there = _amount(asked * unit, unit), _amount(most * unit, unit)
        told.append(f"it asks for {called} {wanted}, and no node has more than {there}")
    return keys, told


def _amount(number: float, unit: float) -> str:
    if unit == 1:
        return f"{number:g}"
    for size, letter in ((1024.0**3, "GB"), (1024.0**2, "MB")):
        if number >= size:
            return f"{number / size:.4g} {letter}"
    return f"{number / 1024:.4g} KB"


def _busy(match: Mapping[str, Any]) -> str:
    if not match["now"]:
        busy = "and is busy" if match["ever"] == 1 else "and all are busy"
        return f"{count(match['ever'], 'node')} would do, {busy} with other jobs"
    return f"{count(match['now'], 'node')} would do: it starts soon, or other jobs go first"
