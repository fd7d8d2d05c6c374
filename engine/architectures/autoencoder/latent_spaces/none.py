"""No latent space: the decoder gets what the encoder gives."""

from __future__ import annotations

from torch import Tensor, nn

from engine.architectures.autoencoder.outputs import LatentOutput


class IdentityLatentSpace(nn.Module):
    """Hands the latent vectors on as they are."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.output_dim = latent_dim

    def forward(self, z: Tensor, mask: Tensor) -> LatentOutput:
        """[B, T, D] to itself."""
        return LatentOutput(z)
