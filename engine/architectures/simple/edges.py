"""Between which tokens of an event messages pass, and what is told of each such pair."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

_ALMOST_ZERO = 1e-12
"""Keeps the gradient of a root finite at 0."""


class Edges(NamedTuple):
    """Pairs of tokens: the first of a pair, i, receives; the second, j, sends."""

    exists: Tensor
    """[B, T, T] bool, True where i receives from j."""
    features: Tensor | None = None
    """[B, T, T, E] numbers that describe each pair; None where there are none."""


def fully_connected(mask: Tensor) -> Tensor:
    """[B, T, T] bool from a mask [B, T]: each object receives from all others of its event."""
    is_itself = torch.eye(mask.shape[1], dtype=torch.bool, device=mask.device)
    return mask.unsqueeze(2) & mask.unsqueeze(1) & ~is_itself


def k_nearest(exists: Tensor, distance: Tensor, k: int) -> Tensor:
    """The k edges to each token, out of those that exist [B, T, T], of least distance [B, T, T].

    A token with fewer keeps all.
    """
    least = distance.masked_fill(~exists, math.inf).topk(
        min(k, exists.shape[2]), dim=2, largest=False
    )
    return torch.zeros_like(exists).scatter_(2, least.indices, True) & exists


class AngularEdges(nn.Module):
    """How far two tokens lie apart in pseudorapidity and azimuth.

    Tokens come normalised, so their standard deviations have to be known to have radians again;
    the means are not needed for differences. A buffer holds them, so that checkpoints do. Until
    `set_spread` tells better, eta counts in its own standard deviation, and phi as an angle
    without a preferred direction.
    `columns` is where eta and phi stand among the features of a token.
    """

    n_features = 3
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.columns = [2, 3]
        self.register_buffer("spread", torch.tensor([1.0, math.pi / math.sqrt(3)]))

    def set_spread(self, std: Tensor) -> None:
        """Take the standard deviations [F] of all features before they were normalised."""
        self.spread.copy_(std[self.columns])

    def forward(self, x: Tensor) -> Tensor:
        """Tokens [B, T, ...] to edge features [B, T, T, 3]: of j seen from i.

        Delta eta, Delta phi (radians, in [-pi, pi)) and Delta R, the root of their squares' sum.
        """
        angles = x[..., self.columns] * self.spread
        eta, phi = (angles.unsqueeze(1) - angles.unsqueeze(2)).unbind(-1)
        phi = torch.remainder(phi + math.pi, 2 * math.pi) - math.pi
        distance = (eta.square() + phi.square() + _ALMOST_ZERO).sqrt()
        return torch.stack([eta, phi, distance], dim=-1)
