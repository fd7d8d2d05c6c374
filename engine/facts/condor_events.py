"""What the entries of HTCondor's event log tell of a job: pure functions."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from engine.facts.holds import hold_words
from engine.facts.job_report import JobReport
from engine.facts.words import first_line

_HEAD = re.compile(
    rb"\0*(\d{3}) \((\d{1,10})\.(-?\d{1,10})\.-?\d{1,10}\) (\S{1,40} \S{1,40}) (.*)", re.DOTALL
)
_NORMAL = re.compile(r"\(1\) Normal termination \(return value (-?\d{1,10})\)", re.ASCII)
_ABNORMAL = re.compile(r"\(0\) Abnormal termination \(signal (\d{1,3})\)", re.ASCII)
_HOLD_CODE = re.compile(r"Code (\d{1,6}) Subcode (-?\d{1,10})", re.ASCII)
_SLOT = re.compile(r"SlotName: (?:[^@\s]*@)?(\S+)")
_ALIAS = re.compile(r"[&?]alias=([^&>]+)")
_HOW_IT_ENDED = re.compile(r"Job terminated (?:by <|of its own accord)")
_MEMORY = re.compile(r"(\d{1,12})  -  MemoryUsage of job \(MB\)", re.ASCII)
_NOTE = re.compile(r"run ([\w.-]+)", re.ASCII)


LEASE_S = 1200
"""How long HTCondor waits for a node that it cannot reach before it starts the job elsewhere."""


@dataclass(frozen=True)
class Event:
    """One entry of a log."""

    code: int
    cluster: int
    proc: int
    at: float | None
    """Unix seconds, where the scheduler's time zone is the reader's: the log names none."""
    title: str
    """What stands behind the time."""
    lines: tuple[str, ...] = ()
    """The lines below, without their blanks; empty ones are left out."""


@dataclass(frozen=True)
class LoggedJob:
    """What the log tells of a job; None where it does not."""

    cluster: int
    proc: int
    state: str | None = None
    """`queued`, `held`, `running`, `removed` or `ended`."""
    reason: str | None = None
    """Why it waits again, is held or was removed."""
    run_id: str | None = None
    """Of the launch record; from the notes of the submission."""
    host: str | None = None
    """Where it runs, or ran last."""
    exit_code: int | None = None
    signal: int | None = None
    hold_code: int | None = None
    hold_subcode: int | None = None
    memory_mib: int | None = None
    """What it took, the last time that was told."""
    starts: int = 0
    submitted: float | None = None
    started: float | None = None
    """Its last start."""
    over: float | None = None
    """When it ended or was removed."""
    said: float | None = None
    """When the event was written that tells its state."""
    disconnected: float | None = None
    """Since when the scheduler cannot reach the node; 0 where the log tells no time."""

    @property
    def id(self) -> str:
        """As HTCondor's programs name it."""
        return f"{self.cluster}.{self.proc}"

    def report(self, told: float | None = None) -> JobReport | None:
        """The same for the state of a run, as the log told at `told`; None where it is silent."""
        if self.state is None:
            return None
        reason = self.reason_in_words
        return JobReport(self.state, reason, self.host, self.exit_code, self.signal, told)

    @property
    def reason_in_words(self) -> str | None:
        """Why it waits again, is held or was removed, or that its node is cut off."""
        if self.disconnected is not None:
            return f"its node cannot be reached{_until(self.disconnected)}"
        if self.state == "held":
            return hold_words(self.hold_code, self.hold_subcode, self.reason) or None
        return self.reason


def _until(cut_off: float) -> str:
    """Since when a node is cut off, and until when HTCondor waits; nothing without a time."""
    since, until = (time.strftime("%H:%M", time.localtime(cut_off + s)) for s in (0, LEASE_S))
    return f" since {since}; HTCondor waits for it until {until}" if cut_off else ""


def event_of(lines: Iterable[bytes]) -> Event | None:
    """The event that some lines end in; what stands before it is no whole one. None for none."""
    lines = list(lines)
    heads = [(number, _HEAD.fullmatch(line)) for number, line in enumerate(lines)]
    found = [(number, match) for number, match in heads if match]
    if not found:
        return None
    number, match = found[-1]
    below = (line.decode("utf-8", "replace").strip() for line in lines[number + 1 :])
    return Event(
        int(match[1]),
        int(match[2]),
        int(match[3]),
        seconds_of(match[4].decode("utf-8", "replace")),
        first_line(match[5].decode("utf-8", "replace")),
        tuple(line for line in below if line),
    )


