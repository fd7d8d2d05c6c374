"""A lock that ends with the process that has it, however that ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from engine.errors import LaunchError
from engine.facts.files import as_facts_error


@contextlib.contextmanager
def locked(path: Path, name: str) -> Iterator[None]:
    """One process at a time submits what has this lock file, which stays where it is.

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
            raise LaunchError(f"{name}: another process is submitting it") from error
        except OSError as error:
            with as_facts_error(path, "lock"):
                raise error
        yield
    finally:
        os.close(handle)
