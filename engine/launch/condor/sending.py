"""The submission of one sweep to HTCondor by whoever has its lock: what is missing, in order."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from engine.errors import LaunchError
from engine.facts.condor_log import LogReader
from engine.facts.files import as_facts_error
from engine.facts.job_report import REMOVED_HERE
from engine.facts.records import read_record
from engine.facts.run_dir import RunDir
from engine.facts.sweep_dir import SweepDir
from engine.launch.condor.ads import Cluster, of_clusters, of_sweeps
from engine.launch.condor.check import is_served
from engine.launch.condor.client import Condor, CouldNotAsk
from engine.launch.condor.cluster import cluster_description, jobs_of_clusters
from engine.launch.condor.doubt import refuse_in_doubt
from engine.launch.condor.jobs import telling_too
from engine.launch.condor.submit import (
    ID_ATTRIBUTE,
    Submission,
    description,
    job_environment,
)
from engine.launch.job import ID_VARIABLE, JobHandle
from engine.launch.local import environment
from engine.launch.record import NO_PROCESS, amend_record, lock_of, now, read_job
from engine.launch.resources import Resources
from engine.launch.sweep_records import confirm_run, discard_runs, make_run, remove_run
from engine.launch.sweep_runs import (
    SweepRun,
    has_plain_names,
    read_clusters,
    runs_folder,
    write_clusters,
)

MOST_SINGLE = 100
"""Runs of a larger sweep are one cluster."""
CHUNK = 50
"""Single jobs in one request."""

AT_ONCE = 8
"""Run directories on a server that are worked on at the same time; elsewhere it is one."""

_Given = TypeVar("_Given")
_Known = tuple[int, int, str]
"""Cluster, number and run of a job that HTCondor has or had."""

Progress = Callable[[int, int], object]
"""Told how many steps are done, and of how many."""


@dataclass
class Sending:
    """The submission of one sweep, by whoever has its lock."""

    place: SweepDir
    runs: list[SweepRun]
    resources: Resources
    script: Path
    condor: Condor
    progress: Progress | None
    entries: dict[str, Any] = field(init=False)
    folder: Path = field(init=False)
    variables: dict[str, str] = field(init=False)
    done: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.entries = read_record(self.place.record) or {}
        self.folder = runs_folder(self.place.path)
        python = Path(sys.executable)
        self.variables = job_environment(environment(), python, "", self.resources)

    def make(self) -> list[SweepRun]:
        """Make what is not there of directories and records; the runs still to be submitted."""
        with as_facts_error(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        real = Path(os.path.realpath(self.folder))
        states = self._for_each(
            self.runs, lambda run: make_run(self.folder, real, self.entries, run)
        )
        return [run for run, state in states if state == "submitting"]

    def send_new(self) -> JobHandle:
        """Send all runs, for the first time."""
        try:
            return self._send(self.runs)
        except CouldNotAsk:
            raise
        except LaunchError as error:
            with telling_too(error, self._name):
                found = self._found(self.runs)  # a connection may be lost after jobs were taken
            if not found:
                discard(self.place, self.runs)
                raise
            self._confirm(found)
            raise LaunchError(
                f"{self._name}: {len(found)} of {len(self.runs)} jobs are submitted:"
                f" {error.message}",
                f"engine submit --again {self._name} sends the others.",
            ) from error

    def send_rest(self) -> JobHandle:
        """Look up what HTCondor has, and send what it certainly has not."""
        open_ones = self.make()
        found = self._found(open_ones) if open_ones else {}
        self._confirm(found)
        missing = [run for run in open_ones if run not in found]
        if missing:
            self._refuse_too_early(len(missing))
        return self._send(missing)

    def _refuse_too_early(self, missing: int) -> None:
        if self.entries.get("sent"):
            text = f"HTCondor does not have {missing} of its runs yet, and may still get them"
            refuse_in_doubt(self.place.record, self.place.lock, f"{self._name}: {text}")

    def _send(self, runs: Sequence[SweepRun]) -> JobHandle:
        together = len(runs) > MOST_SINGLE and has_plain_names(runs)
        if runs:
            self._note_clusters(runs, together)
            self.entries["sent"] = now()
            amend_record(self.place.record, self.entries["id"], sent=self.entries["sent"])
        try:
            self._request_each(runs, together)
        except CouldNotAsk as error:
            again = f"engine submit --again {self._name} finds out, and submits none twice."
            stopped = (
                "It was asked to stop, so that none that comes begins;"
                f" engine jobs remove {self._name} has HTCondor remove them."
            )
            raise CouldNotAsk(
                f"{self._name}: which of its jobs HTCondor has is not known: {error.message}",
                stopped if self.place.stop.exists() else again,
            ) from error
        end = {"state": "queued", **NO_PROCESS}
        amend_record(self.place.record, self.entries["id"], **end)
        return read_job(self.place.record) or JobHandle(self.place.record)

    def _note_clusters(self, runs: Sequence[SweepRun], together: bool) -> None:
        """Write down what is sent as a cluster; what is sent anew is no part of an earlier one."""
        ids = [run.id for run in runs]
        before = read_clusters(self.place)
        kept = [cluster for cluster in before if not set(cluster) & set(ids)]
        clusters = [*kept, ids] if together else kept
        if clusters != before:
            write_clusters(self.place, clusters)

    def _request_each(self, runs: Sequence[SweepRun], together: bool) -> None:
        """Send the runs, one request after the other, until the sweep is stopped."""
        most = len(runs) if together else CHUNK
        for start in range(0, len(runs), most or 1):
            if self.place.stop.exists():
                self._leave_out(runs[start:])
                return
            if start:  # what is in doubt is in doubt from this request on
                amend_record(self.place.record, self.entries["id"], sent=now())
            self._request(runs[start : start + most], together)

    def _request(self, runs: Sequence[SweepRun], together: bool) -> None:
        """Send these with one request."""
        described = [self._described(run) for run in runs]
        if together:
            cluster = self.condor.submit_cluster(*cluster_description(described))
            numbers, refused = [f"{cluster}.{number}" for number in range(len(runs))], ""
        else:
            taken, refused = self.condor.submit_each([description(job) for job in described])
            numbers = [f"{cluster}.0" for cluster in taken]
        # Whoever stopped the sweep in the meantime could not remove what was on its way.
        stopped = bool(numbers) and self.place.stop.exists()
        if stopped:
            clusters = {int(number.partition(".")[0]) for number in numbers}
            self.condor.act("remove", of_clusters(sorted(clusters)), REMOVED_HERE)
        self._confirm(dict(zip(runs, numbers, strict=False)))
        if stopped:
            self._leave_out(runs[: len(numbers)])
        if refused:
            raise LaunchError(f"HTCondor did not take {runs[len(numbers)].name}: {refused}")

    def _leave_out(self, runs: Sequence[SweepRun]) -> None:
        """Of a sweep that was stopped these runs are not sent, or removed before they began."""
        reason = f"{REMOVED_HERE}: its sweep was stopped"
        remove_runs(self.folder, runs, reason)

    def _confirm(self, found: Mapping[SweepRun, str]) -> None:
        """Say in the records that HTCondor has these."""
        changes = {run: {"state": "queued", "job_id": job_id} for run, job_id in found.items()}
        self._for_each(found, lambda run: confirm_run(self.folder, run, **changes[run]))

    def _found(self, runs: Sequence[SweepRun]) -> dict[SweepRun, str]:
        """The runs that HTCondor has or had, with the numbers of their jobs."""
        own = of_sweeps([self.entries["id"]])
        wanted = ("ClusterId", "ProcId", ID_ATTRIBUTE)
        sent = read_clusters(self.place)
        looks: Sequence[Callable[[], Iterable[_Known]]] = (
            lambda: _logged(self.folder, runs),
            lambda: map(_known, self.condor.query(own, wanted)),
            lambda: [(one.number, 0, one.first_id) for one in self._clusters(sent)],
            lambda: map(_known, self.condor.history(own, wanted, most=2 * len(self.runs))),
        )
        known: list[_Known] = []
        ids: dict[str, str] = {}
        for look in looks:
            if all(run.id in ids for run in runs):
                break
            known += look()
            told = {run_id: f"{cluster}.{number}" for cluster, number, run_id in reversed(known)}
            ids = jobs_of_clusters(sent, known) | told
        return {run: ids[run.id] for run in runs if run.id in ids}

    def _clusters(self, sent: Sequence[Sequence[str]]) -> list[Cluster]:
        """The clusters of which jobs are still to come."""
        return self.condor.clusters(of_sweeps([self.entries["id"]])) if sent else []

    def _described(self, run: SweepRun) -> Submission:
        record = RunDir(self.folder / run.name).launch
        variables = {**self.variables, ID_VARIABLE: run.id}
        own, name = self.entries["id"], self._name
        return Submission(record, run.id, self.script, self.resources, variables, own, name)

    @property
    def _name(self) -> str:
        return self.place.path.name

    def _for_each(
        self, runs: Iterable[SweepRun], work: Callable[[SweepRun], _Given]
    ) -> list[tuple[SweepRun, _Given]]:
        """What `work` gives for each run, of which is told how far it is."""
        told = []
        for pair in _at_once(self.folder, runs, work):
            told.append(pair)
            self.done += 1
            if self.progress is not None:
                self.progress(self.done, 2 * len(self.runs))
        return told


def _at_once(
    folder: Path, runs: Iterable[SweepRun], work: Callable[[SweepRun], _Given]
) -> Iterator[tuple[SweepRun, _Given]]:
    """What `work` gives for each run; several at a time where a server has the folder."""
    listed = list(runs)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        given_each = pool.map(work, listed) if is_served(folder) else map(work, listed)
        yield from zip(listed, given_each, strict=True)


def remove_runs(
    folder: Path, runs: Iterable[SweepRun], reason: str, *, begun: bool = False
) -> None:
    """Say in the records of runs that their jobs were removed; see `remove_run`."""

    def note(run: SweepRun) -> None:
        remove_run(RunDir(folder / run.name).launch, run.id, reason, begun=begun)

    for _ in _at_once(folder, runs, note):
        pass


def discard(place: SweepDir, runs: Sequence[SweepRun]) -> None:
    """Remove a sweep of which HTCondor has nothing."""
    discard_runs(runs_folder(place.path), runs)
    for path in (place.record, lock_of(place.record), place.runs, place.clusters, place.lock):
        with contextlib.suppress(OSError):
            path.unlink()
    with contextlib.suppress(OSError):
        place.path.rmdir()


def _logged(folder: Path, runs: Sequence[SweepRun]) -> Iterator[_Known]:
    for run in runs:
        reader = LogReader(RunDir(folder / run.name).job_log)
        reader.read()
        for job in reader.jobs.values():
            if job.run_id == run.id:
                yield job.cluster, job.proc, run.id


def _known(ad: Mapping[str, Any]) -> _Known:
    return int(ad["ClusterId"]), int(ad["ProcId"]), str(ad[ID_ATTRIBUTE])
