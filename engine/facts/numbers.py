"""The numbers of an event, whose fields may be of any type."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

FIELDS = ("train_loss", "val_loss", "epoch_time_s", "throughput", "max_memory_mib")
"""The numbers that every event has a field for; a metric of the same name is hidden by it."""


def axes_of(record: Mapping[str, Any]) -> tuple[float, float, float]:
    """Step, epoch and total time of an event; NaN for what it does not say."""
    step, epoch, total_time_s = map(record.get, ("step", "epoch", "total_time_s"))
    return as_float(step), as_float(epoch), as_float(total_time_s)


def numbers_of(record: Mapping[str, Any], names: Collection[str] | None = None) -> dict[str, float]:
    """The finite numbers of an event by name, its losses and the like and its metrics.

    Those with one of the `names`, or all.
    """
    metrics = record.get("metrics")
    found = dict(metrics) if isinstance(metrics, dict) else {}
    found |= {name: record.get(name) for name in FIELDS}
    if names is not None:
        found = {name: found[name] for name in names if name in found}
    numbers = {name: as_float(value) for name, value in found.items() if value is not None}
    return {name: value for name, value in numbers.items() if not math.isnan(value)}


def as_float(value: object) -> float:
    """The number that a value from JSON is; NaN if it is none, or not finite."""
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            return math.nan
    return value if type(value) is float and math.isfinite(value) else math.nan


def seconds_of(timestamp: object) -> float:
    """Unix seconds of an ISO 8601 time, which is UTC if it does not say; NaN if it is none."""
    try:
        when = datetime.fromisoformat(timestamp) if isinstance(timestamp, str) else None
    except ValueError:
        return math.nan
    if when is None:
        return math.nan
    try:
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except OverflowError:
        return math.nan
