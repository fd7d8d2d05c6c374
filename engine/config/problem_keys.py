"""Which key of the config a sentence about a problem belongs to, so that a form can go there."""

from __future__ import annotations

import re
from typing import NamedTuple

_KEY = re.compile(
    r"[+~]*(\w[\w-]*(?:[./]\w[\w-]*)*)(?:@[\w.]+)?(?:[=:]|$| (?:is (?:empty|missing)|gives|has)\b)"
)


class Problem(NamedTuple):
    """What is wrong, in one sentence and perhaps a line about what to do."""

    key: str | None
    """Dotted key (`phase1.trainer.lr`) or group (`phase1/encoder`); None for no single one."""
    text: str


def keyed(sentence: str, default: str | None = None) -> Problem:
    """The problem that a sentence tells of.

    A sentence of `find_problems` or of a `ConfigError` begins with the key that it is about, or
    with the override.

    Parameters
    ----------
    default
        The key where the sentence begins with none.
    """
    match = _KEY.match(sentence)
    return Problem(match[1] if match else default, sentence)
