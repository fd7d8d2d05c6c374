"""The config of a past run as a draft: the overrides that give it again, with the present files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from engine.config import draft
from engine.config.classes import is_class_in_source
from engine.config.compose import (
    COMPOSE_ERRORS,
    EXPERIMENT_GROUP,
    dotted_loops,
    register_loops,
)
from engine.config.composer import Composer
from engine.config.references import filled_in, foreign_variables, short
from engine.config.saved import PLACES, load_saved, read_small, untrusted
from engine.config.values import flat_values, values_of
from engine.errors import ConfigError

_LEFT_OUT = (*PLACES, "data.path")
"""Keys that a run saves as they were on its machine."""


def read_trusted(run: Path, trusted: Sequence[str] = ()) -> DictConfig:
    """The config of a run directory, if it names no class but those that may be called.

    Nothing that it names is called or imported.

    Parameters
    ----------
    trusted
        Packages of the user's own whose classes the config may name.

    Raises
    ------
    ConfigError
        If it cannot be read, or names a class or loop that is not trusted.
    """
    saved = load_saved(run / ".hydra" / "config.yaml")
    _refuse(untrusted(saved, trusted, is_class_in_source))
    return saved


def draft_of(composer: Composer, run: Path, trusted: Sequence[str] = ()) -> draft.Overrides:
    """The overrides that give the config of a run directory again; see `overrides_of`.

    Raises
    ------
    ConfigError
        Those of `load_saved` and `overrides_of`.
    """
    saved = read_trusted(run, trusted)
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
    is drawn, would give something else today. Config and overrides may both be somebody else's:
    nothing that they name is called, and what they give says nothing to Hydra itself.

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
        If the config names a class that is not trusted, needs config files that are not there, or
        refers to what is not there.
    """
    _refuse(untrusted(saved, trusted, is_class_in_source))
    try:
        kept = _kept(composer, saved, typed)
        for change in _changes(_written(composer.compose(kept)), _written(saved)):
            _refuse(_beyond_values(composer, change))
            kept = draft.put(kept, change)
        again, own = composer.compose(kept), composer.base(kept).bare
    except COMPOSE_ERRORS as error:
        raise ConfigError(
            f"the overrides of this run give no config today: {_first_line(error)}",
            "If it used config files of your own, give their folder with --config-dir.",
        ) from error
    _refuse(untrusted(again, trusted, is_class_in_source))
    _refuse(foreign_variables(OmegaConf.to_container(again), OmegaConf.to_container(own)))
    filled_in(again)
    return kept


def name_of(composer: Composer, overrides: Sequence[str]) -> str:
    """What a run of a draft is called, behind the time.

    Raises
    ------
    ConfigError
        If the config files give no name.
    """
    try:
        return str(composer.compose_with_hydra(overrides).hydra.job.name)
    except COMPOSE_ERRORS as error:
        raise ConfigError(f"hydra.job.name: {_first_line(error)}") from error


def _refuse(problems: Iterable[str]) -> None:
    told = list(problems)
    if told:
        raise ConfigError.from_problems(told)


def _kept(composer: Composer, saved: DictConfig, typed: Sequence[str]) -> draft.Overrides:
    """The overrides that choose options and set single values, as of one run."""
    kept = tuple(text for text in typed if _is_ours(composer, composer.parse(text)))
    register_loops(dotted_loops([*kept, f"loop={saved.loop}"]), composer.config_dirs)
    if composer.compose(kept).loop != saved.loop:
        kept = draft.put(kept, f"loop={saved.loop}")
    whole = composer.compose_with_hydra(kept)
    if whole.hydra.mode == RunMode.MULTIRUN:  # an experiment would train all its runs again
        kept = draft.without(kept, EXPERIMENT_GROUP)
        kept = draft.put(kept, f"hydra.job.name={draft.text_of(whole.hydra.job.name)}")
    return kept


def _is_ours(composer: Composer, override: Override) -> bool:
    """Whether an override is about what is trained; the values of others come from the config."""
    if _is_of_hydra(override) or override.is_sweep_override():
        return False
    if composer.is_choice(str(override.input_line)):
        return True
    is_single = override.package is None and not isinstance(override.value(), dict)
    return is_single and override.key_or_group not in _LEFT_OUT


def _is_of_hydra(override: Override) -> bool:
    """Whether an override reaches the node that tells Hydra what to call, and where to look."""
    package = override.package or ""
    names = (re.split("[./]", override.key_or_group)[0], package.split(".")[0])
    return "hydra" in names or "_global_" in package


def _beyond_values(composer: Composer, change: str) -> Iterator[str]:
    """What is wrong with an override that a key of a config was made to: it sets a value only."""
    override = composer.parse(change)
    is_value = override.package is None and not composer.is_choice(change)
    if not is_value or _is_of_hydra(override) or draft.key_of(change) != override.key_or_group:
        yield f"{short(change)}: no override can set this key"


def _changes(before: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Overrides that make of the values `before` those that are `wanted`."""
    changed = {
        key: f"{'' if key in before else '+'}{key}={draft.text_of(value, refers=True)}"
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


def _written(cfg: DictConfig) -> dict[str, Any]:
    """What is trained, without where: dotted key to value, as it is written."""
    return {key: value for key, value in values_of(cfg) if key not in _LEFT_OUT and key != "loop"}


def plain_values(cfg: DictConfig) -> dict[str, Any]:
    """The same with what it refers to filled in, and without the classes.

    Raises
    ------
    ConfigError
        If it refers to what is not there, or to more than any config does.
    """
    return {
        key: value
        for key, value in flat_values(filled_in(cfg))
        if key not in _LEFT_OUT and not key.endswith("_target_") and key != "loop"
    }


def _first_line(error: Exception) -> str:
    return " ".join(str(error).strip().split("\n\n")[0].split())
