"""Small JSON records in a run directory that anybody may have written: read with care."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, TypeGuard

from engine.errors import FactsError
from engine.facts.files import as_facts_error, open_own
from engine.facts.values import text

MAX_RECORD = 1 << 18
"""Bytes of the largest record that is read."""

_INTEGER = 2**53
_ID = re.compile(r"[\w.-]{1,200}", re.ASCII)


def read_record(
    path: Path, *, in_folder: bool = False, most: int = MAX_RECORD
) -> dict[str, Any] | None:
    """The JSON object in a small file; None where there is no such file.

    Only an ordinary file is read, and no link is followed: see `files.open_own`.

    Parameters
    ----------
    in_folder
        Whether it lies in a folder of the run directory.
    most
        Bytes of the largest file that is read.

    Raises
    ------
    FactsError
        If the file cannot be read, is too large, or holds no JSON object.
    """
    with as_facts_error(path, "read"):
        try:
            handle = open_own(path, in_folder=in_folder)
        except (FileNotFoundError, NotADirectoryError):
            return None
        with open(handle, "rb", buffering=0) as file:
            data = file.read(most + 1)
    try:
        record = json.loads(data.decode()) if len(data) <= most else None
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise FactsError(f"{path} is damaged", "It should hold one small JSON object.")
    return record


def text_in(record: dict[str, Any], key: str) -> str | None:
    """The text of an entry, cut to `LONGEST_TEXT`; None where it is no text."""
    return text(record.get(key))


def integer_in(record: dict[str, Any], key: str) -> int | None:
    """The whole number of an entry; None where it is none, or beyond what JSON holds exactly."""
    value = record.get(key)
    return value if type(value) is int and abs(value) < _INTEGER else None


def id_in(record: dict[str, Any], key: str) -> str | None:
    """The id of an entry; None where it is none."""
    value = record.get(key)
    return value if is_id(value) else None


def is_id(value: object) -> TypeGuard[str]:
    """Whether a value can be the id of a job, which needs no quoting wherever it is used."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None
