"""What can be done with jobs on HTCondor, and the menu of it; pure but for the menu."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import events

from engine.errors import FactsError
from engine.facts.holds import OUT_OF_MEMORY
from engine.facts.records import read_record
from engine.facts.state import UNDER_WAY
from engine.launch.job import HTCONDOR, JobHandle
from engine.launch.jobs import may_be_queued
from engine.launch.record import read_job, record_path
from engine.launch.resources import Resources, problems_of
from tui.dialogs import ChoiceDialog

if TYPE_CHECKING:
    from engine.launch.jobs import Job
    from engine.library.summary import RunSummary
    from tui.queue_feed import Standing

KEYS = {"hold": "H", "release": "U", "edit": "E", "why": "W", "remove": "D"}
"""What can be done, and its key: the same in the menu and on the screen of jobs."""

_PROPOSED = ("memory", "disk", "cpus", "gpus", "category", "requirements")


@dataclass(frozen=True)
class Meant:
    """The jobs that a key is for: one, those of a sweep, or those of several runs."""

    name: str
    jobs: tuple[JobHandle, ...] = ()
    """Those that HTCondor may have."""
    states: Mapping[str, str | None] = field(default_factory=dict)
    """Path of a run to its state."""
    sweep: JobHandle | None = None
    """The sweep that all of them are."""
    sentence: str = ""
    """What its files tell."""

    @property
    def is_held(self) -> bool:
        """Whether any of them is."""
        return "held" in self.states.values()

    def in_states(self, *states: str) -> list[JobHandle]:
        """Those in one of these states."""
        return [one for one in self.jobs if self.states.get(str(one.directory)) in states]


def meant_by(job: Job) -> Meant:
    """What is meant by a job of the list."""
    sweep = job.handle if job.handle.kind == "sweep" else None
    states = {run.path: run.state for run in job.runs}
    return Meant(job.name, tuple(job.on_cluster), states, sweep, job.state.sentence)


def on_htcondor(runs: Sequence[RunSummary]) -> list[RunSummary]:
    """Those of the runs whose jobs are there."""
    return [run for run in runs if run.launcher == HTCONDOR and run.state in UNDER_WAY]


def meant_by_runs(name: str, runs: Sequence[RunSummary]) -> Meant:
    """What is meant by runs: their records are read, which may take a moment."""
    found = {}
    for run in runs:
        try:
            handle = read_job(record_path(Path(run.path), sweep=False))
        except FactsError:
            continue  # the table says what is wrong with it
        if handle is not None and may_be_queued(run, handle):
            found[run.path] = handle
    states = {run.path: run.state for run in runs}
    sentence = runs[0].sentence if len(runs) == 1 else ""
    return Meant(name, tuple(found.values()), states, None, sentence)


def offers(meant: Meant) -> list[str]:
    """What can be done now."""
    states = set(meant.states.values())
    can_hold, can_go_on = states & {"queued", "running"}, "held" in states
    left_out = ([] if can_hold else ["hold"]) + ([] if can_go_on else ["release"])
    return [one for one in KEYS if one not in left_out]


def told_offers(meant: Meant) -> list[tuple[str, str]]:
    """The same with what it means."""
    more = ", and let it go on" if meant.is_held else ""
    words = {
        "hold": "hold it until it is released",
        "release": "release it: let it go on as it is",
        "edit": f"change what it asks for{more}",
        "why": "why it does not run",
        "remove": "remove it: HTCondor ends it for good",
    }
    return [(one, f"{KEYS[one]}  {words[one]}") for one in offers(meant)]


class JobMenu(ChoiceDialog):
    """What can be done with a job: by the keys of the screen of jobs, or Enter."""

    def __init__(self, meant: Meant, title: str) -> None:
        options = told_offers(meant)
        super().__init__(title, options)
        self._by_key = {KEYS[action]: action for action, _ in options}

    def on_key(self, event: events.Key) -> None:
        """Do what the key says."""
        action = self._by_key.get((event.character or "").upper())
        if action is not None:
            event.stop()
            self.dismiss(action)


def resources_of(handle: JobHandle) -> dict[str, Any]:
    """What the record of a job says that it asks for; nothing where it cannot be read."""
    try:
        told = (read_record(handle.path) or {}).get("resources")
    except FactsError:
        return {}
    return dict(told) if isinstance(told, dict) and not problems_of(told) else {}


def as_words(resources: Mapping[str, Any]) -> list[str]:
    """Resources as they are typed: what a job asks for, without what it leaves to the cluster."""
    found = {key: resources.get(key) for key in _PROPOSED}
    shown = {
        key: one for key, one in found.items() if one is not None and (key, one) != ("gpus", 0)
    }
    tight = ("memory", "disk")
    return [f"{key}={str(one).replace(' ', '') if key in tight else one}"
            for key, one in shown.items()]  # fmt: skip


def asked_now(resources: Mapping[str, Any], standing: Standing | None) -> dict[str, Any]:
    """What a job asks for: as its record says, but the memory as the queue does."""
    told = dict(resources)
    known = Resources(memory=told["memory"]).memory_mib if "memory" in told else None
    asked = standing.job.memory_asked_mib if standing and standing.job else None
    return told | ({"memory": _size(asked)} if asked and asked != known else {})


def proposed(asked: Mapping[str, Any], standing: Standing | None) -> str:
    """What a job asks for, to be changed; twice the memory where it had too little."""
    told, job = dict(asked), standing.job if standing else None
    if job and "memory" in told and job.state == "held" and job.hold_subcode == OUT_OF_MEMORY:
        told["memory"] = _size(2 * Resources(memory=told["memory"]).memory_mib)
    return shlex.join(as_words(told)) or "memory=8GB"


def _size(mib: int) -> str:
    return f"{mib / 1024:g} GB" if mib % 512 == 0 else f"{mib} MB"


def changed(text: str, asked: Mapping[str, Any]) -> list[str]:
    """The words of a change without those that say what is so already."""
    return [word for word in shlex.split(text) if word not in as_words(asked)]
