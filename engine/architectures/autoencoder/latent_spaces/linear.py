"""A learned linear projection: a narrower latent space than the encoder's own."""

from __future__ import annotations

from torch import Tensor, nn

from engine.architectures.autoencoder.outputs import LatentOutput


class LinearLatentSpace(nn.Module):
    """Projects every latent vector to `dim` numbers.

    Parameters
    ----------
    latent_dim
        Size D of the encoder's latent vectors.
    dim
        Size D' of the projected ones.
    """

    def __init__(self, latent_dim: int, dim: int = 8) -> None:
        super().__init__()
        self.projection = nn.Linear(latent_dim, dim)
        self.output_dim = dim

    def forward(self, z: Tensor, mask: Tensor) -> LatentOutput:
        """[B, T, D] to [B, T, D']."""
        return LatentOutput(self.projection(z))
