"""Where the runs of a command line are to be started, and what they ask for there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from omegaconf import OmegaConf

from engine.config.composer import Composer

GROUP = "launcher"
"""Config group, and the node of the config that it fills."""
_HERE = "local"


@dataclass(frozen=True)
class Launcher:
    """What the group `launcher` composes to."""

    target: str = _HERE
    resources: dict[str, Any] = field(default_factory=dict)
    """The other keys: what a job asks a cluster for."""


def wanted_launcher(composer: Composer, overrides: Sequence[str]) -> Launcher:
    """The launcher that a command line chooses; of a sweep that of all its runs.

    A config without one, as that of somebody's own may be, means this machine.
    """
    single = [text for text in overrides if not composer.parse(text).is_sweep_override()]
    node = composer.compose(single).get(GROUP)
    entries: Any = OmegaConf.to_container(node, resolve=True) if node else {}
    return launcher_in({f"{GROUP}.{key}": value for key, value in entries.items()})


def launcher_in(settings: Mapping[str, Any]) -> Launcher:
    """The launcher of a config, resolved and flat."""
    before = f"{GROUP}."
    entries = {
        key.removeprefix(before): value for key, value in settings.items() if key.startswith(before)
    }
    return Launcher(str(entries.pop("target", _HERE)), entries)


def chooses(overrides: Sequence[str]) -> bool:
    """Whether a command line names a launcher itself."""
    return any(text.partition("=")[0].lstrip("+~") == GROUP for text in overrides)
