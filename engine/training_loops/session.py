"""What all loops share: the device, the run directory, facts, figures, progress, checkpoints."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from engine.errors import ConfigError, DataError, Stopped, TrainingError
from engine.facts import RunDir, append_jsonl_event, append_scalars_csv, build_event_payload
from engine.monitoring.orchestrator import due_families, handle_event
from engine.training_loops.checkpoints import save_best, save_last
from engine.training_loops.device import (
    is_out_of_memory,
    max_memory_mib,
    out_of_memory,
    reset_max_memory,
    resolve_device,
)
from engine.training_loops.objective import NonFiniteLoss
from engine.training_loops.stopping import StopSignals
from engine.utils.seed import set_all_seeds

log = logging.getLogger("engine")

FigureData = Callable[[set[str]], dict[str, Any]]
"""Given the plot families that are due, gives the arrays that they draw."""


class Session:
    """One training, from `on_start` to `on_train_end`, whatever happens between them.

    A context manager: an error becomes an `on_exception` event, with the place where it happened
    and what to do, and signals are held back so that a training can end cleanly. The run directory
    is the working directory, unless `logging.save_artifacts=false`: then nothing is written.

    Parameters
    ----------
    cfg
        The run's config.
    plot_families
        The plot families that this loop has data for.
    """

    def __init__(self, cfg: Any, plot_families: set[str]) -> None:
        self.cfg = cfg
        self.plot_families = plot_families
        self.device = resolve_device(cfg)
        self.run_dir = RunDir(Path(os.getcwd())) if cfg.logging.save_artifacts else None
        self.histories: dict[str, list[float | None]] = {"train_loss": [], "val_loss": []}
        self.epoch: int | None = None
        self.step = 0
        self._begun = False
        self._ended = False
        self._signals = StopSignals()
        self._started = time.monotonic()
        self._next_progress = 0.0

    def __enter__(self) -> Session:
        set_all_seeds(self.cfg.phase1.trainer.get("seed"))
        reset_max_memory(self.device)
        self._signals.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._signals.__exit__(kind, error, trace)
        if isinstance(error, ConfigError | DataError) and not self._begun:
            return  # a mistake, and no run yet
        if isinstance(error, Exception):
            told = self._explained(error)
            self._record("on_exception", error=told)
            if told is not error:
                raise told
        elif isinstance(error, Stopped | KeyboardInterrupt) and self._begun and not self._ended:
            self._record("on_train_end", epoch=self._last_epoch, stopped=True)

    @property
    def stop_signal(self) -> int | None:
        """The signal that asked this training to end; None while none did."""
        return self._signals.received

    def start(self, data: dict[str, Any], metrics: dict[str, float]) -> None:
        """Say what is trained on what, before the first step."""
        self._begun = True
        self.emit("on_start", metrics=metrics, meta={"device": str(self.device), "data": data})
        run = self.run_dir.run_id if self.run_dir else "a run that leaves nothing behind"
        log.info(f"{run}: {data['n_events']['train']:,} events to train on, {self.device}")
        self._next_progress = time.monotonic() + self.cfg.logging.get("progress_every_s", 10)

    def progress(self, loss: float, throughput: float) -> None:
        """The heartbeat: at most every `logging.progress_every_s` seconds one event."""
        now = time.monotonic()
        if self.run_dir is None or now < self._next_progress:
            return
        self._next_progress = now + self.cfg.logging.get("progress_every_s", 10)
        self.emit("on_progress", train_loss=loss, throughput=throughput)

    def end_epoch(
        self, numbers: dict[str, float], metrics: dict[str, float], figure_data: FigureData
    ) -> None:
        """Record an epoch: `numbers` are the losses, the time and the throughput."""
        numbers = numbers | {"max_memory_mib": max_memory_mib(self.device)}
        before = len(self.histories["val_loss"])
        for name, value in (numbers | metrics).items():
            history = self.histories.setdefault(name, [])
            # A metric that appears late, or was left out, has gaps: entry i is epoch i.
            history += [None] * (before - len(history)) + [value]
        self._write_scalars("val", self.epoch or 0, numbers, metrics)
        self.emit("on_epoch_end", metrics=metrics, figure_data=figure_data, **numbers)

    def end_test(self, epoch: int, loss: float, metrics: dict[str, float]) -> None:
        """Record how the best weights, those of `epoch`, do on the test split."""
        metrics = metrics | {"test_loss": loss}
        self._write_scalars("test", epoch, {}, metrics)
        self.emit("on_test_end", epoch=epoch, split="test", metrics=metrics)

    def end(self, metrics: dict[str, float], figure_data: FigureData) -> None:
        """Close the facts, with the last epoch that came to its end."""
        self.epoch = self._last_epoch
        self._ended = True
        stopped = self.stop_signal is not None
        self.emit("on_train_end", metrics=metrics, figure_data=figure_data, stopped=stopped)

    @property
    def _last_epoch(self) -> int | None:
        """The last epoch that came to its end; None if none did."""
        return len(self.histories["val_loss"]) - 1 if self.histories["val_loss"] else None

    def raise_if_stopped(self) -> None:
        """End the process the way a signal would have, once everything is saved."""
        if self.stop_signal is not None:
            raise Stopped(self.stop_signal)

    def emit(self, moment: str, figure_data: FigureData | None = None, **fields: Any) -> None:
        """Write an event, then draw the figures due at this moment.

        `figure_data` is called, with the names of the plot families that are due, only if any are.
        """
        if self.run_dir is None:
            return
        payload = build_event_payload(
            moment,
            self.run_dir.path,
            step=self.step,
            total_time_s=time.monotonic() - self._started,
            histories=self.histories,
            cfg=self.cfg,
            **({"epoch": self.epoch} | fields),
        )
        append_jsonl_event(self.run_dir.path, payload)
        # Who stops a training wants it to end, not to draw.
        if self.stop_signal is None and moment != "on_exception":
            payload["figure_data"] = self._prepared(moment, figure_data)
            handle_event(self.cfg.logging, self.plot_families, moment, payload)

    def _prepared(self, moment: str, figure_data: FigureData | None) -> dict[str, Any]:
        """The data of the figures due at this moment; a failure costs the figures, no more."""
        due = set(due_families(self.cfg.logging, self.plot_families, moment, self.epoch))
        if figure_data is None or not due:
            return {}
        try:
            return figure_data(due)
        except Exception as error:
            log.warning("no data for the figures at %s: %s", moment, error)
            log.debug("traceback of the data for figures", exc_info=True)
            return {}

    def save_last(self, state: dict[str, Any], epochs_done: int) -> None:
        """Keep model, optimiser and schedule as they are."""
        if self.run_dir is not None:
            save_last(self.run_dir, state, epoch=epochs_done, step=self.step)

    def save_best(self, weights: dict[str, Any]) -> None:
        """Keep the weights with the lowest validation loss so far."""
        if self.run_dir is not None:
            save_best(self.run_dir, weights)

    def _write_scalars(
        self, split: str, epoch: int, numbers: dict[str, float], metrics: dict[str, float]
    ) -> None:
        if self.run_dir is None:
            return
        names = ("train_loss", "val_loss", "epoch_time_s", "throughput", "max_memory_mib")
        fixed = {name: numbers.get(name) for name in names}
        append_scalars_csv(
            self.run_dir.path,
            epoch=epoch,
            split=split,
            metrics=metrics,
            **fixed,
        )

    def _explained(self, error: Exception) -> Exception:
        """`error` with the place where it happened and what to do; others as they are."""
        where = "" if self.epoch is None else f" in epoch {self.epoch}, step {self.step}"
        told: Exception = error
        if isinstance(error, NonFiniteLoss):
            told = TrainingError(
                f"{error.message}{where}; nothing was saved of it",
                f"Lower phase1.trainer.lr (now {self.cfg.phase1.trainer.lr:g}), "
                "or set phase1.trainer.clip_grad_norm=1.0.",
            )
        elif is_out_of_memory(error):
            told = out_of_memory(self.cfg, self.device, where)
        if told is not error:
            told.__cause__ = error
        return told

    def _record(self, moment: str, **fields: Any) -> None:
        """Record the end; a record that cannot be written must not hide why it ended."""
        try:
            self.emit(moment, **fields)
        except Exception as second:  # noqa: BLE001 - any failure of the record is second
            log.error("the end could not be recorded in the facts: %s", second)
