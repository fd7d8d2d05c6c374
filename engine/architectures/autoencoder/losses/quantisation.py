"""Losses of a quantised latent space."""

from __future__ import annotations

from torch import Tensor

from engine.architectures.autoencoder.losses.reconstruction import token_mse


def commitment_loss(z: Tensor, quantised: Tensor, mask: Tensor) -> Tensor:
    """How far the encoder's vectors lie from their codes; gradients reach the encoder only.

    Parameters
    ----------
    z
        [B, T, D] vectors of the encoder.
    quantised
        [B, T, D] the codes nearest to them.
    mask
        [B, T] True where there is an object.

    Returns
    -------
    Tensor
        Scalar: mean squared distance per dimension over the objects (van den Oord et al.,
        arXiv:1711.00937, third term of equation 3 without its weight).
    """
    return token_mse(z, quantised.detach(), mask)
