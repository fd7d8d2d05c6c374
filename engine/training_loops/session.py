"""What all loops share: the device, the run directory, facts, figures, progress, checkpoints."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from engine.facts import RunDir, append_jsonl_event, append_scalars_csv, build_event_payload
from engine.monitoring.orchestrator import due_families, handle_event
from engine.training_loops.checkpoints import save_best, save_last
from engine.training_loops.device import max_memory_mib, resolve_device
from engine.training_loops.stopping import Stopped, StopSignals
from engine.utils.seed import set_all_seeds

log = logging.getLogger("engine")


class Session:
    """One training, from `on_start` to `on_train_end`, whatever happens between them.

    A context manager: an error after `on_start` becomes an `on_exception` event, and signals are
    held back so that a training can end cleanly. The run directory is the working directory, unless
    `logging.save_artifacts=false`: then nothing is written at all.

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
        self._signals = StopSignals()
        self._started = time.monotonic()
        self._next_progress = 0.0

    def __enter__(self) -> Session:
        set_all_seeds(self.cfg.phase1.trainer.get("seed"))
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        self._signals.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._signals.__exit__(kind, error, trace)
        if isinstance(error, Exception) and self._begun:
            self._emit_exception(error)

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
        self, numbers: dict[str, float], metrics: dict[str, float], figure_data: Any
    ) -> None:
        """Record an epoch: `numbers` are the losses, the time and the throughput."""
        numbers = numbers | {"max_memory_mib": max_memory_mib(self.device)}
        for name, value in (numbers | metrics).items():
            self.histories.setdefault(name, []).append(value)
        self._write_scalars("val", self.epoch or 0, numbers, metrics)
        self.emit("on_epoch_end", metrics=metrics, figure_data=figure_data, **numbers)

    def end_test(self, epoch: int, loss: float, metrics: dict[str, float]) -> None:
        """Record how the best weights, those of `epoch`, do on the test split."""
        metrics = metrics | {"test_loss": loss}
        self._write_scalars("test", epoch, {}, metrics)
        self.emit("on_test_end", epoch=epoch, split="test", metrics=metrics)

    def end(self, metrics: dict[str, float], figure_data: Any) -> None:
        """Close the facts."""
        stopped = self.stop_signal is not None
        self.emit("on_train_end", metrics=metrics, figure_data=figure_data, stopped=stopped)

    def raise_if_stopped(self) -> None:
        """End the process the way a signal would have, once everything is saved."""
        if self.stop_signal is not None:
            raise Stopped(self.stop_signal)

    def emit(self, moment: str, figure_data: dict[str, Any] | None = None, **fields: Any) -> None:
        """Write an event, then draw the figures due at this moment."""
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
        payload["figure_data"] = figure_data or {}
        handle_event(self.cfg.logging, self.plot_families, moment, payload)

    def figures_due(self, moment: str) -> set[str]:
        """The plot families that will be drawn at this moment, to prepare data for no others."""
        if self.run_dir is None:
            return set()
        return set(due_families(self.cfg.logging, self.plot_families, moment, self.epoch))

    def save_last(self, state: dict[str, Any], epochs_done: int) -> None:
        """Keep everything that is needed to go on from here."""
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

    def _emit_exception(self, error: Exception) -> None:
        """Record the failure; a record that cannot be written must not hide the failure itself."""
        try:
            self.emit("on_exception", error=error)
        except Exception as second:  # noqa: BLE001 - any failure of the record is second
            log.error("the failure could not be recorded in the facts: %s", second)
