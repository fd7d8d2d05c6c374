"""A lock that ends with the process that has it, however that ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from engine.errors import LaunchError
from engine.facts.files import as_facts_error

WAIT_S = 5.0
"""How long somebody waits for a lock that others have for moments only."""


@contextlib.contextmanager
def locked(path: Path, name: str) -> Iterator[None]:
    """One process at a time starts what has this lock file, which stays where it is.

    Raises
    ------
    LaunchError
        If another process has the lock.
    FactsError
        If there can be no lock there.
    """
    with as_facts_error(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LaunchError(f"{name}: another process is starting it") from error
        except OSError as error:
            with as_facts_error(path, "lock"):
                raise error
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def briefly_locked(path: Path) -> Iterator[None]:
    """One process at a time changes what has this lock file; the others wait for their turn.

    Where a file server has no locks, or whoever has the lock is frozen, it goes on without: what
    is done then has to be right for all but those who write within the same moment.

    Raises
    ------
    FactsError
        If the lock file cannot be made.
    """
    with as_facts_error(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        until = time.monotonic() + WAIT_S
        while not _is_locked(handle) and time.monotonic() < until:
            time.sleep(0.005)
        yield
    finally:
        os.close(handle)


def _is_locked(handle: int) -> bool:
    """Whether the lock is taken by now, or there are none."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
