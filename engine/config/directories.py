"""Where a run or a sweep would go: told before it begins."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from engine.config import draft
from engine.config.compose import COMPOSE_ERRORS
from engine.config.composer import Composer
from engine.config.points import points
from engine.config.sweeper import is_named_after_loop, loops_of_sweep, without
from engine.errors import ConfigError


def wanted_directory(composer: Composer, overrides: Sequence[str], *, sweep: bool) -> Path:
    """The run directory, or that of a sweep, that the training would take; absolute.

    Raises
    ------
    ConfigError
        If the run is to leave nothing behind, so that nobody could follow it.
    """
    parsed = [composer.parse(text) for text in overrides]
    single = [str(one.input_line) for one in parsed if not one.is_sweep_override()]
    cfg = composer.compose_with_hydra(single)
    check_it_saves(cfg)
    loops = loops_of_sweep(parsed)
    if loops and is_named_after_loop(cfg):
        cfg = composer.compose_with_hydra([*single, f"hydra.job.name={draft.literal(loops)}"])
    return Path(os.path.abspath(cfg.hydra.sweep.dir if sweep else cfg.hydra.run.dir))


def check_it_saves(cfg: DictConfig) -> None:
    """Raise a `ConfigError` if a run is to leave nothing behind, so that nobody could follow it."""
    if not cfg.logging.save_artifacts:
        raise ConfigError(
            "logging.save_artifacts=false: a run in the background needs a directory",
            "thesis-train runs it here.",
        )


def left_out(
    composer: Composer, overrides: Sequence[str], leave_out: Sequence[int]
) -> tuple[tuple[int, ...], int]:
    """The points of a sweep that are no runs, by the overrides too, and how many runs it has.

    Raises
    ------
    ConfigError
        If a point to leave out does not exist, none is left, or the points cannot be listed.
    """
    try:
        found = points(composer, overrides)
    except COMPOSE_ERRORS as error:
        raise ConfigError(str(error)) from error
    out = sorted({*leave_out, *(point.number for point in found if point.is_out)})
    return tuple(out), len(without(found, out))
