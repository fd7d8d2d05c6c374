"""The same network on every token, without knowledge of the others."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from engine.architectures.simple.mlp import MLP


class MLPEncoder(nn.Module):
    """A multilayer perceptron from the features of a token to its latent vector.

    Parameters
    ----------
    input_dim
        Size of a token as the autoencoder hands it over: features and embedded type.
    latent_dim
        Size D of the latent vector.
    hidden_dims, dropout
        As in `MLP`.
    """

    def __init__(
        self,
        input_dim: int,
        latent_dim: int,
        hidden_dims: Sequence[int] = (128, 128),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.mlp = MLP(input_dim, latent_dim, hidden_dims, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, input_dim] to [B, T, D]."""
        return self.mlp(x)
