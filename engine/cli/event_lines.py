"""An event of a run as one line: for people, or as JSON for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeGuard

from engine.facts.parse import parse_event
from engine.facts.text import plain
from engine.facts.values import seconds_of
from engine.facts.words import first_line
from engine.tables.units import show_number
from engine.training_loops.messages import digits

METRICS_SHOWN = 6

_LABELS = {
    "on_start": "start",
    "on_progress": "progress",
    "on_validation_end": "validate",
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


class Teller:
    """Tells the events of a run, one after another, in words.

    Parameters
    ----------
    epochs
        Of how many epochs the training is; the config in `on_start` tells it too.
    metrics
        Whether an epoch is told with its metrics, beside the losses.
    """

    def __init__(self, epochs: int | None = None, metrics: bool = False) -> None:
        self.epochs = epochs
        self.metrics = metrics
        self.best: float | None = None
        """Lowest validation loss of the epochs so far."""

    def tell(self, record: Mapping[str, Any]) -> str:
        """One line without control characters: hour and minute first."""
        moment = record["moment"]
        is_best = self.learn(record)
        parts = self._epoch(record, is_best) if moment == "on_epoch_end" else _rest(record)
        label = [] if moment == "on_epoch_end" else [f"{_LABELS.get(moment, moment):<8}"]
        clock = _clock(record, "%H:%M") or " " * 5
        return plain("  ".join(part for part in [clock, *label, *parts] if part)).rstrip()

    def learn(self, record: Mapping[str, Any]) -> bool:
        """Take in an event that is not told, or not yet; whether it has the best loss so far."""
        if record["moment"] == "on_start":
            self._begin(record)
        loss = record.get("val_loss")
        if record["moment"] != "on_epoch_end" or not _is_number(loss):
            return False
        is_best = self.best is None or loss < self.best
        self.best = loss if is_best else self.best
        return is_best

    def _begin(self, record: Mapping[str, Any]) -> None:
        """Learn from a start; whatever begins from nothing has no best loss yet."""
        trainer = _at(record, "meta", "config", "phase1", "trainer")
        epochs = _whole(trainer.get("epochs")) if isinstance(trainer, Mapping) else None
        self.epochs = self.epochs if epochs is None else epochs
        if not isinstance(_at(record, "meta", "resumed_from"), Mapping):
            self.best = None

    def _epoch(self, record: Mapping[str, Any], is_best: bool) -> Iterator[str]:
        """As the training itself says it."""
        epoch, seconds = _whole(record.get("epoch")), record.get("epoch_time_s")
        done = None if epoch is None else epoch + 1
        total = str(self.epochs or "")
        if done is not None:
            yield f"[{done:{len(total)}}{'/' if total else ''}{total}]"
        losses = _losses(record)
        yield _loss("train", losses["train_loss"])
        if _is_number(losses["val_loss"]):
            yield f"{_loss('val', losses['val_loss'])}{'*' if is_best else ' '}"
        yield _speed(record)
        if _is_number(seconds):
            yield f"{seconds:.1f} s" if abs(seconds) < 1e6 else ""
            yield _eta(seconds, done, self.epochs)
        if self.metrics:
            yield from _numbers(_metrics(record), len(_metrics(record)))


def _rest(record: Mapping[str, Any]) -> Iterator[str]:
    """What there is to say of an event that is no end of an epoch."""
    moment = record["moment"]
    if moment == "on_start":
        yield _start(record)
    elif moment == "on_progress":
        step = _whole(record.get("step"))
        yield "" if step is None else f"step {step:,}"
        yield _loss("train", record.get("train_loss"))
        yield _speed(record)
    elif moment == "on_exception":
        error = record.get("error")
        yield first_line(error) if isinstance(error, str) else "it did not say why"
    else:
        over = record.get("starts_again") is True
        asked = "its time was over" if over else "asked to stop"
        yield asked if record.get("stopped") is True else ""
        yield from _numbers(_losses(record))
        yield from _numbers(_metrics(record), METRICS_SHOWN)


_OF_START = (("attempt", "attempt"), ("job_id", "job"), ("hostname", "on"), ("device", "device"))
"""Entries of `meta`, and the word before each."""


def _start(record: Mapping[str, Any]) -> str:
    """When and where a training begins, and from what."""
    told = [_clock(record, "%Y-%m-%d")]
    told += [
        f"{word} {first_line(str(value), 80)}"
        for key, word in _OF_START
        if (value := _at(record, "meta", key)) is not None
    ]
    resumed = _at(record, "meta", "resumed_from")
    if isinstance(resumed, Mapping):
        epochs, steps = _whole(resumed.get("epoch")), _whole(resumed.get("step"))
        told.append(f"going on after {epochs or 0} epochs and {steps or 0:,} steps")
    return ", ".join(filter(None, told))


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


def _loss(name: str, value: Any) -> str:
    """A loss with its name, in the digits in which the training prints it."""
    if not _is_number(value):
        return ""
    return f"{name} {digits(value) if abs(value) < 1e6 else show_number(value):<7}"


def _speed(record: Mapping[str, Any]) -> str:
    throughput = record.get("throughput")
    if not _is_number(throughput) or abs(throughput) > 1e12:
        return ""
    return f"{throughput / 1000:.1f}k events/s"


def _eta(epoch_s: float, done: int | None, epochs: int | None) -> str:
    """How long the rest takes if each epoch takes as long as this one."""
    left_s = epoch_s * ((epochs or 0) - (done or 0))
    if done is None or not 0 <= left_s < 1e9:
        return ""
    return f"ETA {int(left_s // 60)}:{int(left_s % 60):02d}"


def _clock(record: Mapping[str, Any], form: str) -> str:
    """The local time of an event; nothing where it has none."""
    seconds = seconds_of(_at(record, "meta", "timestamp"))
    try:
        return "" if seconds is None else datetime.fromtimestamp(seconds).strftime(form)
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
