"""What is told of a run in the end: its state, a sentence, and the likely cause of a loss."""

from __future__ import annotations

from dataclasses import dataclass

OUT_OF_MEMORY = "out of memory"
KILLED = "killed"
RESTARTED = "machine restarted"
NODE_GONE = "node gone"
CUT_OFF = "node cut off"


@dataclass(frozen=True)
class RunState:
    """What a run is doing, or what became of it."""

    state: str
    """One of `engine.facts.state.STATES`."""
    sentence: str
    """Why, in words, with the cause if there is one; without control characters."""
    cause: str | None = None
    """The likely cause of a run that is lost: `out of memory`, `killed`, `machine restarted` or
    `node gone`; `node cut off` of one that runs, as far as its scheduler knows."""
