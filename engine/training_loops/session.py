"""What all loops share: the device, the run directory, facts, figures, progress, checkpoints."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from engine.errors import FactsError, Stopped
from engine.facts import RunDir, append_jsonl_event, build_event_payload
from engine.facts.attempts import Attempt, own_attempt
from engine.monitoring.orchestrator import due_families, handle_event
from engine.training_loops.checkpoints import load_checkpoint, save_best, save_last
from engine.training_loops.device import reset_max_memory, resolve_device
from engine.training_loops.failures import DirectoryGone, Superseded, explained, is_mistake
from engine.training_loops.past import Past, read_past, require_same_data
from engine.training_loops.rows import Rows
from engine.training_loops.stopping import StopRequests, starts_of_job
from engine.utils.seed import set_all_seeds

log = logging.getLogger("engine")

FigureData = Callable[[set[str]], dict[str, Any]]
"""Given the plot families that are due, gives the arrays that they draw."""

_OF_ATTEMPT = {"attempt": "number", "job_id": "job_id"}
"""What `on_start` tells of this start."""


class Session:
    """One training, from `on_start` to `on_train_end`, whatever happens between them.

    A context manager: an error becomes an `on_exception` event, with the place where it happened
    and what to do, and signals are held back so that a training can end cleanly. The run directory
    is the working directory, unless `logging.save_artifacts=false`: then nothing is written. A
    directory with a checkpoint is gone on with: `past` says what is there.

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
        self.past: Past | None = None
        self._attempt: Attempt | None = None
        self.stops = StopRequests(self.run_dir)
        self._rows = Rows(self.run_dir)
        self._begun = False
        self._ended = False
        self._started = time.monotonic()
        self._next_progress = 0.0
        self._next_checkpoint = 0.0

    def __enter__(self) -> Session:
        set_all_seeds(self.cfg.phase1.trainer.get("seed"))
        reset_max_memory(self.device)
        if self.run_dir is not None:
            self._attempt = own_attempt(self.run_dir)
            self.stops.starts = starts_of_job(self.run_dir, self._attempt)
            self._take_up(read_past(self.run_dir))
        self.stops.signals.__enter__()
        return self

    def _take_up(self, past: Past | None) -> None:
        """Go on counting where an earlier start of this run was last saved."""
        self.past = past
        if past is None:
            return
        self.step = past.step
        self._rows.before = past.rows
        self._started -= past.total_time_s
        for numbers in past.numbers():
            self._remember(numbers)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stops.signals.__exit__(kind, error, trace)
        if isinstance(error, Superseded | DirectoryGone):
            return
        if is_mistake(error) and not self._begun:
            return  # a mistake, and no run yet
        if isinstance(error, Exception):
            where = "" if self.epoch is None else f" in epoch {self.epoch}, step {self.step}"
            told = explained(error, where, self.cfg, self.device)
            self._record("on_exception", error=told)
            if told is not error:
                raise told
        elif isinstance(error, Stopped | KeyboardInterrupt) and self._begun and not self._ended:
            self._record("on_train_end", epoch=self._last_epoch, **self._as_stopped())
        elif error is None and self.stops.starts_again:
            self.stops.raise_if_ended()  # for a loop that does not ask

    @property
    def stop_asked(self) -> bool:
        """Whether a signal, the file `stop` or the time of the job asks this training to end."""
        return self.stops.asked()

    def start(self, data: dict[str, Any], metrics: dict[str, float]) -> None:
        """Say what is trained on what, before the first step, and from where it goes on."""
        if self.past is not None:
            require_same_data(self.past.data, data)
            self.forget_rows(self.past.epochs_done, test=self.past.checkpoint is None)
        self._begun = True
        meta: dict[str, Any] = {"device": str(self.device), "data": data}
        meta |= {key: getattr(self._attempt, name, None) for key, name in _OF_ATTEMPT.items()}
        where: dict[str, Any] = {}
        done = self.past.epochs_done if self.past and self.past.checkpoint else None
        if done is not None:
            meta["resumed_from"] = {"epoch": done, "step": self.step}
            where = {"epoch": done}
        self.emit("on_start", metrics=metrics, meta=meta, **where)
        run = self.run_dir.run_id if self.run_dir else "a run that leaves nothing behind"
        log.info(f"{run}: {data['n_events']['train']:,} events to train on, {self.device}")
        if done is not None:
            log.info(f"going on after {done} epochs and {self.step:,} steps")
        now = time.monotonic()
        self._next_progress = now + self.cfg.logging.get("progress_every_s", 10)
        self._next_checkpoint = now + self._checkpoint_every_s

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
        """Record an epoch: `numbers` are the losses, the time, the throughput and the memory."""
        self._remember(numbers | metrics)
        self.require_ownership()
        self._rows.write(self.epoch or 0, "val", numbers, metrics)
        self.emit("on_epoch_end", metrics=metrics, figure_data=figure_data, **numbers)

    def _remember(self, numbers: dict[str, Any]) -> None:
        """Add an epoch to the histories."""
        before = len(self.histories["val_loss"])
        for name, value in ({"train_loss": None, "val_loss": None} | numbers).items():
            history = self.histories.setdefault(name, [])
            # A metric that appears late, or was left out, has gaps: entry i is epoch i.
            history += [None] * (before - len(history)) + [value]

    def end_test(self, epoch: int, metrics: dict[str, float], figure_data: FigureData) -> None:
        """Record how the best weights, those of `epoch`, do on the test split."""
        self.require_ownership()
        self._rows.write(epoch, "test", {}, metrics)
        fields = {"epoch": epoch, "split": "test", "metrics": metrics}
        self.emit("on_test_end", figure_data, **fields)

    def end(self, metrics: dict[str, float], figure_data: FigureData, stopped: bool) -> None:
        """Close the facts, with the last epoch that came to its end."""
        self.epoch = self._last_epoch
        if stopped:
            self.stops.decide()
        self._ended = True
        how = self._as_stopped() if stopped else {"stopped": False}
        self.emit("on_train_end", metrics=metrics, figure_data=figure_data, **how)
        if stopped:
            self.stops.obeyed()

    @property
    def _last_epoch(self) -> int | None:
        """The last epoch that came to its end; None if none did."""
        return len(self.histories["val_loss"]) - 1 if self.histories["val_loss"] else None

    def raise_if_stopped(self) -> None:
        """End the process the way a signal would have, once everything is saved.

        Where the time of the job is over, it ends so that the job is started again.

        Raises
        ------
        TrainingError
            If its next start would get no further.
        """
        if self.stops.asked() and not self._ended:
            self.stops.decide()
        self.stops.raise_if_ended()

    def _as_stopped(self) -> dict[str, bool]:
        return {"stopped": True} | ({"starts_again": True} if self.stops.starts_again else {})

    def emit(self, moment: str, figure_data: FigureData | None = None, **fields: Any) -> None:
        """Write an event, then draw the figures due at this moment.

        `figure_data` is called, with the names of the plot families that are due, only if any are.
        """
        if self.run_dir is None:
            return
        self.require_ownership()
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
        if moment != "on_exception" and not self.stop_asked:
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

    @property
    def _checkpoint_every_s(self) -> float:
        return (self.cfg.get("run") or {}).get("checkpoint_every_s", 600)

    @property
    def checkpoint_is_due(self) -> bool:
        """Whether the last checkpoint is `run.checkpoint_every_s` seconds old."""
        return self.run_dir is not None and time.monotonic() >= self._next_checkpoint

    def save_last(self, state: dict[str, Any], epochs_done: int) -> None:
        """Keep all that it takes to go on from here."""
        if self.run_dir is None:
            return
        self.require_ownership()
        began = time.monotonic()
        time_s = {"total_time_s": began - self._started}
        save_last(self.run_dir, state | time_s, epoch=epochs_done, step=self.step)
        before = (self.past.epochs_done, self.past.step) if self.past else (0, 0)
        self.stops.saved_in(time.monotonic() - began, (epochs_done, self.step) != before)
        self._next_checkpoint = time.monotonic() + self._checkpoint_every_s

    def save_best(self, weights: dict[str, Any]) -> None:
        """Keep the weights with the lowest validation loss so far."""
        if self.run_dir is not None:
            self.require_ownership()
            save_best(self.run_dir, weights)

    def load_best(self) -> dict[str, Any] | None:
        """The weights of `best_val.pt`; None, with a warning, where they cannot be read."""
        if self.run_dir is None:
            return None
        try:
            return load_checkpoint(self.run_dir.best)
        except FactsError as error:
            log.warning("%s; the best weights are those of the epochs from here on", error)
            return None

    def forget_rows(self, epochs_done: int, test: bool) -> None:
        """Take the rows of epochs that will be trained again out of the scalars.

        With `test` also those of the test split, of weights that will be trained on.
        """
        self._rows.forget(epochs_done, test)

    def require_ownership(self) -> None:
        """Write nothing into a run that is gone, or that a newer start has taken over."""
        if self.run_dir is not None and not self.run_dir.path.is_dir():
            raise DirectoryGone(
                f"{self.run_dir.path} is gone: it was removed, or moved, while this run trained",
                "This process ends, and writes nothing more.",
            )
        if self._attempt is not None and self._attempt.superseded():
            raise Superseded(
                f"{self._attempt.path.parent.parent}: a newer start of this run has taken it over",
                "This process ends and leaves the run to it.",
            )

    def _record(self, moment: str, **fields: Any) -> None:
        """Record the end; a record that cannot be written must not hide why it ended."""
        try:
            self.emit(moment, **fields)
        except Exception as second:  # noqa: BLE001 - any failure of the record is second
            log.error("the end could not be recorded in the facts: %s", second)
