"""Which of the numbers of runs there is a best value of."""

from __future__ import annotations

_NEITHER = frozenset({"lr", "epoch_time", "throughput", "max_memory_mib", "best_epoch"})
_BEGINNINGS = ("baseline_", "train_", "lr_", "throughput_")
_OF_GAMES = frozenset(
    {
        *("discriminator_loss", "discriminator_accuracy", "adversarial_loss"),
        *("critic_loss", "critic_accuracy", "prior_loss"),
    }
)
"""How a game of `loop=gan_ae` stands: what is better for one side is worse for the other."""


def has_best(name: str) -> bool:
    """Whether one value of a loss, metric or result is better than another.

    None is of a setting (`lr`), a speed, a baseline, how a game stands, or what is measured on the
    training split: `train_loss` alone is compared, to see how far a run is from its validation
    loss.
    """
    if name == "train_loss":
        return True
    return name.removeprefix("test_") not in _NEITHER | _OF_GAMES and not name.startswith(
        _BEGINNINGS
    )
