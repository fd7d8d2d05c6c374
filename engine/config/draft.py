"""A command line that is being written: overrides are chosen, set, taken back. Pure functions.

A draft is a tuple of overrides as they are typed. Whatever shows a draft is made from it, so that
a form and the line of overrides can never differ.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from engine.errors import ConfigError

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

Overrides = tuple[str, ...]

TYPED = "typed"
"""The origin of a value that an override sets."""

LEAVE_OUT = "hydra.sweeper.leave_out"
"""The key with the numbers of the points that are no runs."""

_QUOTED = set(" \t\n,=:{}[]()'\"\\#|;&<>*?`!~^%@+$")
"""Signs that mean something in an override or may, so that a text with one is quoted."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OTHER_WORDS = ("true", "false", "null", "nan", "inf")
"""Names that Hydra reads as something else than a text."""

_KEY_SIGNS = re.compile(r"[\\()\[\]{}:=, \t]")
"""Those that a key of a dictionary may have behind a backslash."""


def read_line(line: str) -> Overrides:
    """The overrides of a line, as a shell would take it apart.

    Raises
    ------
    ConfigError
        If a quotation mark is not closed.
    """
    try:
        return tuple(shlex.split(line))
    except ValueError as error:
        raise ConfigError(f"{line}: {str(error).lower()}", "Close what is quoted.") from error


def write_line(overrides: Sequence[str]) -> str:
    """The overrides as a shell takes them."""
    return shlex.join(overrides)


def key_of(override: str) -> str:
    """The key or group that an override is about, without signs before it and package behind."""
    return override.partition("=")[0].lstrip("+~").partition("@")[0].strip()


@lru_cache(maxsize=1024)
def parsed(override: str) -> Override | None:
    """What Hydra takes an override for; None if it cannot be read."""
    # Here, so that a screen with a draft is there before Hydra is loaded.
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        return OverridesParser.create().parse_overrides([override])[0]
    except (HydraException, RecursionError):  # the latter of brackets within brackets
        return None


def is_sweep(overrides: Sequence[str]) -> bool:
    """Whether one of the overrides has several values."""
    return any(one.is_sweep_override() for one in map(parsed, overrides) if one is not None)


def find(overrides: Sequence[str], key: str) -> str | None:
    """The last override of a key or group; None if there is none."""
    return next((one for one in reversed(overrides) if key_of(one) == key), None)


def put(overrides: Sequence[str], override: str) -> Overrides:
    """With this override in the place of those of its key; at the end if there is none."""
    key, placed, result = key_of(override), False, []
    for one in overrides:
        if key_of(one) != key:
            result.append(one)
        elif not placed:
            result.append(override)
            placed = True
    return tuple(result if placed else [*result, override])


def collapsed(overrides: Sequence[str]) -> Overrides:
    """Without those that a later one of the same key makes worthless."""
    last = {text.partition("=")[0]: number for number, text in enumerate(overrides)}
    pairs = enumerate(overrides)
    return tuple(text for number, text in pairs if last[text.partition("=")[0]] == number)


def without(overrides: Sequence[str], key: str) -> Overrides:
    """Without the overrides of a key or group."""
    return tuple(one for one in overrides if key_of(one) != key)


def spelled(key: str, text: str, sign: str = "") -> str:
    """The override that sets a key to what somebody typed.

    It is taken as it stands if it can be read so, a list of values for a sweep included; else it
    is a text, which gets quotes.
    """
    override = f"{sign}{key}={text}"
    return override if parsed(override) is not None else f"{sign}{key}={quoted(text)}"


def quoted(text: str) -> str:
    """A text between quotation marks, as an override has it."""
    # A backslash counts only before a quotation mark, and before those that stand there.
    pieces = text.split("'")
    doubled = [piece + "\\" * _trailing(piece) for piece in pieces]
    return "'" + "\\'".join(doubled) + "'"


def _trailing(text: str) -> int:
    """How many backslashes a text ends with."""
    return len(text) - len(text.rstrip("\\"))


def literal(text: str) -> str:
    """A text between quotation marks that stays as it is, `${` in it too."""
    # Backslashes before an interpolation count; the quotes take care of all others.
    return quoted(re.sub(r"(\\*)\$\{", r"\1\1\\${", text))


def text_of(value: Any, *, refers: bool = False) -> str:
    """A value as an override has it.

    Parameters
    ----------
    refers
        Whether `${…}` in a text refers to another value, as in a config; else it is only a text.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        pairs = ((_key_text(key), text_of(one, refers=refers)) for key, one in value.items())
        return "{" + ",".join(f"{key}:{one}" for key, one in pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(text_of(one, refers=refers) for one in value) + "]"
    if not isinstance(value, str):
        return repr(value)
    if "${" in value and not refers:
        return literal(value)
    return value if _is_plain(value) else quoted(value)


def _key_text(key: Any) -> str:
    """A key of a dictionary, which can have no quotation marks around it."""
    return _KEY_SIGNS.sub(r"\\\g<0>", key) if isinstance(key, str) else text_of(key)


def has_key(override: str, key: str) -> bool:
    """Whether an override can be read, and sets this key: not so where a key has a strange name."""
    found = parsed(override)
    return found is not None and str(found.key_or_group) == key


@lru_cache(maxsize=4096)
def _is_plain(text: str) -> bool:
    """Whether a text stands for itself without quotes."""
    if not text or text != text.strip() or (set(text) & _QUOTED and "${" not in text):
        return False
    if _NAME.fullmatch(text) and text.lower() not in _OTHER_WORDS:
        return True  # as most texts are; reading one as Hydra does takes a thousand times as long
    override = parsed(f"key={text}")
    return override is not None and override.value() == text
