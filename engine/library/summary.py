"""What the facts of a run come to: one record for tables, reports and screens."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from engine.facts.state import ENDED
from engine.facts.values import whole
from engine.library.best import higher_is_better, last_and_best
from engine.library.fold import Fold

__all__ = ["Number", "RunSummary", "Unread", "best_val_loss", "higher_is_better"]

COMPONENTS = ("encoder", "decoder", "latent_space")

_SWEPT = re.compile(r"run_(.+)_job[0-9]+(?:_[0-9]+)?", re.ASCII | re.DOTALL)


class Number(NamedTuple):
    """A loss or metric over the epochs of a run."""

    last: float
    last_step: int | None
    last_epoch: int | None
    best: float
    best_step: int | None
    best_epoch: int | None


class Unread:
    """Base of a record whose fields are read when the first of them is asked for.

    Two threads may ask at once: both read, and either sees what was read only.
    """

    __slots__ = ("_read",)

    _read: Callable[[], Any]
    """Gives the whole record."""

    def __getattr__(self, name: str) -> Any:
        """The value of a field that is not set yet; Python comes here for no other."""
        if name == "_read" or name.startswith("__"):
            raise AttributeError(name)
        try:
            read = self._read
        except AttributeError:
            raise AttributeError(f"{type(self).__name__} has no {name!r}") from None
        whole = read()
        for field_name in type(self).__slots__:
            setattr(self, field_name, getattr(whole, field_name))
        return object.__getattribute__(self, name)


@dataclass(slots=True)
class RunSummary(Unread):
    """One run, as its directory tells it; fields that it does not tell are None or empty."""

    path: str
    name: str
    """Name of the directory."""
    state: str | None = None
    """One of `state.STATES`; None where it cannot be told, and `problem` says why."""
    sentence: str = ""
    """The state, in words for a human."""
    cause: str | None = None
    """The likely cause of a lost run."""
    problem: str | None = None
    """What is wrong with the directory or its files."""
    loop: str | None = None
    encoder: str | None = None
    decoder: str | None = None
    latent_space: str | None = None
    seed: int | None = None
    epochs_done: int = 0
    epochs: int | None = None
    step: int | None = None
    numbers: dict[str, Number] = field(default_factory=dict)
    """`train_loss`, `val_loss` and every metric of the epochs."""
    results: dict[str, float] = field(default_factory=dict)
    """What the test and the end of the training said: `test_loss`, `baseline_val_loss` …"""
    nonfinite: tuple[str, ...] = ()
    """Names of numbers that were NaN or infinite in some epoch."""
    config: dict[str, Any] = field(default_factory=dict)
    """The config, flat: `phase1.trainer.lr` to its value."""
    asked: dict[str, Any] = field(default_factory=dict)
    """What was set for it, flat, and what its job asks a cluster for; while its config is not
    known, which comes with its first event."""
    overrides: tuple[str, ...] = ()
    started: float | None = None
    """Unix seconds of the first event, or of the launch while there is none; likewise `ended`, and
    `updated`, of the last event."""
    ended: float | None = None
    updated: float | None = None
    begun: float | None = None
    """Unix seconds of the newest start, or launch."""
    duration_s: float | None = None
    """Seconds of training over all attempts, without the time between them."""
    epoch_time_s: float | None = None
    eta_s: float | None = None
    usual_gap_s: float | None = None
    """Median time between two events."""
    throughput: float | None = None
    max_memory_mib: float | None = None
    host: str | None = None
    launcher: str | None = None
    job_id: str | None = None
    schedd: str | None = None
    """Name of the scheduler that gave `job_id`."""
    git_commit: str | None = None
    parent: str | None = None
    sweep: str | None = None
    """Name of the sweep's folder, `exp_…`."""
    n_parameters: int | None = None
    attempts: int = 0
    size_bytes: int | None = None
    tags: tuple[str, ...] = ()
    note: str = ""
    archived: bool = False
    job_over: bool = False
    """Whether its log, its record or its scheduler says that its job on a cluster is over."""
    skipped: int = 0
    """Damaged lines of the events."""

    @classmethod
    def later(cls, path: str, name: str, read: Callable[[], RunSummary]) -> RunSummary:
        """A summary whose other fields are those of what `read` gives, once one is asked for."""
        summary = cls.__new__(cls)
        summary.path, summary.name, summary._read = path, name, read
        return summary


