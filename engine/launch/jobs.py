"""The jobs of an output root, as their records, their runs and this machine tell of them."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import FactsError
from engine.facts.job_report import JobReport
from engine.facts.state import RESUMABLE, UNDER_WAY
from engine.facts.sweep_dir import SweepDir
from engine.facts.values import seconds_of
from engine.facts.words import count, first_line, signal_name
from engine.launch.condor.sweep_state import cluster_sweep_state
from engine.launch.job import HTCONDOR, JobHandle, JobState
from engine.launch.record import read_job
from engine.launch.usage import Meter, Usage
from engine.library.index import Index
from engine.library.summary import RunSummary

_TOLD = ("running", "queued", "held", "failed", "stopped", "lost")
"""States of its runs that a sweep tells of besides those that have finished."""

MULTIRUNS = "multiruns"
"""Folder in an output root with the directories of sweeps."""

LONGEST_S = 8 * 86400.0
"""How long after its last sign of life a run that has not finished may still be in a queue."""


@dataclass(frozen=True)
class Job:
    """One job; what it does is told anew each time."""

    handle: JobHandle
    state: JobState
    runs: tuple[RunSummary, ...]
    """Its run, or those of the sweep that have begun, in the order of their names."""
    usage: Usage | None = None
    """What it takes on this machine; None where nothing of it is here."""
    problem: str | None = None
    """What is wrong with its record."""
    handles: tuple[JobHandle, ...] = ()
    """What the records of `runs` say, in the same order."""

    @property
    def name(self) -> str:
        """Of its directory: what people type."""
        return self.handle.name

    @property
    def submitted(self) -> float | None:
        """Unix seconds."""
        return seconds_of(self.handle.submitted)

    @property
    def under_way(self) -> bool:
        """Whether somebody still works on it, as far as can be told."""
        return self.state.state is None or self.state.state in UNDER_WAY

    @property
    def on_cluster(self) -> list[JobHandle]:
        """Those of its runs that HTCondor may have at present."""
        pairs = zip(self.runs, self.handles, strict=True)
        return [handle for run, handle in pairs if may_be_queued(run, handle)]

    @property
    def printed_in(self) -> list[Path]:
        """The directories with what it printed: those of its runs, where it is a sweep of jobs."""
        own_jobs = self.handle.kind == "sweep" and self.handle.target == HTCONDOR
        of_runs = [one.directory for one in self.handles] if own_jobs else []
        return of_runs or [self.handle.directory]

    @property
    def counts(self) -> dict[str, int]:
        """State to how many of its runs are in it; `None` is left out."""
        return dict(Counter(run.state for run in self.runs if run.state is not None))


class JobFinder:
    """Finds jobs again and again: a record is read anew only when it has changed.

    Parameters
    ----------
    root
        The output root; it need not exist.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = os.path.abspath(root)
        self._index = Index(self.root)
        self._meter = Meter()
        self._read: dict[str, tuple[tuple[int, int, int], JobHandle, str | None]] = {}

    def refresh(
        self,
        runs: Sequence[RunSummary] | None = None,
        reports: Mapping[str, JobReport] | None = None,
    ) -> list[Job]:
        """The jobs as they are, the newest first; one with a damaged record is there, too.

        Parameters
        ----------
        runs
            The runs of the root, where the caller knows them just now; else they are looked for.
        reports
            What schedulers say, by the paths of the runs; for runs that are looked for.
        """
        if runs is None:
            runs = self._index.refresh(jobs=reports) if os.path.isdir(self.root) else []
        self._meter.look()
        single: list[tuple[RunSummary, JobHandle, str | None]] = []
        of_sweeps: dict[str, list[tuple[RunSummary, JobHandle]]] = {}
        told: set[str] = set()
        for run in runs:
            found = self._record(f"{run.path}/launch.json")
            if found is None:
                continue
            handle, problem = found
            if handle.sweep_id is not None:
                of_sweeps.setdefault(handle.sweep_id, []).append((run, handle))
                if handle.sweep_dir is not None:
                    told.add(handle.sweep_dir)
            if handle.sweep_id is None or handle.kind == "resume":
                single.append((run, handle, problem))
        jobs = [self._of_run(*one) for one in single]
        folders = self._sweep_folders(told)
        jobs += [job for job in (self._of_sweep(f, of_sweeps) for f in folders) if job]
        return sorted(jobs, key=lambda job: (job.submitted or 0.0, job.name), reverse=True)

    def _sweep_folders(self, told: Iterable[str]) -> list[str]:
        """Those in `multiruns/`, and what runs tell of, if it lies in this root; each once."""
        found = {os.path.realpath(path): path for path in self._multiruns()}
        for path in told:
            with contextlib.suppress(ValueError):  # no path at all
                real = os.path.realpath(path)
                if Path(real).is_relative_to(os.path.realpath(self.root)):
                    found.setdefault(real, real)
        return list(found.values())

    def _multiruns(self) -> list[str]:
        try:
            with os.scandir(f"{self.root}/{MULTIRUNS}") as entries:
                return [one.path for one in entries if one.is_dir(follow_symlinks=False)]
        except OSError:
            return []

    def _record(self, path: str) -> tuple[JobHandle, str | None] | None:
        """The job of a record and what is wrong with it; None where there is no such file."""
        try:
            status = os.lstat(path)
        except (OSError, ValueError):
            self._read.pop(path, None)
            return None
        mark = (status.st_mtime_ns, status.st_size, status.st_ino)
        known = self._read.get(path)
        if known is None or known[0] != mark:
            handle, problem = _read(Path(path))
            known = self._read[path] = (mark, handle, problem)
        return known[1], known[2]

    def _of_run(self, run: RunSummary, handle: JobHandle, problem: str | None) -> Job:
        state = JobState(run.state, first_line(run.sentence or run.problem))
        usage = self._meter.usage(handle) if run.state in UNDER_WAY else None
        return Job(handle, state, (run,), usage, problem, (handle,))

    def _of_sweep(
        self, folder: str, of_sweeps: dict[str, list[tuple[RunSummary, JobHandle]]]
    ) -> Job | None:
        found = self._record(os.fspath(SweepDir(Path(folder)).record))
        if found is None:
            return None
        handle, problem = found
        begun = of_sweeps.get(handle.id or "", ())
        runs, handles = tuple(run for run, _ in begun), tuple(one for _, one in begun)
        usage = self._meter.usage(handle)
        return Job(handle, sweep_state(handle, runs), runs, usage, problem, handles)


