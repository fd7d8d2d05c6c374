"""What lies in a run directory, with its sizes."""

from __future__ import annotations

import os
from collections.abc import Iterator

MOST_ENTRIES = 20_000
DEEPEST = 6


def entries_below(
    folder: str | os.PathLike[str], most: int = MOST_ENTRIES, deepest: int = DEEPEST
) -> Iterator[tuple[str, os.stat_result]]:
    """Path and status of all that is no folder, in a folder and those below it.

    Links are not followed. What is gone meanwhile, or not ours to list, is left out.

    Parameters
    ----------
    most
        How many entries are looked at, about.
    deepest
        How many folders below this one.
    """
    seen, folders = 0, [(os.fspath(folder), 0)]
    while folders and seen < most:
        place, depth = folders.pop()
        try:
            found = list(os.scandir(place))
        except OSError:
            continue
        seen += len(found)
        for entry in found:
            try:
                if not entry.is_dir(follow_symlinks=False):
                    yield entry.path, entry.stat(follow_symlinks=False)
                elif depth < deepest:
                    folders.append((entry.path, depth + 1))
            except OSError:
                continue
