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
from engine.launch.condor.ads import of_sweeps
from engine.launch.condor.check import is_served
from engine.launch.condor.client import Condor, CouldNotAsk
from engine.launch.condor.cluster import cluster_description
from engine.launch.condor.jobs import refuse_in_doubt, telling_too
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
from engine.launch.sweep_records import confirm_run, discard_runs, make_run
from engine.launch.sweep_runs import SweepRun, has_plain_names, runs_folder

MOST_SINGLE = 100
"""Runs of a larger sweep are one cluster."""
CHUNK = 50
"""Single jobs in one request."""

AT_ONCE = 8
"""Run directories on a server that are worked on at the same time; elsewhere it is one."""

_Given = TypeVar("_Given")

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
            first = {"sent": now(), "together": len(runs) if together else None}
            self.entries |= first
            amend_record(self.place.record, self.entries["id"], **first)
        try:
            (self._send_together if together else self._send_singly)(runs)
        except CouldNotAsk as error:
            raise CouldNotAsk(
                f"{self._name}: which of its jobs HTCondor has is not known: {error.message}",
                f"engine submit --again {self._name} finds out, and submits none twice.",
            ) from error
        end = {"state": "queued", **NO_PROCESS}
        amend_record(self.place.record, self.entries["id"], **end)
        return read_job(self.place.record) or JobHandle(self.place.record)

    def _send_together(self, runs: Sequence[SweepRun]) -> None:
        described, items = cluster_description([self._described(run) for run in runs])
        cluster = self.condor.submit_cluster(described, items)
        self._confirm({run: f"{cluster}.{number}" for number, run in enumerate(runs)})

    def _send_singly(self, runs: Sequence[SweepRun]) -> None:
        for start in range(0, len(runs), CHUNK):
            if self.place.stop.exists():
                self._leave_out(runs[start:])
                return
            if start:  # what is in doubt is in doubt from this request on
                amend_record(self.place.record, self.entries["id"], sent=now())
            chunk = runs[start : start + CHUNK]
            described = [description(self._described(run)) for run in chunk]
            taken, refused = self.condor.submit_each(described)
            self._confirm(dict(zip(chunk, (f"{one}.0" for one in taken), strict=False)))
            if refused:
                number = start + len(taken)
                raise LaunchError(f"HTCondor did not take {runs[number].name}: {refused}")

    def _leave_out(self, runs: Sequence[SweepRun]) -> None:
        """Of a sweep that was stopped the other runs are not sent."""
        reason = f"{REMOVED_HERE}: its sweep was stopped"
        for run in runs:
            confirm_run(self.folder, run, state="removed", reason=reason)

    def _confirm(self, found: Mapping[SweepRun, str]) -> None:
        """Say in the records that HTCondor has these."""
        changes = {run: {"state": "queued", "job_id": job_id} for run, job_id in found.items()}
        self._for_each(found, lambda run: confirm_run(self.folder, run, **changes[run]))

    def _found(self, runs: Sequence[SweepRun]) -> dict[SweepRun, str]:
        """The runs that HTCondor has or had, with the numbers of their jobs."""
        ids = dict(_logged(self.folder, runs))
        own = of_sweeps([self.entries["id"]])
        wanted = ("ClusterId", "ProcId", ID_ATTRIBUTE)
        if len(ids) < len(runs):
            ads = self.condor.query(own, wanted)
            ids |= {str(ad[ID_ATTRIBUTE]): _job_id(ad) for ad in ads}
            clusters = self.condor.clusters(own) if self.entries.get("together") else []
            if not clusters and len(ids) < len(runs):
                ads = self.condor.history(own, wanted, most=2 * len(self.runs))
                ids = {str(ad[ID_ATTRIBUTE]): _job_id(ad) for ad in ads} | ids
            ids = self._of_cluster(ids, clusters) | ids
        return {run: ids[run.id] for run in runs if run.id in ids}

    def _of_cluster(self, ids: Mapping[str, str], clusters: Sequence[int]) -> dict[str, str]:
        """Of runs that are one cluster, which HTCondor takes whole, the jobs that are to come."""
        if self.entries.get("together") != len(self.runs):
            return {}
        known = [*clusters, *(int(job_id.partition(".")[0]) for job_id in ids.values())]
        return {run.id: f"{known[0]}.{run.number}" for run in self.runs} if known else {}

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
        """What `work` gives for each run; several at a time where a server takes its time."""
        told, listed = [], list(runs)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            given_each = pool.map(work, listed) if is_served(self.folder) else map(work, listed)
            for run, given in zip(listed, given_each, strict=True):
                told.append((run, given))
                self.done += 1
                if self.progress is not None:
                    self.progress(self.done, 2 * len(self.runs))
        return told


def discard(place: SweepDir, runs: Sequence[SweepRun]) -> None:
    """Remove a sweep of which HTCondor has nothing."""
    discard_runs(runs_folder(place.path), runs)
    for path in (place.record, lock_of(place.record), place.runs, place.lock):
        with contextlib.suppress(OSError):
            path.unlink()
    with contextlib.suppress(OSError):
        place.path.rmdir()


def _logged(folder: Path, runs: Sequence[SweepRun]) -> Iterator[tuple[str, str]]:
    for run in runs:
        reader = LogReader(RunDir(folder / run.name).job_log)
        reader.read()
        for job in reader.jobs.values():
            if job.run_id == run.id:
                yield run.id, job.id


def _job_id(ad: Mapping[str, Any]) -> str:
    return f"{ad['ClusterId']}.{ad['ProcId']}"
