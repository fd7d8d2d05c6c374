"""Message passing between the objects of an event."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from engine.architectures.simple.by_size import by_size
from engine.architectures.simple.edges import AngularEdges, Edges, fully_connected, k_nearest
from engine.architectures.simple.gnn import GNN
from engine.errors import ConfigError


class GNNEncoder(nn.Module):
    """A graph neural network from the features of all objects to a latent vector for each.

    Each object receives from all others of its event, or from the k nearest in (eta, phi). An edge
    has the features Delta eta, Delta phi and Delta R. Padding neither sends nor counts, and
    its latent vector is 0.

    Parameters
    ----------
    input_dim
        Size of a token as the autoencoder hands it over: features and embedded type.
    latent_dim
        Size D of the latent vector.
    k
        From how many of the nearest objects each receives; None for all.
    hidden_dims, dropout, backend
        As in `GNN`.

    Raises
    ------
    ConfigError
        As `GNN`.
    """

    def __init__(
        self,
        input_dim: int,
        latent_dim: int,
        k: int | None = None,
        hidden_dims: Sequence[int] = (64, 64),
        dropout: float = 0.0,
        backend: str = "dense",
    ) -> None:
        super().__init__()
        self.k = k
        self.edge_features = AngularEdges()
        edge_dim = AngularEdges.n_features
        self.gnn = GNN(input_dim, latent_dim, hidden_dims, dropout, edge_dim, backend)

    def set_features(self, names: Sequence[str]) -> None:
        """Take the names of a token's features, in their order; else they are E, pT, eta, phi.

        Raises
        ------
        ConfigError
            If eta or phi is not among them.
        """
        for name in ("eta", "phi"):
            if name not in names:
                raise ConfigError(f"phase1.encoder needs {name}, which data.features does not name")
        self.edge_features.columns = [names.index("eta"), names.index("phi")]

    def set_feature_spread(self, std: Tensor) -> None:
        """Take the standard deviations [F] of the features before they were normalised."""
        self.edge_features.set_spread(std)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Tokens [B, T, input_dim] and mask [B, T] to a latent vector per token [B, T, D]."""
        return by_size(self._encode, x, mask, self.gnn.group)

    def _encode(self, x: Tensor, mask: Tensor) -> Tensor:
        exists, features = fully_connected(mask), self.edge_features(x)
        if self.k is not None:
            exists = k_nearest(exists, features[..., -1], self.k)
        return self.gnn(x, Edges(exists, features))
