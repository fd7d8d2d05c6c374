"""A config that was made by hand, without a command: what it lacks is as in the default one."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from engine.config.compose import compose


def complete(cfg: DictConfig) -> list[str]:
    """Give `cfg` every key of the default config that it lacks; their dotted names.

    A component of its own, a node that names its class by `_target_`, takes none: they would be
    arguments of another class.
    """
    defaults: Any = OmegaConf.to_container(compose())
    with open_dict(cfg):
        return _fill(cfg, defaults, "")


def _fill(node: DictConfig, defaults: dict[str, Any], prefix: str) -> list[str]:
    added, known = [], set(node)
    for key, value in defaults.items():
        if key not in known:
            node[key] = value
            added.append(f"{prefix}{key}")
        elif isinstance(value, dict) and _takes_more(node, key):
            added += _fill(node[key], value, f"{prefix}{key}.")
    return added


def _takes_more(node: DictConfig, key: str) -> bool:
    return OmegaConf.is_dict(node[key]) and "_target_" not in node[key]
