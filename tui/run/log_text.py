"""Lines of a log as a person should see them. Pure functions.

Progress bars, which go back to the start of their line again and again, are shown as they were
last; colours become styles; every other escape sequence is left out.
"""

from __future__ import annotations

import re

from rich.ansi import AnsiDecoder
from rich.text import Text

from engine.facts.text import plain

LONGEST = 4000
"""Characters of a line that are shown."""

_COLOUR = re.compile(r"(\x1b\[[0-9;:]*m)")
_STAMP = re.compile(
    r"\d{4}-\d\d-\d\d[ T](?P<time>\d\d:\d\d:\d\d)(?:[,.]\d+)?\S*\s+(?P<level>[A-Z]+:?\s+)?"
)
_LEVELS = {"INFO": "", "DEBUG": ""}
_LOUD = re.compile(
    r"\b(?:(?P<bad>ERROR|CRITICAL|FATAL|Traceback|[A-Z]\w*Error)|(?P<warn>WARNING|WARN|[A-Z]\w*Warning))\b"
)


def resolved(line: str) -> str:
    """What is left of a line on a terminal that obeys its carriage returns."""
    if "\r" not in line:
        return line
    parts = [part for part in line.split("\r") if part.strip()]
    return parts[-1].rstrip() if parts else ""


def readable(line: str, brief: bool = False) -> Text:
    """A line with its colours as styles, and nothing in it that a terminal would obey.

    Parameters
    ----------
    brief
        Whether a date at its start is cut to the time of day, and the level `INFO` left out.
    """
    line = resolved(line)[:LONGEST].expandtabs(4)
    if _is_coloured(line):
        return AnsiDecoder().decode_line("".join(map(_harmless, _COLOUR.split(line))))
    head, rest = _cut(plain(line), brief)
    text = Text(head + rest, no_wrap=True, end="")
    text.stylize("dim", 0, len(head))
    return _loud(text)


def seen(line: str, brief: bool = False) -> str:
    """The characters of `readable`, without the cost of their styles: for whoever searches."""
    line = resolved(line)[:LONGEST].expandtabs(4)
    if _is_coloured(line):
        return "".join(map(plain, _COLOUR.split(line)[::2]))
    return "".join(_cut(plain(line), brief))


def _is_coloured(line: str) -> bool:
    return "\x1b[" in line and _COLOUR.search(line) is not None


def _cut(line: str, brief: bool) -> tuple[str, str]:
    """The date and level at the start of a line, shorter if it is to be `brief`, and the rest."""
    stamp = _STAMP.match(line)
    if stamp is None:
        return "", line
    level = (stamp["level"] or "").strip(": ")
    start = f"{stamp['time']} {_LEVELS.get(level, level + ' ') if level else ''}"
    return start if brief else stamp[0], line[stamp.end() :]


def _harmless(part: str) -> str:
    return part if _COLOUR.fullmatch(part) else plain(part)


def _loud(text: Text) -> Text:
    """What says that something is wrong, in a colour."""
    for match in _LOUD.finditer(text.plain):
        text.stylize("not dim bold red" if match["bad"] else "not dim bold yellow", *match.span())
    return text
