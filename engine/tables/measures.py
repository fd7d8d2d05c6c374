"""Which of the numbers of runs there is a best value of."""

from __future__ import annotations

_NEITHER = frozenset({"lr", "epoch_time", "throughput", "max_memory_mib", "best_epoch"})
_BEGINNINGS = ("baseline_", "train_", "lr_", "throughput_")


def has_best(name: str) -> bool:
    """Whether one value of a loss, metric or result is better than another.

    None is of a setting (`lr`), a speed, a baseline, or what is measured on the training split:
    `train_loss` alone is compared, to see how far a run is from its validation loss.
    """
    return name == "train_loss" or not (name in _NEITHER or name.startswith(_BEGINNINGS))
