"""The points of a sweep: every combination of the values that the overrides list."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf

from engine.config.compose import COMPOSE_ERRORS
from engine.config.composer import Composer
from engine.config.schema import value_problems
from engine.config.sweep_values import sweep_texts

MOST_POINTS = 10_000
"""A sweep of more is most likely a slip, and is not listed."""


@dataclass(frozen=True)
class Point:
    """One run of a sweep."""

    number: int
    """Its place in the product, from 0: the last override changes fastest, as in Hydra."""
    overrides: tuple[str, ...]
    """All overrides, with one value each."""
    differing: tuple[str, ...]
    """Those that are not the same at every point."""


def axes(composer: Composer, overrides: Sequence[str]) -> list[list[str]]:
    """For each override the overrides of one value that it stands for, as Hydra takes them.

    What an experiment sweeps over comes first.

    Raises
    ------
    ValueError
        If an override is an interval, which has no list of values.
    """
    parsed = [composer.parse(text) for text in overrides]
    single = [str(one.input_line) for one in parsed if not one.is_sweep_override()]
    choices = [text for text in single if composer.is_choice(text)]
    params = composer.base(choices).config.hydra.sweeper.get("params") or {}
    given = {one.key_or_group for one in parsed}
    swept = [composer.parse(f"{key}={text}") for key, text in params.items() if key not in given]
    return [_values(one) for one in [*swept, *parsed]]


def _values(override: Override) -> list[str]:
    if not override.is_sweep_override():
        return [str(override.input_line)]
    key = override.get_key_element()
    found = [f"{key}={value}" for value in sweep_texts(override, MOST_POINTS + 1)]
    if not found:
        raise ValueError(f"{override.input_line}: stands for no value")
    if len(found) > MOST_POINTS:
        raise ValueError(f"{override.input_line}: more than {MOST_POINTS:,} values")
    return found


def count(values: Sequence[Sequence[str]]) -> int:
    """How many points these axes span."""
    number = 1
    for one in values:
        number *= len(one)
    return number


def points(composer: Composer, overrides: Sequence[str]) -> list[Point]:
    """All points of a sweep; the one point of overrides that are none.

    Raises
    ------
    ValueError
        If an override is an interval, or there are more than `MOST_POINTS`.
    """
    values = axes(composer, overrides)
    if count(values) > MOST_POINTS:
        raise ValueError(f"{count(values):,} points: more than {MOST_POINTS:,} are not listed")
    several = [n for n, one in enumerate(values) if len(one) > 1]
    return [
        Point(number, combination, tuple(combination[n] for n in several))
        for number, combination in enumerate(itertools.product(*values))
    ]


def first_point(composer: Composer, overrides: Sequence[str]) -> list[str]:
    """The overrides with the first value of each, without what an experiment sweeps over."""
    return [_first(composer.parse(text)) for text in overrides]


def _first(override: Override) -> str:
    if override.is_sweep_override() and override.is_discrete_sweep():
        for value in sweep_texts(override, 1):
            return f"{override.get_key_element()}={value}"
    return _values(override)[0]


def check(composer: Composer, found: Sequence[Point]) -> Iterator[tuple[Point, list[str]]]:
    """Each point with what is wrong with its config."""
    told: dict[str, list[str]] = {}
    for point in found:
        try:
            cfg = composer.compose(point.overrides)
        except COMPOSE_ERRORS as error:
            text = " ".join(str(error).split("\n\n")[0].split())
            if text not in told:  # the same is mostly wrong at many points
                told[text] = _explained(composer, point, text)
            yield point, told[text]
            continue
        yield point, value_problems(cfg)


def _explained(composer: Composer, point: Point, error: str) -> list[str]:
    from engine.config.problems import find_problems

    dirs = composer.config_dirs
    return find_problems(point.overrides, dirs, sweep=False, composer=composer) or [error]


def seeds(first: int, number: int) -> str:
    """The override of a sweep over so many seeds."""
    last = first + number - 1
    values = str(first) if number == 1 else f"range({first},{last + 1})"
    return f"phase1.trainer.seed={values}"


def is_experiment_sweep(composer: Composer, overrides: Sequence[str]) -> bool:
    """Whether the chosen options ask for a sweep by themselves, as experiments do."""
    config = composer.base(first_point(composer, overrides)).config
    return bool(OmegaConf.select(config, "hydra.sweeper.params"))
