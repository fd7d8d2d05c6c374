"""How a file of a run directory is written, whole or line by line, and opened for reading."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from engine.errors import FactsError

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
"""What the system says when a disk, or somebody's share of it, is full."""

LEFT_S = 300.0
"""A file beside another one that nobody wrote to for so many seconds was left by a crash."""


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


def replace_file(path: Path, write: Callable[[IO[bytes]], object], *, sync: bool = True) -> None:
    """Write `path` beside itself, flush it to disk, and rename it over the old one.

    Its folder is made when it is not there. A reader, or a crash at any moment, finds the old
    file or the new one, never a part. Each writer has a name of its own beside it, which no link
    can be put at: it is made anew.

    Parameters
    ----------
    sync
        Whether it has to outlive a power cut; without that it takes a tenth of the time.

    Raises
    ------
    FactsError
        If the file cannot be written; the old one is then untouched.
    """
    beside = path.with_name(f".{path.name}.{os.urandom(8).hex()}.tmp")
    with as_facts_error(path):
        try:
            with _new_file(beside) as handle:
                if sync:
                    _remove_left(path, os.fstat(handle.fileno()).st_mtime)
                write(handle)
                handle.flush()
                if sync:
                    os.fsync(handle.fileno())
            os.replace(beside, path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        if sync:
            sync_folder(path.parent)


def _new_file(path: Path) -> IO[bytes]:
    """A file that was not there; its folder is made when it is not there either."""
    try:
        return open(path, "xb")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return open(path, "xb")


def _remove_left(path: Path, now: float) -> None:
    """Remove what writers of `path` that were killed left beside it."""
    for entry in list(os.scandir(path.parent)):
        if entry.name.startswith(f".{path.name}.") and entry.name.endswith(".tmp"):
            with contextlib.suppress(OSError):
                if now - entry.stat(follow_symlinks=False).st_mtime > LEFT_S:
                    os.unlink(entry.path)


def open_own(path: Path, *, in_folder: bool = False) -> int:
    """Open an ordinary file of a run for reading: a file descriptor.

    What is told of a run is its own: a link is not followed, and a pipe or a device is refused
    without waiting for it.

    Parameters
    ----------
    path
        The folders above the run directory, and the directory itself, may be links.
    in_folder
        Whether the file lies in a folder of the run directory, such as `facts/`, which may be
        none either.

    Raises
    ------
    FactsError
        If it is a link, or no ordinary file.
    OSError
        If it is not there, or cannot be opened.
    """
    folder: int | None = None
    try:
        if in_folder:
            folder = os.open(path.parent, _FOLDER)
        handle = os.open(path.name if in_folder else path, _FILE, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            _refuse_link(path.parent if in_folder and folder is None else path)
        raise
    finally:
        if folder is not None:
            os.close(folder)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise FactsError(f"cannot read {path}: it is no regular file")
    return handle


_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def _refuse_link(path: Path) -> None:
    if os.path.islink(path):
        raise FactsError(f"cannot read {path}: it is a link, which is not followed")


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
