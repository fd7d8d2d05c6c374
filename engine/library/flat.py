"""A config as one dictionary of its leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOST_KEYS = 10_000
"""Entries of a config beyond these are left out."""

_DEEPEST = 32


def flatten(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config as one dictionary of its leaves: `phase1.trainer.lr` to its value."""
    flat: dict[str, Any] = {}
    _flatten(config, "", flat, _DEEPEST)
    return flat


def _flatten(config: Mapping[str, Any], prefix: str, flat: dict[str, Any], depth: int) -> None:
    for key, value in config.items():
        if type(value) is dict and value and depth:
            _flatten(value, f"{prefix}{key}.", flat, depth - 1)
        elif len(flat) < MOST_KEYS:
            nested = type(value) is list or type(value) is dict
            flat[prefix + key] = "…" if nested and not _is_shallow(value, _DEEPEST) else value


def _is_shallow(value: object, depth: int) -> bool:
    """Whether nothing in a value lies deeper than this."""
    if type(value) is list:
        return depth > 0 and all(_is_shallow(entry, depth - 1) for entry in value)
    if type(value) is dict:
        return depth > 0 and all(_is_shallow(entry, depth - 1) for entry in value.values())
    return True
