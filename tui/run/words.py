"""What is said where there are no curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.facts.text import plain
from engine.facts.words import count, first_line, in_words
from engine.launch.job import HTCONDOR
from engine.library.summary import RunSummary
from tui.job_menu import as_words

if TYPE_CHECKING:
    from tui.queue_feed import Standing

MOST_SETTINGS = 12
"""Settings of a run that waits, of which it is told."""


def no_directory(path: str) -> str:
    """That the directory of a run is gone."""
    return f"The run directory is not there any more:\n{plain(path)}"


def why_no_curves(
    run: RunSummary | None,
    whole: bool,
    problem: str,
    now: float,
    standing: Standing | None = None,
) -> str:
    """Why there is nothing to draw, and what will come.

    Parameters
    ----------
    whole
        Whether all that is written has been read.
    problem
        Why it cannot be read.
    now
        Unix seconds.
    standing
        How its job stands on HTCondor.
    """
    problem = problem or (run.problem if run else None) or ""
    if problem:
        return f"The curves cannot be read:\n{plain(problem)}"
    if run is None or not whole:
        return "reading …"
    if run.state in ("queued", "held"):
        return "\n".join(_waits(run, now, standing))
    if run.state == "running":
        return "No curves yet: the first values come with the end of the first epoch."
    return "This run has no curves: it ended before its first epoch did."


def _waits(run: RunSummary, now: float, standing: Standing | None) -> list[str]:
    """That a run waits, why, what it asks for, what was set for it, and what can be done."""
    waiting = standing.waiting_s(now) if standing else None
    waiting = now - run.started if waiting is None and run.started else waiting
    since = f" for {in_words(max(0.0, waiting))}" if waiting is not None else ""
    reason = first_line(standing.job.reason) if standing and standing.job.reason else ""
    reason = reason or plain(run.sentence).removeprefix(f"{run.state}").strip(" :")
    lines = [
        f"No events yet: {run.state}{since}{f': {reason}' if reason else ''}.",
        "The curves appear here by themselves.",
    ]
    if run.launcher == HTCONDOR:
        release = " U releases it," if run.state == "held" else ""
        lines.append(
            f"Q, then: W asks HTCondor why,{release} E changes what it asks for, D removes it."
        )
    wanted = as_words({key[9:]: one for key, one in run.asked.items() if key[:9] == "launcher."})
    lines += ["", f"asks for  {plain('  '.join(wanted))}"] if wanted else []
    words = list(run.overrides)
    more = len(words) - MOST_SETTINGS
    lines += ["", *(plain(f"  {word}") for word in words[:MOST_SETTINGS])] if words else []
    return lines + ([f"  and {count(more, 'setting')} more: 3 shows them"] if more > 0 else [])
