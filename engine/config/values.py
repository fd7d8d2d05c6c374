"""The values of a config as a flat list of dotted keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException


def values_of(cfg: DictConfig, *, resolve: bool = False) -> Iterator[tuple[str, Any]]:
    """Every value of a config with its dotted key.

    Lists are values of their own, and so are empty nodes. Hydra's own node is left out.

    Parameters
    ----------
    resolve
        Whether interpolations are filled in; else they stand as they are written.
    """
    plain = OmegaConf.to_container(cfg, resolve=resolve)
    yield from flat_values(plain if isinstance(plain, dict) else {})


def flat_values(node: dict[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The same of a config that is plain already."""
    for key, value in node.items():
        if not prefix and key == "hydra":
            continue
        if isinstance(value, dict) and value:
            yield from flat_values(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def all_resolved(cfg: DictConfig) -> dict[str, Any]:
    """Every value with what it refers to filled in; empty where that cannot be for one of them."""
    try:
        return dict(values_of(cfg, resolve=True))
    except OmegaConfBaseException:
        return {}


def resolved_value(cfg: DictConfig, key: str) -> Any:
    """The value of a key with what it refers to filled in; None where that cannot be."""
    try:
        value = OmegaConf.select(cfg, key)
        return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
    except OmegaConfBaseException:
        return None
