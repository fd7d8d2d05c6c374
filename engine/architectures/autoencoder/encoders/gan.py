"""An encoder whose latent vectors are to be distributed as a prior."""

from __future__ import annotations

from collections.abc import Sequence

from engine.architectures.autoencoder.discriminator import LatentCritic
from engine.architectures.autoencoder.encoders.mlp import MLPEncoder


class GANEncoder(MLPEncoder):
    """The encoder of an adversarial autoencoder (Makhzani et al., arXiv:1511.05644).

    It is an `MLPEncoder`, the deterministic one of that paper. What makes it another is how it is
    trained: a critic tells its latent vectors from standard normal ones, the prior, and it learns
    to leave the critic in doubt.

    Parameters
    ----------
    critic_hidden_dims
        Sizes of the layers of that critic.
    input_dim, latent_dim, hidden_dims, dropout
        As in `MLPEncoder`.
    """

    def __init__(
        self,
        input_dim: int,
        latent_dim: int,
        hidden_dims: Sequence[int] = (128, 128),
        dropout: float = 0.0,
        critic_hidden_dims: Sequence[int] = (64, 64),
    ) -> None:
        super().__init__(input_dim, latent_dim, hidden_dims, dropout)
        self._critic_sizes = (latent_dim, critic_hidden_dims)

    def make_critic(self, spectral_norm: bool) -> LatentCritic:
        """A new critic for its latent vectors: no part of the encoder, which works without."""
        return LatentCritic(*self._critic_sizes, spectral_norm)
