"""Where an event is written, and read back.

One JSON object a line in `facts/events.jsonl`, made by `build_event_payload`, written by
`append_jsonl_event`. `docs/FACTS_SYSTEM.md` lists the fields.
"""

from __future__ import annotations

import json
import math
import os
import traceback as traceback_module
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, SupportsFloat

from engine.errors import FactsError
from engine.facts.files import append_line
from engine.facts.follow import EventFollower
from engine.facts.provenance import common_meta, plain_config, start_meta
from engine.facts.run_dir import RunDir

SCHEMA_VERSION = 1

MOMENTS = (
    "on_start",
    "on_progress",
    "on_epoch_end",
    "on_validation_end",
    "on_train_end",
    "on_test_end",
    "on_exception",
)

_WITH_HISTORIES = ("on_train_end", "on_exception")

_EXACT = (str, bool, int)
_SEQUENCE = (list, tuple)


def build_event_payload(
    moment: str,
    run_dir: str | os.PathLike[str],
    *,
    epoch: int | None = None,
    step: int | None = None,
    split: str | None = None,
    train_loss: float | None = None,
    val_loss: float | None = None,
    metrics: Mapping[str, float | None] | None = None,
    epoch_time_s: float | None = None,
    total_time_s: float | None = None,
    throughput: float | None = None,
    max_memory_mib: float | None = None,
    histories: Mapping[str, list[float | None]] | None = None,
    error: str | BaseException | None = None,
    traceback: str | None = None,
    stopped: bool | None = None,
    starts_again: bool | None = None,
    cfg: Any = None,
    meta: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """One event as a plain dictionary, every field of the schema present.

    Parameters
    ----------
    moment
        One of `MOMENTS`.
    run_dir
        The run directory; its name is the run id.
    train_loss, val_loss
        Means over the epoch's events.
    epoch_time_s, total_time_s
        Seconds of this epoch, and since the training started.
    throughput
        Training events a second.
    max_memory_mib
        Largest memory so far, in MiB (of the device on a GPU, of the process elsewhere).
    histories
        One list per loss and metric with one entry an epoch.
    error
        A sentence, or the exception itself (its traceback is then added).
    stopped
        On `on_train_end`: whether the training was asked to end early.
    starts_again
        On `on_train_end` of one that was stopped: whether its time was over, and it goes on at its
        next start.
    cfg
        The run's config; gives the seed, and is stored resolved on `on_start`.
    meta
        Further entries for `meta`.

    Raises
    ------
    FactsError
        If `moment` is none of `MOMENTS`.
    """
    if moment not in MOMENTS:
        raise FactsError(f"unknown moment {moment!r}", f"Use one of {', '.join(MOMENTS)}.")
    if isinstance(error, BaseException):
        traceback = traceback or "".join(traceback_module.format_exception(error))
        error = f"{type(error).__name__}: {error}"
    path = Path(run_dir).absolute()
    payload: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "moment": moment,
        "run_dir": str(path),
        "epoch": epoch,
        "step": step,
        "split": split,
        "train_loss": train_loss,
        "val_loss": val_loss,
        "metrics": dict(metrics or {}),
        "epoch_time_s": epoch_time_s,
        "total_time_s": total_time_s,
        "throughput": throughput,
        "max_memory_mib": max_memory_mib,
        "histories": dict(histories or {}),
        "error": error,
        "traceback": traceback,
        "meta": common_meta(RunDir(path).run_id, cfg),
    }
    if stopped is not None:
        payload["stopped"] = stopped
    if starts_again is not None:
        payload["starts_again"] = starts_again
    if moment == "on_start":
        payload["meta"] |= start_meta() | {"config": plain_config(cfg)}
    payload["meta"] |= meta or {}
    return payload


def append_jsonl_event(run_dir: str | os.PathLike[str], payload: Mapping[str, Any]) -> None:
    """Write one event as one line, with one write.

    Only the closing lines, `on_train_end` and `on_exception`, hold the histories: those of an
    epoch are the lines before it, so an epoch costs the same however many went before. Every line
    but the frequent `on_progress` is flushed to disk.

    Raises
    ------
    FactsError
        If the line cannot be written.
    """
    record = dict(payload)
    if record.get("moment") not in _WITH_HISTORIES:
        record["histories"] = {}
    nonfinite: list[str] = []
    record = _finite(record, "", nonfinite)
    if nonfinite:
        record["nonfinite"] = sorted(set(nonfinite))
    line = json.dumps(record, allow_nan=False, separators=(",", ":"))
    append_line(RunDir(Path(run_dir)).events, line, sync=record.get("moment") != "on_progress")


def _finite(value: Any, name: str, nonfinite: list[str]) -> Any:
    """`value` as JSON knows it, with None for every number that is not finite.

    The names of those go to `nonfinite`; a metric is named as it is, any other entry by its path.
    """
    if type(value) is float:  # by far the most frequent
        if math.isfinite(value):
            return value
        nonfinite.append(name)
        return None
    if value is None or isinstance(value, _EXACT):
        return value
    if isinstance(value, Mapping):
        prefix = "" if name in ("", "metrics", "histories") else f"{name}."
        return {str(k): _finite(v, f"{prefix}{k}", nonfinite) for k, v in value.items()}
    if isinstance(value, _SEQUENCE):
        return [_finite(entry, name, nonfinite) for entry in value]
    return _finite(_plain(value), name, nonfinite)


def _plain(value: Any) -> Any:
    """Scalars of torch and NumPy, arrays, sets and paths as plain Python; text for the rest."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, SupportsFloat):
        return float(value)
    return list(value) if isinstance(value, Iterable) else str(value)


@dataclass
class EventLog:
    """What a reader found in an `events.jsonl`."""

    records: list[dict[str, Any]] = field(default_factory=list)
    """The whole lines, in the order they were written."""
    skipped: int = 0
    """Lines that are no event: torn in the middle of the file, damaged, or too long."""
    torn: bool = False
    """Whether the file ends in a line that is still being written."""

    def of(self, moment: str) -> list[dict[str, Any]]:
        """The records of one moment."""
        return [record for record in self.records if record.get("moment") == moment]


def read_events(run_dir: str | os.PathLike[str]) -> EventLog:
    """Read all events of a run; damaged lines are counted, never fatal.

    A last line without its end means "not yet" and is left out. A run that has claimed its
    directory but written no event yet has none. All events are held at once: for a long run
    `EventFollower` gives them a few at a time.

    Raises
    ------
    FactsError
        If this is no run directory or the file cannot be read.
    """
    follower = EventFollower(run_dir)
    return EventLog(follower.read_all(), follower.skipped, follower.torn)
