"""The state of a run whose job waits, or is over before its training said that it ended."""

from __future__ import annotations

import re
from dataclasses import replace
from signal import SIGHUP, SIGINT, SIGKILL, SIGTERM, SIGXCPU

from engine.facts.evidence import Evidence
from engine.facts.job_report import REMOVED_HERE, JobReport, is_error
from engine.facts.verdict import KILLED, OUT_OF_MEMORY, RunState
from engine.facts.words import first_line, signal_name, signal_of

GRACE_S = 60.0
"""How long the last words of a training on another machine may take to be seen here."""

_KILLING = (SIGHUP, SIGINT, SIGKILL, SIGTERM, SIGXCPU)
"""Signals that somebody sends; others are a crash."""
_MEMORY = re.compile(r"\bmemory\b|\boom\b", re.IGNORECASE)
_BY_USER = re.compile(r"\(by user ([^()\s]+)\)")


def waiting(evidence: Evidence, job: JobReport) -> RunState:
    """A job that has not begun, or not begun again."""
    if job.state == "queued" and evidence.seen.starts_again and not evidence.reopened:
        saved = f"saved{evidence.seen.after_epochs}"
        return RunState("queued", f"its time was over; {saved}; waits for its next start")
    again = ""
    if evidence.attempt and evidence.attempt.number:  # else it is its launch alone
        again = " again" if job.state == "queued" else ""
        again += f" after attempt {evidence.attempt.number}"
    reason = f": {first_line(job.reason)}" if job.reason else ""
    out_of_memory = job.state == "held" and _MEMORY.search(job.reason or "")
    cause = OUT_OF_MEMORY if out_of_memory else None
    failed = f"; its last start {evidence.start_failed}" if evidence.start_failed else ""
    asked = "; asked to stop, it does not begin" if evidence.stop_asked else ""
    return RunState(job.state, f"{job.state}{again}{reason}{failed}{asked}", cause)


def after_end(evidence: Evidence, ended: RunState) -> RunState:
    """What follows of a training that said its end, as its job tells; `ended` if nothing does.

    Whoever sends a job away ends its training, which saves and stops, or fails at that, and is
    started again. One that ends by itself leaves the queue.
    """
    job = evidence.job
    if job is None or ended.state == "finished":
        return ended
    if job.state == "running":
        return _between_starts(evidence, job) or ended
    if job.state not in ("queued", "held"):
        return next_start_failed(ended, job) or ended
    if ended.state == "stopped":
        return waiting(evidence, job)
    is_old = _told_since(evidence) is False  # it waited for the start that failed
    return ended if is_old else waiting(replace(evidence, start_failed=ended.sentence), job)


def _between_starts(evidence: Evidence, job: JobReport) -> RunState | None:
    """A job that has its node though its training is over; None if that is all.

    It is about to end, to be held or to be sent away, of which its log is yet to tell; or it was
    started again, and its training loads.
    """
    if _told_since(evidence):
        where = f" on {first_line(job.host)}" if job.host else ""
        return RunState("running", f"started again{where}{evidence.seen.after_epochs}")
    if evidence.seen.starts_again:
        return waiting(evidence, replace(job, state="queued"))
    is_new = evidence.events_age_s is not None and evidence.events_age_s < GRACE_S
    if evidence.seen.stopped and is_new and evidence.job_told_s is not None:
        return RunState("running", f"saved{evidence.seen.after_epochs}; its job is ending")
    return None


def _told_since(evidence: Evidence) -> bool | None:
    """Whether its launcher told of the job after the last event; None where that is not known."""
    told_s, event_s = evidence.job_told_s, evidence.events_age_s
    return None if told_s is None or event_s is None else told_s < event_s


def next_start_failed(ended: RunState, job: JobReport | None) -> RunState | None:
    """A training that saved and stopped, whose job then ended by an error; None if it did not.

    The error is that of a start after it, which came to no event.
    """
    code = job.exit_code if job and job.state == "ended" else None
    if ended.state != "stopped" or not is_error(code):
        return None
    reason = first_line(job.reason) if job else ""
    why = f": {reason}" if reason else f" with exit code {code}"
    return RunState("failed", f"{ended.sentence}; its next start failed{why}")


def job_over(evidence: Evidence, job: JobReport) -> RunState:
    """A job that ended, or was removed, before its training said that it did."""
    reason = f": {first_line(job.reason)}" if job.reason else ""
    out_of_memory = evidence.memory_full or bool(_MEMORY.search(job.reason or ""))
    if job.state == "removed":
        if out_of_memory:
            return RunState("lost", f"its job was removed{reason}", OUT_OF_MEMORY)
        return _removed(first_line(job.reason))
    cause = OUT_OF_MEMORY if out_of_memory else None
    probably = f", probably {cause}" if cause else ""
    number = signal_of(job.exit_code, job.signal)
    if number is not None:
        sentence = f"its job was ended by {signal_name(number)}{probably}{reason}"
        return RunState("lost", sentence, cause or (KILLED if number in _KILLING else None))
    if job.exit_code and job.reason:
        return RunState("failed", f"failed: {first_line(job.reason)}")
    if job.exit_code:
        return RunState("failed", f"its job ended with exit code {job.exit_code}")
    if job.exit_code == 0 and evidence.job_told_s is not None and evidence.job_told_s < GRACE_S:
        return RunState("running", "its job ended just now, and its last words are on their way")
    if job.exit_code == 0:
        return RunState("failed", f"failed: ended without finishing{probably}")
    sentence = f"its job ended, and its training did not say so{probably}{reason}"
    return RunState("lost", sentence, cause)


def _removed(reason: str) -> RunState:
    """Whoever did not ask for it here did not mean this run to stop."""
    if reason.startswith(REMOVED_HERE):
        return RunState("stopped", f"its job was {reason}")
    user = _BY_USER.search(reason)
    if user:
        return RunState("failed", f"failed: removed by {user[1]}")
    return RunState("failed", f"failed: its job was removed{f': {reason}' if reason else ''}")
