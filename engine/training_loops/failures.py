"""What went wrong in a training, with the place where it happened and what to do."""

from __future__ import annotations

from typing import Any

import torch

from engine.errors import TrainingError
from engine.training_loops.device import is_out_of_memory, out_of_memory
from engine.training_loops.objective import NonFiniteLoss


class Superseded(TrainingError):
    """A newer start of the same run has taken it over; this one must write nothing more."""


def explained(error: Exception, where: str, cfg: Any, device: torch.device) -> Exception:
    """`error` with the place `where` it happened and what to do; others as they are."""
    told: Exception = error
    if isinstance(error, NonFiniteLoss):
        told = TrainingError(
            f"{error.message}{where}; nothing was saved of it",
            f"Start a new run with a lower phase1.trainer.lr (now {cfg.phase1.trainer.lr:g}), "
            "or with phase1.trainer.clip_grad_norm=1.0.",
        )
    elif is_out_of_memory(error):
        told = out_of_memory(cfg, device, where)
    if told is not error:
        told.__cause__ = error
    return told
