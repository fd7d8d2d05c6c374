"""A graph neural network on the tokens of an event.

A layer is an edge convolution (Wang et al., arXiv:1801.07829) with mean aggregation. Token i
becomes

    skip(x_i) + mean over its edges of last(GELU(first([x_i, x_j, e_ij])))

where `first`, `last` and `skip` are linear. The dense form computes the same in another order:

- `first` of the three beside each other is the sum of a part for each, u_i + v_j + w_ij, and u
  and v take one matrix product per token, not per pair;
- the mean of `last` is `last` of the mean: once per token, too.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from engine.architectures.simple.by_size import GROUP
from engine.architectures.simple.edges import Edges
from engine.errors import ConfigError

BACKENDS = ("dense", "pyg")


class EdgeConvolution(nn.Module):
    """One layer of message passing, in its dense form.

    Parameters
    ----------
    input_dim, output_dim
        Sizes of a token before and after.
    edge_dim
        Features E of an edge; 0 where it has none.
    """

    def __init__(self, input_dim: int, output_dim: int, edge_dim: int = 0) -> None:
        super().__init__()
        self.parts = (input_dim, input_dim, edge_dim)
        self.first = nn.Linear(sum(self.parts), output_dim)
        # Without a bias, a token that receives nothing gets the mean 0 in either order.
        self.last = nn.Linear(output_dim, output_dim, bias=False)
        self.skip = nn.Linear(input_dim, output_dim)

    def forward(self, x: Tensor, edges: Edges) -> Tensor:
        """Tokens [B, T, input_dim] to [B, T, output_dim]."""
        receiver, sender, between = self.first.weight.split(self.parts, dim=1)
        u = functional.linear(x, receiver, self.first.bias).unsqueeze(2)
        v = functional.linear(x, sender).unsqueeze(1)
        if edges.features is None:
            hidden = u + v
        else:  # added in place: these are the only tensors with a row for each pair
            hidden = functional.linear(edges.features, between).add_(u).add_(v)
        share = _share_in_mean(edges.exists.to(x.dtype))
        mean = share.unsqueeze(2) @ functional.gelu(hidden)
        return self.skip(x) + self.last(mean.squeeze(2))


def _share_in_mean(exists: Tensor) -> Tensor:
    """What each edge counts in the mean of its receiver [B, T, T]; 0 where there is none."""
    return exists / exists.sum(dim=2, keepdim=True).clamp(min=1)


class GNN(nn.Module):
    """Edge convolutions, each with GELU after it, and a linear layer on every token.

    Parameters
    ----------
    input_dim, output_dim
        Sizes of a token before and after.
    hidden_dims
        Size of a token after each edge convolution; none makes it linear, without messages.
    dropout
        Fraction of a token's hidden activations dropped while training.
    edge_dim
        Features E of an edge; 0 where it has none.
    backend
        `dense` computes all pairs of an event's tokens, `pyg` lets torch_geometric compute the
        edges that exist. Both have the same parameters and give the same numbers.

    Raises
    ------
    ConfigError
        If there is no such backend, or torch_geometric cannot be imported.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        hidden_dims: Sequence[int] = (64, 64),
        dropout: float = 0.0,
        edge_dim: int = 0,
        backend: str = "dense",
    ) -> None:
        super().__init__()
        if backend not in BACKENDS:
            raise ConfigError(f"backend={backend}: must be {' or '.join(BACKENDS)}")
        # The sparse form computes nothing for padding, so its events can be of any size.
        self.group = GROUP if backend == "dense" else None
        layer = EdgeConvolution if backend == "dense" else _sparse_layer()
        sizes = [input_dim, *hidden_dims]
        self.layers = nn.ModuleList(layer(*pair, edge_dim) for pair in itertools.pairwise(sizes))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(sizes[-1], output_dim)

    def forward(self, x: Tensor, edges: Edges) -> Tensor:
        """Tokens [B, T, input_dim] to [B, T, output_dim]."""
        for layer in self.layers:
            x = self.dropout(functional.gelu(layer(x, edges)))
        return self.head(x)


def _sparse_layer() -> type[EdgeConvolution]:
    """The layer that uses torch_geometric, whose import takes seconds that others should not wait.

    Raises a `ConfigError` if it cannot be imported.
    """
    try:
        from engine.architectures.simple.gnn_pyg import SparseEdgeConvolution
    except ImportError as error:
        raise ConfigError(
            f"backend=pyg: torch_geometric cannot be imported: {error}",
            "Install torch-geometric, or choose backend=dense.",
        ) from error
    return SparseEdgeConvolution
