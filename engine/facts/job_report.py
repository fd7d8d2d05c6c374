"""What a launcher says about the job of a run, and whose word counts where two differ."""

from __future__ import annotations

from dataclasses import dataclass

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
    """Why it waits, is held, was removed or has ended, in the scheduler's words."""
    host: str | None = None
    """Where it runs."""
    exit_code: int | None = None
    signal: int | None = None
    """The signal that ended it."""
    told: float | None = None
    """Unix seconds at which a scheduler said so; None for a log."""


def agreed(
    logged: JobReport | None, log_changed: float | None, asked: JobReport | None
) -> JobReport | None:
    """What counts of the log of a job and of what its scheduler said; a pure function.

    The end counts, whoever tells of it: a log can be silent, on a full disk for example, and a
    scheduler forgets at once. Else it is what was told last.

    Parameters
    ----------
    log_changed
        Unix seconds of the last change of the log.
    """
    if logged is None or asked is None:
        return logged or asked
    if logged.state in OVER:
        return logged
    if asked.state in OVER:
        return asked
    is_older = log_changed is not None and asked.told is not None and asked.told > log_changed
    if not is_older or logged.state == asked.state:
        return logged
    return asked
