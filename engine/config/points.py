"""The points of a sweep: every combination of the values that the overrides list."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.types import Override, RangeSweep
from hydra.errors import HydraException
from hydra.types import RunMode

from engine.config import draft
from engine.config.compose import COMPOSE_ERRORS
from engine.config.composer import Composer
from engine.config.draft import key_of
from engine.config.schema import value_problems
from engine.config.sweeper import leave_out_problem, product
from engine.errors import ConfigError

MOST_POINTS = 10_000
"""A sweep of more is most likely a slip, and is not listed."""


@dataclass(frozen=True)
class Point:
    """One run of a sweep."""

    number: int
    """Its place in the product, from 0: the last value changes fastest, as in Hydra."""
    overrides: tuple[str, ...]
    """All overrides, with one value each."""
    differing: tuple[str, ...]
    """Those of the keys that are given a list."""
    is_out: bool = False
    """Whether `hydra.sweeper.leave_out` among the overrides makes it no run."""


def points(composer: Composer, overrides: Sequence[str]) -> list[Point]:
    """All points of a sweep, as Hydra would train them; the one point of overrides that are none.

    What an experiment sweeps over comes first, and keeps its place where the overrides have other
    values for it.

    Raises
    ------
    ValueError
        If an override has no list of points in a fixed order, or there are more than `MOST_POINTS`,
        or a point that is to be left out does not exist.
    """
    parsed = [composer.parse(text) for text in overrides]
    sweeper = _hydra(composer, parsed).sweeper
    params = [composer.parse(f"{key}={text}") for key, text in (sweeper.params or {}).items()]
    swept = [*params, *(one for one in parsed if not one.is_hydra_override())]
    _refuse(parsed)
    _refuse(swept)
    of_hydra = [str(one.input_line) for one in parsed if one.is_hydra_override()]
    lists = {one.get_key_element(): one.is_sweep_override() for one in swept}
    found, leave_out = product(swept), set(sweeper.leave_out)
    problem = leave_out_problem(sorted(leave_out), len(found))
    if problem:
        raise ValueError(problem)
    return [
        Point(
            number,
            (*of_hydra, *words),
            tuple(text for text in words if lists[text.partition("=")[0]]),
            number in leave_out,
        )
        for number, words in enumerate(found)
    ]


_OF_SWEEPS = ("hydra.sweep", "hydra/sweeper", "hydra.mode", "hydra/launcher", "hydra.launcher")
"""Settings of Hydra that a single run of a sweep has no use for."""


def words_of_runs(
    found: Sequence[Point], overrides: Sequence[str], leave_out: Sequence[int]
) -> tuple[tuple[str, ...], ...]:
    """The overrides of each run of a sweep, for a launcher that starts each by itself.

    Parameters
    ----------
    found
        The points of the overrides.
    leave_out
        Numbers of points that are no runs.

    Raises
    ------
    ConfigError
        If what they ask for, or how they are named, differs from run to run.
    """
    problems = [
        f"{one}: the runs of a sweep ask for the same; submit one sweep for each value"
        for one in dict.fromkeys(text for point in found for text in point.differing)
        if key_of(one).partition(".")[0] == "launcher"
    ]
    problems += [
        f"{one}: the runs of a sweep on a cluster are named after the sweep"
        for one in overrides
        if key_of(one) == "hydra.sweep.subdir"
    ]
    if problems:
        raise ConfigError.from_problems(problems)
    out = set(leave_out)
    return tuple(
        tuple(text for text in point.overrides if not text.lstrip("+~").startswith(_OF_SWEEPS))
        for point in found
        if point.number not in out
    )


def asks_for_sweep(composer: Composer, overrides: Sequence[str]) -> bool:
    """Whether the chosen options make a sweep of it by themselves, as experiments do.

    Options that are wrong make none; `find_problems` tells of them.
    """
    try:
        return bool(_hydra(composer, list(map(composer.parse, overrides))).mode == RunMode.MULTIRUN)
    except COMPOSE_ERRORS:
        return False


def _hydra(composer: Composer, parsed: Sequence[Override]) -> Any:
    """Hydra's own node. Values of ours are not looked at, which may be wrong."""
    single = [one for one in parsed if not one.is_sweep_override()]
    texts = [str(one.input_line) for one in single]
    wanted = [
        text
        for one, text in zip(single, texts, strict=True)
        if one.is_hydra_override() or composer.is_choice(text)
    ]
    return composer.compose_with_hydra(wanted).hydra


def sweep_problem(override: Override) -> str:
    """Why an override with several values has no list of points; empty if it has one."""
    if not override.is_sweep_override():
        return ""
    text = str(override.input_line).lstrip("+~")
    if override.is_hydra_override():
        return f"{text}: settings of Hydra take one value"
    if not override.is_discrete_sweep():
        return f"{text}: an interval has no list of values; write them with commas, or a range()"
    if getattr(override.value(), "shuffle", False):
        return f"{text}: shuffle() gives another order each time; write the values in theirs"
    try:
        number = len(_values(override))
    except (ValueError, ArithmeticError, HydraException) as error:
        return f"{text}: {_reason(override, error)}"
    if not number:
        return f"{text}: stands for no value"
    return f"{text}: more than {MOST_POINTS:,} values" if number > MOST_POINTS else ""


def _reason(override: Override, error: Exception) -> str:
    """Why the values cannot be listed, where Hydra's own words are of little help."""
    if isinstance(override.value(), RangeSweep):
        return "this range has no values; its step cannot be 0, nor its ends infinite"
    if "ConfigLoader" in str(error):
        return "glob() stands for options of a group"
    return " ".join(str(error).split())


def _refuse(overrides: Sequence[Override]) -> None:
    """Raise a `ValueError` where the points cannot be listed."""
    problem = next(filter(None, map(sweep_problem, overrides)), "")
    if problem:
        raise ValueError(problem)
    lengths = {one.get_key_element(): len(_values(one)) for one in overrides}
    total = math.prod(lengths.values())
    if total > MOST_POINTS:
        raise ValueError(f"{total:,} points: more than {MOST_POINTS:,} are not listed")


def _values(override: Override) -> list[str]:
    """The overrides of one value that it stands for, at most one more than may be."""
    if not override.is_sweep_override():
        return [str(override.input_line)]
    key, values = override.get_key_element(), override.sweep_string_iterator()
    return [f"{key}={value}" for value in itertools.islice(values, MOST_POINTS + 1)]


def first_point(composer: Composer, overrides: Sequence[str]) -> list[str]:
    """The overrides with the first value of each, without what an experiment sweeps over.

    Raises
    ------
    ValueError
        If one has no list of values.
    """
    parsed = [composer.parse(text) for text in overrides]
    problem = next(filter(None, map(sweep_problem, parsed)), "")
    if problem:
        raise ValueError(problem)
    return [_values(one)[0] for one in parsed]


def first_run(composer: Composer, overrides: Sequence[str]) -> list[str]:
    """The overrides of the first run of a sweep: `first_point`, unless that is left out."""
    if draft.find(overrides, draft.LEAVE_OUT) is not None:
        with contextlib.suppress(*COMPOSE_ERRORS):  # told with the points
            runs = (one for one in points(composer, overrides) if not one.is_out)
            return next(([*one.overrides] for one in runs), first_point(composer, overrides))
    return first_point(composer, overrides)


def check(composer: Composer, found: Iterable[Point]) -> Iterator[tuple[Point, list[str]]]:
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
