"""What a loop minimises, and the means of it over many batches."""

from __future__ import annotations

import difflib
import math
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from engine.errors import ConfigError, TrainingError
from engine.evaluation.outcome import Outcome
from engine.training_loops.optimisation import Optimisation


class Term(NamedTuple):
    """A number about a batch and what it counts in a mean over batches."""

    value: Tensor
    """Scalar, the mean over `weight` things; or a vector of counts."""
    weight: Tensor | float | None
    """How many things (objects, events) `value` is the mean of; None: counts, to be added up."""


Terms = dict[str, Term]


class NonFiniteLoss(TrainingError):
    """A loss is NaN or infinite; no step is taken with one of a batch."""


class Objective:
    """Computes the terms of a loss for a batch, and takes a step that lowers it.

    A loop makes a subclass that defines `terms`; one with several optimisers redefines
    `train_batch`, `state_dict` and `load_state_dict` too, and one with a second network `parts`.
    `outcome` says what of an event is its anomaly score.

    Attributes
    ----------
    model
        What is trained, and stored in `best_val.pt`.
    loss_weights
        Name of a term to what it counts in the loss; terms not named here are only reported.
    may_lack
        Terms that not every model has: their weights are left out where there is no such term. Any
        other weight without a term is refused.
    where_terms_are_made
        What whoever gave such a weight is told.
    """

    model: nn.Module
    loss_weights: dict[str, float]
    may_lack: frozenset[str] = frozenset()
    where_terms_are_made = "A term is made in terms()."
    optimisation: Optimisation

    def terms(self, batch: Any) -> Terms:
        """The terms of one batch, attached to the graph."""
        raise NotImplementedError

    def train_batch(self, batch: Any) -> tuple[float, Terms]:
        """Gradients of one batch, and a step when it is time for one; gives loss and terms.

        Raises
        ------
        NonFiniteLoss
            If the loss is not finite; the optimiser has then not stepped.
        ConfigError
            If a weight has no term.
        """
        terms = self.terms(batch)
        weighted = [weight * terms[name].value for name, weight in self._weights(terms)]
        total = torch.stack(weighted).sum()
        loss = total.item()
        require_finite(loss, terms)
        self.optimisation.backward(total)
        return loss, terms

    def end_epoch(self) -> None:
        """Step with gradients that are still waiting for more batches."""
        self.optimisation.step()

    def loss_of(self, means: dict[str, float]) -> float:
        """The loss from the means of its terms over an epoch."""
        return self.weighted_sum(means)

    def weighted_sum(self, values: dict[str, Any], without: frozenset[str] = frozenset()) -> Any:
        """The sum of numbers or tensors, each with the weight of the loss term of its name.

        Raises
        ------
        ConfigError
            If a weight has no value; those of `may_lack` and `without` need none.
        """
        return sum(weight * values[name] for name, weight in self._weights(values, without))

    def metrics(self, counts: dict[str, Tensor]) -> dict[str, float]:
        """Numbers made of counts that were added up over a split; none by default."""
        return {}

    def outcome(self, batch: Any) -> Outcome:
        """Scores and reconstructions of the events of a batch, to be evaluated; none by default."""
        return Outcome()

    def parts(self) -> dict[str, nn.Module]:
        """The parts that parameters are counted of, by name: those that the model is made of."""
        return dict(self.model.named_children())

    def evaluated(self) -> AbstractContextManager[None]:
        """The model has the weights that are evaluated and kept, for as long as the block runs.

        They are those that are trained, or their average: see `Optimisation`.
        """
        return self.optimisation.averaged()

    def state_dict(self) -> dict[str, Any]:
        """Model, optimiser and schedule, for a checkpoint."""
        return {"model": self.model.state_dict()} | self.optimisation.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.model.load_state_dict(state["model"])
        self.optimisation.load_state_dict(state)

    def _weights(
        self, named: dict[str, Any], without: frozenset[str] = frozenset()
    ) -> list[tuple[str, float]]:
        missing = sorted(self.loss_weights.keys() - named.keys() - self.may_lack - without)
        if missing:
            close = difflib.get_close_matches(missing[0], named, n=1)
            meant = f" (did you mean {close[0]}?)" if close else ""
            raise ConfigError(
                f"the loss weight {missing[0]} has no term{meant}; there are "
                f"{', '.join(sorted(named))}",
                self.where_terms_are_made,
            )
        return [(name, weight) for name, weight in self.loss_weights.items() if name in named]


class Means:
    """Means of terms over batches, kept on the device until they are asked for."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._weights: dict[str, Tensor | float] = {}
        self.counts: dict[str, Tensor] = {}

    def add(self, terms: Terms) -> None:
        """Take in the terms of one more batch."""
        for name, (value, weight) in terms.items():
            value = value.detach()
            if weight is None:
                self.counts[name] = self.counts[name] + value if name in self.counts else value
            elif name in self._sums:
                self._sums[name] = self._sums[name] + value.double() * weight
                self._weights[name] = self._weights[name] + weight
            else:
                self._sums[name] = value.double() * weight
                self._weights[name] = weight

    def state_dict(self) -> dict[str, Any]:
        """The sums so far, for a checkpoint."""
        return {"sums": self._sums, "weights": self._weights, "counts": self.counts}

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        """Go on from what `state_dict` gave, on `device`."""
        self._sums = {name: value.to(device) for name, value in state["sums"].items()}
        self.counts = {name: value.to(device) for name, value in state["counts"].items()}
        self._weights = {
            name: weight.to(device) if isinstance(weight, Tensor) else weight
            for name, weight in state["weights"].items()
        }

    def means(self) -> dict[str, float]:
        """The mean of each term, weighted by how many things each batch had."""
        return {name: float(self._sums[name] / self._weights[name]) for name in self._sums}


def require_finite(loss: float, terms: Terms) -> None:
    """Raise a `NonFiniteLoss` that names the terms which are NaN or infinite, if the loss is."""
    if math.isfinite(loss):
        return
    bad = [
        name
        for name, term in terms.items()
        if term.weight is not None and not math.isfinite(term.value.item())
    ]
    raise NonFiniteLoss(f"the loss is {loss}" + (f" ({', '.join(bad)})" if bad else ""))
