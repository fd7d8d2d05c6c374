"""What the events of a run come to, taken in one after another."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from operator import lt
from typing import Any

from engine.facts.alike import Alike, Stretch
from engine.facts.numbers import AXES, FIELDS
from engine.facts.values import number, seconds_of, text, whole
from engine.library.best import add_number, has_room
from engine.library.columns import highest, is_nonfinite, known, lowest, numbers_in, wholes_in
from engine.library.flat import flatten

GAPS = 16
"""How many times between events the usual one is the median of."""

RECENT_EPOCHS = 5
"""Of how many epochs the time of one is the median."""

_ROWS = ("on_epoch_end", "on_validation_end")
_LOSSES = ("train_loss", "val_loss")

Columns = Mapping[str, Sequence[Any]]


@dataclass
class Fold:
    """The events of a run so far; every field is one that JSON knows, to go on later.

    A run that was resumed may have written rows beyond the checkpoint, which the later ones
    replace. They are met before it is known: then `rewound` is set, and the events are to be taken
    in again from the first, by `Fold(ceilings=fold.next_ceilings())`.
    """

    ceilings: list[list[int | None]] = field(default_factory=list)
    """Before the first start and after each one: the lowest step and epoch from which a later
    start goes on."""
    starts: list[list[int | None]] = field(default_factory=list)
    """Step and epoch of each start; both None where it begins from nothing."""
    rewound: bool = False
    events: int = 0
    skipped: int = 0
    moment: str | None = None
    stopped: bool = False
    starts_again: bool = False
    error: str | None = None
    first_time: float | None = None
    last_time: float | None = None
    gaps: list[float] = field(default_factory=list)
    before_s: float = 0.0
    """Seconds of the attempts before this one."""
    since: list[float | None] = field(default_factory=lambda: [None, None])
    """Time, and `total_time_s`, at the start of this attempt."""
    until: float | None = None
    """Latest `total_time_s` of this attempt."""
    step: int | None = None
    epochs_done: int = 0
    highest: list[int | None] = field(default_factory=lambda: [None, None])
    """Highest step and epoch of a row."""
    numbers: dict[str, list[Any]] = field(default_factory=dict)
    """Last value, step, epoch; and the best ones of the rows before."""
    results: dict[str, float] = field(default_factory=dict)
    """What the start told."""
    outcome: dict[str, float] = field(default_factory=dict)
    """What the test and the end told; void once there are later epochs."""
    nonfinite: list[str] = field(default_factory=list)
    epoch_times: list[float] = field(default_factory=list)
    """Seconds of the last epochs."""
    throughput: float | None = None
    first_throughput: float | None = None
    """What was told before the first epoch came to its end."""
    max_memory_mib: float | None = None
    config: dict[str, Any] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)

    def state(self) -> dict[str, Any]:
        """All fields, to go on with `Fold(**state)`."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def next_ceilings(self) -> list[list[int | None]]:
        """The `ceilings` that the starts so far make."""
        ceilings: list[list[int | None]] = []
        step = epoch = None
        for its_step, its_epoch in reversed(self.starts):
            ceilings.append([step, epoch])
            step, epoch = lowest([step, its_step]), lowest([epoch, its_epoch])
        return [*ceilings, [step, epoch]][::-1]

    @property
    def usual_gap_s(self) -> float | None:
        """Median time between two events of one attempt, in seconds."""
        return _median(self.gaps)

    @property
    def epoch_time_s(self) -> float | None:
        """Median time of the last epochs, in seconds: a single slow one says little."""
        return _median(self.epoch_times)

    @property
    def duration_s(self) -> float | None:
        """Seconds of all attempts, without the time between them."""
        return self.before_s + self._attempt_s() if self.events else None

    def add(self, event: Stretch | Mapping[str, Any] | None) -> None:
        """Take in what comes next; None for a line that is no event."""
        if event is None:
            self.skipped += 1
        elif isinstance(event, Stretch):
            self._add_stretch(event)
        else:
            self._add_record(event)

    def _add_stretch(self, stretch: Stretch) -> None:
        self.events += len(stretch.lines)
        self._tick([time.decode() for time in stretch.times])
        for alike in stretch.kinds:
            self._add_alike(alike)
        self._add_end(stretch.last)

    def _add_alike(self, alike: Alike) -> None:
        """Take in events of one form; in an order that does not matter."""
        nothing = [None] * len(alike.times)
        columns = {name: alike.fields.get(name, nothing) for name in (*AXES, *FIELDS)}
        self._add_columns(alike.record, columns, alike.metrics)

    def _add_record(self, record: Mapping[str, Any]) -> None:
        """Take in one event, whose fields may be of any type."""
        moment, meta = record["moment"], record.get("meta")
        meta = meta if isinstance(meta, dict) else {}
        if moment == "on_start":
            self._start(record, meta)
        self.events += 1
        self._tick([meta.get("timestamp")])
        metrics = record.get("metrics")
        metrics = metrics if isinstance(metrics, dict) else {}
        columns = {name: [record.get(name)] for name in (*AXES, *FIELDS)}
        self._add_columns(record, columns, {name: [value] for name, value in metrics.items()})
        if moment == "on_start":
            _add_results(self.results, metrics)
        elif moment in ("on_test_end", "on_train_end"):
            _add_results(self.outcome, metrics, "test_" if moment == "on_test_end" else "")
        self._add_end(record)

    def _add_end(self, record: Mapping[str, Any]) -> None:
        """Take in what the last event says about the end, if it is one."""
        if record["moment"] == "on_test_end" and self.moment == "on_train_end":
            return  # a loop may test once it has ended
        self.moment = text(record["moment"])
        self.stopped = record.get("stopped") is True
        self.starts_again = record.get("starts_again") is True
        self.error = text(record.get("error"))

    def _start(self, record: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        """Begin an attempt: where another one was saved, or from nothing."""
        resumed = isinstance(meta.get("resumed_from"), dict)
        step, epoch = whole(record.get("step")), whole(record.get("epoch"))
        if not resumed:
            self.highest, self.numbers, self.nonfinite = [None, None], {}, []
            self.results, self.outcome = {}, {}
            self.epoch_times, self.throughput, self.first_throughput = [], None, None
        elif _is_beyond(self.highest[0], self.highest[1], step, epoch):
            self.rewound = True
        self.step, self.epochs_done = step, epoch or 0 if resumed else 0
        self.before_s += self._attempt_s()
        total = number(record.get("total_time_s"))
        self.since, self.until = [None, total if resumed or total is None else 0.0], None
        self.starts.append([step, epoch] if resumed else [None, None])
        self.meta, config = _start_meta(meta), meta.get("config")
        if isinstance(config, dict) or not resumed:
            self.config = flatten(config) if isinstance(config, dict) else {}

    def _tick(self, times: Sequence[object]) -> None:
        """Take in the timestamps of consecutive events."""
        recent = times[-GAPS - 1 :]
        first, seconds = seconds_of(times[0]), known(map(seconds_of, recent))
        if first is None or len(seconds) < len(recent):
            recent, seconds = times, known(map(seconds_of, times))
            first = next(iter(seconds), None)
        if first is None:
            return
        if self.first_time is None:
            self.first_time = first
        if self.since[0] is None:
            self.since[0] = first
        elif self.last_time is not None and len(recent) == len(times):
            seconds.insert(0, self.last_time)
        gaps = [max(0.0, later - earlier) for earlier, later in itertools.pairwise(seconds)]
        self.gaps = [*self.gaps, *(round(gap, 3) for gap in gaps)][-GAPS:]
        self.last_time = seconds[-1]

    def _attempt_s(self) -> float:
        """Seconds of this attempt: as it counts them itself, or by its events."""
        began, total = self.since
        if total is not None and self.until is not None:
            return max(0.0, self.until - total)
        if began is not None and self.last_time is not None:
            return max(0.0, self.last_time - began)
        return 0.0

    def _add_columns(self, record: Mapping[str, Any], columns: Columns, metrics: Columns) -> None:
        """Take in the numbers of events that are like `record` in all else."""
        moment, steps = record["moment"], wholes_in(columns["step"])
        self.step = highest([self.step, *steps])
        self.until = highest([self.until, *numbers_in(columns["total_time_s"])])
        memory = numbers_in(columns["max_memory_mib"])
        self.max_memory_mib = highest([self.max_memory_mib, *memory])
        throughputs = known(numbers_in(columns["throughput"]))
        if moment in _ROWS:
            self.throughput = throughputs[-1] if throughputs else self.throughput
            self._add_rows(moment, steps, columns, metrics)
            if isinstance(record.get("nonfinite"), list):
                self._add_nonfinite(record["nonfinite"])
        elif throughputs:
            self.first_throughput = throughputs[-1]

    def _add_rows(
        self, moment: str, steps: Sequence[int | None], columns: Columns, metrics: Columns
    ) -> None:
        """Take in the numbers of epochs, or of validations within one."""
        epochs = wholes_in(columns["epoch"])
        ceiling = self.ceilings[len(self.starts)] if self._has_ceiling() else [None, None]
        if len(steps) > 1 and not (ceiling == [None, None] and _rise(steps) and _rise(epochs)):
            for row, step in enumerate(steps):
                self._add_rows(moment, [step], _only(columns, row), _only(metrics, row))
            return
        if _is_beyond(steps[0], epochs[0], ceiling[0], ceiling[1]):
            return
        self.outcome = {}
        self.highest = [highest([self.highest[0], *steps]), highest([self.highest[1], *epochs])]
        if moment == "on_epoch_end":
            last = epochs[-1]
            self.epochs_done = self.epochs_done + len(epochs) if last is None else last + 1
        times = known(numbers_in(columns["epoch_time_s"]))
        self.epoch_times = [*self.epoch_times, *times][-RECENT_EPOCHS:]
        for name, raw in ({name: columns[name] for name in _LOSSES} | dict(metrics)).items():
            values = numbers_in(raw)
            add_number(self.numbers, name, values, steps, epochs)
            if values is not raw and any(map(is_nonfinite, raw)):
                self._add_nonfinite([name])

    def _has_ceiling(self) -> bool:
        return len(self.starts) < len(self.ceilings)

    def _add_nonfinite(self, names: Iterable[Any]) -> None:
        for name in names:
            if isinstance(name, str) and has_room(name, self.nonfinite):
                self.nonfinite = sorted({*self.nonfinite, name})


def _median(values: Sequence[float]) -> float | None:
    """The value in the middle, or the mean of the two there; None of none."""
    count = len(values)
    middle = sorted(values)[(count - 1) // 2 : count // 2 + 1]
    return sum(middle) / len(middle) if middle else None


def _add_results(results: dict[str, float], metrics: Mapping[str, Any], prefix: str = "") -> None:
    """Add every finite number to `results`, with the prefix if it has none."""
    for name, value in metrics.items():
        named = name if name.startswith(prefix) else prefix + name
        result = number(value)
        if result is not None and has_room(named, results):
            results[named] = result


def _start_meta(meta: Mapping[str, Any]) -> dict[str, Any]:
    """What a start says about where it came from."""
    data = meta.get("data")
    known: dict[str, Any] = {
        name: text(meta.get(name)) for name in ("hostname", "git_commit", "run_id", "hydra_job_id")
    }
    known["seed"] = whole(meta.get("seed"))
    known["n_parameters"] = whole(data.get("n_parameters")) if isinstance(data, dict) else None
    known["on_gpu"] = str(text(meta.get("device"))).startswith("cuda")
    return known


def _is_beyond(
    step: int | None, epoch: int | None, from_step: int | None, from_epoch: int | None
) -> bool:
    """Whether a row lies beyond where a start goes on; by steps, if both are known."""
    if step is not None and from_step is not None:
        return step > from_step
    return epoch is not None and from_epoch is not None and epoch >= from_epoch


def _rise(values: Sequence[int | None]) -> bool:
    """Whether each value is higher than the one before, or none is known."""
    rising = known(values)
    return len(rising) in (0, len(values)) and all(map(lt, rising, rising[1:]))


def _only(columns: Columns, row: int) -> Columns:
    return {name: values[row : row + 1] for name, values in columns.items()}
