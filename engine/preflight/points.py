"""The points of a sweep: each combination of its values, composed and checked."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hydra.errors import HydraException
from omegaconf import DictConfig

from engine.config.compose import COMPOSE_ERRORS
from engine.config.composer import Composer
from engine.config.points import asks_for_sweep, first_point
from engine.config.points import points as list_points
from engine.config.problem_keys import Problem, keyed
from engine.config.problems import find_problems
from engine.config.schema import value_problems
from engine.config.sweeper import without
from engine.errors import ConfigError


@dataclass
class CheckedPoint:
    """One training of a command."""

    number: int
    """As `engine.config.points.Point.number`: from 0."""
    overrides: list[str]
    """All that it is composed of."""
    differs: list[str]
    """Those of the keys that have several values."""
    cfg: DictConfig | None = None
    """Its config; None where its overrides do not compose."""
    usable: DictConfig | None = None
    """The config without the overrides that are wrong, to look at places and data all the same."""
    problems: list[Problem] = field(default_factory=list)
    error: str = ""
    """Why its overrides do not compose, in Hydra's words."""

    def add(self, *problems: Problem) -> None:
        """Take in further problems, each once."""
        self.problems = list(dict.fromkeys([*self.problems, *problems]))


def make_points(
    overrides: Sequence[str],
    config_dirs: Sequence[Path] = (),
    *,
    multirun: bool = False,
    leave_out: Sequence[int] = (),
) -> tuple[list[CheckedPoint], list[Problem]]:
    """The trainings that a command stands for, and everything that is wrong with its overrides.

    Parameters
    ----------
    overrides
        As on the command line, without its flags.
    multirun
        Whether `--multirun` was given; an experiment may ask for it too.
    leave_out
        Points of the sweep that are no trainings, beside those that the overrides leave out.

    Raises
    ------
    ConfigError
        If one to leave out does not exist, or none is left.
    """
    composer = Composer(config_dirs)
    readable = [text for text in overrides if _is_readable(composer, text)]
    is_sweep = multirun or asks_for_sweep(composer, readable)
    points, why = [CheckedPoint(0, readable, [])], ""
    left_out: list[CheckedPoint] = []
    try:
        if is_sweep:
            points, left_out = _listed(composer, readable, leave_out)
        elif leave_out:
            raise ConfigError("there are no points to leave out: this is no sweep")
    except COMPOSE_ERRORS as error:  # an interval, say, which has no values to go through
        why = " ".join(str(error).split("\n\n")[0].split())
    # Where every point composes, what is wrong with each is known.
    is_known = len(readable) == len(overrides) and not why and _compose_points(composer, points)
    sentences: list[str] = []
    if not is_known:
        sentences = find_problems(overrides, config_dirs, sweep=is_sweep, composer=composer)
    found = [keyed(text) for text in sentences or filter(None, [why])]
    found = [p for p in found if _any_has(p, points) or not _any_has(p, left_out)]
    _explain_points(composer, points, found)
    everything = [*found, *(p for point in points for p in point.problems)]
    return points, list(dict.fromkeys(everything))


def _listed(
    composer: Composer, overrides: Sequence[str], leave_out: Sequence[int]
) -> tuple[list[CheckedPoint], list[CheckedPoint]]:
    """The points that are trained, and those that are left out."""
    found = list_points(composer, overrides)
    out = {*leave_out, *(point.number for point in found if point.is_out)}
    checked = [CheckedPoint(p.number, [*p.overrides], [*p.differing]) for p in found]
    return without(checked, sorted(out)), [point for point in checked if point.number in out]


def compose_all(
    composer: Composer, points: Sequence[Sequence[str]]
) -> list[DictConfig | Exception]:
    """For each list of overrides its config, or why there is none."""

    @functools.cache
    def one(overrides: tuple[str, ...]) -> DictConfig | Exception:
        try:
            return composer.compose(overrides)
        except COMPOSE_ERRORS as error:
            return error

    return [one(tuple(overrides)) for overrides in points]


def _compose_points(composer: Composer, points: Sequence[CheckedPoint]) -> bool:
    """Fill `cfg` and `usable` of each point that has no problem; whether all compose."""
    composed = compose_all(composer, [point.overrides for point in points])
    for point, cfg in zip(points, composed, strict=True):
        if isinstance(cfg, DictConfig):
            point.add(*map(keyed, value_problems(cfg)))
            point.cfg = point.usable = None if point.problems else cfg
        else:
            point.error = " ".join(str(cfg).split())
    return not any(point.error for point in points)


def _explain_points(
    composer: Composer, points: Sequence[CheckedPoint], problems: Sequence[Problem]
) -> None:
    """Say of each point what is wrong with it, and compose what is usable of it."""
    for point in points:
        if point.cfg is None and not point.problems:  # else all that is wrong with it is known
            point.add(*(p for p in problems if _belongs(p, point)))
    told: dict[str, list[Problem]] = {}
    for point in points:
        if point.error and not point.problems:
            if point.error not in told:
                told[point.error] = _explained(composer, point)
            point.add(*told[point.error])
    bad = [point for point in points if point.problems]
    rests = compose_all(composer, [_good_overrides(composer, point) for point in bad])
    for point, rest in zip(bad, rests, strict=True):
        point.cfg = None
        if isinstance(rest, DictConfig) and not value_problems(rest):
            point.usable = rest


def _explained(composer: Composer, point: CheckedPoint) -> list[Problem]:
    """Why a point does not compose, though each of its overrides does with others."""
    dirs = composer.config_dirs
    sentences = find_problems(point.overrides, dirs, sweep=False, composer=composer)
    return [keyed(text) for text in sentences or [point.error]]


def _good_overrides(composer: Composer, point: CheckedPoint) -> list[str]:
    """The overrides that no problem is about, with one value each."""
    keys = {problem.key for problem in point.problems}
    good = [text for text in point.overrides if _key(text) not in keys]
    try:
        return first_point(composer, good)
    except COMPOSE_ERRORS:  # a problem that says no key
        return good


def _any_has(problem: Problem, points: Sequence[CheckedPoint]) -> bool:
    return any(_belongs(problem, point) for point in points)


def _belongs(problem: Problem, point: CheckedPoint) -> bool:
    """Whether a problem of the command is one of this point."""
    if problem.key in {_key(text) for text in point.differs}:
        return any(problem.text.startswith(f"{text.lstrip('+~')}:") for text in point.differs)
    return problem.key in {_key(text) for text in point.overrides}


def _is_readable(composer: Composer, text: str) -> bool:
    if not _key(text).strip():
        return False
    try:
        composer.parse(text)
    except HydraException:
        return False
    return True


def _key(text: str) -> str:
    return text.partition("=")[0].lstrip("+~").partition("@")[0]
