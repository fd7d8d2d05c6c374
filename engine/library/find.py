"""Where the runs are: every run directory below a root, without following a link."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from engine.errors import FactsError

DEPTH = 4
"""How many folders below the root a run may lie."""


NO_FOLDER = "there is no folder"
"""How the problem of a root begins that is not there."""

PREFIX = "run_"
"""Beginning of the names that trainings give to their directories."""


class Found(NamedTuple):
    """A run directory, and what the system says about it."""

    path: str
    directory: os.stat_result
    events: os.stat_result | None
    """Of `facts/events.jsonl`; None where it is not there or cannot be asked for."""


def find_runs(root: str | os.PathLike[str]) -> list[Path]:
    """All run directories at or below `root`, sorted.

    A run is a directory with `facts/` or `launch.json` in it, and one that may not be looked into
    beside such a directory or by the name of a run. Links and names with a dot in front are left
    out, and so is what else cannot be listed.

    Raises
    ------
    FactsError
        If there is no such folder.
    """
    return sorted(Path(found.path) for found in walk(root))


def walk(root: str | os.PathLike[str]) -> Iterator[Found]:
    """The runs at or below `root` in no order, each with the status that tells a change.

    Raises
    ------
    FactsError
        If there is no such folder.
    """
    top = os.path.abspath(root)
    try:
        status = os.stat(top)
    except (OSError, ValueError):
        status = None
    if status is None or not stat.S_ISDIR(status.st_mode):
        raise FactsError(f"{NO_FOLDER} {top}", "Name the folder that runs are written to.")
    try:
        os.scandir(top).close()
    except OSError as error:
        hint = "You may need permission to read it." if error.errno == errno.EACCES else ""
        raise FactsError(f"{top} cannot be listed: {error.strerror}", hint) from error
    found = look_at(top, status)
    if found:
        yield found
        return
    folders = [top]
    for _ in range(DEPTH):
        below: list[str] = []
        for folder in folders:
            yield from _runs_in(folder, below)
        folders = below


def look_at(path: str, directory: os.stat_result | None = None) -> Found | None:
    """The run at `path`; None if there is none, or a link in its place."""
    try:
        directory = directory or os.lstat(path)
        if not stat.S_ISDIR(directory.st_mode):
            return None
    except (OSError, ValueError):
        return None
    try:
        return Found(path, directory, os.lstat(f"{path}/facts/events.jsonl"))
    except OSError:
        pass
    is_run = _is(stat.S_ISDIR, f"{path}/facts") or _is(stat.S_ISREG, f"{path}/launch.json")
    return Found(path, directory, None) if is_run else None


def _runs_in(folder: str, below: list[str]) -> Iterator[Found]:
    """The runs directly in a folder; its other folders are added to `below`."""
    closed: list[Found] = []
    are_runs = False
    for path, status in _folders_in(folder):
        found = look_at(path, status)
        if found:
            are_runs = True
            yield found
        elif is_closed(path):
            closed.append(Found(path, status, None))
        else:
            below.append(path)
    named = (found for found in closed if os.path.basename(found.path).startswith(PREFIX))
    yield from closed if are_runs else named


def _folders_in(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """The folders directly in a folder, each with its status."""
    try:
        entries = list(os.scandir(folder))
    except OSError:  # gone since, or not ours to list
        return
    for entry in entries:
        try:
            if entry.name.startswith(".") or not entry.is_dir(follow_symlinks=False):
                continue
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        yield entry.path, status


def is_closed(path: str) -> bool:
    """Whether permission is missing to tell if there is a run at `path`."""
    try:
        os.lstat(f"{path}/facts")
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return False


def _is(kind: Callable[[int], bool], path: str) -> bool:
    try:
        return kind(os.lstat(path).st_mode)
    except OSError:
        return False
