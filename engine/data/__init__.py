"""Where tensors come from: HDF5 collision events, or toy data."""

from __future__ import annotations

import importlib
from typing import Any

from engine.errors import ConfigError

SOURCES = {"h5": "engine.data.h5_loader", "synthetic": "engine.data.synthetic"}
"""What `data.source` may be, and the module whose `make_dataloaders` makes it."""


def require_source(cfg: Any, source: str, hint: str) -> None:
    """Raise a `ConfigError` with `hint` unless the config's data come from `source`."""
    if cfg.data.get("source", "h5") != source:
        raise ConfigError(f"loop={cfg.loop} cannot train on these data", hint)


def make_dataloaders(cfg: Any) -> tuple[Any, Any, Any, dict[str, Any]]:
    """Training, validation and test batches of the data that the config names, and what they are.

    Raises
    ------
    ConfigError
        If `data.source` is unknown.
    DataError
        If the data cannot be read.
    """
    source = cfg.data.get("source", "h5")
    if source not in SOURCES:
        raise ConfigError(f"data.source={source}: choose {' or '.join(SOURCES)}")
    return importlib.import_module(SOURCES[source]).make_dataloaders(cfg)
