"""Features to numbers around zero, and back to physical units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Normaliser:
    """(x - mean) / std for each feature, some of them as sign(x) log(1 + |x|) first.

    `inverse` undoes `forward`. Means and standard deviations have shape [F]; `log` [F] bool
    tells which features are taken as logarithms (energies and momenta, never angles).
    """

    mean: Tensor
    std: Tensor
    log: Tensor

    @classmethod
    def fit(cls, values: Tensor, log: Tensor) -> Normaliser:
        """Statistics of `values` [N, F]; a feature that never varies keeps a spread of 1.

        They are computed in float64, so that they do not depend on the order of the events.
        """
        taken = _log1p_where(values.double(), log)
        std = taken.std(dim=0, correction=0)
        std = torch.where(std > 1e-12, std, torch.ones_like(std))
        return cls(taken.mean(dim=0).float(), std.float(), log)

    def forward(self, values: Tensor) -> Tensor:
        """Physical units to normalised, [..., F]."""
        return (_log1p_where(values, self.log) - self.mean) / self.std

    def inverse(self, values: Tensor) -> Tensor:
        """Normalised to physical units, [..., F]."""
        taken = values * self.std + self.mean
        return torch.where(self.log, taken.sign() * torch.expm1(taken.abs()), taken)

    def as_dict(self) -> dict[str, Any]:
        """Plain lists, for the facts of a run."""
        return {"mean": self.mean.tolist(), "std": self.std.tolist(), "log": self.log.tolist()}


def _log1p_where(values: Tensor, log: Tensor) -> Tensor:
    return torch.where(log, values.sign() * torch.log1p(values.abs()), values)
