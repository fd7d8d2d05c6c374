"""How a run is followed: the records that its files gained since the last look, in small batches.

Nothing waits for a sign of the system, which is silent on network file systems: a reader looks
again, often while a run is busy and seldom while it is not (`Pace`), and opens the file each time.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from engine.facts.parse import RowParser, parse_event
from engine.facts.run_dir import RunDir
from engine.facts.tail import MAX_LINE, Chunk, Tail, require_folder

__all__ = [
    "MAX_LINE",
    "Batch",
    "Chunk",
    "EventFollower",
    "Follower",
    "Pace",
    "ScalarsFollower",
    "Tail",
    "parse_event",
]

Record = TypeVar("Record")


class Batch(NamedTuple, Generic[Record]):
    """The next records of a file."""

    records: list[Record]
    """In the order in which they were written."""
    restarted: bool = False
    """Whether all records before these are to be forgotten: the file was cut or replaced."""
    more: bool = False
    """Whether there may be more to read at once."""


class Follower(Generic[Record]):
    """Reader of the records of a growing file, a few at a time.

    Parameters
    ----------
    path
        The file; it need not be there yet.
    new_parser
        Makes what turns the lines of a file, from its top on, into records: None for a damaged
        line, something empty for a line to leave out.
    """

    def __init__(
        self, path: Path, new_parser: Callable[[], Callable[[bytes], Record | None]]
    ) -> None:
        self._tail = Tail(path)
        self._new_parser = new_parser
        self._parse = new_parser()
        self._lines: deque[bytes] = deque()  # read, not yet parsed
        self._more = False
        self._damaged = 0

    @property
    def skipped(self) -> int:
        """Lines so far that are no record: damaged, or too long."""
        return self._tail.skipped + self._damaged

    @property
    def torn(self) -> bool:
        """Whether the file ends in a line that is still being written."""
        return self._tail.torn

    def poll(self, max_records: int = 10_000, max_ms: float = 50.0) -> Batch[Record]:
        """The next records: at most `max_records`, for about `max_ms` milliseconds, of about 1 MiB.

        Raises
        ------
        FactsError
            If the file is there and cannot be read.
        """
        deadline = time.perf_counter() + max_ms / 1000
        restarted = False if self._lines else self._read()
        records: list[Record] = []
        while self._lines and len(records) < max_records:
            record = self._parse(self._lines.popleft())
            if record:
                records.append(record)
            elif record is None:
                self._damaged += 1
            if time.perf_counter() > deadline:
                break
        return Batch(records, restarted, bool(self._lines) or self._more)

    def read_all(self) -> list[Record]:
        """All records that there are now; they take memory in proportion to the file.

        Raises
        ------
        FactsError
            If this is no run directory or the file cannot be read.
        """
        require_folder(self._tail.path)
        records: list[Record] = []
        more = True
        while more:
            batch = self.poll(sys.maxsize, math.inf)
            if batch.restarted:
                records.clear()
            records += batch.records
            more = batch.more
        return records

    def _read(self) -> bool:
        """Read the next lines; whether they start from the top of another file."""
        chunk = self._tail.read()
        self._lines.extend(filter(None, chunk.lines))
        self._more = chunk.more
        if chunk.restarted:
            self._damaged = 0
            self._parse = self._new_parser()
        return chunk.restarted


class EventFollower(Follower[dict[str, Any]]):
    """Reader of the events of a run that may still be training."""

    def __init__(self, run_dir: str | os.PathLike[str]) -> None:
        super().__init__(RunDir(Path(run_dir)).events, lambda: parse_event)


class ScalarsFollower(Follower[dict[str, str]]):
    """Reader of the rows of a run's scalars.

    A metric that appears later rewrites the file: the batch is then `restarted`, and holds the
    rows from the first one on.
    """

    def __init__(self, run_dir: str | os.PathLike[str]) -> None:
        super().__init__(RunDir(Path(run_dir)).scalars, RowParser)


class Pace:
    """How long to wait between two looks at a file.

    Parameters
    ----------
    fastest, slowest
        Shortest and longest wait, in seconds.
    hot_for
        Seconds after a change during which the wait stays the shortest; it then grows by a
        quarter each time.
    """

    def __init__(self, fastest: float = 0.2, slowest: float = 30.0, hot_for: float = 30.0) -> None:
        self.fastest, self.slowest, self.hot_for = fastest, slowest, hot_for
        self._interval = fastest
        self._changed: float | None = None

    def next_interval(self, changed: bool, now: float) -> float:
        """Seconds to wait after a look at time `now`, in seconds of any clock that only goes on."""
        if changed or self._changed is None:
            self._changed = now
            self._interval = self.fastest
        elif now - self._changed >= self.hot_for:
            self._interval = min(self.slowest, self._interval * 1.25)
        return self._interval
