"""The network that tells data from noise, given a latent vector."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.architectures.simple.diffusion import cosine_schedule
from engine.architectures.simple.mlp import MLP
from engine.errors import ConfigError

_TIME_DIM = 32


class Denoiser(nn.Module):
    """A multilayer perceptron on a noised token, its latent vector and the step of the noise.

    It gives the velocity of Salimans and Ho (arXiv:2202.00512), of which data and noise are
    fixed combinations: without it the data would be the small difference of large numbers where
    there is much noise. Its first layer is a sum of one part for the token, one for the latent
    vector and one for the step, so that a sampler computes the second once, and the third once a
    step.

    Parameters
    ----------
    n_features
        Features F of a token.
    latent_dim
        Size D of the latent vectors.
    hidden_dims, dropout
        As in `MLP`; at least one layer.
    n_steps
        Steps T of noise.

    Raises
    ------
    ConfigError
        If there is no hidden layer.
    """

    kept: Tensor
    steps: Tensor

    def __init__(
        self,
        n_features: int,
        latent_dim: int,
        hidden_dims: Sequence[int],
        dropout: float,
        n_steps: int,
    ) -> None:
        super().__init__()
        if not hidden_dims:
            raise ConfigError("a denoiser needs a hidden layer", "Give hidden_dims=[128], say.")
        self.n_features = n_features
        self.n_steps = n_steps
        self.width = hidden_dims[-1]
        self.of_token = nn.Linear(n_features, hidden_dims[0])
        self.of_latent = nn.Linear(latent_dim, hidden_dims[0], bias=False)
        self.of_step = nn.Linear(_TIME_DIM, hidden_dims[0], bias=False)
        self.mlp = MLP(hidden_dims[0], n_features, hidden_dims[1:], dropout)
        # They follow from the number of steps, and so are none of a checkpoint.
        self.register_buffer("kept", cosine_schedule(n_steps), persistent=False)
        self.register_buffer("steps", _embedded_steps(n_steps), persistent=False)

    def forward(self, x: Tensor, step: Tensor | int, condition: Tensor) -> tuple[Tensor, Tensor]:
        """What noised tokens are made of, as predicted.

        Parameters
        ----------
        x
            [B, T, F] noised tokens.
        step
            One for all, or [B].
        condition
            [B, T, H] `of_latent` of the latent vectors.

        Returns
        -------
        tuple
            Data and noise, each [B, T, F].
        """
        velocity = self.mlp(self._first(x, step, condition))
        kept = self.kept[step]
        kept = kept if kept.ndim == 0 else kept.view(-1, 1, 1)
        signal, noise = kept.sqrt(), (1 - kept).sqrt()
        return signal * x - noise * velocity, noise * x + signal * velocity

    def features(self, x: Tensor, step: int) -> Tensor:
        """The last hidden layer [B, T, H], for tokens [B, T, F] without a latent vector."""
        return self.mlp.layers[:-1](self._first(x, step, 0.0))

    def _first(self, x: Tensor, step: Tensor | int, condition: Tensor | float) -> Tensor:
        of_step = self.of_step(self.steps[step])
        of_step = of_step if of_step.ndim == 1 else of_step.unsqueeze(1)
        return functional.gelu(self.of_token(x) + (condition + of_step))


def _embedded_steps(n_steps: int) -> Tensor:
    """Each step 0 to T as sines and cosines [T + 1, E]: Vaswani et al., arXiv:1706.03762."""
    rates = torch.exp(torch.linspace(0, math.log(1000), _TIME_DIM // 2))
    angles = (torch.arange(n_steps + 1) / n_steps).unsqueeze(1) * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)
