"""The numbers of an event, whose fields may be of any type."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from engine.facts.values import number

AXES = ("step", "epoch", "total_time_s")
"""The numbers that say where on its way a training was."""

FIELDS = ("train_loss", "val_loss", "epoch_time_s", "throughput", "max_memory_mib")
"""The numbers that every event has a field for; a metric of the same name is hidden by it."""


def axes_of(record: Mapping[str, Any]) -> tuple[float, float, float]:
    """Step, epoch and total time of an event; NaN for what it does not say."""
    step, epoch, total_time_s = (as_float(record.get(name)) for name in AXES)
    return step, epoch, total_time_s


def numbers_of(record: Mapping[str, Any], names: Collection[str] | None = None) -> dict[str, float]:
    """The finite numbers of an event by name, its losses and the like and its metrics.

    Those with one of the `names`, or all.
    """
    metrics = record.get("metrics")
    found = dict(metrics) if isinstance(metrics, dict) else {}
    found |= {name: record.get(name) for name in FIELDS}
    if names is not None:
        found = {name: found[name] for name in names if name in found}
    numbers = {name: number(value) for name, value in found.items() if value is not None}
    return {name: value for name, value in numbers.items() if value is not None}


def as_float(value: object) -> float:
    """`value` if it is a finite number, else NaN."""
    found = number(value)
    return math.nan if found is None else found
