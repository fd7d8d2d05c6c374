"""The curves of a run, read from its events: all of them, as they grow, or a first glance."""

from __future__ import annotations

import json
import math
import os
import time
from array import array
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from engine.facts.alike import Alike, Column, Reader, Stretch
from engine.facts.files import as_facts_error
from engine.facts.numbers import AXES, FIELDS, as_float, numbers_of
from engine.facts.parse import parse_event
from engine.facts.run_dir import RunDir
from engine.facts.series import KINDS, Curves, Series
from engine.facts.tail import Tail, require_folder

_PIECE_BYTES = 1 << 18  # what fits into the cache of a processor
_SAMPLE_BYTES = 8192


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
        self._reader = Reader(names)
        self._damaged = 0

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
        n_events = 0
        for found in self._reader.read([line for line in lines if line]):
            if found is None:
                self._damaged += 1
            elif isinstance(found, Stretch):
                n_events += len(found.lines)
                _add_stretch(self.curves, found)
            else:
                n_events += 1
                self.curves.add(found)
        return n_events


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


def _add_stretch(curves: Curves, stretch: Stretch) -> None:
    """Add events to the curves, as `Curves.add` does one by one."""
    if math.isnan(curves.clock.zero):  # the first event with a timestamp tells it
        for record in filter(None, map(parse_event, stretch.lines)):
            curves.add(record)
        return
    for alike in stretch.kinds:
        _add_alike(curves, alike)


def _add_alike(curves: Curves, alike: Alike) -> None:
    """Add events of one form to the curves."""
    gaps = array("d", [math.nan]) * len(alike.times)
    found = {name: column for name, column in alike.metrics.items() if name not in FIELDS}
    found |= {name: column for name, column in alike.fields.items() if name in FIELDS}
    columns = {name: _floats(column) for name, column in found.items()}
    axes = (alike.fields.get(name) for name in AXES)
    steps, epochs, totals = (gaps if axis is None else _floats(axis) for axis in axes)
    numbers = {name: column for name, column in columns.items() if not all(map(math.isnan, column))}
    times = curves.clock.times(totals, alike.times)
    curves.extend(KINDS[alike.record["moment"]], steps, epochs, times, numbers)


def _floats(column: Column) -> array[float]:
    """The finite numbers of a column, NaN for all else."""
    try:
        floats = array("d", cast("Sequence[float]", column))
    except (TypeError, OverflowError):  # for a null, or a whole number without end
        return array("d", map(as_float, column))
    return floats if math.isfinite(sum(floats)) else array("d", map(as_float, column))
