"""The same network on every latent vector, and a head for the whole event."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from engine.architectures.autoencoder.outputs import Reconstruction
from engine.architectures.simple.mlp import MLP


class MLPDecoder(nn.Module):
    """A multilayer perceptron from a latent vector to the features and the type of its token.

    Parameters
    ----------
    latent_dim
        Size D of the latent vectors.
    n_features, n_types, n_globals
        Features of a token, object types (padding included), event-wide numbers.
    hidden_dims, dropout
        As in `MLP`.
    globals_head
        Whether to predict the event-wide numbers too, from the mean over an event's tokens of
        a second network (Deep Sets, Zaheer et al., arXiv:1703.06114).
    """

    def __init__(
        self,
        latent_dim: int,
        n_features: int,
        n_types: int,
        n_globals: int,
        hidden_dims: Sequence[int] = (128, 128),
        dropout: float = 0.0,
        globals_head: bool = False,
    ) -> None:
        super().__init__()
        self.n_features = n_features
        self.mlp = MLP(latent_dim, n_features + n_types, hidden_dims, dropout)
        self.globals_head = (
            GlobalsHead(latent_dim, n_globals, hidden_dims, dropout) if globals_head else None
        )

    def forward(self, z: Tensor, mask: Tensor) -> Reconstruction:
        """Latent vectors [B, T, D] and mask [B, T] to a `Reconstruction`."""
        outputs = self.mlp(z)
        return Reconstruction(
            tokens_cont=outputs[..., : self.n_features],
            id_logits=outputs[..., self.n_features :],
            globals=None if self.globals_head is None else self.globals_head(z, mask),
        )


class GlobalsHead(nn.Module):
    """Event-wide numbers [B, G] from an event's latent vectors, in whatever order."""

    def __init__(
        self, latent_dim: int, n_globals: int, hidden_dims: Sequence[int], dropout: float
    ) -> None:
        super().__init__()
        width = hidden_dims[-1] if hidden_dims else latent_dim
        self.per_token = MLP(latent_dim, width, hidden_dims[:-1], dropout)
        self.per_event = MLP(width, n_globals, hidden_dims[-1:], dropout)

    def forward(self, z: Tensor, mask: Tensor) -> Tensor:
        """[B, T, D] and mask [B, T] to [B, G]; padding does not count."""
        per_token = self.per_token(z).masked_fill(~mask.unsqueeze(-1), 0.0)
        n_objects = mask.sum(dim=1, keepdim=True).clamp(min=1)
        return self.per_event(per_token.sum(dim=1) / n_objects)
