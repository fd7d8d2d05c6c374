"""What a filter that matches no run may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from engine.facts.state import STATES
from engine.facts.text import plain
from engine.library.summary import COMPONENTS, RunSummary
from engine.tables.conditions import And, Compare, Condition, Has, Not, Or, Word
from engine.tables.keys import BROKEN, Key, Vocabulary, known_values
from engine.tables.query import Query
from engine.tables.suggest import WITH_VALUES

_FEW = 8
"""Values that are listed."""

_NEVER_AGAIN = ("step", "path", "archived")
"""Fields of which no other value is worth a suggestion."""

_NAMED_BY = ("state", "loop", *COMPONENTS, "tag", "sweep", "host")
"""Fields whose values people type as a word alone."""


def advice(query: Query, runs: Sequence[RunSummary]) -> str:
    """A sentence about the first value of the filter that no run has; empty where each is there.

    Parameters
    ----------
    query
        A filter that has selected none of the runs.
    runs
        The runs it was to choose from.
    """
    vocabulary = Vocabulary(runs, query.now)
    told = (_about(part, vocabulary) for part in _parts(query.condition))
    return next(filter(None, told), "")


def fields_with(word: str, runs: Sequence[RunSummary]) -> list[str]:
    """Filters `field=value` for the fields in which some run has the word for its value."""
    vocabulary = Vocabulary(runs)
    found = []
    for name in _NAMED_BY:
        values = known_values(vocabulary.find(name), runs)
        found += [f"{name}={value}" for value in values if value.casefold() == word.casefold()]
    return found


def asks_for(query: Query, key: str) -> bool:
    """Whether a filter says something about a key."""
    parts = _parts(query.condition, negated=True)
    return any(isinstance(part, Compare | Has) and part.key == key for part in parts)


def _parts(condition: Condition, negated: bool = False) -> Iterator[Condition]:
    """The single conditions of a filter, without those behind `not` unless they are asked for."""
    if isinstance(condition, And | Or):
        for part in condition.parts:
            yield from _parts(part, negated)
    elif not isinstance(condition, Not):
        yield condition
    elif negated:
        yield from _parts(condition.part, negated)


def _about(part: Condition, vocabulary: Vocabulary) -> str:
    if isinstance(part, Word):
        return _about_word(part.text, vocabulary)
    if not isinstance(part, Compare) or part.operator != "=" or not vocabulary.has(part.key):
        return ""
    key = vocabulary.find(part.key)
    known = _known(key, vocabulary)
    for literal in part.values:
        if not known or any(literal.equals(key.read(run)) for run in vocabulary.runs):
            continue
        if literal.text in known or literal.text in ("null", ""):
            continue
        return _nearest(f"{part.key}={literal.text}", literal.text, known)
    return ""


def _known(key: Key, vocabulary: Vocabulary) -> list[str]:
    """Values of a key that may be meant; none of a key whose values do not come again."""
    if key.name == "state":
        return [*STATES, BROKEN]
    wanted = key.kind in WITH_VALUES and key.name not in _NEVER_AGAIN
    return known_values(key, vocabulary.runs) if wanted else []


def _about_word(word: str, vocabulary: Vocabulary) -> str:
    known = {
        value
        for name in _NAMED_BY
        for value in known_values(vocabulary.find(name), vocabulary.runs)
    }
    close = difflib.get_close_matches(word.casefold(), sorted(known), n=1)
    return f"did you mean {plain(close[0])}?" if close else ""


def _nearest(condition: str, text: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(text, known, n=3)
    if close:
        return f"no run has {plain(condition)}; did you mean {' or '.join(map(plain, close))}?"
    few = f"; there are {', '.join(map(plain, known))}" if len(known) <= _FEW else ""
    return f"no run has {plain(condition)}{few}"
