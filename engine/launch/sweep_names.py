"""How the runs of a sweep are named after it."""

from __future__ import annotations

import re

_SWEEP = re.compile(r"exp_([-\w.]+)", re.ASCII)


def own_name(directory: str) -> str | None:
    """What follows `exp_` in the name of the directory of a sweep, as our configs give it.

    Its runs are `run_…_jobN` with the same. None for a directory that is named otherwise.
    """
    found = _SWEEP.fullmatch(directory)
    return found[1] if found else None
