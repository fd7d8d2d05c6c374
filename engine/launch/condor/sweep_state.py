"""The state of a sweep on HTCondor: that of its runs, as no process stands for it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

from engine.facts.state import BADLY
from engine.facts.sweep_dir import SweepDir
from engine.facts.words import count
from engine.launch.job import JobHandle, JobState
from engine.library.summary import RunSummary

_SHOWN = ("running", "held", "queued", "failed", "stopped", "lost")


def cluster_sweep_state(handle: JobHandle, runs: Sequence[RunSummary]) -> JobState:
    """The state of a sweep whose runs are jobs, told from its record and its runs."""
    states = Counter(run.state for run in runs)
    asked = os.path.lexists(SweepDir(handle.directory).stop)
    if handle.state == "submitting":
        return _submitting(handle, states, asked)
    text = _counted(handle, states)
    for state in ("running", "queued", "held"):
        if states[state]:
            return JobState(state, f"{text}; asked to stop" if asked else text)
    if not runs or states[None]:
        return JobState(None, text or "its runs are not there")
    if any(states[state] for state in BADLY):
        return JobState("failed", text)
    return JobState("stopped" if states["stopped"] else "finished", text)


def _submitting(handle: JobHandle, states: Counter[str | None], asked: bool) -> JobState:
    """A sweep whose submission goes on, or was interrupted."""
    text, process = _counted(handle, states), handle.process()
    if process == "alive":
        return JobState("queued", f"being submitted; {text}" if text else "being submitted")
    if process not in ("gone", "reused", "rebooted"):
        again = f"it is not known whether it goes on on {handle.host}"
    elif asked:
        again = f"it was asked to stop, and engine jobs remove {handle.name} ends it"
    else:
        again = f"engine submit --again {handle.name} finishes it"
    state = "running" if states["running"] else "queued"
    return JobState(state, f"its submission is not complete: {again}; {text}".removesuffix("; "))


def _counted(handle: JobHandle, states: Counter[str | None]) -> str:
    total = max(handle.points or 0, sum(states.values()))
    if not total:
        return ""
    parts = [f"{states[state]} {state}" for state in _SHOWN if states[state]]
    absent = total - sum(states.values())
    parts += [f"{absent} not there"] if absent else []
    return ", ".join([f"{states['finished']} of {count(total, 'run')} finished", *parts])
