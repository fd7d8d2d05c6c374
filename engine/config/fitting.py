"""What is typed, seen against a config: whether it can be, and what other options leave of it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from engine.config import draft
from engine.config.compose import COMPOSE_ERRORS
from engine.config.composer import Composer
from engine.config.fields import FIELDS
from engine.config.points import first_point, points, sweep_problem

_FIELDS = {one.key: one for one in FIELDS}

_MOST_TYPED = 200
"""Values of a sweep that are looked at while it is typed."""

_MOST_CHOICES = 32
"""Choices of options in a sweep that are looked at."""


def typed_problem(key: str, text: str) -> str:
    """What the schema has against a text for a key, or each of several values; empty if nothing."""
    field = _FIELDS.get(key)
    override = draft.parsed(draft.spelled(key, text))
    if field is None or override is None:
        return ""
    problem = sweep_problem(override)
    if problem:
        return problem
    values: list[object] = [override.value()]
    if override.is_sweep_override():
        values = list(itertools.islice(override.sweep_iterator(), _MOST_TYPED))
    if any(isinstance(value, str) and "${" in value for value in values):
        return ""  # what it refers to is not known here
    return next(filter(None, map(field.problem, values)), "")


def what_composes(
    composer: Composer, overrides: Sequence[str], problems: Sequence[str]
) -> list[str]:
    """The overrides that compose, with one value each: mostly those that no problem is about."""
    keys = {draft.key_of(one) for one in overrides}
    told = {key for key in keys if any(is_about(text.lstrip("+~"), key) for text in problems)}
    rest = [one for one in overrides if draft.key_of(one) not in told]
    if _composes(composer, rest):
        return first_point(composer, rest)
    good: list[str] = []
    for one in overrides:
        if _composes(composer, [*good, one]):
            good.append(one)
    return first_point(composer, good)


def is_about(problem: str, key: str) -> bool:
    """Whether a sentence is about a key or group, which it then begins with."""
    return problem.startswith(key) and problem[len(key) : len(key) + 1] in ("=", ":", " ", "")


def missing(composer: Composer, before: Sequence[str], after: Sequence[str]) -> draft.Overrides:
    """The overrides of values that go with the options chosen `before`, and not with those `after`.

    Of a sweep over options it is enough that one of them has the key.
    """
    values = [text for text in after if not _is_choice(composer, text)]
    if not values or _composes(composer, after):
        return ()
    now, then = (_choices(composer, overrides) for overrides in (after, before))
    if not any(_composes(composer, one) for one in now):
        return ()  # a file is at fault, and not the values
    return tuple(
        text for text in values if not _goes(composer, now, text) and _goes(composer, then, text)
    )


def _composes(composer: Composer, overrides: Sequence[str]) -> bool:
    try:
        composer.compose(first_point(composer, overrides))
    except COMPOSE_ERRORS:
        return False
    return True


def _choices(composer: Composer, overrides: Sequence[str]) -> list[Sequence[str]]:
    """The options that these overrides choose, in every combination."""
    chosen = [text for text in overrides if _is_choice(composer, text)]
    try:
        return [point.overrides for point in points(composer, chosen)[:_MOST_CHOICES]]
    except COMPOSE_ERRORS:
        return []


def _is_choice(composer: Composer, text: str) -> bool:
    try:
        return composer.is_choice(text)
    except COMPOSE_ERRORS:
        return False


def _goes(composer: Composer, contexts: Sequence[Sequence[str]], text: str) -> bool:
    """Whether an override composes with any of the choices, be its value right or wrong."""
    for one in contexts:
        try:
            composer.compose([*one, *first_point(composer, [text])])
        except COMPOSE_ERRORS:
            continue
        return True
    return False
