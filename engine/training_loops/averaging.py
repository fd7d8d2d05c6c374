"""A moving average of weights, which is often better than the weights at the last step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


class WeightAverage:
    """The exponential moving average of some parameters over the steps of a training.

    Polyak and Juditsky, SIAM J. Control Optim. 30 (1992) 838, with weights that fall: as the
    average of Ho et al., arXiv:2006.11239. The first steps count less long, so that the average is
    never mostly that of the weights before the training. Buffers are none of it.

    Parameters
    ----------
    parameters
        What is averaged.
    decay
        Weight of the past; it reaches this value step by step.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], decay: float) -> None:
        self.parameters = list(parameters)
        self.decay = decay
        self.n_steps = 0
        self._average = [p.detach().clone() for p in self.parameters]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the parameters as they are after one more step."""
        self.n_steps += 1
        decay = min(self.decay, self.n_steps / (self.n_steps + 9))
        torch._foreach_lerp_(self._average, [p.detach() for p in self.parameters], 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The parameters hold the average for as long as the block runs, which may not train."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for index, parameter in enumerate(self.parameters):
            parameter.data, self._average[index] = self._average[index], parameter.data

    def state_dict(self) -> dict[str, Any]:
        """The average, for a checkpoint."""
        return {"n_steps": self.n_steps, "weights": list(self._average)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.n_steps = int(state["n_steps"])
        for ours, saved in zip(self._average, state["weights"], strict=True):
            ours.copy_(saved)
