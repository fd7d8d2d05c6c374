"""Times, counts and texts of files in words for a human."""

from __future__ import annotations

from signal import Signals

from engine.facts.text import plain

_LONGEST = 200


def in_words(seconds: float) -> str:
    """A time in its largest fitting unit: `40 s`, `14 min`, `3 h`, `2 d`."""
    seconds = max(0.0, seconds)
    for limit, unit, name in ((90, 1, "s"), (5400, 60, "min"), (129600, 3600, "h")):
        if seconds < limit:
            return f"{round(seconds / unit)} {name}"
    return f"{round(seconds / 86400)} d"


def count(number: int | None, thing: str) -> str:
    """How many of a thing: `1 epoch`, `20 epochs`; nothing for none."""
    if not number:
        return ""
    return f"1 {thing}" if number == 1 else f"{number} {thing}s"


def first_line(text: str | None, longest: int = _LONGEST) -> str:
    """The first line of a text, clean, and cut to `longest` characters."""
    lines = (text or "").lstrip()[:4096].splitlines()
    clean = plain(lines[0]).strip() if lines else ""
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"


def signal_name(number: int) -> str:
    """A signal with its name, where it has one: `signal 9 (SIGKILL)`."""
    try:
        return f"signal {number} ({Signals(number).name})"
    except ValueError:
        return f"signal {number}"


def signal_of(exit_code: int | None, signal: int | None = None) -> int | None:
    """The signal that ended a process: said outright, or as a shell or Python says it."""
    if signal:
        return signal
    code = exit_code or 0
    if code < 0:
        return -code
    return code - 128 if 128 < code < 128 + 65 else None
