"""The games of `loop=gan_ae`: what an adversary has to tell apart, and how it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from torch import Tensor, nn

from engine.architectures.autoencoder.losses.adversarial import accuracy, discriminator_loss
from engine.training_loops.objective import Term, Terms


class Game(NamedTuple):
    """What one adversary has to tell apart in a batch, which the autoencoder makes alike."""

    adversary: str
    """Its name among the parts of the model: `discriminator` or `critic`."""
    judge: Callable[[Tensor], Tensor]
    """Gives logits [N], above 0 for what is real, of `real` or `made`."""
    real: Tensor
    made: Tensor
    """[N, ...] each: events, or latent vectors."""


LOSSES = {"discriminator": "adversarial_loss", "critic": "prior_loss"}
"""Adversary to the name of what the autoencoder loses against it."""


def standing(game: Game, real: Tensor, made: Tensor) -> Terms:
    """How well an adversary tells real [N] from made [N] by its logits."""
    name, weight = game.adversary, len(game.real)
    return {
        f"{name}_loss": Term(discriminator_loss(real, made), weight),
        f"{name}_accuracy": Term(accuracy(real, made), weight),
    }


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Gradients pass through the network, but reach none of its parameters."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
