"""Toy data with a known answer, for `loop=test_mlp` and for trying a new loop."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from engine.data.batches import TensorBatches
from engine.data.fields import SPLITS, SampleBatch

CLASS_NAMES = {1: "positive", 0: "negative"}
"""The classes of a yes or no."""


def make_dataloaders(
    cfg: Any,
) -> tuple[TensorBatches, TensorBatches, TensorBatches, dict[str, Any]]:
    """Batches of a smooth function of a few of many inputs, with noise.

    Inputs [B, F] are standard normal. The target [B] is a sine of the first plus a product of
    the next two inputs plus noise (`task: regression`), or whether that is positive
    (`task: binary`).

    Parameters
    ----------
    cfg
        A config with `data` as in `configs/data/synthetic.yaml`, and `task`.

    Returns
    -------
    tuple
        Three `TensorBatches` of `SampleBatch` and a description: `n_features`, `task`, `n_events`,
        and of a yes or no the `labels` [N] of each split with their `class_names`.
    """
    data, task = cfg.data, cfg.get("task", "regression")
    generator = torch.Generator().manual_seed(data.seed)
    shuffle_seed = cfg.phase1.trainer.get("seed", 0) or 0
    loaders = []
    for split in SPLITS:
        n_events = min(data.n_events[split], data.limit_samples or data.n_events[split])
        tensors = _draw(n_events, data.n_features, data.noise, task, generator)
        seed = shuffle_seed if split == "train" else None
        loaders.append(TensorBatches(tensors, SampleBatch, data.batch_size, seed))
    sizes = dict(zip(SPLITS, (loader.n_events for loader in loaders), strict=True))
    meta: dict[str, Any] = {"n_features": data.n_features, "task": task, "n_events": sizes}
    if task == "binary":
        targets = (loader.tensors[1].long() for loader in loaders)
        meta |= {"labels": dict(zip(SPLITS, targets, strict=True)), "class_names": CLASS_NAMES}
    return loaders[0], loaders[1], loaders[2], meta


def _draw(
    n_events: int, n_features: int, noise: float, task: str, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Inputs [N, F] and targets [N] of one split."""
    inputs = torch.randn(n_events, n_features, generator=generator)
    signal = torch.sin(2.0 * inputs[:, 0]) + inputs[:, 1] * inputs[:, 2]
    targets = signal + noise * torch.randn(n_events, generator=generator)
    return inputs, (targets > 0).float() if task == "binary" else targets
