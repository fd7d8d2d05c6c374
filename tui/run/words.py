"""What is said where there are no curves."""

from __future__ import annotations

from engine.facts.text import plain
from engine.facts.words import in_words
from engine.library.summary import RunSummary


def why_no_curves(run: RunSummary | None, whole: bool, problem: str, now: float) -> str:
    """Why there is nothing to draw, and what will come.

    Parameters
    ----------
    whole
        Whether all that is written has been read.
    problem
        Why it cannot be read.
    now
        Unix seconds.
    """
    problem = problem or (run.problem if run else None) or ""
    if problem:
        return f"The curves cannot be read:\n{plain(problem)}"
    if run is None or not whole:
        return "reading …"
    if run.state in ("queued", "held"):
        since = f" for {in_words(now - run.started)}" if run.started else ""
        return f"No events yet: {run.state}{since}.\nThe curves appear here by themselves."
    if run.state == "running":
        return "No curves yet: the first values come with the end of the first epoch."
    return "This run has no curves: it ended before its first epoch did."
