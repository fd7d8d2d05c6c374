"""What HTCondor says of one job as time goes: its log, and its scheduler where that says more."""

from __future__ import annotations

import time
from collections.abc import Callable

from engine.facts.condor_log import LogReader
from engine.facts.job_report import OVER, JobReport, agreed
from engine.facts.run_dir import RunDir
from engine.launch.condor import Condor, CouldNotAsk
from engine.launch.condor_queue import WATCHED_S, Queue
from engine.launch.job import JobHandle


class Watch:
    """Looks at a job again and again.

    Parameters
    ----------
    ask_every_s
        Seconds between two questions to the scheduler; the first is asked after as long. The log
        is read at each look.
    clock
        Seconds that only grow.
    """

    def __init__(
        self,
        job: JobHandle,
        condor: Condor,
        ask_every_s: float = WATCHED_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._job = job
        self._clock, self._first = clock, clock() + ask_every_s
        self._queue = Queue(lambda schedd: condor, every_s=ask_every_s, clock=clock)
        self._log = LogReader(RunDir(job.directory).job_log)

    def look(self) -> JobReport | None:
        """What is known now; None where nothing is.

        Raises
        ------
        CouldNotAsk
            If it was time to ask the scheduler, which did not answer; look again later.
        """
        before = self._queue.asked
        if not self._is_over() and self._clock() >= self._first:
            self._queue.look([self._job])
        view = self._queue.view
        if self._queue.asked > before and view.problems:
            raise CouldNotAsk(view.problems[0])
        return agreed(self._logged(), view.report(self._job))  # read after the scheduler answered

    def _is_over(self) -> bool:
        told = self._logged()
        return told is not None and told.state in OVER

    def _logged(self) -> JobReport | None:
        self._log.read()
        return self._log.report(self._job.id)
