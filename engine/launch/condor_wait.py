"""Waiting for jobs on HTCondor: how each of them is, until all are over."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence

from engine.facts.condor_log import LogReader
from engine.facts.job_report import OVER, JobReport
from engine.facts.run_dir import RunDir
from engine.launch.condor import Condor
from engine.launch.condor_queue import GONE_AFTER, WATCHED_S
from engine.launch.condor_submit import ID_ATTRIBUTE, SWEEP_ATTRIBUTE
from engine.launch.job import JobHandle


class SweepWatch:
    """Looks at the jobs of a sweep again and again: at their logs, and rarely at the queue.

    Parameters
    ----------
    sweep
        The job of the sweep.
    runs
        Those of its runs.
    """

    def __init__(
        self,
        sweep: JobHandle,
        runs: Sequence[JobHandle],
        condor: Condor,
        ask_every_s: float = WATCHED_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sweep, self._condor = sweep, condor
        self._every_s, self._clock = ask_every_s, clock
        self._asked = clock()
        self._open = {run.id or "": run for run in runs}
        self._logs = {run.id or "": LogReader(RunDir(run.directory).job_log) for run in runs}
        self._missing: Counter[str] = Counter()
        self.reports: dict[str, JobReport | None] = dict.fromkeys(self._open)
        """Id of each run to what is known of its job."""

    def look(self) -> dict[str, int]:
        """State to how many jobs are in it; nothing is open once all of them are over.

        Raises
        ------
        CouldNotAsk
            If it was time to ask the scheduler, which did not answer; ask again later.
        """
        for run_id in list(self._open):
            reader = self._logs[run_id]
            if reader.read() and (logged := reader.newest(run_id)):
                self._know(run_id, logged.report())
        if self._open and self._clock() - self._asked >= self._every_s:
            self._asked = self._clock()
            self._ask()
        return self.counts()

    @property
    def is_over(self) -> bool:
        """Whether all jobs are over."""
        return not self._open

    def counts(self) -> dict[str, int]:
        """State to how many jobs are in it."""
        return dict(Counter(one.state if one else "queued" for one in self.reports.values()))

    def _know(self, run_id: str, report: JobReport | None) -> None:
        self.reports[run_id] = report
        if report is not None and report.state in OVER:
            self._open.pop(run_id, None)

    def _ask(self) -> None:
        """A log can be silent, on a full disk for example, while its job is over."""
        own = f'{SWEEP_ATTRIBUTE} =?= "{self._sweep.id}"'
        there = {ad.get(ID_ATTRIBUTE) for ad in self._condor.query(own, [ID_ATTRIBUTE])}
        if self._condor.clusters(own) and not there:
            return  # all of them are still to come
        for run_id in self._open:
            self._missing[run_id] = 0 if run_id in there else self._missing[run_id] + 1
        gone = [run_id for run_id in self._open if self._missing[run_id] >= GONE_AFTER]
        if gone and not self._condor.clusters(own):
            for run_id in gone:
                self._know(run_id, JobReport("ended", "it has left the queue"))
