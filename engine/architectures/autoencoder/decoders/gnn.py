"""Message passing between the latent vectors of an event, and a head for the whole event."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from engine.architectures.autoencoder.decoders.mlp import GlobalsHead
from engine.architectures.autoencoder.outputs import Reconstruction
from engine.architectures.simple.by_size import by_size
from engine.architectures.simple.edges import Edges, fully_connected, k_nearest
from engine.architectures.simple.gnn import GNN


class GNNDecoder(nn.Module):
    """A graph neural network from all latent vectors to the features and type of each token.

    A decoder does not know where the objects lie: its edges have no features, and the nearest are
    those whose latent vectors are (Wang et al., arXiv:1801.07829).

    Parameters
    ----------
    latent_dim, n_features, n_types, n_globals, globals_head
        As in `MLPDecoder`.
    k
        From how many of the nearest latent vectors each receives; None for all.
    hidden_dims, dropout, backend
        As in `GNN`.

    Raises
    ------
    ConfigError
        As `GNN`.
    """

    def __init__(
        self,
        latent_dim: int,
        n_features: int,
        n_types: int,
        n_globals: int,
        k: int | None = None,
        hidden_dims: Sequence[int] = (64, 64),
        dropout: float = 0.0,
        backend: str = "dense",
        globals_head: bool = False,
    ) -> None:
        super().__init__()
        self.n_features = n_features
        self.k = k
        self.gnn = GNN(latent_dim, n_features + n_types, hidden_dims, dropout, backend=backend)
        self.globals_head = (
            GlobalsHead(latent_dim, n_globals, hidden_dims, dropout) if globals_head else None
        )

    def forward(self, z: Tensor, mask: Tensor) -> Reconstruction:
        """Latent vectors [B, T, D] and mask [B, T] to a `Reconstruction`."""
        outputs = by_size(self._decode, z, mask, self.gnn.group)
        return Reconstruction(
            tokens_cont=outputs[..., : self.n_features],
            id_logits=outputs[..., self.n_features :],
            globals=None if self.globals_head is None else self.globals_head(z, mask),
        )

    def _decode(self, z: Tensor, mask: Tensor) -> Tensor:
        exists = fully_connected(mask)
        if self.k is not None:
            exists = k_nearest(exists, _distances(z.detach()), self.k)
        return self.gnn(z, Edges(exists))


def _distances(z: Tensor) -> Tensor:
    """Euclidean distances [B, T, T]; by a matrix product they would depend on the order."""
    return torch.cdist(z, z, compute_mode="donot_use_mm_for_euclid_dist")