def find_jobs(root: str | os.PathLike[str]) -> list[Job]:
    """The jobs of an output root, the newest first; see `JobFinder` for many looks."""
    return JobFinder(root).refresh()


def may_be_queued(run: RunSummary, handle: JobHandle) -> bool:
    """Whether a scheduler may know more than the files of a run."""
    if handle.target != HTCONDOR or run.state == "finished":
        return False
    if run.state not in RESUMABLE:
        return True
    if run.state != "lost" and run.job_over:
        return False  # else it may have been sent away, with no word about it in the log
    signs = [sign for sign in (seconds_of(handle.submitted), run.updated) if sign is not None]
    return bool(signs) and time.time() - max(signs) < LONGEST_S


def sweep_state(handle: JobHandle, runs: Sequence[RunSummary]) -> JobState:
    """The state of a sweep, told from its record, its process and its runs."""
    if handle.target == HTCONDOR:
        told = cluster_sweep_state(handle, runs)
        waits = handle.state == "running" and handle.process() == "alive"
        if told.state in UNDER_WAY or not waits:
            return told
        return JobState("running", told.sentence or "starting")  # who waits may submit others
    asked = os.path.lexists(SweepDir(handle.directory).stop)
    if handle.state == "ended":
        return _ended(handle, runs, asked)
    if handle.state != "running":
        return JobState(None, "its record does not tell")
    process, progress = handle.process(), _progress(handle, runs)
    if process == "alive":
        more = "; asked to stop" if asked else ""
        return JobState("running", f"{progress or 'starting'}{more}")
    if any(run.state == "running" for run in runs):
        return JobState("running", progress)
    if process in ("gone", "reused", "rebooted"):
        why = (
            "this host was restarted" if process == "rebooted" else f"process {handle.pid} is gone"
        )
        return JobState("lost", f"{progress}; {why}" if progress else why)
    return JobState(None, f"it is on {first_line(handle.host)}, and cannot be asked from here")


def _ended(handle: JobHandle, runs: Sequence[RunSummary], asked: bool) -> JobState:
    code, progress = handle.exit_code or 0, _progress(handle, runs) or "no run has begun"
    if code >= 128:
        return JobState("stopped", f"stopped by {signal_name(code - 128)}: {progress}")
    if code:
        reason = first_line(handle.reason) or f"exit code {code}"
        return JobState("failed", f"{progress}: {reason}")
    if asked:
        return JobState("stopped", f"stopped: {progress}")
    return JobState("finished", progress)


def _progress(handle: JobHandle, runs: Sequence[RunSummary]) -> str:
    """How many of its runs have finished, and how the others are; nothing where none has begun."""
    if not runs:
        return ""
    states = Counter(run.state for run in runs)
    of = f" of {count(handle.points, 'run')}" if handle.points else f" of {len(runs)} begun"
    parts = [f"{states[state]} {state}" for state in _TOLD]
    told = [part for part in parts if not part.startswith("0 ")]
    return ", ".join([f"{states['finished']}{of} finished", *told])


def _read(path: Path) -> tuple[JobHandle, str | None]:
    try:
        return read_job(path) or JobHandle(path), None
    except FactsError as error:
        return JobHandle(path), error.message
