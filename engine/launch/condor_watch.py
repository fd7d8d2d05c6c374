"""What HTCondor says of one job as time goes: its log first, then the queue, then the history."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

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
        return _report_of(ads[0])


class Watches:
    """Looks at many jobs again and again, with one question for all of them.

    Parameters
    ----------
    ask_every_s, clock
        As of `Watch`.
    """

    def __init__(
        self,
        condor: Condor,
        ask_every_s: float = ASK_EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._condor, self._every_s, self._clock = condor, ask_every_s, clock
        self._asked = clock()
        self._silent: str | None = None
        self._logs: dict[str, LogReader] = {}
        self._queue: dict[str, JobReport] = {}
        self._missing: dict[str, int] = {}

    def __call__(self, jobs: Sequence[JobHandle]) -> tuple[dict[str, JobReport], str | None]:
        """What is known of each, by its id, and why the scheduler could not be asked."""
        logged = {job.id: self._logged(job) for job in jobs if job.id is not None}
        over = [one for one, told in logged.items() if told is not None and told.state in OVER]
        asked = [one for one in logged if one not in over]
        if asked and self._clock() - self._asked >= self._every_s:
            self._asked, self._silent = self._clock(), None
            try:
                self._ask(asked)
            except CouldNotAsk as error:
                self._silent = error.message
        found = {}
        for one, told in logged.items():
            queued = self._queue.get(one)
            # A log can be silent, on a full disk for example, while the job is over.
            is_over = one not in over and queued is not None and queued.state in OVER
            report = queued if is_over else told or queued
            if report is not None:
                found[one] = report
        return found, self._silent

    def _logged(self, job: JobHandle) -> JobReport | None:
        log = self._logs.setdefault(job.id or "", LogReader(RunDir(job.directory).job_log))
        log.read()
        newest = log.newest(job.id)
        return newest.report() if newest else None

    def _ask(self, ids: Sequence[str]) -> None:
        """Ask for all jobs at once, and in the history for those that are gone."""
        ads = self._condor.query(_one_of(ids), (ID_ATTRIBUTE, *_WANTED))
        here = {str(ad[ID_ATTRIBUTE]): _report_of(ad) for ad in ads}
        self._queue |= here
        self._missing = {one: self._missing.get(one, 0) + 1 for one in ids if one not in here}
        gone = [one for one, times in self._missing.items() if times >= GONE_AFTER]
        if gone:
            ads = self._condor.history(_one_of(gone), (ID_ATTRIBUTE, *_WANTED), most=len(gone))
            ended = {str(ad[ID_ATTRIBUTE]): _report_of(ad) for ad in ads}
            nowhere = JobReport("ended", "it has left the queue")
            self._queue |= {one: ended.get(one, nowhere) for one in gone}


def _one_of(ids: Sequence[str]) -> str:
    return f'stringListMember({ID_ATTRIBUTE}, "{",".join(ids)}")'


def _report_of(ad: Mapping[str, Any]) -> JobReport:
    """What HTCondor says of a job, in our words."""
    state = _STATUS.get(ad.get("JobStatus", 0), "queued")
    reason = ad.get("HoldReason" if state == "held" else "RemoveReason")
    host = str(ad["RemoteHost"]).rpartition("@")[2] if "RemoteHost" in ad else None
    over = state == "ended"
    code, signal = (ad.get("ExitCode"), ad.get("ExitSignal")) if over else (None, None)
    return JobReport(state, reason if state in ("held", "removed") else None, host, code, signal)
