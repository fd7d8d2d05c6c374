"""The conditions that a filter is made of; each becomes a test of a run, and text again.

A test is made for a `Vocabulary`, so that a key means the same for all runs. `str` of a condition
reads back as one that matches the same runs.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from engine.errors import ConfigError
from engine.facts.text import plain
from engine.library.summary import COMPONENTS, RunSummary
from engine.tables import units
from engine.tables.cells import Progress, as_number, as_text, is_missing, show
from engine.tables.keys import ALIASES, FIELD_KINDS, FIELDS, Key, Vocabulary

Test = Callable[[RunSummary], bool]

KEYWORDS = ("and", "or", "not")

_SEARCHED = [
    FIELDS[name].read for name in ("name", "note", "loop", *COMPONENTS, "state", "sweep", "host")
]
_PLAIN_WORD = re.compile(r"[A-Za-z0-9_./+*][A-Za-z0-9_./+*-]*")
_FLAGS = {"yes": "true", "no": "false"}
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class Condition(Protocol):
    """What a filter, and each of its parts, can do."""

    def test(self, keys: Vocabulary, *, strict: bool) -> Test:
        """A function that tells whether a run matches.

        With `strict` a key that no run of `keys` has is a `ConfigError`, else it is missing.
        """


@dataclass(frozen=True)
class Word:
    """A word in the name, a tag, the note, or in what tells of the loop, its parts or the host."""

    text: str

    def test(self, keys: Vocabulary, *, strict: bool) -> Test:
        """See `Condition.test`."""
        wanted = self.text.casefold()

        def found(run: RunSummary) -> bool:
            texts = [read(run) for read in _SEARCHED]
            return any(wanted in text.casefold() for text in (*run.tags, *texts) if text)

        return found

    def __str__(self) -> str:
        return quoted(self.text)


@dataclass(frozen=True)
class Has:
    """There is such a thing: not null, no empty text, no empty list."""

    key: str

    def test(self, keys: Vocabulary, *, strict: bool) -> Test:
        """See `Condition.test`."""
        read = find(keys, self.key, strict).read
        return lambda run: not is_missing(read(run))

    def __str__(self) -> str:
        return f"has:{quoted(self.key)}"


@dataclass(frozen=True)
class Literal:
    """A value of a filter: its text, and what it comes to as a number."""

    text: str
    number: float | None = None
    end: float | None = None
    """Of a date: the first moment that it does not mean."""

    def equals(self, value: Any) -> bool:
        """Whether one value of a run is this."""
        number = as_number(value)
        if isinstance(value, Progress) and "/" in self.text:
            return str(value) == self.text
        if number is not None and self.number is not None:
            if self.end is not None:
                return self.number <= number < self.end
            return number == self.number
        if isinstance(value, bool):
            return as_text(value) == _FLAGS.get(self.text.lower(), self.text.lower())
        text = as_text(value)
        return text == (self.text.replace(" ", "") if isinstance(value, list) else self.text)


@dataclass(frozen=True)
class Compare:
    """A key, an operator, and the values to compare with."""

    key: str
    operator: str
    values: tuple[Literal, ...]
    pattern: re.Pattern[str] | None = None
    """Of `~` and `!~`."""

    def test(self, keys: Vocabulary, *, strict: bool) -> Test:
        """See `Condition.test`."""
        key = find(keys, self.key, strict)
        if strict and self.operator in _ORDER:
            self._refuse_no_order(key, keys.runs)
        read, matches = key.read, self._matcher(key)
        if self.operator.startswith("!"):
            return lambda run: not matches(read(run))
        return lambda run: matches(read(run))

    def _matcher(self, key: Key) -> Callable[[Any], bool]:
        """A function of the value, without the `!`."""
        if self.operator in _ORDER:
            return self._in_order
        one = self._searched if self.pattern else self._equal
        if key.kind == "words":
            return lambda value: any(map(one, value)) if value else one(None)
        return one

    def _equal(self, value: Any) -> bool:
        if is_missing(value):
            empty = "" if isinstance(value, str) else None
            return any(literal.text in ("null", empty) for literal in self.values)
        return any(literal.equals(value) for literal in self.values)

    def _searched(self, value: Any) -> bool:
        if is_missing(value) or self.pattern is None:
            return False
        return self.pattern.search(as_text(value)) is not None

    def _in_order(self, value: Any) -> bool:
        in_order, (literal,) = _ORDER[self.operator], self.values
        number = as_number(value)
        if number is not None and literal.number is not None:
            return in_order(number, literal.number)
        if isinstance(value, str) and value and literal.number is None:
            return in_order(value, literal.text)
        return False

    def _refuse_no_order(self, key: Key, runs: Sequence[RunSummary]) -> None:
        """A text is neither smaller nor larger than numbers, of which all values are."""
        (literal,) = self.values
        if literal.number is not None or key.kind not in ("any", "metric"):
            return
        values = [value for value in map(key.read, runs) if not is_missing(value)]
        if values and all(as_number(value) is not None for value in values):
            raise ConfigError(
                f"{self}: {plain(self.key)} is a number",
                f"Write a number, such as {self.key}{self.operator}{show(key.kind, values[0])}.",
            )

    def __str__(self) -> str:
        listed = ",".join(quoted(literal.text) for literal in self.values)
        return f"{quoted(self.key)}{self.operator}{listed}"


@dataclass(frozen=True)
class Not:
    """What the part does not match."""

    part: Condition

    def test(self, keys: Vocabulary, *, strict: bool) -> Test:
        """See `Condition.test`."""
        part = self.part.test(keys, strict=strict)
        return lambda run: not part(run)

    def __str__(self) -> str:
        return f"not {_bracketed(self.part, And, Or)}"


@dataclass(frozen=True)
class And:
    """What all parts match; every run if there are none."""

    parts: tuple[Condition, ...]

    def test(self, keys: Vocabulary, *, strict: bool) -> Test:
        """See `Condition.test`."""
        parts = [part.test(keys, strict=strict) for part in self.parts]
        return lambda run: all(part(run) for part in parts)

    def __str__(self) -> str:
        return " and ".join(_bracketed(part, And, Or) for part in self.parts)


@dataclass(frozen=True)
class Or:
    """What any part matches."""

    parts: tuple[Condition, ...]

    def test(self, keys: Vocabulary, *, strict: bool) -> Test:
        """See `Condition.test`."""
        parts = [part.test(keys, strict=strict) for part in self.parts]
        return lambda run: any(part(run) for part in parts)

    def __str__(self) -> str:
        return " or ".join(_bracketed(part, Or) for part in self.parts)


def make_compare(key: str, operator: str, values: Sequence[str], now: float) -> Compare:
    """A comparison, with its values read as the key wants them.

    Raises
    ------
    ValueError
        If a value cannot be compared with the key; says how to write it.
    """
    if operator.endswith("~"):
        return Compare(key, operator, (Literal(values[0]),), _pattern(values[0]))
    kind = FIELD_KINDS.get(ALIASES.get(key, key), "any")
    if key == "state":  # all states are in small letters
        values = [text.lower() for text in values]
    literals = tuple(_literal(kind, text, now) for text in values)
    return Compare(key, operator, literals)


def find(keys: Vocabulary, name: str, strict: bool) -> Key:
    """The key; one that every run lacks if there is none and `strict` is false."""
    if not strict and not keys.has(name):
        return Key(name, "any", lambda run: None)
    return keys.find(name)


def quoted(text: str) -> str:
    """A word as the filter reads it back: bare where that is safe."""
    if _PLAIN_WORD.fullmatch(text) and text.lower() not in KEYWORDS:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _literal(kind: str, text: str, now: float) -> Literal:
    """A value, read in the units of the kind; `null` and empty text are of every kind."""
    if text in ("null", "") or kind in ("text", "words"):
        return Literal(text)
    if kind == "time":
        return Literal(text, *units.read_time(text, now))
    if kind == "any":
        try:
            return Literal(text, units.read_number(text))
        except ValueError:
            return Literal(text)
    return Literal(text, _READ_BY[kind](text))


_READ_BY: dict[str, Callable[[str], float]] = {
    "number": units.read_number,
    "metric": units.read_number,
    "progress": units.read_share,
    "duration": units.read_duration,
    "size": units.read_size,
}


def _pattern(text: str) -> re.Pattern[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of forms that may change their meaning one day
        try:
            return re.compile(text, re.IGNORECASE)
        except (re.error, ValueError, OverflowError, RecursionError) as error:
            raise ValueError(f"this is no regular expression: {error}") from error


def _bracketed(part: Condition, *kinds: type) -> str:
    return f"({part})" if isinstance(part, kinds) else str(part)
