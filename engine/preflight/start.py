"""What would end a training before its first step: told before anything is started; without torch.

This is the part of `engine check` that takes no time: the data file and where it is written. No
model is built.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from omegaconf import DictConfig

from engine.config.compose import COMPOSE_ERRORS
from engine.config.composer import Composer
from engine.config.draft import key_of
from engine.config.paths import make_paths_absolute
from engine.config.points import Point, first_point
from engine.config.problem_keys import Problem, keyed
from engine.config.schema import value_problems
from engine.data.h5_shape import FileShape, column_problems, file_shape
from engine.preflight.places import output_place

_MATTERS = ("data", "env", "loop", "logging", "phase1/experiment")
"""Keys and groups that change what is looked at here."""


def data_problems(data: Any) -> tuple[list[Problem], FileShape | None]:
    """What is wrong with a file of events, and its shape; None where the data are no file."""
    if data.get("source", "h5") != "h5" or data.get("path") is None:
        return [], None
    shape = file_shape(data)
    misfits = [Problem(misfit.key, str(misfit.error)) for misfit in shape.misfits]
    return [*map(keyed, column_problems(data)), *misfits], shape


def start_problems(
    configs: Iterable[DictConfig], loops: Collection[str], *, has_place: bool = False
) -> list[str]:
    """Why trainings with these configs would end before their first step, a text each.

    Parameters
    ----------
    loops
        Those that train on the data of the config; others may have no need of them.
    has_place
        Whether the directory is there already, or has another place than the config says.
    """
    found: list[str] = []
    for cfg in configs:
        make_paths_absolute(cfg)
        if str(cfg.loop) in loops:
            found += [problem.text for problem in data_problems(cfg.data)[0]]
        place = None if has_place else output_place(cfg)
        if place is not None and place.problem is not None:
            found.append(place.problem.text)
    lines = ([line.strip() for line in text.splitlines()] for text in found)
    return list(dict.fromkeys("\n  ".join(one) for one in lines))


def configs_of(composer: Composer, points: Sequence[Point]) -> list[DictConfig]:
    """The configs of runs that differ in what is looked at here: one of each kind."""
    kinds: dict[tuple[str, ...], Point] = {}
    for point in points:
        differs = (text for text in point.differing if key_of(text).startswith(_MATTERS))
        kinds.setdefault(tuple(differs), point)
    return [composer.compose(point.overrides) for point in kinds.values()]


def usable_config(
    composer: Composer, overrides: Sequence[str], problems: Sequence[str]
) -> DictConfig | None:
    """The config of the overrides that no problem is about; None where it is not usable."""
    bad = {keyed(text).key for text in problems}
    try:
        good = [text for text in overrides if key_of(text) not in bad]
        cfg = composer.compose(first_point(composer, good))
        return None if value_problems(cfg) else cfg
    except COMPOSE_ERRORS:
        return None
