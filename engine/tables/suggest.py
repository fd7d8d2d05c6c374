"""What the last word of a filter may become: for the shell, and for a prompt that shows it live."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from engine.errors import ConfigError
from engine.library.summary import RunSummary
from engine.tables.conditions import KEYWORDS, quoted
from engine.tables.keys import Vocabulary, known_values

AT_MOST = 200
"""Suggestions."""

_LONGEST = 2000
_KEY = r"""[^\s()=!<>~"',]"""
_AFTER_OPERATOR = re.compile(
    rf"""(?:^|[\s(])(?P<key>{_KEY}+)\s*(?:!=|!~|<=|>=|==|=|<|>|~)\s*"""
    r"""(?:[^\s(),"']*,)*(?P<value>"[^"]*|[^\s(),"']*)$"""
)
_AT_KEY = re.compile(rf"""(?:^|[\s(])(?:has:)?(?P<key>{_KEY}*)$""", re.IGNORECASE)

_TEXT_OPERATORS = ("=", "!=", "~", "!~")
_ORDER_OPERATORS = ("=", "!=", "<", "<=", ">", ">=")
WITH_VALUES = ("text", "words", "number", "any")
"""Kinds whose values come again; nobody types a loss or a time a second time."""


def complete(text: str, runs: Sequence[RunSummary], now: float | None = None) -> list[str]:
    """Longer forms of `text`: its last word as a key, a key with an operator, or a value.

    Parameters
    ----------
    text
        The beginning of a filter, up to the cursor.
    runs
        Those whose keys and values are offered.
    now
        Unix seconds; None takes the clock.

    Returns
    -------
    list of str
        Whole texts, each beginning as `text` does (but for quotes that a value needs); none
        where nothing fits.
    """
    if len(text) > _LONGEST:
        return []
    vocabulary = Vocabulary(runs, now)
    value = _AFTER_OPERATOR.search(text)
    if value:
        return _values(text[: value.start("value")], value["key"], value["value"], vocabulary)
    key = _AT_KEY.search(text)
    before = text[: key.start("key")] if key else ""
    if not key or before.rstrip().endswith(("=", "<", ">", "~", ",")):
        return []  # in the middle of a value
    if before.lower().endswith("has:"):
        return [before + quoted(name) for name in _beginning(key["key"], vocabulary.names())]
    if not key["key"] and _ends_a_condition(before):
        return [before + "and ", before + "or "]
    return [before + word for word in _keys(key["key"], vocabulary)][:AT_MOST]


def _values(before: str, name: str, begun: str, vocabulary: Vocabulary) -> list[str]:
    """Values that runs have."""
    try:
        key = vocabulary.find(name)
    except ConfigError:
        return []
    if key.kind not in WITH_VALUES:
        return []
    values = _beginning(begun.removeprefix('"'), known_values(key, vocabulary.runs))
    return [before + quoted(value) for value in values[:AT_MOST]]


def _keys(begun: str, vocabulary: Vocabulary) -> list[str]:
    """Keys that begin so; the operators too where one key is left or it stands there whole."""
    names = _beginning(begun, vocabulary.names())
    whole = [begun] if begun and vocabulary.has(begun) else names if len(names) == 1 else []
    with_operator = [
        quoted(name) + operator for name in whole for operator in _operators(name, vocabulary)
    ]
    return with_operator + [quoted(name) for name in names if name not in whole]


def _operators(name: str, vocabulary: Vocabulary) -> Iterable[str]:
    try:
        kind = vocabulary.find(name).kind
    except ConfigError:
        return ()
    if kind in ("text", "words"):
        return _TEXT_OPERATORS
    return (
        dict.fromkeys([*_ORDER_OPERATORS, *_TEXT_OPERATORS]) if kind == "any" else _ORDER_OPERATORS
    )


def _beginning(begun: str, words: Iterable[str]) -> list[str]:
    return [word for word in words if word.startswith(begun)]


def _ends_a_condition(before: str) -> bool:
    """Whether `and` or `or` may follow, rather than a key."""
    words = before.split()
    return bool(words) and words[-1].lower() not in KEYWORDS and not before.rstrip().endswith("(")
