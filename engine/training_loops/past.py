"""What earlier starts of a run left, for one that goes on with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.data.normalisation import NORMALISERS, Normaliser
from engine.errors import DataError, FactsError
from engine.facts import RunDir, read_scalars
from engine.facts.follow import EventFollower
from engine.training_loops.checkpoints import load_last


@dataclass
class Past:
    """The checkpoint of a run, and what its facts say already.

    Without a checkpoint the training begins again from the first step.
    """

    checkpoint: dict[str, Any] | None = None
    epochs: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Epoch to its `on_epoch_end` line."""
    rows: set[tuple[int, str]] = field(default_factory=set)
    """Epoch and split of each row of the scalars."""
    test_loss: float | None = None
    """What the `on_test_end` line says that follows the last epoch, if there is one."""

    data: dict[str, Any] = field(default_factory=dict)
    """What the last start said of its data."""

    @property
    def epochs_done(self) -> int:
        """Whole epochs."""
        return self.checkpoint["epoch"] if self.checkpoint else 0

    @property
    def step(self) -> int:
        """Steps done."""
        return self.checkpoint["step"] if self.checkpoint else 0

    @property
    def total_time_s(self) -> float:
        """Seconds of training until the checkpoint."""
        return self.checkpoint["total_time_s"] if self.checkpoint else 0.0

    @property
    def lacks_last_epoch(self) -> bool:
        """Whether the run ended after it had saved an epoch and before it had recorded it."""
        if self.checkpoint is None or not self.checkpoint.get("at_epoch_end"):
            return False
        return self.epochs_done > 0 and self.epochs_done - 1 not in self.epochs

    def numbers(self) -> list[dict[str, Any]]:
        """For each recorded epoch its losses, times and metrics; empty where a line is lost."""
        recorded = self.epochs_done - 1 if self.lacks_last_epoch else self.epochs_done
        return [_numbers(self.epochs.get(epoch, {})) for epoch in range(recorded)]


def read_past(run_dir: RunDir) -> Past | None:
    """What is there of a run that was started before; None for one that begins.

    Raises
    ------
    FactsError
        If the facts or the checkpoint cannot be read.
    """
    if not run_dir.events.exists():
        return None
    past = Past(load_last(run_dir) if run_dir.last.exists() else None)
    follower = EventFollower(run_dir.path)
    more = True
    while more:
        batch = follower.poll()
        more = batch.more
        for record in batch.records:
            _take_in(past, record)
    past.rows = {_row_key(row) for row in read_scalars(run_dir.path)}
    if past.epochs_done > max(past.epochs, default=-1) + 2:
        raise FactsError(
            f"{run_dir.last} has {past.epochs_done} epochs behind it, the facts {len(past.epochs)}",
            "They do not belong to the same run.",
        )
    return past


def data_in(start: dict[str, Any]) -> dict[str, Any]:
    """What an `on_start` says of the data."""
    meta = start.get("meta")
    data = meta.get("data") if isinstance(meta, dict) else None
    return data if isinstance(data, dict) else {}


def require_same_data(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse other data than those that a run began with.

    Parameters
    ----------
    before, now
        What two starts say of their data: the numbers of events, and the normalisers.

    Raises
    ------
    DataError
        If a split has another number of events, or the features of the training split another
        mean or spread.
    FactsError
        If what was said before cannot be read.
    """
    counts = before.get("n_events", now["n_events"]), now["n_events"]
    told = f"{counts[1]} events instead of {counts[0]}" if counts[0] != counts[1] else ""
    for name in NORMALISERS:
        if not told and name in before and name in now:
            n_features = len(now[name]["mean"])
            one, other = (Normaliser.from_dict(x[name], n_features) for x in (before, now))
            told = "" if one.is_like(other) else "the training split has another mean or spread"
    if told:
        raise DataError(
            f"the data are not those that the run began with: {told}",
            "Start a new run with them, or name the old file with data.path=FILE.",
        )


def _take_in(past: Past, record: dict[str, Any]) -> None:
    epoch = record.get("epoch")
    if record["moment"] == "on_start":
        past.data = data_in(record)
    elif record["moment"] == "on_epoch_end" and type(epoch) is int:
        past.test_loss = None
        past.epochs[epoch] = record
    elif record["moment"] == "on_test_end":
        metrics = record.get("metrics")
        loss = metrics.get("test_loss") if isinstance(metrics, dict) else None
        past.test_loss = loss if isinstance(loss, float) else None


def _row_key(row: dict[str, str]) -> tuple[int, str]:
    text = row.get("epoch", "")
    return int(text) if text.isdecimal() else -1, row.get("split", "")


def _numbers(record: dict[str, Any]) -> dict[str, Any]:
    """The numbers of a line in the order in which they were recorded; NaN where it names one."""
    names = ("train_loss", "val_loss", "epoch_time_s", "throughput", "max_memory_mib")
    metrics = record.get("metrics")
    found = {name: record.get(name) for name in names}
    found |= metrics if isinstance(metrics, dict) else {}
    lost = record.get("nonfinite", [])
    return {k: float("nan") if v is None and k in lost else v for k, v in found.items()}
