"""Losses of two networks of which one makes what the other tells from real."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def discriminator_loss(real: Tensor, made: Tensor) -> Tensor:
    """Cross entropy of telling real from made, in nats.

    Parameters
    ----------
    real, made
        [N] logits of as many real and made things.

    Returns
    -------
    Tensor
        Scalar: mean over both; ln 2 for who cannot tell (Goodfellow et al., arXiv:1406.2661).
    """
    return 0.5 * (mean(functional.softplus(-real)) + mean(functional.softplus(made)))


def generator_loss(made: Tensor) -> Tensor:
    """Cross entropy of taking what is made [N] for real: the form of that paper that saturates not.

    Scalar; ln 2 where the discriminator cannot tell.
    """
    return mean(functional.softplus(-made))


def accuracy(real: Tensor, made: Tensor) -> Tensor:
    """Share of real [N] and made [N] things told rightly; 1/2 for who cannot tell."""
    return 0.5 * (mean((real > 0).float()) + mean((made <= 0).float()))


def r1_penalty(logits: Tensor, real: Tensor) -> Tensor:
    """How steep the logits are at real things: half their squared gradient, summed over an event.

    Training against a discriminator that is flat there converges, also where data lie on a surface
    (Mescheder et al., arXiv:1801.04406, equation 9).

    Parameters
    ----------
    logits
        [N] computed of `real`.
    real
        [N, ...] with `requires_grad`.

    Returns
    -------
    Tensor
        Scalar: mean over N.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
    return 0.5 * gradient.square().sum() / max(1, len(real))


def mean(values: Tensor) -> Tensor:
    """The mean of values [N]; 0 of none."""
    return values.sum() / max(1, values.numel())
