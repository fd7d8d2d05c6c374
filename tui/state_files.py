"""How the app's own files are read, and kept from harm by each other's windows."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import FactsError
from engine.facts.files import as_facts_error
from engine.facts.records import read_record

MOST_BYTES = 1 << 24
"""Of the largest file that is read."""

PATIENCE_S = 2.0
"""How long a change waits for one of another window."""

_NO_LOCKS = (errno.EBADF, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
"""What a file system says that knows no locks, as many across a network do."""


def read_own(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file of the app's; None where there is no such file.

    Raises
    ------
    FactsError
        If it cannot be read, is too large, or holds no JSON object.
    """
    return read_record(path, most=MOST_BYTES)


def set_aside(path: Path) -> Path:
    """Give a file that cannot be read another name, so that nothing is written over it.

    Raises
    ------
    FactsError
        If that cannot be done.
    """
    with as_facts_error(path, "rename"):
        aside = path.with_name(f"{path.name}.unread-{time.time_ns()}")
        os.rename(path, aside)
    return aside


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep the other windows from changing files in a folder; the system ends it with the process.

    Raises
    ------
    FactsError
        If another window does not end its change, or the folder cannot be opened.
    """
    with as_facts_error(folder, "open"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        end = time.monotonic() + PATIENCE_S
        while not lock(handle):
            if time.monotonic() > end:
                raise FactsError(f"another window is changing {folder}", "It is tried again.")
            time.sleep(0.005)
        yield
    finally:
        os.close(handle)


def lock(handle: int) -> bool:
    """Whether an open file is ours now; so it is too where the file system knows no locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise FactsError(f"cannot lock a file: {error.strerror}") from error
    return True
