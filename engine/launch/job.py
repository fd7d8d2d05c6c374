"""The words that all launchers share: what is to be started, what was, and how it goes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from engine.errors import LaunchError
from engine.facts.attempts import Attempt, Process, process_of
from engine.facts.copies import began_here
from engine.facts.job_report import HTCONDOR as HTCONDOR

Kind = Literal["run", "sweep", "resume"]
KINDS: tuple[Kind, ...] = ("run", "sweep", "resume")

LOCAL = "local"
"""The target that is this machine."""

ID_VARIABLE = "THESIS_LAUNCH_ID"
"""Environment variable that has the id of a job in all processes of it."""


@dataclass(frozen=True)
class JobSpec:
    """What is to be started."""

    overrides: tuple[str, ...]
    """As on the command line, each a word; of a run that goes on the values that change."""
    directory: Path
    """The run or sweep directory that is wanted, absolute; another one takes the next free name.
    Of a run that goes on it is the run's."""
    sweep: bool = False
    """Whether every combination of the values is a run."""
    at_once: int = 1
    """How many runs of a sweep train at the same time."""
    config_dirs: tuple[Path, ...] = ()
    """Further folders with config groups."""
    leave_out: tuple[int, ...] = ()
    """Points of the sweep that are no runs, as numbers in the order of the product, from 0."""
    parent: str | None = None
    """Name of the run whose config this one began as."""
    trust: tuple[str, ...] = ()
    """Packages whose classes a config that comes from another run may name."""
    resume: bool = False
    """Whether the run in `directory` is to go on."""
    target: str = LOCAL
    resources: Mapping[str, Any] = field(default_factory=dict)
    """What it asks a cluster for, as the config has it."""
    points: int | None = None
    """How many runs the sweep has, where that is known."""
    runs: tuple[tuple[str, ...], ...] = ()
    """Of a sweep for a cluster the overrides of each run, as `engine.config.points` gives them."""

    @property
    def kind(self) -> Kind:
        """What sort of job it is."""
        return "resume" if self.resume else "sweep" if self.sweep else "run"

    def as_entries(self) -> dict[str, Any]:
        """All of it as JSON knows it."""
        entries = asdict(self)
        entries["directory"] = os.fspath(self.directory)
        entries["config_dirs"] = [os.fspath(folder) for folder in self.config_dirs]
        return entries

    @classmethod
    def from_entries(cls, entries: Mapping[str, Any]) -> JobSpec:
        """What `as_entries` gave."""
        lists = ("overrides", "leave_out", "trust")
        paths = tuple(Path(folder) for folder in entries["config_dirs"])
        known = {name: tuple(entries[name]) for name in lists}
        known["runs"] = tuple(tuple(words) for words in entries.get("runs", ()))
        return cls(
            **{**entries, **known, "config_dirs": paths, "directory": Path(entries["directory"])}
        )

    def check(self, target: str = LOCAL) -> None:
        """Raise a `LaunchError` where the launcher for `target` could not do what is asked."""
        if self.target != target:
            where = "jobs are started on this machine only" if target == LOCAL else "not HTCondor"
            raise LaunchError(f"target={self.target}: {where}")
        if self.sweep and self.resume:
            raise LaunchError("a sweep cannot be gone on with; its runs can, each by itself")
        if self.at_once < 1:
            raise LaunchError(f"at_once={self.at_once}: must be at least 1")
        flags = [word for word in self.overrides if word.startswith("-")]
        if flags:
            raise LaunchError(f"{flags[0]}: a value is set by key=value, without dashes")
        for word in self.overrides:  # what a group of the config says is known once it is composed
            key, _, value = word.partition("=")
            if key.lstrip("+") == "logging.save_artifacts" and value.strip().lower() == "false":
                raise LaunchError(f"{word}: a run in the background needs a directory")
        if len(self.config_dirs) > 1:
            raise LaunchError("only one further folder with config groups can be given")


@dataclass(frozen=True)
class JobHandle:
    """A job as its record tells it; entries that are not there, or are damaged, are None."""

    path: Path
    """The record: `launch.json` of a run, `sweep.json` of a sweep."""
    id: str | None = None
    """Unique everywhere."""
    kind: Kind | None = None
    target: str | None = None
    state: str | None = None
    """`queued`, `held`, `running`, `removed` or `ended`, as the launcher or the job knew last;
    `submitting` while it is not known whether a cluster has it."""
    submitted: str | None = None
    """UTC, ISO 8601."""
    command: str | None = None
    """The same in words for a shell."""
    earlier: tuple[str, ...] = ()
    """Of a run that went on the commands of the starts before, the oldest first."""
    overrides: tuple[str, ...] = ()
    config_dirs: tuple[str, ...] = ()
    configs: str | None = None
    """The copy of all config groups that it was submitted with; None where today's count."""
    git_commit: str | None = None
    """Of the code that it was submitted with."""
    at_once: int | None = None
    leave_out: tuple[int, ...] = ()
    points: int | None = None
    parent: str | None = None
    trust: tuple[str, ...] = ()
    cwd: str | None = None
    """Where it was started."""
    host: str | None = None
    pid: int | None = None
    pid_started: int | None = None
    pid_namespace: str | None = None
    boot_id: str | None = None
    original_dir: str | None = None
    """The directory that it was written for; that of a copy is another one."""
    sweep_id: str | None = None
    """Of a run of a sweep the id of that one's job."""
    sweep_dir: str | None = None
    number: int | None = None
    """Of a run of a sweep on a cluster its place in the sweep, from 0."""
    exit_code: int | None = None
    reason: str | None = None
    """Why it ended as it did."""
    ended: str | None = None
    job_id: str | None = None
    """What the cluster calls it: `12.0`."""
    schedd: str | None = None
    """Name of the scheduler that has it."""

    @property
    def directory(self) -> Path:
        """The run or sweep directory."""
        return self.path.parent

    @property
    def name(self) -> str:
        """What people type."""
        return self.directory.name

    @property
    def attempt(self) -> Attempt:
        """Its process, in the words of a start of a run."""
        return Attempt(
            self.path,
            0,
            self.host,
            self.pid,
            self.pid_started,
            self.pid_namespace,
            self.boot_id,
            run_dir=self.original_dir,
        )

    @property
    def is_copy(self) -> bool:
        """Whether its directory was copied from the one that it was written for."""
        began = self.original_dir
        is_there = began is not None and os.path.isdir(began)
        return is_there and not began_here(self.attempt, self.directory)

    def process(self) -> Process:
        """What has become of its process, as far as this machine can tell."""
        return process_of(self.attempt)


@dataclass(frozen=True)
class JobState:
    """What a job is doing, or what became of it."""

    state: str | None
    """One of `engine.facts.state.STATES`; None where it could not be asked, or told."""
    sentence: str
    """Why, in words, without control characters."""
