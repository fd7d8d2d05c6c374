"""The whole lines of a file that grows, from where the last reading ended."""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from engine.facts.files import as_facts_error, open_own

MAX_LINE = 1 << 24
"""Bytes of the longest line that is read; a longer one is skipped."""

READ_BYTES = 1 << 20
"""Bytes that are read at once."""

_MARK_BYTES = 1024  # an event without its config, with the time in it, is shorter


class Chunk(NamedTuple):
    """The next lines of a file."""

    lines: list[bytes]
    """Whole lines without their ends."""
    restarted: bool = False
    """Whether the file was cut or replaced, and the lines start from its top."""
    more: bool = False
    """Whether there may be more to read at once."""


class Tail:
    """Reader of the whole lines of a growing file.

    Each call opens the file anew. A last line without its end is held back until it has one. A
    line longer than `MAX_LINE` is skipped, and never held in memory.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.offset = 0
        """Bytes that are done with."""
        self.skipped = 0
        """Lines that were too long."""
        self.torn = False
        """Whether the file ended in a line without its end when it was last read."""
        self._inode = 0
        self._mark = 0  # checksum of the last bytes before the offset
        self._in_long_line = False
        self._restarted = False  # to be said with the next lines

    @classmethod
    def from_state(cls, path: str | os.PathLike[str], state: Mapping[str, int]) -> Tail:
        """A reader that goes on where another one gave its `state()`."""
        tail = cls(path)
        tail.offset, tail.skipped = state["offset"], state["skipped"]
        tail._inode, tail._mark = state["inode"], state["mark"]
        tail._in_long_line = bool(state["in_long_line"])
        tail._restarted = bool(state["restarted"])
        return tail

    def state(self) -> dict[str, int]:
        """Where the reader is, as numbers that JSON knows."""
        return {
            "offset": self.offset,
            "skipped": self.skipped,
            "inode": self._inode,
            "mark": self._mark,
            "in_long_line": int(self._in_long_line),
            "restarted": int(self._restarted),
        }

    def read(self, max_bytes: int = READ_BYTES) -> Chunk:
        """The next whole lines, about `max_bytes` of them or one long line; none if none is there.

        A file that is not there has no lines.

        Raises
        ------
        FactsError
            If the file is there and cannot be read, or it or its folder is a link.
        """
        with as_facts_error(self.path, "read"):
            handle = self._open()
            if handle is None:
                return Chunk([])
            try:
                before = self._find_place(handle)
                lines, more = self._read_lines(handle, before, max_bytes)
            finally:
                os.close(handle)
        restarted, self._restarted = self._restarted, False
        return Chunk(lines, restarted, more)

    def _open(self) -> int | None:
        try:
            return open_own(self.path, in_folder=True)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ESTALE):
                raise
            self._restart()
            return None

    def _restart(self) -> None:
        """Go back to the top of the file."""
        self._restarted = self._restarted or self.offset > 0
        self.offset = self.skipped = self._mark = 0
        self.torn = self._in_long_line = False

    def _find_place(self, handle: int) -> bytes:
        """The bytes before the offset; none, and the offset at the top, if the file is another.

        The same file can have been cut and have grown past the offset again: then it is the last
        bytes before the offset that differ.
        """
        status = os.fstat(handle)
        before = b""
        if self.offset:
            start = max(0, self.offset - _MARK_BYTES)
            before = _read_at(handle, start, self.offset - start)
            known = status.st_ino == self._inode and status.st_size >= self.offset
            if not known or zlib.crc32(before) != self._mark:
                self._restart()
                before = b""
        self._inode = status.st_ino
        return before

    def _read_lines(self, handle: int, before: bytes, max_bytes: int) -> tuple[list[bytes], bool]:
        """The next whole lines, and whether the end of the file was not reached."""
        data = _read_at(handle, self.offset, max_bytes)
        more = len(data) == max_bytes
        if more and not self._in_long_line and b"\n" not in data:
            data, more = self._read_long_line(handle, data)
        end = data.rfind(b"\n") + 1
        lines = self._without_long_lines(data[:end].split(b"\n")[:-1])
        if not end and (self._in_long_line or len(data) > MAX_LINE):
            self._in_long_line, end = True, len(data)
        self.torn = not more and (end < len(data) or self._in_long_line)
        self._mark = zlib.crc32((before + data[max(0, end - _MARK_BYTES) : end])[-_MARK_BYTES:])
        self.offset += end
        return lines, more

    def _read_long_line(self, handle: int, data: bytes) -> tuple[bytes, bool]:
        """`data` and what follows, up to the end of its line or of what a line may have."""
        buffer = bytearray(data)
        while len(buffer) <= MAX_LINE:
            piece = _read_at(handle, self.offset + len(buffer), READ_BYTES)
            buffer += piece
            if len(piece) < READ_BYTES or b"\n" in piece:
                return bytes(buffer), len(piece) == READ_BYTES
        return bytes(buffer), True

    def _without_long_lines(self, lines: list[bytes]) -> list[bytes]:
        """`lines` without those that are too long, which are counted."""
        if lines and self._in_long_line:  # the first one is its end
            self._in_long_line = False
            self.skipped += 1
            lines = lines[1:]
        kept = [line for line in lines if len(line) <= MAX_LINE]
        self.skipped += len(lines) - len(kept)
        return kept


def require_folder(path: Path) -> None:
    """Refuse a file whose folder is not there: what was named is no run directory.

    Raises
    ------
    FactsError
        If it is not there, or cannot be looked at.
    """
    with as_facts_error(path, "read"):
        os.stat(path.parent)


def _read_at(handle: int, offset: int, size: int) -> bytes:
    """Up to `size` bytes from `offset`; fewer at the end of the file only."""
    data = os.pread(handle, size, offset)
    while data and len(data) < size:
        piece = os.pread(handle, size - len(data), offset + len(data))
        if not piece:
            break
        data += piece
    return data
