"""Small JSON records in a run directory that anybody may have written: read with care."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from engine.errors import FactsError
from engine.facts.files import as_facts_error

MAX_RECORD = 1 << 18
"""Bytes of the largest record that is read."""

_TEXT = 4096
_INTEGER = 2**53


def read_record(path: Path) -> dict[str, Any] | None:
    """The JSON object in a small file; None where there is no such file.

    Only an ordinary file is read: a pipe or a device in its place cannot hold the reader up.

    Raises
    ------
    FactsError
        If the file cannot be read, is too large, or holds no JSON object.
    """
    with as_facts_error(path, "read"):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        with open(handle, "rb") as file:
            ordinary = stat.S_ISREG(os.fstat(handle).st_mode)
            data = file.read(MAX_RECORD + 1) if ordinary else b""
    try:
        record = json.loads(data.decode()) if len(data) <= MAX_RECORD else None
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise FactsError(f"{path} is damaged", "It should hold one small JSON object.")
    return record


def text_in(record: dict[str, Any], key: str) -> str | None:
    """The text of an entry, at most 4096 characters of it; None where it is no text."""
    value = record.get(key)
    return value[:_TEXT] if isinstance(value, str) else None


def integer_in(record: dict[str, Any], key: str) -> int | None:
    """The whole number of an entry; None where it is none, or beyond what JSON holds exactly."""
    value = record.get(key)
    return value if type(value) is int and abs(value) < _INTEGER else None
