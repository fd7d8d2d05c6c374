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
from engine.training_loops.device import max_memory_mib
from engine.training_loops.evaluating import Evaluating
from engine.training_loops.fit_state import FitState
from engine.training_loops.messages import epoch_line, result_lines
from engine.training_loops.objective import Means, NonFiniteLoss, Objective
from engine.training_loops.randomness import random_state
from engine.training_loops.session import Session
from engine.training_loops.train_pass import TrainPass
from engine.utils import TrainingProgressShower

log = logging.getLogger("engine")

_RECENT = 5
"""Epochs whose mean time tells how long the others will take."""

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
    evaluating
        Evaluates the best weights on the test split; None for a loop that cannot be.
    """

    def __init__(
        self,
        session: Session,
        objective: Objective,
        loaders: tuple[TensorBatches, TensorBatches, TensorBatches],
        trainer: Any,
        baseline: float,
        figure_data: ValFigureData,
        evaluating: Evaluating | None = None,
    ) -> None:
        self.session = session
        self.objective = objective
        self.train_batches, self.val_batches, self.test_batches = loaders
        self.epochs = trainer.epochs
        self.baseline = baseline
        self.figure_data = figure_data
        self.evaluating = evaluating
        self.state = FitState(session, objective, trainer)
        self._last_val = Means()

    def run(self) -> dict[str, Any]:
        """All epochs that are left, then the test split with the best weights.

        Returns
        -------
        dict
            `final_val_loss`, `best_val_loss`, `best_epoch`, `test_loss`, `baseline_val_loss`.

        Raises
        ------
        TrainingError
            If the loss is not finite or memory runs out.
        FactsError
            If the checkpoint of an earlier start does not fit this config.
        Stopped
            If a signal asked for the end; everything is saved then.
        """
        self._take_up()
        with TrainingProgressShower(self.epochs, len(self.train_batches)) as shower:
            while self._goes_on:
                self.session.epoch = self.state.epochs_done
                shower.start_epoch(self.state.epochs_done)
                if not self._epoch(shower):
                    log.info(self.session.stops.words)
                    break
        return self._finish()

    def _take_up(self) -> None:
        """Go on from the checkpoint of an earlier start, if there is one."""
        past = self.session.past
        if past is not None:
            self.state.load(past)
            if self._goes_on:
                past.test_loss = None
        self.session.forget_rows(self.state.epochs_done, test=self._goes_on)

    @property
    def _goes_on(self) -> bool:
        return self.state.epochs_done < self.epochs and not self.state.early.is_due

    def _epoch(self, shower: TrainingProgressShower) -> bool:
        """One epoch; whether it came to its end, or was asked to stop before."""
        train = self._train(shower)
        validated = time.perf_counter()
        with self.objective.evaluated():
            val = self._evaluate(self.val_batches)
        if self.session.stop_asked:
            self.state.train_pass = train
            return False
        train_means, val_means = train.means.means(), val.means()
        numbers = {
            "train_loss": self.objective.loss_of(train_means),
            "val_loss": self.objective.loss_of(val_means),
            "epoch_time_s": train.seconds + time.perf_counter() - validated,
            "throughput": self.train_batches.n_events / train.seconds,
            "max_memory_mib": max_memory_mib(self.session.device),
        }
        metrics = val_means | self.objective.metrics(val.counts)
        metrics |= {f"train_{name}": value for name, value in train_means.items()}
        metrics["lr"] = self.objective.optimisation.lr
        if not math.isfinite(numbers["val_loss"]):
            raise NonFiniteLoss(f"the validation loss is {numbers['val_loss']}")
        self._last_val, self.state.train_pass = val, None
        self.state.keep(numbers, metrics)
        self.session.end_epoch(numbers, metrics, self._figure_data)
        log.info(self._epoch_line(numbers))
        shower.end_epoch(numbers["train_loss"], numbers["val_loss"])
        return True

    def _train(self, shower: TrainingProgressShower) -> TrainPass:
        """One pass over the training split, or what is left of it; ends early if asked to."""
        self.objective.model.train()
        train, self.state.train_pass = self.state.train_pass or TrainPass(), None
        started = time.perf_counter() - train.seconds
        self.train_batches.epoch = self.state.epochs_done
        for batch in self.train_batches.starting_at(train.batch):
            loss, terms = self.objective.train_batch(batch)
            train.means.add(terms)
            train.batch += 1
            self.session.step += 1
            train.seconds = time.perf_counter() - started
            events = min(train.batch * self.train_batches.batch_size, self.train_batches.n_events)
            shower.step(loss, events / train.seconds)
            self.session.progress(loss, events / train.seconds)
            if self.session.stop_asked:
                break
            if self.session.checkpoint_is_due:
                self.state.save(train)
        else:
            self.objective.end_epoch()
        train.random = random_state()
        return train

    @torch.inference_mode()
    def _evaluate(self, batches: TensorBatches) -> Means:
        """The means over one split; ends early if asked to."""
        self.objective.model.eval()
        means = Means()
        for batch in batches:
            if self.session.stop_asked:
                break
            means.add(self.objective.terms(batch))
        return means

    def _finish(self) -> dict[str, Any]:
        """Save, test the best weights, close the facts, and say how it went."""
        state = self.state
        if state.train_pass is not None:
            state.save(state.train_pass)
        val_losses = self.session.histories["val_loss"]
        result = {
            "final_val_loss": val_losses[-1] if val_losses else None,
            "best_val_loss": state.best_loss if state.best_weights else None,
            "best_epoch": state.best_epoch if state.best_weights else None,
            "baseline_val_loss": self.baseline,
            "test_loss": None if self.session.stop_asked else self._test(),
        }
        metrics = {k: v for k, v in result.items() if v is not None}
        self.session.end(metrics, self._figure_data, stopped=result["test_loss"] is None)
        again = self.session.stops.may_start_again
        for line in result_lines(result, state.epochs_done, self.epochs, again):
            log.info(line)
        self.session.raise_if_stopped()
        return result

    def _test(self) -> float | None:
        """The loss on the test split with the best weights, recorded; None if asked to stop.

        The model has its last weights again afterwards, which the last figures show.
        """
        if self.session.past is not None and self.session.past.test_loss is not None:
            return self.session.past.test_loss
        last_weights = copy.deepcopy(self.objective.model.state_dict())
        self.objective.model.load_state_dict(
            self.state.best_weights or self.state.weights_to_keep()
        )
        test = self._evaluate(self.test_batches)
        worth = self.evaluating.run() if self.evaluating else None
        self.objective.model.load_state_dict(last_weights)
        if self.session.stop_asked:
            return None
        means = test.means()
        loss = self.objective.loss_of(means)
        metrics = means | self.objective.metrics(test.counts) | (worth.metrics() if worth else {})
        drawn = worth.figures if worth else lambda due: {}
        self.session.end_test(self.state.best_epoch, metrics | {"test_loss": loss}, drawn)
        return loss

    def _figure_data(self, due: set[str]) -> dict[str, Any]:
        with self.objective.evaluated():
            data = self.figure_data(due, self._last_val)
        return {"baseline_val_loss": self.baseline} | data

    def _epoch_line(self, numbers: dict[str, float]) -> str:
        """What is said of the epoch that has just ended."""
        done = self.state.epochs_done
        times = [t for t in self.session.histories["epoch_time_s"][-_RECENT:] if t is not None]
        left = (self.epochs - done) * sum(times) / max(1, len(times))
        return epoch_line(numbers, done, self.epochs, self.state.best_epoch == done - 1, left)
