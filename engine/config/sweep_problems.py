"""What is wrong with the runs of a sweep, told from a few of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from engine.config.compose import COMPOSE_ERRORS
from engine.config.composer import Composer
from engine.config.draft import key_of
from engine.config.points import Point, check, points


def sweep_problems(
    composer: Composer, overrides: Sequence[str], leave_out: Sequence[int] = ()
) -> list[str]:
    """One sentence for each thing that is wrong with a run of a sweep.

    Parameters
    ----------
    leave_out
        Numbers of points that are no runs, beside those that the overrides leave out.
    """
    from engine.config.problems import find_problems

    try:
        found = points(composer, overrides)
    except (*COMPOSE_ERRORS, RecursionError):  # one that cannot be read, or has no list of values
        return find_problems(overrides, composer.config_dirs, composer=composer)
    runs = [one for one in found if not one.is_out and one.number not in leave_out]
    parts = set().union(*map(_parts, runs))
    if not _told(composer, _with_each(_outermost(parts), runs)):
        return []
    return _told(composer, _with_each(parts, runs))


Part = tuple[tuple[str, ...], str]
"""What can be wrong with a run: a value of the trainer, with all but the others of these."""


def _parts(run: Point) -> set[Part]:
    alone = [text for text in run.differing if key_of(text).startswith("phase1.trainer.")]
    together = tuple(text for text in run.differing if text not in alone)
    return {(together, text) for text in alone or [""]}


def _outermost(parts: set[Part]) -> set[Part]:
    """Without the numbers between two others of a key: where those are right, they are too."""
    kept: set[Part] = set()
    numbers: dict[Any, list[tuple[float, Part]]] = {}
    for part in parts:
        key, _, text = part[1].partition("=")
        if _is_number(text):
            numbers.setdefault((part[0], key, text.isdecimal()), []).append((float(text), part))
        else:
            kept.add(part)
    for found in numbers.values():
        kept |= {min(found)[1], max(found)[1]}
    return kept


def _with_each(parts: set[Part], runs: Sequence[Point]) -> Iterator[Point]:
    """Few runs that have all of these parts."""
    left = set(parts)
    for run in runs:
        if not left.isdisjoint(_parts(run)):
            left -= _parts(run)
            yield run


def _told(composer: Composer, runs: Iterable[Point]) -> list[str]:
    return list(dict.fromkeys(text for _, told in check(composer, runs) for text in told))


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
