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
from engine.errors import FactsError
from engine.training_loops.device import max_memory_mib
from engine.training_loops.evaluating import Evaluating
from engine.training_loops.messages import epoch_line, result_lines
from engine.training_loops.objective import Means, NonFiniteLoss, Objective
from engine.training_loops.past import Past
from engine.training_loops.randomness import random_state, restore_random_state
from engine.training_loops.session import Session
from engine.training_loops.stopping import EarlyStopping
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
        stopping = trainer.get("early_stopping") or {}
        self.early = EarlyStopping(stopping.get("patience"), stopping.get("min_delta", 0.0))
        self.best_loss = float("inf")
        self.best_epoch = 0
        self.best_weights: dict[str, Any] | None = None
        self._last_val = Means()
        self._train_pass: TrainPass | None = None
        self._last_numbers: dict[str, Any] | None = None

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
            while self._epochs_done < self.epochs and not self.early.is_due:
                self.session.epoch = self._epochs_done
                shower.start_epoch(self._epochs_done)
                if not self._epoch(shower):
                    log.info(self.session.stops.words)
                    break
        return self._finish()

    def _take_up(self) -> None:
        """Go on from the checkpoint of an earlier start, if there is one."""
        past = self.session.past
        if past is not None and past.checkpoint is not None:
            self._load(past.checkpoint, past)
        goes_on = self._epochs_done < self.epochs and not self.early.is_due
        if past is not None and goes_on:
            past.test_loss = None
        self.session.forget_rows(self._epochs_done, test=goes_on)

    def _load(self, checkpoint: dict[str, Any], past: Past) -> None:
        try:
            self._restore(checkpoint, checkpoint["fit"])
        except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise FactsError(
                f"last.pt does not fit this training: {type(error).__name__}: {error}",
                "It is damaged, or belongs to another config or version.",
            ) from error
        if math.isfinite(self.best_loss):
            self.best_weights = self._saved_best(past.epochs_done)
        if self.best_weights is None:
            self.best_loss = float("inf")
        if self._last_numbers is not None and past.lacks_last_epoch:
            self.session.epoch = past.epochs_done - 1
            self.session.end_epoch(**self._last_numbers, figure_data=lambda due: {})

    def _restore(self, checkpoint: dict[str, Any], fit: dict[str, Any]) -> None:
        self.objective.load_state_dict(checkpoint)
        self.early.load_state_dict(fit["early"])
        self.best_loss, self.best_epoch = float(fit["best_loss"]), int(fit["best_epoch"])
        self._last_numbers = fit["last_numbers"]
        if self._last_numbers is not None:
            self._last_numbers = {k: dict(self._last_numbers[k]) for k in ("numbers", "metrics")}
        if fit["train_pass"] is not None:
            device = self.session.device
            self._train_pass = TrainPass.from_state_dict(fit["train_pass"], device)
        restore_random_state(checkpoint["random"])

    def _saved_best(self, epochs_done: int) -> dict[str, Any] | None:
        """The best weights; written again if the run ended between the two checkpoints."""
        if self.best_epoch == epochs_done - 1 and self._train_pass is None:
            weights = copy.deepcopy(self.objective.model.state_dict())
            self.session.save_best(weights)
            return weights
        return self.session.load_best()

    def _epoch(self, shower: TrainingProgressShower) -> bool:
        """One epoch; whether it came to its end, or was asked to stop before."""
        train = self._train(shower)
        validated = time.perf_counter()
        val = self._evaluate(self.val_batches)
        if self.session.stop_asked:
            self._train_pass = train
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
        self._last_val, self._train_pass = val, None
        self._keep(numbers, metrics)
        self.session.end_epoch(numbers, metrics, self._figure_data)
        log.info(self._epoch_line(numbers))
        shower.end_epoch(numbers["train_loss"], numbers["val_loss"])
        return True

    def _train(self, shower: TrainingProgressShower) -> TrainPass:
        """One pass over the training split, or what is left of it; ends early if asked to."""
        self.objective.model.train()
        train, self._train_pass = self._train_pass or TrainPass(), None
        started = time.perf_counter() - train.seconds
        self.train_batches.epoch = self._epochs_done
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
                self._save(train)
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

    def _keep(self, numbers: dict[str, float], metrics: dict[str, float]) -> None:
        """Save the epoch that has just ended, and its weights if no epoch before was better.

        `last.pt` comes first: whatever a crash leaves out after it can be made up from it.
        """
        self._last_numbers = {"numbers": numbers, "metrics": metrics}
        self.early.update(numbers["val_loss"])
        better = numbers["val_loss"] < self.best_loss
        if better:
            self.best_loss, self.best_epoch = numbers["val_loss"], self._epochs_done
            self.best_weights = copy.deepcopy(self.objective.model.state_dict())
        self._save(None, epochs_done=self._epochs_done + 1)
        if better and self.best_weights is not None:
            self.session.save_best(self.best_weights)

    def _save(self, train: TrainPass | None, epochs_done: int | None = None) -> None:
        """Write `last.pt`, in the middle of a pass over the training split or after an epoch."""
        fit = {
            "best_loss": self.best_loss,
            "best_epoch": self.best_epoch,
            "early": self.early.state_dict(),
            "last_numbers": self._last_numbers,
            "train_pass": train.state_dict() if train is not None else None,
        }
        random = train.random if train is not None and train.random else random_state()
        state = self.objective.state_dict() | {"fit": fit, "random": random}
        state["at_epoch_end"] = train is None
        self.session.save_last(state, self._epochs_done if epochs_done is None else epochs_done)

    def _finish(self) -> dict[str, Any]:
        """Save, test the best weights, close the facts, and say how it went."""
        if self._train_pass is not None:
            self._save(self._train_pass)
        val_losses = self.session.histories["val_loss"]
        result = {
            "final_val_loss": val_losses[-1] if val_losses else None,
            "best_val_loss": self.best_loss if self.best_weights else None,
            "best_epoch": self.best_epoch if self.best_weights else None,
            "baseline_val_loss": self.baseline,
            "test_loss": None if self.session.stop_asked else self._test(),
        }
        metrics = {k: v for k, v in result.items() if v is not None}
        self.session.end(metrics, self._figure_data, stopped=result["test_loss"] is None)
        again = self.session.stops.starts_again
        for line in result_lines(result, self._epochs_done, self.epochs, again):
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
        self.objective.model.load_state_dict(self.best_weights or last_weights)
        test = self._evaluate(self.test_batches)
        worth = self.evaluating.run() if self.evaluating else None
        self.objective.model.load_state_dict(last_weights)
        if self.session.stop_asked:
            return None
        means = test.means()
        loss = self.objective.loss_of(means)
        metrics = means | self.objective.metrics(test.counts) | (worth.metrics() if worth else {})
        drawn = worth.figures if worth else lambda due: {}
        self.session.end_test(self.best_epoch, metrics | {"test_loss": loss}, drawn)
        return loss

    @property
    def _epochs_done(self) -> int:
        return len(self.session.histories["val_loss"])

    def _figure_data(self, due: set[str]) -> dict[str, Any]:
        return {"baseline_val_loss": self.baseline} | self.figure_data(due, self._last_val)

    def _epoch_line(self, numbers: dict[str, float]) -> str:
        """What is said of the epoch that has just ended."""
        done = self._epochs_done
        times = [t for t in self.session.histories["epoch_time_s"][-_RECENT:] if t is not None]
        left = (self.epochs - done) * sum(times) / max(1, len(times))
        return epoch_line(numbers, done, self.epochs, self.best_epoch == done - 1, left)
