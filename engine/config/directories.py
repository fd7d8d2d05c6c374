"""Where a run or a sweep would go: told before it begins."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from hydra.types import RunMode
from omegaconf import DictConfig

from engine.config.compose import COMPOSE_ERRORS
from engine.config.composer import Composer
from engine.config.points import axes, count, first_point
from engine.errors import ConfigError


def asks_for_sweep(composer: Composer, overrides: Sequence[str]) -> bool:
    """Whether the config makes a sweep of a command without `--multirun`, as an experiment does.

    False where the overrides do not compose.
    """
    try:
        mode = composer.compose_with_hydra(first_point(composer, overrides)).hydra.mode
    except COMPOSE_ERRORS:
        return False
    return bool(mode == RunMode.MULTIRUN)


def wanted_directory(composer: Composer, overrides: Sequence[str], *, sweep: bool) -> Path:
    """The run directory, or that of a sweep, that the training would take; absolute.

    Raises
    ------
    ConfigError
        If the run is to leave nothing behind, so that nobody could follow it.
    """
    single = [text for text in overrides if not composer.parse(text).is_sweep_override()]
    cfg = composer.compose_with_hydra(single)
    check_it_saves(cfg)
    return Path(os.path.abspath(cfg.hydra.sweep.dir if sweep else cfg.hydra.run.dir))


def check_it_saves(cfg: DictConfig) -> None:
    """Raise a `ConfigError` if a run is to leave nothing behind, so that nobody could follow it."""
    if not cfg.logging.save_artifacts:
        raise ConfigError(
            "logging.save_artifacts=false: a run in the background needs a directory",
            "thesis-train runs it here.",
        )


def number_of_points(composer: Composer, overrides: Sequence[str], leave_out: Sequence[int]) -> int:
    """How many runs a sweep has.

    Raises
    ------
    ConfigError
        If a point to leave out does not exist, none is left, or a value is an interval.
    """
    own = [text for text in overrides if not text.lstrip("+~").startswith(("hydra.", "hydra/"))]
    try:
        total = count(axes(composer, own))
    except ValueError as error:
        raise ConfigError(str(error)) from error
    strange = [str(number) for number in leave_out if not 0 <= number < total]
    if strange:
        raise ConfigError(
            f"there is no point {', '.join(strange)} to leave out",
            f"The sweep has {total} points, from 0 to {total - 1}.",
        )
    if len(set(leave_out)) == total:
        raise ConfigError("no point of the sweep is left")
    return total - len(set(leave_out))
