"""What the facts of a run say last, and how often they say something."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.facts.copies import is_younger
from engine.facts.words import count

UNKNOWN_RHYTHM_S = 600.0
"""How long a training may say nothing while it is not known how often it does."""

_LONGEST_GAP_S = 86400.0


@dataclass(frozen=True)
class LastSeen:
    """What the facts say last."""

    moment: str | None = None
    """The moment of the last event; None if there is none."""
    stopped: bool = False
    starts_again: bool = False
    """Whether it was stopped because its time was over, and waits for its next start."""
    error: str | None = None
    usual_gap_s: float | None = None
    """Median time between two events, in seconds."""
    memory_mib: float | None = None
    """Largest memory of the process, in MiB; None for that of a GPU."""
    epochs_done: int | None = None
    epochs: int | None = None
    at: float | None = None
    """Unix seconds of the last event, by the clock of the machine that trains; None where the run
    keeps no record of its attempts, so that nothing tells how far that may be off."""
    written: float | None = None
    """Modification time of the events, from before they were read."""

    @property
    def is_younger(self) -> bool:
        """Whether the file of the events was written long after the last of them."""
        return is_younger(self.written, self.at)

    @property
    def after_epochs(self) -> str:
        """After how many epochs it was stopped; nothing for none."""
        epochs = count(self.epochs_done, "epoch")
        if epochs and self.epochs:
            epochs = f"{self.epochs_done} of {count(self.epochs, 'epoch')}"
        return f" after {epochs}" if epochs else ""

    @property
    def rhythm_s(self) -> float | None:
        """The usual time between two events, if that makes sense."""
        gap = self.usual_gap_s
        if gap is None or not math.isfinite(gap) or gap <= 0:
            return None
        return min(gap, _LONGEST_GAP_S)

    @property
    def quiet_s(self) -> float:
        """After how long without an event a training is unusually quiet."""
        usual = self.rhythm_s
        return 3 * usual + 30 if usual else UNKNOWN_RHYTHM_S
