"""What a run printed: its log, and what its job wrote before the training opened that."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from engine.errors import FactsError
from engine.facts.files import as_facts_error, open_own
from engine.facts.run_dir import RunDir
from engine.facts.text import plain

MOST_BYTES = 1 << 20
"""Of a log only so many bytes at its end are read."""

_OF_ERRORS = 1 << 14
_OURS = "error: "


def printed_lines(run_dir: RunDir) -> list[str]:
    """The last lines of the log, less empty ones; where it has none those of `job.err`.

    Raises
    ------
    FactsError
        If it cannot be read, or is no ordinary file.
    """
    return _end_of(run_dir.log, MOST_BYTES) or _end_of(run_dir.job_err, MOST_BYTES)


def last_error(run_dir: RunDir) -> str | None:
    """The last line of `job.err`, without control characters; None where it tells nothing.

    Lines that are indented, as a hint of ours below its sentence, count where all are.
    """
    with contextlib.suppress(FactsError):  # what cannot be read tells nothing
        lines = [plain(line) for line in _end_of(run_dir.job_err, _OF_ERRORS) if line.strip()]
        outer = [line for line in lines if not line[0].isspace()] or lines
        if outer:
            return outer[-1].strip().removeprefix(_OURS) or None
    return None


def _end_of(path: Path, most: int) -> list[str]:
    """The last lines of a file; none where it is not there."""
    with as_facts_error(path, "read"):
        try:
            handle = open_own(path)
        except FileNotFoundError:
            return []
        with open(handle, "rb") as file:
            file.seek(max(0, os.fstat(handle).st_size - most))
            text = file.read(most).decode("utf-8", "replace")
    # A progress bar writes one line over the other: the last one is what was seen.
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")]
    return [line for line in lines if line]
