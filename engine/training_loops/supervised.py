"""Collision events as plain samples, to tell signal from background with their labels.

A network that is told the classes shows what can be reached on the same features by a score that
is not: the supervised ceiling of an anomaly search.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engine.data.batches import TensorBatches
from engine.data.fields import SPLITS, SampleBatch
from engine.data.normalisation import NORMALISERS, trained_on
from engine.errors import DataError
from engine.evaluation.classes import Classes, choose_classes
from engine.training_loops.loading import Splits, load_splits


def n_inputs(data: Any) -> int:
    """How many numbers an event has: features and type of each token, and the globals."""
    per_token = len(data.features) + len(data.type_names) - 1
    return data.n_tokens * per_token + len(data.global_features)


def load_supervised(cfg: Any, device: torch.device) -> Splits:
    """The events of an HDF5 file, each as inputs [B, F] and target [B]: 1 for signal.

    What is background stands in `evaluation.background`, see `choose_classes`: of all splits
    together, so that it is the same in each. That of a network that is trained already, in
    `trained_on.background`, counts more.

    Raises
    ------
    ConfigError, DataError
        If the data are not there or not what the config says, or have no labels; or where a
        network is to learn of them, and a split has no background or no signal.
    """
    splits = load_splits(cfg, device, "h5", "")
    meta, labels = splits.meta, splits.meta["labels"]
    missing = [split for split in SPLITS if labels[split] is None]
    if missing:
        raise DataError(
            f"{meta['path']} has no labels of the {missing[0]} split, which loop={cfg.loop} needs",
            "Name the datasets in data.datasets.labels, or use loop=ae.",
        )
    told = trained_on(cfg)
    settings = cfg.get("evaluation") or {}
    background = told.get("background") or settings.get("background")
    everything = np.concatenate([labels[split].numpy() for split in SPLITS])
    classes = choose_classes(everything, meta["class_names"], background)
    behind = np.array(list(classes.background.values()))
    is_signal = {split: ~np.isin(labels[split].numpy(), behind) for split in SPLITS}
    if not told:
        _require_both(is_signal, classes, meta["path"], cfg.loop)
    n_types = len(meta["type_names"])
    made = {
        name: _samples(events, is_signal[name], n_types)
        for name, events in zip(SPLITS, splits[:3], strict=True)
    }
    kept = ("path", "n_events", "labels", "class_names", *NORMALISERS)
    described = {key: meta[key] for key in kept} | {
        "n_features": n_inputs(cfg.data),
        "task": cfg.task,
        "background": list(classes.background.values()),
    }
    return Splits(made["train"], made["val"], made["test"], described)


def _require_both(is_signal: dict[str, Any], classes: Classes, path: str, loop: str) -> None:
    """Raise a `DataError` if a network could not learn to tell signal from background."""
    for split in ("train", "val"):
        for kind, there in (("signal", is_signal[split]), ("background", ~is_signal[split])):
            if not there.any():
                names = ", ".join(classes.signal if kind == "signal" else classes.background)
                raise DataError(
                    f"{path} has no {kind} ({names}) in its {split} split, of which loop={loop} "
                    "learns both",
                    "Choose other classes with evaluation.background=[…], or name a file with both "
                    "in data.path.",
                )


def _samples(events: TensorBatches, is_signal: Any, n_types: int) -> TensorBatches:
    """Batches of samples with the events of `events`, in its order."""
    tokens_cont, tokens_id, globals_ = events.tensors
    types = functional.one_hot(tokens_id, n_types)[..., 1:].to(tokens_cont.dtype)
    parts: list[Tensor] = [tokens_cont.flatten(1), types.flatten(1), globals_]
    targets = torch.from_numpy(is_signal).to(tokens_cont)
    tensors = (torch.cat(parts, dim=1), targets)
    return TensorBatches(tensors, SampleBatch, events.batch_size, events.shuffle_seed)
