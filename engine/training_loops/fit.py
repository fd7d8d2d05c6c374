"""The epochs of a training: train, validate, record, keep the best."""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Callable
from typing import Any

import torch

from engine.data.batches import TensorBatches
from engine.training_loops.objective import Means, NonFiniteLoss, Objective
from engine.training_loops.session import Session
from engine.training_loops.stopping import EarlyStopping
from engine.utils import TrainingProgressShower

log = logging.getLogger("engine")

ValFigureData = Callable[[set[str], Means], dict[str, Any]]


class Fit:
    """Trains an objective on batches within a session.

    Parameters
    ----------
    session, objective
        Where to record, and what to minimise.
    loaders
        Training, validation and test batches, on the session's device.
    trainer
        `cfg.phase1.trainer`.
    baseline
        The validation loss of predicting the mean, which a model has to beat.
    figure_data
        Given the plot families that are due and the means over the validation split, gives the
        arrays that they draw.
    """

    def __init__(
        self,
        session: Session,
        objective: Objective,
        loaders: tuple[TensorBatches, TensorBatches, TensorBatches],
        trainer: Any,
        baseline: float,
        figure_data: ValFigureData,
    ) -> None:
        self.session = session
        self.objective = objective
        self.train_batches, self.val_batches, self.test_batches = loaders
        self.epochs = trainer.epochs
        self.baseline = baseline
        self.figure_data = figure_data
        stopping = trainer.get("early_stopping") or {}
        self.early = EarlyStopping(stopping.get("patience"), stopping.get("min_delta", 0.0))
        self.best_loss = float("inf")
        self.best_epoch = 0
        self.best_weights: dict[str, Any] | None = None
        self._last_val = Means()
        self._started = time.perf_counter()

    def run(self) -> dict[str, Any]:
        """All epochs, then the test split with the best weights.

        Returns
        -------
        dict
            `final_val_loss`, `best_val_loss`, `best_epoch`, `test_loss`, `baseline_val_loss`.

        Raises
        ------
        TrainingError
            If the loss is not finite or memory runs out.
        Stopped
            If a signal asked for the end; everything is saved then.
        """
        with TrainingProgressShower(self.epochs, len(self.train_batches)) as shower:
            for epoch in range(self.epochs):
                self.session.epoch = epoch
                shower.start_epoch(epoch)
                val_loss = self._epoch(shower)
                if val_loss is None:
                    log.info("stopping, as asked; a second time ends it at once")
                if val_loss is None or self.early.update(val_loss):
                    break
        return self._finish()

    def _epoch(self, shower: TrainingProgressShower) -> float | None:
        """One epoch: its validation loss, or None if a signal ended it early."""
        started = time.perf_counter()
        train = self._train(shower)
        trained = time.perf_counter()
        val = self._evaluate(self.val_batches)
        if self.session.stop_signal is not None:
            return None
        self._last_val = val
        train_means, val_means = train.means(), val.means()
        numbers = {
            "train_loss": self.objective.loss_of(train_means),
            "val_loss": self.objective.loss_of(val_means),
            "epoch_time_s": time.perf_counter() - started,
            "throughput": self.train_batches.n_events / (trained - started),
        }
        metrics = val_means | self.objective.metrics(val.counts)
        metrics |= {f"train_{name}": value for name, value in train_means.items()}
        metrics["lr"] = self.objective.optimisation.lr
        if not math.isfinite(numbers["val_loss"]):
            raise NonFiniteLoss(f"the validation loss is {numbers['val_loss']}")
        self._keep(numbers["val_loss"])
        self.session.end_epoch(numbers, metrics, self._figure_data)
        self.session.save_last(self.objective.state_dict(), self._epochs_done)
        self._log(numbers)
        shower.end_epoch(numbers["train_loss"], numbers["val_loss"])
        return numbers["val_loss"]

    def _train(self, shower: TrainingProgressShower) -> Means:
        """One pass over the training split; ends early if a signal asks for it."""
        self.objective.model.train()
        means, started = Means(), time.perf_counter()
        for index, batch in enumerate(self.train_batches):
            loss, terms = self.objective.train_batch(batch)
            means.add(terms)
            self.session.step += 1
            events = min((index + 1) * self.train_batches.batch_size, self.train_batches.n_events)
            throughput = events / (time.perf_counter() - started)
            shower.step(loss, throughput)
            self.session.progress(loss, throughput)
            if self.session.stop_signal is not None:
                return means
        self.objective.end_epoch()
        return means

    @torch.inference_mode()
    def _evaluate(self, batches: TensorBatches) -> Means:
        """The means over one split; ends early if a signal asks for it."""
        self.objective.model.eval()
        means = Means()
        for batch in batches:
            if self.session.stop_signal is not None:
                break
            means.add(self.objective.terms(batch))
        return means

    def _keep(self, val_loss: float) -> None:
        """Remember the weights if no epoch before was better."""
        if not val_loss < self.best_loss:
            return
        self.best_loss, self.best_epoch = val_loss, self.session.epoch or 0
        self.best_weights = copy.deepcopy(self.objective.model.state_dict())
        self.session.save_best(self.best_weights)

    def _finish(self) -> dict[str, Any]:
        """Save, test the best weights, close the facts, and say how it went."""
        if self.session.stop_signal is not None:
            self.session.save_last(self.objective.state_dict(), self._epochs_done)
        val_losses = self.session.histories["val_loss"]
        result = {
            "final_val_loss": val_losses[-1] if val_losses else None,
            "best_val_loss": self.best_loss if self.best_weights else None,
            "best_epoch": self.best_epoch if self.best_weights else None,
            "baseline_val_loss": self.baseline,
            "test_loss": None if self.session.stop_signal is not None else self._test(),
        }
        metrics = {k: v for k, v in result.items() if v is not None}
        self.session.end(metrics, self._figure_data)
        self._log_result(result)
        self.session.raise_if_stopped()
        return result

    def _test(self) -> float | None:
        """The loss on the test split with the best weights, recorded; None if a signal came.

        The model has its last weights again afterwards, which the last figures show.
        """
        last_weights = copy.deepcopy(self.objective.model.state_dict())
        self.objective.model.load_state_dict(self.best_weights or last_weights)
        test = self._evaluate(self.test_batches)
        self.objective.model.load_state_dict(last_weights)
        if self.session.stop_signal is not None:
            return None
        means = test.means()
        loss = self.objective.loss_of(means)
        self.session.end_test(self.best_epoch, loss, means | self.objective.metrics(test.counts))
        return loss

    @property
    def _epochs_done(self) -> int:
        return len(self.session.histories["val_loss"])

    def _figure_data(self, due: set[str]) -> dict[str, Any]:
        return {"baseline_val_loss": self.baseline} | self.figure_data(due, self._last_val)

    def _log(self, numbers: dict[str, float]) -> None:
        """One line for the epoch that has just ended."""
        done, width = self._epochs_done, len(str(self.epochs))
        best = "*" if self.best_epoch == done - 1 else " "
        left = (self.epochs - done) * (time.perf_counter() - self._started) / done
        parts = (
            f"[{done:{width}}/{self.epochs}] epoch {done - 1:{width}}",
            f"train {_digits(numbers['train_loss']):8}",
            f"val {_digits(numbers['val_loss']):8} {best}",
            f"{numbers['throughput'] / 1000:.1f}k events/s",
            f"{numbers['epoch_time_s']:.1f} s",
            f"ETA {int(left // 60)}:{int(left % 60):02d}",
        )
        log.info("  ".join(parts))

    def _log_result(self, result: dict[str, Any]) -> None:
        """How it ended: the best loss beside that of predicting the mean."""
        if result["test_loss"] is None:
            log.info(f"stopped after {self._epochs_done} of {self.epochs} epochs")
        if result["best_val_loss"] is not None:
            log.info(
                f"best validation loss {_digits(result['best_val_loss'])} in epoch "
                f"{result['best_epoch']}; predicting the mean gives "
                f"{_digits(self.baseline)}"
            )
        if result["test_loss"] is not None:
            log.info(f"test loss {_digits(result['test_loss'])}")


def _digits(loss: float) -> str:
    """A loss with four decimals, or three digits where it is small."""
    return f"{loss:.4f}" if abs(loss) >= 0.01 or loss == 0 else f"{loss:.2e}"
