"""The data of a training: three splits on the device that it trains on."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from engine.data import make_dataloaders, require_source
from engine.data.batches import TensorBatches


class Splits(NamedTuple):
    """Batches of each split, and what `make_dataloaders` says of them."""

    train: TensorBatches
    val: TensorBatches
    test: TensorBatches
    meta: dict[str, Any]


def load_splits(cfg: Any, device: torch.device, source: str, hint: str) -> Splits:
    """The data of the config, on `device`.

    Parameters
    ----------
    source, hint
        The `data.source` that the loop can train on, and what to do where it is another one.

    Raises
    ------
    ConfigError, DataError
        If the data are of another source, not there, or not what the config says.
    """
    require_source(cfg, source, hint)
    *splits, meta = make_dataloaders(cfg)
    train, val, test = (batches.to(device) for batches in splits)
    return Splits(train, val, test, meta)
