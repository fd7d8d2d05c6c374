"""What the commands print as JSON: plain ASCII, piece by piece."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

DEEPEST = 100
"""What is nested deeper is left out: nothing that a training writes is."""


def json_pieces(value: object, indent: int = 0) -> Iterator[str]:
    """The text of `value`, indented by two blanks a level.

    An iterator is a list whose entries are written one by one, and never held together; it may be
    an entry of another one, or of an object.
    """
    if isinstance(value, Iterator):
        entries = (("", entry) for entry in value)
        yield from _container("[", "]", entries, indent)
    elif isinstance(value, Mapping) and any(isinstance(one, Iterator) for one in value.values()):
        entries = ((f"{json.dumps(str(key))}: ", entry) for key, entry in value.items())
        yield from _container("{", "}", entries, indent)
    else:
        text = json.dumps(plain_json(value), indent=2, allow_nan=False)
        yield text.replace("\n", "\n" + " " * indent)


def _container(
    begin: str, end: str, entries: Iterator[tuple[str, object]], indent: int
) -> Iterator[str]:
    """A list or an object; each entry with what stands before it."""
    line, before = "\n" + " " * (indent + 2), begin
    for name, entry in entries:
        yield f"{before}{line}{name}"
        yield from json_pieces(entry, indent + 2)
        before = ","
    yield begin + end if before == begin else "\n" + " " * indent + end


def plain_json(value: Any, depth: int = 0) -> Any:
    """`value` as JSON knows it; numbers that are not finite are null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str | int | None):
        return value
    if depth > DEEPEST:
        return "…"
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {str(key): plain_json(entry, depth + 1) for key, entry in value.items()}
    if isinstance(value, Sequence | Set):
        return [plain_json(entry, depth + 1) for entry in value]
    return str(value) if isinstance(value, Path) else repr(value)
