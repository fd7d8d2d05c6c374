"""A few steps of a training, to tell beforehand what it will take; nothing is written.

The parts come from the same functions as those of the training: `load` and `build` of its loop.
"""

from __future__ import annotations

import contextlib
import importlib
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

import torch

from engine.architectures.autoencoder.latent_spaces.codebook import count_parameters
from engine.data.batches import TensorBatches
from engine.errors import ConfigError
from engine.training_loops.checkpoints import last_record, size_as_saved
from engine.training_loops.loading import Splits
from engine.training_loops.objective import Means, Objective
from engine.training_loops.randomness import random_state
from engine.training_loops.tensor_memory import peak_bytes, size_of, tensors_in

LOOPS = {
    "ae": "engine.training_loops.autoencoder",
    "gan_ae": "engine.training_loops.gan_autoencoder",
    "diffusion_ae": "engine.training_loops.diffusion_autoencoder",
    "test_mlp": "engine.training_loops.simple_mlp",
}
"""Loop to its module, which has `load(cfg, device)`, which gives the data, and
`build(cfg, device, batches_per_epoch)`, which gives the objective. The module of a loop that is
`package.module:function` may have them too."""

_MOST_STEPS = 200
_FEW = 8
"""Of fewer steps it cannot be said whether they are alike."""


class Part(NamedTuple):
    """How many parameters a part of the model has, the codes of a codebook among them."""

    name: str
    trainable: int
    total: int


@dataclass(frozen=True)
class Trial:
    """What a few steps told; sizes in bytes, times in seconds."""

    parts: list[Part]
    model_bytes: int
    """Parameters and buffers."""
    optimiser_bytes: int
    data_bytes: int
    """All splits, which stay on the device."""
    step_bytes: int
    """The most that a step takes beside these: activations and gradients."""
    memory_how: str
    """How `step_bytes` came about, in words."""
    step_s: float
    one_thread_step_s: float | None
    """Seconds of a step with one thread, where it has several on a CPU; else None."""
    is_steady: bool
    """Whether the steps took about the same time each; not so on a machine that others use."""
    validation_batch_s: float
    steps_timed: int
    train_batches: int
    validation_batches: int
    best_bytes: int
    last_bytes: int
    """Sizes of the checkpoints `best_val.pt` and `last.pt`."""

    @property
    def total_bytes(self) -> int:
        """The most memory of all tensors together."""
        return self.model_bytes + self.optimiser_bytes + self.data_bytes + self.step_bytes

    @property
    def epoch_s(self) -> float:
        """Seconds of an epoch: all steps and the validation, without checkpoints and figures."""
        validation_s = self.validation_batch_s * self.validation_batches
        return self.step_s * self.train_batches + validation_s


def loop_module(loop: str) -> ModuleType:
    """The module of a loop, which makes its data and its objective again.

    That of `package.module:function` is imported, so the package has to be trusted.

    Raises
    ------
    ConfigError
        If it does not say how: see `LOOPS`.
    """
    name = LOOPS.get(loop) or loop.partition(":")[0]
    if loop not in LOOPS and ":" not in loop:
        raise ConfigError(
            f"LOOPS in engine/training_loops/trial.py does not name the module of loop={loop}"
        )
    try:
        module = importlib.import_module(name)
    except Exception as error:  # whatever a file of somebody else's does when it is imported
        raise ConfigError(f"loop={loop}: {type(error).__name__}: {error}") from error
    missing = [part for part in ("load", "build") if not callable(getattr(module, part, None))]
    if missing:
        raise ConfigError(
            f"loop={loop}: {name} has no function {' and no function '.join(missing)}, by which "
            "its data and its model are made again",
            "docs/TRAINING_GUIDE.md, Its evaluation, says what they give.",
        )
    return module


def try_out(objective: Objective, splits: Splits, device: torch.device, budget_s: float) -> Trial:
    """Train for about `budget_s` seconds, at least three steps, and tell what it takes.

    The objective is trained by this: build a new one for a training.

    Raises
    ------
    NonFiniteLoss
        If the loss is not finite.
    """
    objective.model.train()
    batches = _endless(splits.train)

    means = Means()

    def step() -> None:
        means.add(objective.train_batch(next(batches))[1])

    first_s = _timed(step, 1, 0.0, device)[0]
    objective.end_epoch()  # a step of the optimiser, also where it waits for more batches
    if first_s > budget_s:  # so large that each step counts
        alone: list[float] = []
        began = time.perf_counter()
        step_bytes = peak_bytes(step, device)
        seconds = [time.perf_counter() - began]
    else:
        with _one_thread() as is_fewer:
            step_bytes = peak_bytes(step, device)
            alone = _timed(step, _FEW, 0.0, device) if is_fewer and device.type == "cpu" else []
        n_steps = min(_MOST_STEPS, len(splits.train))
        seconds = _timed(step, 2, budget_s * 0.8, device, n_steps)
    validation = _validation_s(objective, splits.val, budget_s * 0.2, device)
    state = objective.state_dict() | {"random": random_state(), "total_time_s": 0.0}
    state.pop("pending", None)  # gradients that wait are saved in the middle of an epoch alone
    return Trial(
        parts=[Part(name, *count_parameters(one)) for name, one in objective.parts().items()],
        model_bytes=size_of([*objective.model.parameters(), *objective.model.buffers()]),
        optimiser_bytes=size_of(tensors_in([v for k, v in state.items() if k not in _NO_OPTIM])),
        data_bytes=sum(size_of(split.tensors) for split in splits[:3]),
        step_bytes=step_bytes,
        memory_how=_how(device),
        step_s=statistics.median_low(seconds),
        one_thread_step_s=statistics.median_low(alone) if alone else None,
        is_steady=_is_steady(seconds),
        validation_batch_s=validation,
        steps_timed=len(seconds),
        train_batches=len(splits.train),
        validation_batches=len(splits.val),
        best_bytes=size_as_saved(objective.model.state_dict()),
        last_bytes=size_as_saved(last_record(state, epoch=1, step=len(splits.train))),
    )


_NO_OPTIM = ("model", "random")
"""What a state holds beside that of optimisers."""


@torch.inference_mode()
def _validation_s(
    objective: Objective, batches: TensorBatches, budget_s: float, device: torch.device
) -> float:
    """Seconds of a batch of the validation split."""
    objective.model.eval()
    given, means = _endless(batches), Means()

    def evaluate() -> None:
        means.add(objective.terms(next(given)))

    return statistics.median_low(_timed(evaluate, 1, budget_s, device, len(batches)))


def _endless(batches: TensorBatches) -> Iterator[Any]:
    while True:
        yield from batches


def _timed(
    work: Callable[[], None], least: int, budget_s: float, device: torch.device, most: int = 0
) -> list[float]:
    """The seconds of each call: `least` of them, and more up to `most` within the budget."""
    seconds: list[float] = []
    end = time.perf_counter() + budget_s
    while len(seconds) < least or (len(seconds) < most and time.perf_counter() < end):
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - started)
    return seconds


@contextlib.contextmanager
def _one_thread() -> Iterator[bool]:
    """One thread for as long as the block runs; gives whether there were more.

    On busy cores several threads wait for each other, and what is not timed need not wait.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield before > 1
    finally:
        torch.set_num_threads(before)


def _is_steady(seconds: list[float]) -> bool:
    if len(seconds) < _FEW:
        return True
    lower, _, upper = statistics.quantiles(seconds, n=4)
    return upper < 2 * lower


def _how(device: torch.device) -> str:
    if device.type == "cuda":
        return "measured by the GPU's allocator"
    return "counted over all its tensors"
