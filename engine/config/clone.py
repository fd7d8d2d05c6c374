"""The config of a past run as a draft: the overrides that give it again, with the present files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig

from engine.config import draft
from engine.config.classes import is_class_in_source
from engine.config.compose import COMPOSE_ERRORS
from engine.config.composer import Composer
from engine.config.saved import PLACES, load_saved, read_small, untrusted
from engine.config.values import values_of
from engine.errors import ConfigError

_LEFT_OUT = (*PLACES, "data.path")
"""Keys that a run saves as they were on its machine."""


def draft_of(composer: Composer, run: Path, trusted: Sequence[str] = ()) -> draft.Overrides:
    """The overrides that give the config of a run directory again; see `overrides_of`.

    Raises
    ------
    ConfigError
        Those of `load_saved` and `overrides_of`.
    """
    saved = load_saved(run / ".hydra" / "config.yaml")
    return overrides_of(composer, saved, _typed(run / ".hydra" / "overrides.yaml"), trusted)


def _typed(path: Path) -> list[str]:
    """The overrides in a run's `overrides.yaml`; none where that cannot be read."""
    try:
        found = yaml.safe_load(read_small(path))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return []
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def overrides_of(
    composer: Composer, saved: DictConfig, typed: Sequence[str], trusted: Sequence[str] = ()
) -> draft.Overrides:
    """The overrides that give a run's config again, without its places.

    They are those it was started with, and further ones where the config files, or how its seed
    is drawn, would give something else today. Nothing that the saved config names is called.

    Parameters
    ----------
    saved
        The config of the run; see `engine.config.saved.load_saved`.
    typed
        The overrides that it was started with.
    trusted
        Packages of the user's own whose classes the config may name.

    Raises
    ------
    ConfigError
        If the config names a class that is not trusted, or needs config files that are not there.
    """
    problems = untrusted(saved, trusted, is_class_in_source)
    if problems:
        raise ConfigError.from_problems(problems)
    kept = tuple(text for text in typed if _is_ours(text))
    try:
        present = plain_values(composer.compose(kept))
    except COMPOSE_ERRORS as error:
        raise ConfigError(
            f"the overrides of this run give no config today: {_first_line(error)}",
            "If it used config files of your own, give their folder with --config-dir.",
        ) from error
    for change in _changes(present, plain_values(saved)):
        kept = draft.put(kept, change)
    return kept


def _is_ours(override: str) -> bool:
    key = draft.key_of(override)
    return not key.startswith("hydra.") and key not in _LEFT_OUT


def _changes(before: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Overrides that make of the values `before` those that are `wanted`."""
    changed = {
        key: f"{'' if key in before else '+'}{key}={draft.text_of(value)}"
        for key, value in wanted.items()
        if key not in before or before[key] != value
    }
    nodes = {key.rpartition(".")[0] for key in wanted}
    gone = {
        key: f"~{key}" for key in before if key not in wanted and key.rpartition(".")[0] in nodes
    }
    strange = [key for key, one in (changed | gone).items() if not draft.has_key(one, key)]
    if strange:
        told = [
            f"{key!r}: this key, or its value, cannot be written as an override" for key in strange
        ]
        raise ConfigError.from_problems(told)
    return [*changed.values(), *gone.values()]


def plain_values(cfg: DictConfig) -> dict[str, Any]:
    """What is trained, without where: dotted key to value, with what it refers to filled in."""
    return {
        key: value
        for key, value in values_of(cfg, resolve=True)
        if key not in _LEFT_OUT and not key.endswith("_target_") and key != "loop"
    }


def _first_line(error: Exception) -> str:
    return " ".join(str(error).strip().split("\n\n")[0].split())
