"""The edge convolution as torch_geometric computes it: imported only where it is asked for."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.architectures.simple.edges import Edges
from engine.architectures.simple.gnn import EdgeConvolution

with warnings.catch_warnings():
    # It compiles classes by means that torch deprecates.
    warnings.simplefilter("ignore", DeprecationWarning)
    from torch_geometric.nn import MessagePassing


class SparseEdgeConvolution(EdgeConvolution):
    """An edge convolution that computes one message for each edge, in the order of its definition.

    It has the parameters of the dense form, so that checkpoints fit both.
    """

    def __init__(self, input_dim: int, output_dim: int, edge_dim: int = 0) -> None:
        super().__init__(input_dim, output_dim, edge_dim)
        self.messages = _MeanOfMessages()

    def forward(self, x: Tensor, edges: Edges) -> Tensor:
        """As the dense form: the events of a batch are one graph without edges between them."""
        event, receiver, sender = edges.exists.nonzero(as_tuple=True)
        edge_index = torch.stack([sender, receiver]) + event * x.shape[1]
        features = None if edges.features is None else edges.features[event, receiver, sender]
        tokens = x.flatten(0, 1)
        mean = self.messages(tokens, edge_index, features, self.first, self.last)
        return (self.skip(tokens) + mean).view(*x.shape[:2], -1)


class _MeanOfMessages(MessagePassing):
    """Means of messages; it is handed the layers, and has no parameters of its own."""

    def __init__(self) -> None:
        super().__init__(aggr="mean")

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        features: Tensor | None,
        first: nn.Module,
        last: nn.Module,
    ) -> Tensor:
        """Tokens [N, input_dim] and edges [2, M] with features [M, E] to [N, output_dim]."""
        return self.propagate(edge_index, x=x, features=features, first=first, last=last)

    def message(
        self, x_i: Tensor, x_j: Tensor, features: Tensor | None, first: nn.Module, last: nn.Module
    ) -> Tensor:
        """Receivers and senders [M, input_dim] to messages [M, output_dim]."""
        pair = [x_i, x_j] if features is None else [x_i, x_j, features]
        return last(functional.gelu(first(torch.cat(pair, dim=-1))))
