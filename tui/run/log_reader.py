"""Reads a log that grows, from near its end, in pieces; its last line need not be finished.

`facts.tail.Tail` is for records: it holds a line back until it is whole. A progress bar is a line
that stays open for hours, and wants to be seen.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from pathlib import Path

from engine.errors import FactsError
from engine.facts.files import as_facts_error, open_own

MOST_BYTES = 8 << 20
"""Of a longer log only so many bytes at its end are read."""
PIECE = 1 << 19
"""Bytes that are read at once."""
LONGEST_OPEN = 1 << 16
"""Bytes of a line; a longer one is shown in parts."""

_MARK = 1024


@dataclass(frozen=True)
class LogNews:
    """What came to a log since it was last looked at."""

    lines: tuple[str, ...] = ()
    """Whole lines."""
    open: str = ""
    """The last line, which has no end yet."""
    restarted: bool = False
    """Whether the lines that were read before are no longer those of the file."""
    left_out: int = 0
    """Bytes at the start of the file that are not read."""
    more: bool = False
    """Whether there is more to read at once."""
    problem: str = ""
    """Why there is nothing to see."""


class LogReader:
    """Where the reading of one log stands.

    Parameters
    ----------
    before
        A file that is read as long as there is nothing in the log.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        most_bytes: int = MOST_BYTES,
        before: Path | None = None,
    ) -> None:
        self.path = Path(path)
        self.before = before
        self.most_bytes = most_bytes
        self._began = False
        self._offset = self._left_out = self._inode = self._mark = 0
        self._open = b""
        self._problem = ""

    def poll(self) -> LogNews | None:
        """What is new; None for nothing."""
        try:
            with as_facts_error(self.path, "read"):
                news = self._read()
        except FactsError as error:
            missing = isinstance(error.__cause__, FileNotFoundError)
            return self._fail("there is no log yet" if missing else error.message)
        if news is not None:
            self._problem = ""
        return news

    def _fail(self, problem: str) -> LogNews | None:
        if problem == self._problem:
            return None
        self._problem, self._began, self._offset, self._open = problem, False, 0, b""
        return LogNews(restarted=True, problem=problem)

    def _read(self) -> LogNews | None:
        handle = open_own(self._with_lines())
        try:
            status = os.fstat(handle)
            restarted = not self._began or self._is_another(handle, status)
            if restarted:
                self._begin(handle, status)
            elif status.st_size == self._offset:
                return None
            data = os.pread(handle, PIECE, self._offset)
            self._offset += len(data)
            self._mark = _mark_at(handle, self._offset)
        finally:
            os.close(handle)
        lines = self._lines(data)
        more = len(data) == PIECE
        return LogNews(lines, _text(self._open), restarted, self._left_out, more)

    def _with_lines(self) -> Path:
        """The log, or the file before it where that alone has anything in it."""
        if self.before is None or _size(self.path) or not _size(self.before):
            return self.path
        return self.before

    def _is_another(self, handle: int, status: os.stat_result) -> bool:
        """Whether the file was replaced, or cut (and may have grown again)."""
        known = status.st_ino == self._inode and status.st_size >= self._offset
        return not known or _mark_at(handle, self._offset) != self._mark

    def _begin(self, handle: int, status: os.stat_result) -> None:
        """Start at the top, or at the first line that begins near the end of a long file."""
        self._began, self._inode, self._open = True, status.st_ino, b""
        self._offset = max(0, status.st_size - self.most_bytes)
        if self._offset:
            before = os.pread(handle, LONGEST_OPEN, self._offset - 1)
            self._offset += before.find(b"\n") if b"\n" in before else 0
        self._left_out = self._offset

    def _lines(self, data: bytes) -> tuple[str, ...]:
        """The whole lines of what was read; the rest stays open."""
        *whole, rest = (self._open + data).split(b"\n")
        if len(rest) > LONGEST_OPEN:
            rest = rest[rest.rfind(b"\r", 0, -1) + 1 :]  # of a progress bar its last state
        if len(rest) > LONGEST_OPEN:
            whole, rest = [*whole, rest], b""
        self._open = rest
        return tuple(map(_text, whole))


def _size(path: Path) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def _mark_at(handle: int, offset: int) -> int:
    """A checksum of the bytes before a place: another file has others there."""
    start = max(0, offset - _MARK)
    return zlib.crc32(os.pread(handle, offset - start, start))


def _text(line: bytes) -> str:
    """The text of a line, of which a progress bar leaves its last state."""
    line = line.rstrip(b"\r")
    line = line[line.rfind(b"\r") + 1 :] or line
    return line[:LONGEST_OPEN].decode("utf-8", "replace")
