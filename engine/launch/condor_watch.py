"""What HTCondor says of one job as time goes: its log first, then the queue, then the history."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from engine.facts.condor_log import LogReader
from engine.facts.evidence import JobReport
from engine.facts.run_dir import RunDir
from engine.launch.condor import Condor, CouldNotAsk
from engine.launch.condor_submit import ID_ATTRIBUTE
from engine.launch.job import JobHandle

ASK_EVERY_S = 30.0
"""How often the scheduler is asked; the log is read as often as one likes."""

GONE_AFTER = 2
"""In how many answers a job is missing until it counts as gone."""

OVER = ("removed", "ended")

_STATUS = {
    1: "queued",
    2: "running",
    3: "removed",
    4: "ended",
    5: "held",
    6: "running",
    7: "queued",
}
_WANTED = ("JobStatus", "HoldReason", "RemoveReason", "ExitCode", "ExitSignal", "RemoteHost")


class Watch:
    """Looks at a job again and again.

    Parameters
    ----------
    ask_every_s
        Seconds between two questions to the scheduler; the first is asked after as long.
    clock
        Seconds that only grow.
    """

    def __init__(
        self,
        job: JobHandle,
        condor: Condor,
        ask_every_s: float = ASK_EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._job, self._condor = job, condor
        self._every_s, self._clock = ask_every_s, clock
        self._asked = clock()
        self._log = LogReader(RunDir(job.directory).job_log)
        self._queue: JobReport | None = None
        self._missing = 0

    def look(self) -> JobReport | None:
        """What is known now; None where nothing is.

        Raises
        ------
        CouldNotAsk
            If it was time to ask the scheduler, which did not answer; ask again later.
        """
        self._log.read()
        logged = self._log.newest(self._job.id)
        told = logged.report() if logged else None
        if told and told.state in OVER:
            return told
        if self._clock() - self._asked >= self._every_s:
            self._asked = self._clock()
            self._queue = self._ask()
        # A log can be silent, on a full disk for example, while the job is over.
        return self._queue if self._queue and self._queue.state in OVER else told or self._queue

    def _ask(self) -> JobReport | None:
        own = f'{ID_ATTRIBUTE} =?= "{self._job.id}"'
        ads = self._condor.query(own, _WANTED)
        self._missing = 0 if ads else self._missing + 1
        if self._missing >= GONE_AFTER:
            ads = self._condor.history(own, _WANTED, most=1)
            if not ads:
                return JobReport("ended", "it has left the queue")
        if not ads:
            return self._queue
        ad = ads[0]
        state = _STATUS.get(ad.get("JobStatus", 0), "queued")
        reason = ad.get("HoldReason" if state == "held" else "RemoveReason")
        host = str(ad["RemoteHost"]).rpartition("@")[2] if "RemoteHost" in ad else None
        over = state == "ended"
        code, signal = (ad.get("ExitCode"), ad.get("ExitSignal")) if over else (None, None)
        return JobReport(
            state, reason if state in ("held", "removed") else None, host, code, signal
        )


class Watches:
    """Looks at many jobs again and again; who does not answer is not asked for the next one."""

    def __init__(self, condor: Condor, ask_every_s: float = ASK_EVERY_S) -> None:
        self._condor, self._every_s = condor, ask_every_s
        self._known: dict[str | None, Watch] = {}

    def __call__(self, jobs: Sequence[JobHandle]) -> tuple[dict[str, JobReport], str | None]:
        """What is known of each, by its id, and why the scheduler could not be asked."""
        found: dict[str, JobReport] = {}
        silent = None
        for job in jobs:
            watch = self._known.setdefault(job.id, Watch(job, self._condor, self._every_s))
            try:
                report = watch.look()
            except CouldNotAsk as error:
                silent, report = error.message, None
            if report is not None and job.id is not None:
                found[job.id] = report
        return found, silent
