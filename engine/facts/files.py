"""How a file of a run directory is written: whole or not at all, and appended line by line."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from engine.errors import FactsError

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
"""What the system says when a disk, or somebody's share of it, is full."""


@contextlib.contextmanager
def as_facts_error(path: Path, doing: str = "write") -> Iterator[None]:
    """Turn an operating-system error about `path` into one sentence with what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        hint = "Free some space and start again; what was written before is intact."
        raise FactsError(
            f"cannot {doing} {path}: {reason}", hint if error.errno in NO_SPACE else ""
        ) from error


def replace_file(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write `path` beside itself, flush it to disk, and rename it over the old one.

    Its folder is made when it is not there. A reader, or a crash at any moment, finds the old
    file or the new one, never a part.

    Raises
    ------
    FactsError
        If the file cannot be written; the old one is then untouched.
    """
    beside = path.with_name(f".{path.name}.tmp")
    with as_facts_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(beside, "wb") as handle:
                write(handle)
                handle.flush()
                os.fsync(handle.fileno())
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to disk: a new file's, or a renamed one's."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def append_line(path: Path, line: str, *, sync: bool = False, drop_torn: bool = False) -> None:
    """Append one line with a single write, so that a crash tears at most this line.

    A torn last line of an earlier crash is closed first: it stays one torn line, and the new
    one stands whole after it. With `drop_torn` it is cut off instead, for a format in which half
    a line can look like a whole one.

    Raises
    ------
    FactsError
        If the file cannot be written.
    """
    with as_facts_error(path):
        handle = _open_append(path)
        try:
            end = os.fstat(handle).st_size
            torn = end > 0 and os.pread(handle, 1, end - 1) != b"\n"
            if torn and drop_torn:
                os.ftruncate(handle, os.pread(handle, end, 0).rfind(b"\n") + 1)
            data = (b"\n" if torn and not drop_torn else b"") + line.encode() + b"\n"
            written = os.write(handle, data)
            if written != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if sync:
                os.fsync(handle)
                if end == 0:
                    sync_folder(path.parent)
        finally:
            os.close(handle)


def _open_append(path: Path) -> int:
    """A file descriptor that appends; the folder is made when it is not there."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
    try:
        return os.open(path, flags, 0o644)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, flags, 0o644)
