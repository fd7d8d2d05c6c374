"""What a launcher says about the job of a run, and whose word counts where two differ."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.facts.time_limit import REQUEUE
from engine.facts.words import signal_of

HTCONDOR = "htcondor"
"""The launcher that is a cluster with HTCondor."""

OVER = ("removed", "ended")
"""States of a job that is no longer a job."""

REMOVED_HERE = "removed with engine"
"""How the reason of a removal begins that was asked for here: HTCondor keeps it."""


@dataclass(frozen=True)
class JobReport:
    """What a launcher says about the job of a run; no report means "could not ask"."""

    state: str
    """`queued`, `held`, `running`, `removed` or `ended`."""
    reason: str | None = None
    """Why it waits, is held, was removed or has ended, in words."""
    host: str | None = None
    """Where it runs."""
    exit_code: int | None = None
    signal: int | None = None
    """The signal that ended it."""
    told: float | None = None
    """Unix seconds at which that was said, or the log changed that says so; None where unknown."""

    @property
    def is_cut_off(self) -> bool:
        """Whether it runs on a node that its scheduler cannot reach; its reason says since when."""
        return self.state == "running" and bool(self.reason)


def is_error(exit_code: int | None) -> bool:
    """Whether a training ended by an error of its own.

    What sends a job away is a signal, and its time that is over has a code of its own.
    """
    return exit_code not in (None, 0, REQUEUE) and signal_of(exit_code) is None


def _kept(over: JobReport, logged: JobReport) -> JobReport:
    """The end of a job that its log does not tell yet; a lost node has HTCondor keep a removed one.

    Nothing is left to wait for there, and its scheduler ends it once it has given up the node.
    """
    if over.state != "removed" or not logged.is_cut_off:
        return over
    return replace(over, reason="; ".join(filter(None, (over.reason, logged.reason))))


def agreed(logged: JobReport | None, asked: JobReport | None) -> JobReport | None:
    """What counts of the log of a job and of what its scheduler said; a pure function.

    The end counts, whoever tells of it: a log can be silent, on a full disk for example, and a
    scheduler forgets at once. Else it is what was told last; the log where that is not known.
    """
    if logged is None or asked is None:
        return logged or asked
    if logged.state in OVER or asked.state in OVER:
        return logged if logged.state in OVER else _kept(asked, logged)
    known = logged.told is not None and asked.told is not None
    is_newer = known and (asked.told or 0.0) > (logged.told or 0.0)
    return asked if is_newer and asked.state != logged.state else logged


def known_of(
    logged: JobReport | None, asked: JobReport | None, recorded: JobReport | None
) -> JobReport | None:
    """What counts of these two, and of the end that the record of the job tells of.

    A job that is sent away and fails as it saves writes that end down, and is started again: what
    is told of it since then counts more. One that ended well and is said to run is about to leave
    its node: its next start, if there is one, writes that down itself.
    """
    told = agreed(logged, asked)
    if recorded is None or told is None:
        return told
    is_leaving = told.state == "running" and recorded.exit_code == 0
    goes_on = recorded.state == "ended" and told.state not in OVER and not is_leaving
    is_newer = (told.told or 0.0) > (recorded.told or 0.0)
    return told if goes_on and is_newer else agreed(logged, recorded)
