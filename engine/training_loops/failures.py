"""What went wrong in a training, with the place where it happened and what to do."""

from __future__ import annotations

from typing import Any

import torch

from engine.errors import ConfigError, DataError, TrainingError
from engine.facts.time_limit import MOST_STARTS
from engine.facts.words import in_words
from engine.training_loops.device import is_out_of_memory, out_of_memory
from engine.training_loops.objective import NonFiniteLoss


class Superseded(TrainingError):
    """A newer start of the same run has taken it over; this one must write nothing more."""


class DirectoryGone(TrainingError):
    """The run directory was removed, or moved, while the training ran."""


def is_mistake(error: BaseException | None) -> bool:
    """Whether it is, before the first event, one of who typed the command: no failure of a run."""
    from omegaconf.errors import ConfigAttributeError, ConfigKeyError  # a key that is not there

    return isinstance(error, ConfigError | DataError | ConfigAttributeError | ConfigKeyError)


def require_next_start(limit_s: float, starts: int, saved: bool) -> None:
    """Refuse to be started again where that would lead nowhere.

    Parameters
    ----------
    limit_s
        Seconds that the job may take.
    starts
        How often the job has started the run.
    saved
        Whether this start has saved anything new.

    Raises
    ------
    TrainingError
        With what to do.
    """
    hint = "Give it more time, with launcher.category or launcher.time_limit, and resume it."
    time = f"its time of {in_words(limit_s)}"
    if not saved:
        raise TrainingError(f"{time} was over before it had got any further", hint)
    if starts >= MOST_STARTS:
        raise TrainingError(f"{time} was over at {starts} starts, and that is enough", hint)


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
