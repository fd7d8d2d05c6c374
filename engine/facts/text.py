"""Text from a file, made safe for a terminal."""

from __future__ import annotations

import functools
import re

# An escape sequence (CSI, OSC and other strings, two-character ones), or a lone control character.
_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x9b[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)"
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
)

_NUMBER = re.compile(r"(\d+)", re.ASCII)


def plain(text: object, *, keep_lines: bool = False) -> str:
    """`text` without escape sequences, control characters and reversals of the writing direction.

    Line ends and tabs become spaces unless `keep_lines`; half characters, which no terminal can
    show, become a question mark.
    """
    text = str(text)
    if text.isascii() and text.isprintable():
        return text  # nearly always
    clean = _CONTROL.sub("", text).encode("utf-8", "replace").decode()
    return clean if keep_lines else clean.replace("\n", " ").replace("\t", " ")


@functools.lru_cache(maxsize=1 << 16)
def natural(text: str) -> tuple[str, ...]:
    """What texts are ordered by so that `job2` stands before `job10`."""
    parts = _NUMBER.split(text)  # texts, and between them numbers
    return tuple(_by_size(part) if n % 2 else part for n, part in enumerate(parts))


def _by_size(digits: str) -> str:
    """A number as a text that stands before those of larger ones."""
    told = digits.lstrip("0")
    return f"{len(told):09}{told}"