def best_val_loss(run: RunSummary) -> float | None:
    """The number that a sweeper judges a run by; None where its facts have none.

    It is `best_val_loss`, as the training said at its end; of a loop that does not say it, the
    lowest `val_loss` of its epochs.
    """
    told = run.results.get("best_val_loss")
    return run.numbers["val_loss"].best if told is None and "val_loss" in run.numbers else told


def summary_of(path: str, record: Mapping[str, Any]) -> RunSummary:
    """The summary of the run at `path`, of what `examine.read` and `judge` found out about it."""
    fold, around = Fold(**record["fold"]), record["around"]
    summary = RunSummary(path, os.path.basename(path), **record["state"])
    _fill_course(summary, fold)
    _fill_origin(summary, fold)
    for name, value in around.items():
        if value is not None:
            setattr(summary, name, tuple(value) if isinstance(value, list) else value)
    _fill_asked(summary)
    summary.skipped = record["skipped"]
    return summary


def _fill_course(summary: RunSummary, fold: Fold) -> None:
    """How the training went."""
    summary.epochs_done, summary.step = fold.epochs_done, fold.step
    summary.epochs = whole(fold.config.get("phase1.trainer.epochs"))
    numbers = fold.numbers.items()
    summary.numbers = {name: Number._make(last_and_best(name, known)) for name, known in numbers}
    summary.results = fold.results | fold.outcome
    summary.nonfinite = tuple(fold.nonfinite)
    summary.updated = fold.last_time
    if summary.state in ENDED:
        summary.ended = fold.last_time
    summary.duration_s, summary.epoch_time_s = fold.duration_s, fold.epoch_time_s
    summary.usual_gap_s, summary.max_memory_mib = fold.usual_gap_s, fold.max_memory_mib
    throughput = fold.throughput
    summary.throughput = fold.first_throughput if throughput is None else throughput
    if summary.state == "running" and summary.epochs and summary.epoch_time_s is not None:
        summary.eta_s = max(0, summary.epochs - summary.epochs_done) * summary.epoch_time_s


def _fill_origin(summary: RunSummary, fold: Fold) -> None:
    """What was trained, where, and what it came from."""
    config, meta = fold.config, fold.meta
    summary.config = config
    loop = config.get("loop")
    summary.loop = loop if isinstance(loop, str) else None
    if f"{summary.loop}.hidden_dims" not in config:  # such a loop has a network of its own
        for part in COMPONENTS:
            setattr(summary, part, _module(config.get(f"phase1.{part}._target_")))
    seed = meta.get("seed")
    summary.seed = whole(config.get("phase1.trainer.seed")) if seed is None else seed
    summary.host, summary.git_commit = meta.get("hostname"), meta.get("git_commit")
    summary.n_parameters = meta.get("n_parameters")
    if meta.get("hydra_job_id") is not None:
        swept = _SWEPT.fullmatch(meta.get("run_id") or summary.name)
        summary.sweep = f"exp_{swept[1]}" if swept else None


def _fill_asked(summary: RunSummary) -> None:
    """What is known before the first event; and no host of a run that is on none."""
    if summary.state in ("queued", "held"):
        summary.host = None
    if summary.config:
        summary.asked = {}
        return
    asked = summary.asked
    for name in ("loop", *COMPONENTS):
        chosen = asked.get(name if name == "loop" else f"phase1.{name}")
        setattr(summary, name, chosen if isinstance(chosen, str) else None)
    seed, epochs = asked.get("phase1.trainer.seed"), asked.get("phase1.trainer.epochs")
    summary.seed = whole(seed) if summary.seed is None else summary.seed
    summary.epochs = whole(epochs)


def _module(target: object) -> str | None:
    """The module that a class lives in, by its own name: `….latent_spaces.vq.Quantiser` to `vq`."""
    return target.split(".")[-2:][0] if isinstance(target, str) else None
