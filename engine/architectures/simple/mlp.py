"""The multilayer perceptron that everything here is built from."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor, nn


class MLP(nn.Module):
    """Linear layers with GELU (Hendrycks and Gimpel, arXiv:1606.08415) between them.

    Parameters
    ----------
    input_dim, output_dim
        Sizes of the last dimension of input and output.
    hidden_dims
        Sizes of the layers between; none makes it linear.
    dropout
        Fraction of activations dropped while training.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        hidden_dims: Sequence[int] = (128, 128),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        sizes = [input_dim, *hidden_dims]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(sizes):
            layers += [nn.Linear(before, after), nn.GELU()]
            if dropout:
                layers.append(nn.Dropout(dropout))
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], output_dim))

    def forward(self, inputs: Tensor) -> Tensor:
        """[..., input_dim] to [..., output_dim]."""
        return self.layers(inputs)
