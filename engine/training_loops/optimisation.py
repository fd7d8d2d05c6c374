"""From gradients to a step: the optimiser, its schedule, clipping and accumulation."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import Optimizer

from engine.training_loops.averaging import WeightAverage


class EagerAdamW(torch.optim.AdamW):
    """`torch.optim.AdamW` without a start-up cost of its own.

    Torch wraps these methods for the sake of torch.compile, and the first call imports all of its
    compiler: as long again as `import torch`. The methods underneath are the same.
    """

    add_param_group = Optimizer.add_param_group.__wrapped__  # type: ignore[attr-defined]
    zero_grad = Optimizer.zero_grad.__wrapped__  # type: ignore[attr-defined]
    state_dict = Optimizer.state_dict.__wrapped__  # type: ignore[attr-defined]
    load_state_dict = Optimizer.load_state_dict.__wrapped__  # type: ignore[attr-defined]
    step = torch.no_grad()(torch.optim.Adam.step.__wrapped__)  # type: ignore[attr-defined]


class Optimisation:
    """One optimiser over some parameters, with everything that `phase1.trainer` says of it.

    Parameters
    ----------
    parameters
        What to optimise.
    trainer
        `cfg.phase1.trainer`.
    batches_per_epoch
        For schedules, which are given in epochs and applied at each step.
    average_decay
        As for `WeightAverage`, of the weights that are evaluated; None evaluates those trained.
    keep_norm
        Whether `grad_norm` tells the norm of the gradient, before it is clipped.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        trainer: Any,
        batches_per_epoch: int,
        average_decay: float | None = None,
        keep_norm: bool = False,
    ) -> None:
        self.parameters = list(parameters)
        self.accumulate = trainer.get("accumulate_batches", 1)
        self.clip = trainer.get("clip_grad_norm")
        self.optimiser = EagerAdamW(
            self.parameters,
            lr=trainer.lr,
            weight_decay=trainer.get("weight_decay", 0.0),
            fused=True,
        )
        steps_per_epoch = -(-batches_per_epoch // self.accumulate)
        factor = _lr_factor(trainer, steps_per_epoch)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, factor)
        self.average = (
            None if average_decay is None else WeightAverage(self.parameters, average_decay)
        )
        self.keep_norm = keep_norm
        self.grad_norm: Tensor | None = None
        """Of the step that the last `backward` took; None if it took none."""
        self._pending = 0

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        return self.optimiser.param_groups[0]["lr"]

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of `loss`; step when enough batches have been added."""
        loss.backward()
        self.grad_norm = None
        self._pending += 1
        if self._pending == self.accumulate:
            self.step()

    def step(self) -> None:
        """Step with the mean of the gradients added so far; nothing if there are none."""
        if self._pending == 0:
            return
        if self._pending > 1:
            torch._foreach_div_(
                [p.grad for p in self.parameters if p.grad is not None], self._pending
            )
        if self.clip is not None:
            self.grad_norm = nn.utils.clip_grad_norm_(self.parameters, self.clip)
        elif self.keep_norm:
            self.grad_norm = nn.utils.get_total_norm(
                [p.grad for p in self.parameters if p.grad is not None]
            )
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.schedule.step()
        if self.average is not None:
            self.average.update()
        self._pending = 0

    def averaged(self) -> AbstractContextManager[None]:
        """The parameters hold their average, if there is one, for as long as the block runs."""
        return contextlib.nullcontext() if self.average is None else self.average.in_place()

    def state_dict(self) -> dict[str, Any]:
        """The optimiser's state, the step of the schedule, average, gradients that wait for more.

        For a checkpoint; `load_state_dict` takes it.
        """
        waiting = [p.grad for p in self.parameters] if self._pending else []
        state = {
            "optimiser": self.optimiser.state_dict(),
            "schedule": {"last_epoch": self.schedule.last_epoch},
            "pending": {"batches": self._pending, "gradients": waiting},
        }
        return state if self.average is None else state | {"average": self.average.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave; the learning rate is that of the present schedule."""
        self.optimiser.load_state_dict(state["optimiser"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.schedule.last_epoch = state["schedule"]["last_epoch"]
        rates = zip(self.schedule.base_lrs, self.schedule.lr_lambdas, strict=True)
        for group, (base, factor) in zip(self.optimiser.param_groups, rates, strict=True):
            group["lr"] = base * factor(self.schedule.last_epoch)
        self._pending = state["pending"]["batches"]
        gradients = state["pending"]["gradients"] or [None] * len(self.parameters)
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = None if gradient is None else gradient.to(parameter.device)


def _lr_factor(trainer: Any, steps_per_epoch: int) -> Callable[[int], float]:
    """The factor on the learning rate at each step, as a function of the step."""
    warmup = round(trainer.get("warmup_epochs", 0) * steps_per_epoch)
    total = trainer.epochs * steps_per_epoch
    cosine = trainer.get("schedule", "constant") == "cosine"
    final = trainer.get("final_lr_fraction", 0.0)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        return cosine_factor((step - warmup) / max(1, total - warmup), final) if cosine else 1.0

    return factor


def cosine_factor(progress: float, final: float) -> float:
    """From 1 at `progress` 0 to `final` at 1 along half a cosine (arXiv:1608.03983)."""
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
