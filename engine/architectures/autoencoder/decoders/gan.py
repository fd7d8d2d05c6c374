"""A generator: the same network on every latent vector and noise beside it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from engine.architectures.autoencoder.decoders.mlp import GlobalsHead
from engine.architectures.autoencoder.outputs import Reconstruction
from engine.architectures.simple.mlp import MLP


class GANDecoder(nn.Module):
    """A multilayer perceptron from a latent vector and noise to a token's features and type.

    The generator of a conditional adversarial network (Mirza and Osindero, arXiv:1411.1784). The
    noise is drawn while it trains; in an evaluation it is 0, its mean, so that a reconstruction
    is a function of the latent vectors.

    Parameters
    ----------
    latent_dim, n_features, n_types, n_globals, hidden_dims, dropout, globals_head
        As in `MLPDecoder`; the globals head gets no noise.
    noise_dim
        Normally distributed numbers beside each latent vector.
    """

    def __init__(
        self,
        latent_dim: int,
        n_features: int,
        n_types: int,
        n_globals: int,
        noise_dim: int = 4,
        hidden_dims: Sequence[int] = (128, 128),
        dropout: float = 0.0,
        globals_head: bool = False,
    ) -> None:
        super().__init__()
        self.n_features = n_features
        self.noise_dim = noise_dim
        self.mlp = MLP(latent_dim + noise_dim, n_features + n_types, hidden_dims, dropout)
        self.globals_head = (
            GlobalsHead(latent_dim, n_globals, hidden_dims, dropout) if globals_head else None
        )

    def forward(self, z: Tensor, mask: Tensor) -> Reconstruction:
        """Latent vectors [B, T, D] and mask [B, T] to a `Reconstruction`."""
        outputs = self.mlp(torch.cat([z, self._noise(z)], dim=-1))
        return Reconstruction(
            tokens_cont=outputs[..., : self.n_features],
            id_logits=outputs[..., self.n_features :],
            globals=None if self.globals_head is None else self.globals_head(z, mask),
        )

    def _noise(self, z: Tensor) -> Tensor:
        """[B, T, noise_dim]."""
        shape = (*z.shape[:-1], self.noise_dim)
        return torch.randn(shape, device=z.device) if self.training else z.new_zeros(shape)
