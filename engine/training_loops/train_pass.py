"""One pass over the training split, as far as it has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from engine.training_loops.objective import Means


@dataclass
class TrainPass:
    """What a pass over the training split has added up, so that it can be gone on with."""

    batch: int = 0
    """Batches done."""
    seconds: float = 0.0
    """Time they took."""
    means: Means = field(default_factory=Means)
    random: dict[str, Any] | None = None
    """The sources of randomness as they were when the pass ended."""

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        means = self.means.state_dict()
        return {"batch": self.batch, "seconds": self.seconds, "means": means}

    @classmethod
    def from_state_dict(cls, state: dict[str, Any], device: torch.device) -> TrainPass:
        """The pass that `state_dict` was taken of."""
        train = cls(state["batch"], state["seconds"])
        train.means.load_state_dict(state["means"], device)
        return train
