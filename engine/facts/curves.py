"""The curves of a run, read from its events: all of them, as they grow, or a first glance."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from engine.facts.files import as_facts_error
from engine.facts.numbers import numbers_of
from engine.facts.parse import parse_event
from engine.facts.run_dir import RunDir
from engine.facts.series import KINDS, Curves, Series
from engine.facts.shape import Shape
from engine.facts.tail import Tail, require_folder

_MOST_SHAPES = 6
_PIECE_BYTES = 1 << 18  # what fits into the cache of a processor
_SAMPLE_BYTES = 8192
_LINES_BEFORE_SHAPE = 200  # parsed one by one in the time in which a shape is made


class Growth(NamedTuple):
    """What a look at a run brought."""

    n_events: int
    """Events since the last look."""
    restarted: bool
    """Whether the file was cut or replaced, and the curves begin anew."""
    more: bool
    """Whether there may be more to read at once."""


class CurvesFollower:
    """Reader of the curves of a run that may still be training.

    Parameters
    ----------
    run_dir
        The run directory.
    names
        The numbers that are wanted, which saves the time for the others; all if not given.
    """

    def __init__(
        self, run_dir: str | os.PathLike[str], names: Collection[str] | None = None
    ) -> None:
        self.curves = Curves(names)
        """What was read so far; another object after a `restarted` growth."""
        self._tail = Tail(RunDir(Path(run_dir)).events)
        self._damaged = 0
        self._shapes: list[Shape] = []
        self._open: dict[str, Shape] = {}  # those with rows that are not in the curves yet
        self._parsed_alone = 0  # since the last shape was made

    @property
    def skipped(self) -> int:
        """Lines so far that are no event: damaged, or too long."""
        return self._tail.skipped + self._damaged

    def poll(self, max_ms: float = 50.0) -> Growth:
        """Read on for about `max_ms` milliseconds, by one piece of the file at least.

        Raises
        ------
        FactsError
            If the file is there and cannot be read.
        """
        deadline = time.perf_counter() + max_ms / 1000
        n_events, restarted, more = 0, False, True
        while more:
            chunk = self._tail.read(_PIECE_BYTES)
            more = chunk.more
            if chunk.restarted:
                self.curves, self._damaged = Curves(self.curves.wanted), 0
                n_events, restarted = 0, True
            n_events += self._take(chunk.lines)
            if time.perf_counter() > deadline:
                break
        return Growth(n_events, restarted, more)

    def _take(self, lines: list[bytes]) -> int:
        """Add lines to the curves; how many of them are events."""
        damaged_before = self._damaged
        lines = [line for line in lines if line]
        shapes = self._usable_shapes()
        for line in lines:
            for shape in shapes:
                match = shape.match(line)
                if match is not None:
                    self._rows_of(shape).append(match.groups())
                    break
            else:
                self._take_alone(line)
                shapes = self._usable_shapes()
        self._move_rows(*KINDS.values())
        return len(lines) - (self._damaged - damaged_before)

    def _take_alone(self, line: bytes) -> None:
        """Add one line, after those before it, and learn its shape if such lines are many."""
        record = parse_event(line)
        if record is None:
            self._damaged += 1
            return
        self._move_rows(*KINDS.values())
        self.curves.add(record)
        self._parsed_alone += record["moment"] in KINDS
        if self._parsed_alone >= _LINES_BEFORE_SHAPE:
            self._parsed_alone = 0
            shape = Shape.of(line, self.curves.wanted)
            if shape is not None:
                self._shapes = [shape, *self._shapes][:_MOST_SHAPES]

    def _usable_shapes(self) -> list[Shape]:
        """The shapes; none while it is not known from when on times count."""
        return [] if math.isnan(self.curves.clock.zero) else self._shapes

    def _rows_of(self, shape: Shape) -> list[tuple[bytes, ...]]:
        """Where rows of a shape go; those of another one in the same table are moved first."""
        if self._open.get(shape.kind) is not shape:
            self._move_rows(shape.kind)
            self._open[shape.kind] = shape
        return shape.rows

    def _move_rows(self, *kinds: str) -> None:
        """Move what was collected for some tables into the curves."""
        for kind in kinds:
            shape = self._open.pop(kind, None)
            if shape is not None:
                shape.move_rows(self.curves)


def load_curves(run_dir: str | os.PathLike[str], names: Collection[str] | None = None) -> Curves:
    """The curves of a run: those with one of the `names`, or all.

    Raises
    ------
    FactsError
        If this is no run directory or its events cannot be read.
    """
    require_folder(RunDir(Path(run_dir)).events)
    follower = CurvesFollower(run_dir, names)
    while follower.poll(math.inf).more:
        pass
    return follower.curves


def preview(
    run_dir: str | os.PathLike[str], name: str, points: int = 500, kind: str | None = None
) -> Series:
    """A first glance at one number of a run that is long: some of its events, evenly spread.

    Of a short run all of them. A restart between two of the events is not seen.

    Parameters
    ----------
    run_dir
        The run directory.
    name
        Name of the loss, metric or other number.
    points
        How many events to look for.
    kind
        Table of the number (see `KINDS`); that in which most of the events are, if not given.

    Raises
    ------
    FactsError
        If this is no run directory or its events cannot be read.
    """
    path = RunDir(Path(run_dir)).events
    require_folder(path)
    with as_facts_error(path, "read"):
        size = path.stat().st_size if path.is_file() else 0
    if size <= points * _SAMPLE_BYTES:
        return load_curves(run_dir).series(name, kind)
    curves = Curves([name])
    for lines in _samples(path, size, points):
        for record in _with_number(lines, name):
            curves.add(record)
    counts = {k: len(table.series(name).steps) for k, table in curves.tables.items()}
    return curves.series(name, kind or max(counts, key=counts.__getitem__))


def _samples(path: Path, size: int, n: int) -> Iterator[list[bytes]]:
    """A few whole lines from each of `n` places of a file, the first and last ones among them."""
    with as_facts_error(path, "read"), open(path, "rb", buffering=0) as file:
        for place in range(n):
            start = (size - _SAMPLE_BYTES) * place // max(n - 1, 1)
            file.seek(start)
            lines = file.read(_SAMPLE_BYTES).split(b"\n")[bool(start) : -1]
            yield lines if place < n - 1 else lines[::-1]


def _with_number(lines: list[bytes], name: str) -> Iterator[dict[str, Any]]:
    """The first event of each kind that has a number of this name."""
    word = json.dumps(name).encode()
    wanted = set(KINDS)
    for line in lines:
        record = parse_event(line) if word in line else None
        if record is not None and record["moment"] in wanted and name in numbers_of(record):
            wanted.remove(record["moment"])
            yield record
        if not wanted:
            return