def seconds_of(text: str) -> float | None:
    """A time of a log in Unix seconds; None for the old form, which has no year."""
    try:
        return datetime.fromisoformat(text.replace(" ", "T")).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def advanced(job: LoggedJob, event: Event) -> LoggedJob:
    """What is known of a job after one more event; a pure function."""
    step = _STEPS.get(event.code)
    if step is None:
        return job
    after = step(job, event)
    return after if step is _grown else replace(after, said=event.at)


def _submitted(job: LoggedJob, event: Event) -> LoggedJob:
    notes = [match for line in event.lines if (match := _NOTE.fullmatch(line))]
    run_id = notes[0][1] if notes else None
    return replace(job, state="queued", run_id=run_id, submitted=event.at)


def _started(job: LoggedJob, event: Event) -> LoggedJob:
    again = replace(_waiting(job, None), state="running", starts=job.starts + 1)
    return replace(again, started=event.at, host=_host(event))


def _host(event: Event) -> str | None:
    slots = [match for line in event.lines if (match := _SLOT.match(line))]
    alias = _ALIAS.search(event.title)
    return first_line(slots[0][1] if slots else alias[1] if alias else "") or None


def _evicted(job: LoggedJob, event: Event) -> LoggedJob:
    """It is back in the queue, also where it "terminated and was requeued"."""
    code = _first(_NORMAL, event)
    reason = f"exit code {code[1]}, to be started again" if code else "evicted from its node"
    return _waiting(job, reason)


def _thrown_back(job: LoggedJob, event: Event) -> LoggedJob:
    return _waiting(job, first_line(event.lines[0]) if event.lines else first_line(event.title))


def _waiting(job: LoggedJob, reason: str | None) -> LoggedJob:
    """In the queue; how it ended or was held before is over."""
    now = replace(job, state="queued", reason=reason, disconnected=None, over=None)
    return replace(now, exit_code=None, signal=None, hold_code=None, hold_subcode=None)


def _terminated(job: LoggedJob, event: Event) -> LoggedJob:
    code, killed = _first(_NORMAL, event), _first(_ABNORMAL, event)
    return replace(
        _waiting(job, None),
        state="ended",
        exit_code=int(code[1]) if code else None,
        signal=int(killed[1]) if killed else None,
        over=event.at,
    )


def _removed(job: LoggedJob, event: Event) -> LoggedJob:
    told = [line for line in event.lines if not _HOW_IT_ENDED.match(line)]
    reason = first_line(" ".join(told)) or None
    return replace(_waiting(job, reason), state="removed", over=event.at)


def _held(job: LoggedJob, event: Event) -> LoggedJob:
    code = _first(_HOLD_CODE, event)
    told = [line for line in event.lines if not _HOLD_CODE.fullmatch(line)]
    return replace(
        _waiting(job, first_line(" ".join(told)) or None),
        state="held",
        hold_code=int(code[1]) if code else None,
        hold_subcode=int(code[2]) if code else None,
    )


def _grown(job: LoggedJob, event: Event) -> LoggedJob:
    memory = _first(_MEMORY, event)
    return replace(job, memory_mib=int(memory[1])) if memory else job


def _disconnected(job: LoggedJob, event: Event) -> LoggedJob:
    return replace(job, disconnected=event.at or 0.0)


def _reconnected(job: LoggedJob, event: Event) -> LoggedJob:
    return replace(job, state="running", disconnected=None)


def _first(pattern: re.Pattern[str], event: Event) -> re.Match[str] | None:
    return next((match for line in event.lines if (match := pattern.match(line))), None)


_STEPS = {
    0: _submitted,
    1: _started,
    4: _evicted,
    5: _terminated,
    6: _grown,
    7: _thrown_back,  # the shadow failed
    9: _removed,
    12: _held,
    13: lambda job, event: _waiting(job, None),  # released
    22: _disconnected,
    23: _reconnected,
    24: _thrown_back,  # reconnecting failed
}
"""Event to what it changes. Others tell nothing of the state: 002 and 021 are followed by a hold,
028 repeats attributes of the job, 035 and 036 are of a whole cluster, 040 of its files."""
