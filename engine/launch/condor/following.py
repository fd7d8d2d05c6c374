"""What HTCondor says of many jobs as time goes: their logs, and its scheduler."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from engine.facts.condor_log import LogReader
from engine.facts.holds import hold_remedy
from engine.facts.job_report import OVER, JobReport, agreed
from engine.facts.run_dir import RunDir
from engine.facts.state import BADLY
from engine.facts.state import OVER as RUN_OVER
from engine.launch.condor.client import Condor
from engine.launch.condor.queue import WATCHED_S, Queue
from engine.launch.job import JobHandle


class Following:
    """Looks at jobs of one scheduler again and again, with one question for all of them.

    Parameters
    ----------
    every_s
        Seconds between two questions; the first is asked after as long. The logs are read at each
        look.
    clock
        Seconds that only grow.
    """

    def __init__(
        self,
        condor: Condor,
        every_s: float = WATCHED_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock, self._first = clock, clock() + every_s
        self._queue = Queue(lambda schedd: condor, every_s=every_s, clock=clock)
        self._logs: dict[str, LogReader] = {}

    def look(self, jobs: Sequence[JobHandle]) -> tuple[dict[str, JobReport], str | None]:
        """What is known of each, by its id, and that the scheduler does not answer, if so."""
        asked = [job for job in jobs if not self._is_over(job)]
        if asked and self._clock() >= self._first:
            self._queue.look(asked)
        view = self._queue.view  # the logs are read after the scheduler answered
        known = {job.id or "": agreed(self._logged(job), view.report(job)) for job in jobs}
        stale = any(view.is_stale(job) for job in asked)
        problem = "; ".join(view.problems) if stale else None
        return {one: report for one, report in known.items() if report is not None}, problem

    def remedy(self, job: JobHandle) -> str:
        """What to do about a job that is held."""
        held = self._log(job).find(job.id, job.job_id)
        codes = (held.hold_code, held.hold_subcode) if held else (None, None)
        return hold_remedy(*codes, job.name)

    def _is_over(self, job: JobHandle) -> bool:
        told = self._logged(job)
        return told is not None and told.state in OVER

    def _log(self, job: JobHandle) -> LogReader:
        run_id = job.id or ""
        if run_id not in self._logs:
            self._logs[run_id] = LogReader(RunDir(job.directory).job_log)
        return self._logs[run_id]

    def _logged(self, job: JobHandle) -> JobReport | None:
        self._log(job).read()
        return self._log(job).report(job.id, job.job_id)


def is_told(state: str | None, job: JobReport) -> bool:
    """Whether the files of a run, which are in that state, tell the end of its job, which is over.

    The last words of a job that went well may still be on their way.
    """
    went_well = job.state == "ended" and not (job.exit_code or job.signal)
    return state in RUN_OVER and not (state in BADLY and went_well)
