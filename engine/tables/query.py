r"""The filter language: which runs somebody wants to see.

::

    filter     = or ;
    or         = and, { "or", and } ;
    and        = not, { [ "and" ], not } ;            two conditions side by side: both
    not        = { "not" }, condition ;
    condition  = "(", or, ")" | "has:", key | key, operator, values | word ;
    operator   = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" | "!~" ;
    values     = value, { ",", value } ;              several with = and != only: any of them

- A word alone is looked for in the name, the tags, the note, the loop, its encoder, decoder and
  latent space, the state, the sweep and the host, in either case of its letters.
- `=` compares numbers as numbers and anything else letter for letter; `null` is "has none".
- `~` searches for a regular expression, in either case of the letters.
- A run that lacks the key matches none of `= < <= > >= ~`. `!=` and `!~` are what `=` and `~` are
  not, so it matches those; write `has:key` beside them to leave it out.
- A backslash keeps the blank or the bracket behind it in a value, as expressions need it: `~a\(`.
- Quotes, `"…"` or `'…'`, take blanks and brackets into a word; a backslash in them is written
  twice, and stands before a quote that does not end the word.

Keys are those of `engine.tables.keys`; units those of `engine.tables.units`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

from engine.errors import ConfigError
from engine.facts.text import plain
from engine.library.summary import RunSummary
from engine.tables.conditions import (
    KEYWORDS,
    And,
    Compare,
    Condition,
    Has,
    Not,
    Or,
    Word,
    make_compare,
)
from engine.tables.keys import Vocabulary

MAX_LENGTH = 10_000
MAX_DEPTH = 50
"""Of brackets."""

_SPACE = re.compile(r"\s*")
_OPERATOR = re.compile(r"!=|!~|<=|>=|==|=|<|>|~")
_WORD = re.compile(r"(?:(?!!=|!~)[^\s()=<>~])+")
_BRACKETS = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class Query:
    """A filter; `str` writes it in its plainest form, which means the same."""

    condition: Condition
    now: float
    """Unix seconds that `age` and `today` go by."""

    def matches(self, run: RunSummary) -> bool:
        """Whether one run matches; a key that it does not have is missing, not an error.

        Raises
        ------
        ConfigError
            If a key means several of the run's config keys.
        """
        return self.condition.test(Vocabulary([run], self.now), strict=False)(run)

    def select(self, runs: Sequence[RunSummary]) -> list[RunSummary]:
        """The runs that match, in their order.

        Raises
        ------
        ConfigError
            If there are runs and none of them has a key, or a key means several.
        """
        if not runs:
            return []
        test = self.condition.test(Vocabulary(runs, self.now), strict=True)
        return [run for run in runs if test(run)]

    def __str__(self) -> str:
        return str(self.condition)


def parse(text: str, now: float | None = None) -> Query:
    """Read a filter; an empty one matches every run.

    Parameters
    ----------
    text
        The filter.
    now
        Unix seconds; None takes the clock.

    Raises
    ------
    ConfigError
        If it is none; shows where, and what was expected.
    """
    moment = time.time() if now is None else now
    if len(text) > MAX_LENGTH:
        raise ConfigError(f"the filter has {len(text)} characters; at most {MAX_LENGTH} are read")
    return Query(_Parser(text, moment).whole(), moment)


class _Parser:
    """Reads from left to right; `at` is the next character."""

    def __init__(self, text: str, now: float) -> None:
        self.text = text
        self.now = now
        self.at = 0
        self.depth = 0

    def whole(self) -> Condition:
        self._skip_space()
        if self.at == len(self.text):
            return And(())
        condition = self._or()
        if self.at < len(self.text):
            self._fail("this ) closes nothing")
        return condition

    def _or(self) -> Condition:
        parts = [self._and()]
        while self._keyword("or"):
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _and(self) -> Condition:
        parts = [self._not()]
        while self._keyword("and") or self._more():
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _more(self) -> bool:
        """Whether another condition follows without a word between."""
        return not (self.at == len(self.text) or self.text[self.at] == ")" or self._peek("or"))

    def _not(self) -> Condition:
        negated = False
        while self._keyword("not"):
            negated = not negated
        condition = self._condition()
        return Not(condition) if negated else condition

    def _condition(self) -> Condition:
        if self.text.startswith("(", self.at):
            return self._bracket()
        begin = self.at
        if any(map(self._peek, KEYWORDS)) or self.at == len(self.text):
            self._fail("a condition is missing here")
        if self.text[begin : begin + 4].lower() == "has:":
            self.at += 4
            return self._has()
        word = self._word()
        self._skip_space()
        operator = _OPERATOR.match(self.text, self.at)
        if operator:
            self.at = operator.end()
            return self._comparison(word, operator[0], begin)
        if not word:
            self._fail("a condition is missing here", begin)
        return Word(word)

    def _bracket(self) -> Condition:
        begin = self.at
        if self.depth == MAX_DEPTH:
            self._fail(f"brackets go {MAX_DEPTH} deep at most")
        self.at += 1
        self.depth += 1
        self._skip_space()
        condition = self._or()
        if self.at == len(self.text):
            self._fail("this ( is never closed", begin)
        self.at += 1
        self.depth -= 1
        self._skip_space()
        return condition

    def _has(self) -> Has:
        key = self._word()
        if not key:
            self._fail("the key is missing: has:key")
        self._skip_space()
        return Has(key)

    def _comparison(self, key: str, operator: str, begin: int) -> Compare:
        if not key:
            self._fail("the key is missing", begin)
        operator = "=" if operator == "==" else operator
        self._skip_space()
        value_begin = self.at
        values = list(self._values(operator))
        self._skip_space()
        try:
            return make_compare(key, operator, values, self.now)
        except ValueError as error:
            self._fail(str(error), value_begin)

    def _values(self, operator: str) -> Iterator[str]:
        """The values of a comparison: one, or several with commas between."""
        missing = f"a value is missing after {operator}"
        if any(map(self._peek, KEYWORDS)):
            self._fail(f"{missing}; put quotes round it if you mean the word")
        listed = operator in ("=", "!=")
        while True:
            begin = self.at
            value = self._quoted() if self._at_quote() else self._bare_value(listed)
            if self.at == begin:
                self._fail(missing)
            yield value
            if not (listed and self.text.startswith(",", self.at)):
                return
            self.at += 1

    def _bare_value(self, listed: bool) -> str:
        """Up to a blank, a comma of a list or a bracket that was not opened in it."""
        begin, open_brackets = self.at, list[str]()
        while self.at < len(self.text):
            char = self.text[self.at]
            if not open_brackets and (char.isspace() or char == ")" or (listed and char == ",")):
                break
            if char in _BRACKETS:
                open_brackets.append(_BRACKETS[char])
            elif open_brackets and char == open_brackets[-1]:
                open_brackets.pop()
            elif char == "\\":
                self.at += 1
            self.at += 1
        if self.at > len(self.text):
            self._fail("nothing follows this \\; put quotes round the value", len(self.text) - 1)
        if open_brackets:
            self._fail(f"a {open_brackets[-1]} is missing; or put quotes round the value", begin)
        return self.text[begin : self.at]

    def _word(self) -> str:
        """A bare or quoted word; empty at an operator or a bracket."""
        if self._at_quote():
            return self._quoted()
        match = _WORD.match(self.text, self.at)
        if match is None:
            return ""
        self.at = match.end()
        return match[0]

    def _at_quote(self) -> bool:
        return self.text[self.at : self.at + 1] in ('"', "'")

    def _quoted(self) -> str:
        begin, quote = self.at, self.text[self.at]
        chars: list[str] = []
        self.at += 1
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "\\" and self.text[self.at + 1 : self.at + 2] in (quote, "\\"):
                self.at += 1
                char = self.text[self.at]
            elif char == quote:
                self.at += 1
                return "".join(chars)
            chars.append(char)
            self.at += 1
        self._fail(f"this {quote} is never closed", begin)

    def _peek(self, keyword: str) -> bool:
        match = _WORD.match(self.text, self.at)
        return match is not None and match[0].lower() == keyword

    def _keyword(self, keyword: str) -> bool:
        if not self._peek(keyword):
            return False
        self.at += len(keyword)
        self._skip_space()
        return True

    def _skip_space(self) -> None:
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def _fail(self, problem: str, at: int | None = None) -> NoReturn:
        at = self.at if at is None else at
        before = plain(self.text[max(0, at - 50) : at])
        after = plain(self.text[at : at + 25])
        raise ConfigError(
            f"the filter is wrong at character {at + 1}: {problem}",
            f"{before}{after}\n  {' ' * len(before)}^",
        )
