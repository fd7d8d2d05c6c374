"""What the denoiser of the decoder sees in an object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from engine.architectures.simple.denoiser import Denoiser
from engine.architectures.simple.mlp import MLP
from engine.errors import ConfigError


class DiffusionEncoder(nn.Module):
    """A head on a hidden layer of the decoder's denoiser, and on the type of the object.

    A network that was trained to take out noise has features that are of use elsewhere (Baranchuk
    et al., arXiv:2112.03126). Here one denoiser serves both sides: it encodes an object without a
    latent vector and without drawn noise, at the step of a little noise, and decodes with one. Its
    parameters are the decoder's.

    Parameters
    ----------
    input_dim
        Size of a token as the autoencoder hands it over: features and embedded type.
    latent_dim
        Size D of the latent vector.
    hidden_dims, dropout
        As in `MLP`, of the head.
    noise_level
        The step whose features are taken, as a fraction of all steps.
    """

    head: MLP

    def __init__(
        self,
        input_dim: int,
        latent_dim: int,
        hidden_dims: Sequence[int] = (128,),
        dropout: float = 0.0,
        noise_level: float = 0.1,
    ) -> None:
        super().__init__()
        self.noise_level = noise_level
        self._sizes: Any = (input_dim, latent_dim, hidden_dims, dropout)
        self._shared: tuple[Denoiser, ...] = ()

    def set_decoder(self, decoder: nn.Module) -> None:
        """Take the denoiser of the decoder.

        Raises
        ------
        ConfigError
            If it has none.
        """
        denoiser = getattr(decoder, "denoiser", None)
        if not isinstance(denoiser, Denoiser):
            raise ConfigError(
                "phase1/encoder=diffusion: the decoder has no denoiser to encode with",
                "Use loop=diffusion_ae, or phase1/encoder=mlp.",
            )
        self._shared = (denoiser,)  # in a tuple it is no part of the encoder as well
        input_dim, latent_dim, hidden_dims, dropout = self._sizes
        n_types = input_dim - denoiser.n_features
        self.head = MLP(denoiser.width + n_types, latent_dim, hidden_dims, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, input_dim] to [B, T, D]."""
        (denoiser,) = self._shared
        step = round(self.noise_level * denoiser.n_steps)
        tokens, types = x[..., : denoiser.n_features], x[..., denoiser.n_features :]
        seen = denoiser.features(denoiser.kept[step].sqrt() * tokens, step)
        return self.head(torch.cat([seen, types], dim=-1))
