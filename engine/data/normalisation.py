"""Features to numbers around zero, and back to physical units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.errors import FactsError

NORMALISERS = ("token_normaliser", "global_normaliser")
"""What the normalisers of the objects and of the event-wide numbers are called in `meta`."""

_ALIKE = 1e-3
"""How far means may differ in standard deviations, and these as a share of themselves."""


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

    @classmethod
    def from_dict(cls, told: Mapping[str, Any], n_features: int) -> Normaliser:
        """What `as_dict` gave, of so many features.

        Raises
        ------
        FactsError
            If it is something else.
        """
        try:
            mean, std = (torch.tensor([float(x) for x in told[name]]) for name in ("mean", "std"))
            log = torch.tensor([bool(x) for x in told["log"]])
        except (KeyError, TypeError, ValueError) as error:
            raise FactsError(f"a normaliser in the facts cannot be read: {error!r}") from error
        made = cls(mean, std, log)
        fits = all(part.shape == (n_features,) for part in (mean, std, log))
        if not (fits and mean.isfinite().all() and std.isfinite().all() and (std > 0).all()):
            raise FactsError(f"a normaliser in the facts is none of {n_features} features")
        return made

    def is_like(self, other: Normaliser) -> bool:
        """Whether both were fitted to the same values, as far as their statistics tell."""
        if self.mean.shape != other.mean.shape or not torch.equal(self.log, other.log):
            return False
        far = ((self.mean - other.mean) / self.std).abs(), (self.std / other.std - 1).abs()
        return all(bool((part < _ALIKE).all()) for part in far)

    def as_dict(self) -> dict[str, Any]:
        """Plain lists, for the facts of a run."""
        return {"mean": self.mean.tolist(), "std": self.std.tolist(), "log": self.log.tolist()}


def recorded(meta: Mapping[str, Any]) -> dict[str, Any]:
    """The normalisers among what `make_dataloaders` says, for the facts of a run."""
    return {name: meta[name].as_dict() for name in NORMALISERS if name in meta}


def trained_on(cfg: Any) -> Mapping[str, Any]:
    """What `engine evaluate` tells of the data of a model: normalisers, and classes of a score."""
    return cfg.trained_on if "trained_on" in cfg else {}


def _log1p_where(values: Tensor, log: Tensor) -> Tensor:
    return torch.where(log, values.sign() * torch.log1p(values.abs()), values)
