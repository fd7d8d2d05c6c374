"""What the parts of an autoencoder hand to each other."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class LatentOutput(NamedTuple):
    """What a latent space makes of latent vectors."""

    z: Tensor
    """[B, T, D'] latent vectors for the decoder."""
    loss: Tensor | None = None
    """Scalar that pulls the encoder towards the latent space; None where there is none."""
    codes: Tensor | None = None
    """[B, T] the code of each token, [B, T, L] its codes of L levels; None where there are none."""


class Reconstruction(NamedTuple):
    """What a decoder makes of an event."""

    tokens_cont: Tensor
    """[B, T, F] normalised features."""
    id_logits: Tensor
    """[B, T, types] unnormalised log-probabilities of the object types."""
    globals: Tensor | None = None
    """[B, G] normalised event-wide numbers; None without a globals head."""


class AutoencoderOutput(NamedTuple):
    """Everything one pass through an autoencoder gives."""

    reconstruction: Reconstruction
    latent: LatentOutput
