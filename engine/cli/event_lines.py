"""An event of a run as one line: for people, or as JSON for programs."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from engine.errors import FactsError
from engine.facts.evidence import seconds_of
from engine.facts.parse import parse_event
from engine.facts.run_dir import RunDir
from engine.facts.text import plain
from engine.facts.words import first_line
from engine.tables.units import show_duration, show_number

METRICS_SHOWN = 6

_LABELS = {
    "on_start": "start",
    "on_progress": "progress",
    "on_epoch_end": "epoch",
    "on_validation_end": "validation",
    "on_test_end": "test",
    "on_train_end": "end",
    "on_exception": "failed",
}
_NOT_PRINTABLE = re.compile(r"[^\x20-\x7e]")


class Event(NamedTuple):
    """An event, and its line."""

    record: dict[str, Any]
    line: bytes


def parse(line: bytes) -> Event | None:
    """The event of a line; None if it holds none."""
    record = parse_event(line)
    return None if record is None else Event(record, line)


def json_line(event: Event) -> str:
    """The line as it is in the file, in printable ASCII: other characters are escaped."""
    return _NOT_PRINTABLE.sub(_escaped, event.line.decode())


def _escaped(match: re.Match[str]) -> str:
    # JSON allows tabs and the like between its words only.
    return " " if match[0] in "\t\r" else json.dumps(match[0])[1:-1]


def refuse_links(path: str | os.PathLike[str]) -> None:
    """Raise a `FactsError` if the events of a run lie elsewhere: what is told is the run's own."""
    run_dir = RunDir(Path(path))
    for place in (run_dir.facts, run_dir.events):
        if place.is_symlink():
            raise FactsError(f"{place} is a link, which is not followed")


class Teller:
    """Tells the events of a run, one after another, in words.

    Parameters
    ----------
    epochs
        Of how many epochs the training is; the config in `on_start` tells it too.
    """

    def __init__(self, epochs: int | None = None) -> None:
        self.epochs = epochs
        self.best: float | None = None
        """Lowest validation loss of the epochs so far."""

    def tell(self, record: Mapping[str, Any]) -> str:
        """One line without control characters."""
        moment = record["moment"]
        parts = [f"{_clock(record)}  {_LABELS.get(moment, moment):<10}", *self._parts(record)]
        return plain("  ".join(part for part in parts if part)).rstrip()

    def _parts(self, record: Mapping[str, Any]) -> Iterator[str]:
        moment = record["moment"]
        if moment == "on_start":
            self._begin(record)
            yield _start(record)
        elif moment == "on_progress":
            step = _whole(record.get("step"))
            yield "" if step is None else f"step {step:,}"
            yield from _numbers({"loss": record.get("train_loss")})
            yield _speed(record)
        elif moment == "on_epoch_end":
            yield from self._epoch(record)
        elif moment == "on_exception":
            error = record.get("error")
            yield first_line(error) if isinstance(error, str) else "it did not say why"
        else:
            yield "asked to stop" if record.get("stopped") is True else ""
            yield from _numbers(_losses(record))
            yield from _numbers(_metrics(record), METRICS_SHOWN)

    def _begin(self, record: Mapping[str, Any]) -> None:
        """Learn from a start; whatever begins from nothing has no best loss yet."""
        trainer = _at(record, "meta", "config", "phase1", "trainer")
        epochs = _whole(trainer.get("epochs")) if isinstance(trainer, Mapping) else None
        self.epochs = self.epochs if epochs is None else epochs
        if not isinstance(_at(record, "meta", "resumed_from"), Mapping):
            self.best = None

    def _epoch(self, record: Mapping[str, Any]) -> Iterator[str]:
        epoch, loss = _whole(record.get("epoch")), record.get("val_loss")
        if epoch is not None:
            of = f"/{self.epochs}" if self.epochs else ""
            yield f"{epoch}  [{epoch + 1}{of}]"
        losses = list(_numbers(_losses(record)))
        if _is_number(loss) and (self.best is None or loss < self.best):
            self.best = loss
            losses[-1] += " (best)"
        yield from losses
        yield from _numbers(_metrics(record), METRICS_SHOWN)
        yield _speed(record)
        seconds = record.get("epoch_time_s")
        yield show_duration(seconds) if _is_number(seconds) else ""


def _start(record: Mapping[str, Any]) -> str:
    """Where a training begins, and from what."""
    told = [
        f"{word} {first_line(str(value), 80)}"
        for key, word in (("attempt", "attempt"), ("hostname", "on"), ("device", "device"))
        if (value := _at(record, "meta", key)) is not None
    ]
    resumed = _at(record, "meta", "resumed_from")
    if isinstance(resumed, Mapping):
        epochs, steps = _whole(resumed.get("epoch")), _whole(resumed.get("step"))
        told.append(f"going on after {epochs or 0} epochs and {steps or 0:,} steps")
    return ", ".join(told)


def _losses(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(record, name, record.get(name)) for name in ("train_loss", "val_loss")}


def _metrics(record: Mapping[str, Any]) -> dict[str, Any]:
    """The metrics worth a line, losses first: none of the training split, nor the learning rate."""
    found = record.get("metrics")
    metrics: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    names = [name for name in metrics if not name.startswith("train_") and name != "lr"]
    names.sort(key=lambda name: not name.endswith("loss"))
    return {name: _value(record, name, metrics[name]) for name in names}


def _value(record: Mapping[str, Any], name: str, value: Any) -> Any:
    """NaN for a number that could not be written as JSON."""
    nonfinite = record.get("nonfinite")
    lost = value is None and isinstance(nonfinite, list) and name in nonfinite
    return float("nan") if lost else value


def _numbers(values: Mapping[str, Any], most: int = 2) -> Iterator[str]:
    """The first of the numbers with their names."""
    known = [(name, value) for name, value in values.items() if _is_number(value)]
    for name, value in known[:most]:
        yield f"{first_line(name, 40)} {show_number(value)}"
    if len(known) > most:
        yield f"and {len(known) - most} more"


def _speed(record: Mapping[str, Any]) -> str:
    throughput = record.get("throughput")
    return f"{throughput:,.0f} events/s" if _is_number(throughput) else ""


def _clock(record: Mapping[str, Any]) -> str:
    """The local time of an event; as many spaces where it has none."""
    timestamp = _at(record, "meta", "timestamp")
    seconds = seconds_of(timestamp) if isinstance(timestamp, str) else None
    try:
        return datetime.fromtimestamp(seconds or 0).strftime("%m-%d %H:%M:%S" if seconds else "")
    except (ValueError, OverflowError, OSError):
        return ""


def _at(record: Any, *keys: str) -> Any:
    """An entry of nested objects; None where there is none."""
    for key in keys:
        record = record.get(key) if isinstance(record, Mapping) else None
    return record


def _whole(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < 2**63 else None


def _is_number(value: Any) -> TypeGuard[float]:
    """Whether this is a number that can be shown; NaN and infinities are."""
    return type(value) is float or (type(value) is int and abs(value) < 2**63)
