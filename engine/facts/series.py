"""The numbers of a run as curves: compact columns, whatever was written twice or begun again."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate, compress, pairwise
from operator import lt
from typing import Any, NamedTuple

from engine.facts.clock import Clock
from engine.facts.numbers import axes_of, numbers_of

Numbers = Sequence[float]

KINDS = {"on_epoch_end": "epochs", "on_validation_end": "validations", "on_progress": "progress"}
"""The moments that have curves, and what their tables are called."""

MAX_NAMES = 10_000
"""Numbers with a name of their own that a table takes; further ones are left out."""

MAX_CELLS = 16_000_000
"""Numbers of all tables together, of 8 bytes each: a million events with a dozen each and their
axes. Beyond them the older half is forgotten."""

_FREE_GAPS = 3_000_000  # filled in beside those that go with numbers: so many to a number
_GAPS_PER_NUMBER = 8
_MAX_RESTARTS = 1000


class Series(NamedTuple):
    """One number over a training, in the order of its steps; all four are of one length."""

    steps: array[float]
    """Batches trained on; NaN for an event that says none."""
    epochs: array[float]
    times: array[float]
    """Seconds since the training started, without the time between its attempts."""
    values: array[float]
    """NaN where an event has no such number, or one that was not finite."""


class Restart(NamedTuple):
    """A start of the run after its first one."""

    step: float
    """The step it goes on from; 0 for one that begins again."""
    epoch: float
    time: float
    """Seconds of training before it that count."""


class Table:
    """The numbers of one kind of event, with one row per step.

    Rows are put in order only when they are asked for: of rows with the same step the last one
    counts, and none of those that a restart made void. A row without a step goes by its epoch;
    one without either has no place on a curve.
    """

    def __init__(self) -> None:
        self.columns: dict[str, array[float]] = {}
        self.forgotten = 0
        """Rows that had to make room for later ones."""
        self.cells = 0
        self._steps, self._epochs, self._times = array("d"), array("d"), array("d")
        self._settled = 0  # rows known to be in order
        self._n_numbers = self._n_gaps = 0  # ever taken, ever filled in
        # After how many rows a restart came, and the last step and first epoch that it made void.
        self._cuts, self._cut_steps, self._cut_epochs = array("q"), array("d"), array("d")

    def extend(
        self, steps: Numbers, epochs: Numbers, times: Numbers, numbers: Mapping[str, Numbers]
    ) -> None:
        """Append rows; NaN stands for what is missing."""
        start = len(self._steps)
        self._steps.extend(steps)
        self._epochs.extend(epochs)
        self._times.extend(times)
        self.cells += 3 * len(steps)
        for name, values in numbers.items():
            column = self.columns.get(name)
            if column is None and len(self.columns) < MAX_NAMES:
                column = array("d")
            if column is not None and self._pad(column, start):
                column.extend(values)
                self.cells += len(values)
                self._n_numbers += len(values)
                self.columns[name] = column

    def cut(self, step: float, epoch: float) -> None:
        """Make void what the rows so far say about later steps, or this epoch and later ones."""
        rows = len(self._steps)
        if self._cuts and self._cuts[-1] == rows:
            self._cut_steps[-1] = min(self._cut_steps[-1], step)
            self._cut_epochs[-1] = min(self._cut_epochs[-1], epoch)
        elif rows:
            self._cuts.append(rows)
            self._cut_steps.append(step)
            self._cut_epochs.append(epoch)

    def series(self, name: str) -> Series:
        """A copy of one column with its axes; empty if there is no such column."""
        if name not in self.columns:
            return Series(array("d"), array("d"), array("d"), array("d"))
        self._settle()
        values = self.columns[name][:]
        values.extend(_gaps(len(self._steps) - len(values)))
        return Series(self._steps[:], self._epochs[:], self._times[:], values)

    def forget_half(self) -> None:
        """Forget the first half of the rows."""
        self._settle()
        half = (len(self._steps) + 1) // 2
        self._take(range(half, len(self._steps)))
        self.forgotten += half

    def _pad(self, column: array[float], rows: int) -> bool:
        """Fill a column with gaps up to a row; False if there is no room for them."""
        missing = rows - len(column)
        if missing and not self._has_room(missing, missing):
            return False
        column.extend(_gaps(missing))
        self.cells += missing
        self._n_gaps += missing
        return True

    def _has_room(self, cells: int, gaps: int) -> bool:
        """Whether cells may be added, some of which are gaps: a few numbers must not cost many."""
        most_gaps = _FREE_GAPS + _GAPS_PER_NUMBER * self._n_numbers
        return self.cells + cells <= MAX_CELLS and self._n_gaps + gaps <= most_gaps

    def _keys(self, start: int) -> array[float]:
        """What the rows from `start` on go by."""
        steps = self._steps[start:]
        if not math.isnan(sum(steps)):
            return steps
        rows = zip(steps, self._epochs[start:], strict=True)
        return array("d", (epoch if math.isnan(step) else step for step, epoch in rows))

    def _settle(self) -> None:
        """Put the rows in order, one per step."""
        if self._cuts or not _rise(self._keys(max(self._settled - 1, 0))):
            keys, order = self._keys(0), self._valid_rows()
            if not _rise(_taken(keys, order)):
                by_key = sorted(order, key=keys.__getitem__)
                last = [keys[one] != keys[other] for one, other in pairwise(by_key)]
                order = array("q", compress(by_key, [*last, True]))
            self._take(order)
            del self._cuts[:], self._cut_steps[:], self._cut_epochs[:]
        self._settled = len(self._steps)

    def _valid_rows(self) -> array[int]:
        """The rows that no later restart made void."""
        valid = array("q")
        last_step = first_void_epoch = math.inf
        cut = len(self._cuts) - 1
        for row in range(len(self._steps) - 1, -1, -1):
            while cut >= 0 and self._cuts[cut] > row:
                last_step = min(last_step, self._cut_steps[cut])
                first_void_epoch = min(first_void_epoch, self._cut_epochs[cut])
                cut -= 1
            step, epoch = self._steps[row], self._epochs[row]
            if step <= last_step or (math.isnan(step) and epoch < first_void_epoch):
                valid.append(row)
        valid.reverse()
        return valid

    def _take(self, rows: Sequence[int]) -> None:
        """Keep these rows only, in this order; a column that has no room then is left out."""
        columns, self.columns = self.columns, {}
        self.cells = 3 * len(rows)
        least_from = array("q", accumulate(reversed(rows), min))[::-1]
        for name in list(columns):
            column = columns.pop(name)  # which makes room for the next ones
            end = bisect_left(least_from, len(column))  # the last row with a value, and one
            gaps = max(0, end - len(column))
            if self._has_room(end, gaps):
                self.columns[name] = _taken(column, rows[:end])
                self.cells += end
                self._n_gaps += gaps
        self._steps = _taken(self._steps, rows)
        self._epochs = _taken(self._epochs, rows)
        self._times = _taken(self._times, rows)
        self._settled = len(rows)


class Curves:
    """The numbers of a run, as its events tell them one after another.

    Parameters
    ----------
    names
        The numbers that are wanted; all if not given.
    """

    def __init__(self, names: Collection[str] | None = None) -> None:
        self.wanted = names
        self.tables = {kind: Table() for kind in KINDS.values()}
        self.restarts: deque[Restart] = deque(maxlen=_MAX_RESTARTS)
        self.clock = Clock()
        self._n_events = 0

    def add(self, record: Mapping[str, Any]) -> None:
        """Take the numbers of an event; entries that are no number are left alone."""
        moment, meta = record.get("moment"), record.get("meta")
        timestamp = meta.get("timestamp") if isinstance(meta, dict) else None
        if moment == "on_start":
            self._start(record, meta if isinstance(meta, dict) else {})
        self._n_events += 1
        step, epoch, total_time_s = axes_of(record)
        time = self.clock.time(total_time_s, timestamp)
        kind = KINDS.get(moment) if isinstance(moment, str) else None
        if kind:
            numbers = {name: [value] for name, value in numbers_of(record, self.wanted).items()}
            self.extend(kind, [step], [epoch], [time], numbers)

    def extend(
        self,
        kind: str,
        steps: Numbers,
        epochs: Numbers,
        times: Numbers,
        numbers: Mapping[str, Numbers],
    ) -> None:
        """Append rows to a table; NaN stands for what is missing."""
        self.tables[kind].extend(steps, epochs, times, numbers)
        if sum(table.cells for table in self.tables.values()) > MAX_CELLS:
            max(self.tables.values(), key=lambda table: table.cells).forget_half()

    def names(self, kind: str | None = None) -> list[str]:
        """The numbers there are, of one kind of event or of all, in the order they appeared."""
        tables = self.tables.values() if kind is None else [self.tables[kind]]
        return list(dict.fromkeys(name for table in tables for name in table.columns))

    def series(self, name: str, kind: str | None = None) -> Series:
        """One number: of a kind of event, or of the first kind that has it (epochs first)."""
        kinds = [k for k, table in self.tables.items() if name in table.columns]
        return self.tables[kind or next(iter(kinds), "epochs")].series(name)

    def _start(self, record: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        """Take a start of the run; what was said about later steps is void."""
        origin = meta.get("resumed_from")
        resumed = isinstance(origin, dict)
        self.clock.start(meta.get("timestamp"), resumed)
        if not self._n_events:
            return
        if isinstance(origin, dict):
            step, epoch, _ = axes_of({**record, **origin})
            limits = _limit(step), _limit(epoch)
        else:
            step = epoch = 0.0
            limits = -math.inf, -math.inf
        for table in self.tables.values():
            table.cut(*limits)
        self.restarts.append(Restart(step, epoch, self.clock.last))


def _limit(value: float) -> float:
    return math.inf if math.isnan(value) else value


def _rise(keys: array[float]) -> bool:
    """Whether each is higher than the one before, and none is missing."""
    return all(map(lt, keys, keys[1:])) and not any(map(math.isnan, keys[:1]))


def _gaps(n: int) -> array[float]:
    return array("d", [math.nan]) * n


def _taken(values: array[float], rows: Sequence[int]) -> array[float]:
    """The values of these rows, in this order; gaps beyond the last value."""
    n = len(values)
    if max(rows, default=0) < n:
        return array("d", map(values.__getitem__, rows))
    return array("d", (values[row] if row < n else math.nan for row in rows))
