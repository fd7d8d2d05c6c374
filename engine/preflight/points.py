"""The points of a sweep: each combination of its values, composed and checked."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from engine.config.compose import COMPOSE_ERRORS, compose, search_path
from engine.config.composer import Composer
from engine.config.problem_keys import Problem, keyed
from engine.config.problems import find_problems
from engine.config.schema import value_problems


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
    overrides: Sequence[str], config_dirs: Sequence[Path] = (), *, multirun: bool = False
) -> tuple[list[CheckedPoint], list[Problem]]:
    """The trainings that a command stands for, and everything that is wrong with its overrides.

    Parameters
    ----------
    overrides
        As on the command line, without its flags.
    multirun
        Whether `--multirun` was given; an experiment may ask for it too.
    """
    parsed = _parse(overrides, config_dirs)
    readable = [override for override in parsed if override is not None]
    first = _first_config(readable, config_dirs)
    is_sweep = multirun or (first is not None and first.hydra.mode == RunMode.MULTIRUN)
    of_config = _swept_by(first, config_dirs) if is_sweep else []
    points = (
        _split([*of_config, *readable]) if is_sweep else [CheckedPoint(0, _texts(readable), [])]
    )
    only = None if any(o.is_sweep_override() for o in readable) or of_config else first
    # Nothing is to be explained where every point is as it should be, and that is told soon.
    if len(readable) == len(parsed) and _compose_points(points, config_dirs, only):
        return points, []
    given = {override.key_or_group for override in readable}
    words = [_text(o) for o in of_config if o.key_or_group not in given] + list(overrides)
    problems = [keyed(text) for text in find_problems(words, config_dirs, sweep=is_sweep)]
    problems += [_without_list(o) for o in readable if is_sweep and _is_endless(o)]
    _explain_points(points, problems, config_dirs)
    everything = [*problems, *(p for point in points for p in point.problems)]
    return points, list(dict.fromkeys(everything))


def compose_all(
    points: Sequence[Sequence[str]], config_dirs: Sequence[Path]
) -> list[DictConfig | Exception]:
    """For each list of overrides its config, or why there is none."""
    composer = Composer(config_dirs)

    @functools.cache
    def one(overrides: tuple[str, ...]) -> DictConfig | Exception:
        try:
            return composer.compose(overrides)
        except COMPOSE_ERRORS as error:
            return error

    return [one(tuple(overrides)) for overrides in points]


def _without_hydra(cfg: DictConfig) -> DictConfig:
    """A copy of a config without the node `hydra`, as a training gets it."""
    copied = cfg.copy()
    with open_dict(copied):
        del copied["hydra"]
    return copied


def _compose_points(
    points: Sequence[CheckedPoint], config_dirs: Sequence[Path], only: DictConfig | None
) -> bool:
    """Fill `cfg` and `usable` of each point that has no problem; whether all are so.

    Parameters
    ----------
    only
        The config of the only point with the node `hydra`, if there is one point alone.
    """
    if only is not None:
        composed: list[DictConfig | Exception] = [_without_hydra(only)]
    else:
        composed = compose_all([point.overrides for point in points], config_dirs)
    for point, cfg in zip(points, composed, strict=True):
        if isinstance(cfg, DictConfig):
            point.add(*map(keyed, value_problems(cfg)))
            point.cfg = point.usable = None if point.problems else cfg
        else:
            point.error = " ".join(str(cfg).split())
    return all(point.cfg is not None for point in points)


def _explain_points(
    points: Sequence[CheckedPoint], problems: Sequence[Problem], config_dirs: Sequence[Path]
) -> None:
    """Say of each point what is wrong with it, and compose what is usable of it."""
    for point in points:
        point.add(*(p for p in problems if _belongs(p, point)))
    told: dict[str, list[Problem]] = {}
    for point in points:
        if point.error and not point.problems:
            if point.error not in told:
                told[point.error] = _explained(point, point.error, config_dirs)
            point.add(*told[point.error])
    bad = [point for point in points if point.problems]
    rests = compose_all([_good_overrides(point) for point in bad], config_dirs)
    for point, rest in zip(bad, rests, strict=True):
        point.cfg = None
        if isinstance(rest, DictConfig) and not value_problems(rest):
            point.usable = rest


def _explained(point: CheckedPoint, error: str, config_dirs: Sequence[Path]) -> list[Problem]:
    """Why a point does not compose, though each of its overrides does with others."""
    sentences = find_problems(point.overrides, config_dirs, sweep=False)
    return [keyed(text) for text in sentences or [error]]


def _good_overrides(point: CheckedPoint) -> list[str]:
    """The overrides that no problem is about."""
    keys = {problem.key for problem in point.problems}
    return [text for text in point.overrides if _key(text) not in keys]


def _belongs(problem: Problem, point: CheckedPoint) -> bool:
    """Whether a problem of the command is one of this point."""
    if problem.key in {_key(text) for text in point.differs}:
        return any(problem.text.startswith(f"{text.lstrip('+~')}:") for text in point.differs)
    return problem.key in {_key(text) for text in point.overrides}


def _first_config(overrides: Sequence[Override], config_dirs: Sequence[Path]) -> DictConfig | None:
    """The config of the first value of each override, with `hydra`; None if it does not compose."""
    try:
        firsts = [_first_value(override) for override in overrides]
        return compose(firsts, config_dirs=config_dirs, with_hydra=True)
    except COMPOSE_ERRORS:
        return None


def _swept_by(cfg: DictConfig | None, config_dirs: Sequence[Path]) -> list[Override]:
    """What a config itself sweeps over, as an experiment does."""
    params = OmegaConf.select(cfg, "hydra.sweeper.params") if cfg is not None else None
    found = _parse([f"{key}={value}" for key, value in (params or {}).items()], config_dirs)
    return [override for override in found if override is not None]


def _split(overrides: Sequence[Override]) -> list[CheckedPoint]:
    """The points in the order in which Hydra trains them; one where it could not tell them."""
    try:
        (points,) = BasicSweeper.split_arguments(list(overrides), None)
    except HydraException:  # an interval, say, which has no values to go through
        points = [_texts(overrides)]
    common = set(points[0]).intersection(*points)
    return [
        CheckedPoint(number, words, [text for text in words if text not in common])
        for number, words in enumerate(points)
    ]


def _is_endless(override: Override) -> bool:
    return bool(override.is_sweep_override() and not override.is_discrete_sweep())


def _without_list(override: Override) -> Problem:
    text = f"{_text(override)}: has no list of values; write them with commas, or a range(…)"
    return Problem(override.key_or_group, text)


def _first_value(override: Override) -> str:
    if override.is_sweep_override() and override.is_discrete_sweep():
        return f"{override.get_key_element()}={next(iter(override.sweep_string_iterator()))}"
    return _text(override)


def _parse(texts: Sequence[str], config_dirs: Sequence[Path]) -> list[Override | None]:
    """Each override; None where it cannot be read."""
    with search_path(config_dirs):
        parser = OverridesParser.create(GlobalHydra.instance().config_loader())
        return [_parsed(parser, text) for text in texts]


def _parsed(parser: OverridesParser, text: str) -> Override | None:
    try:
        return parser.parse_overrides([text])[0] if _key(text).strip() else None
    except HydraException:
        return None


def _texts(overrides: Sequence[Override]) -> list[str]:
    return [_text(override) for override in overrides]


def _text(override: Override) -> str:
    return str(override.input_line)


def _key(text: str) -> str:
    return text.partition("=")[0].lstrip("+~").partition("@")[0]
