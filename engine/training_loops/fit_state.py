"""How far a training has come: what a checkpoint holds of it, and how it is restored."""

from __future__ import annotations

import copy
import math
from typing import Any

from engine.errors import FactsError
from engine.training_loops.objective import Objective
from engine.training_loops.past import Past
from engine.training_loops.randomness import random_state, restore_random_state
from engine.training_loops.session import Session
from engine.training_loops.stopping import EarlyStopping
from engine.training_loops.train_pass import TrainPass


class FitState:
    """The best epoch, the last one, and a pass over the training split that is not done.

    Parameters
    ----------
    session, objective
        Where it is saved, and what is trained.
    trainer
        `cfg.phase1.trainer`.
    """

    def __init__(self, session: Session, objective: Objective, trainer: Any) -> None:
        self.session = session
        self.objective = objective
        stopping = trainer.get("early_stopping") or {}
        self.early = EarlyStopping(stopping.get("patience"), stopping.get("min_delta", 0.0))
        self.best_loss = float("inf")
        self.best_epoch = 0
        self.best_weights: dict[str, Any] | None = None
        self.train_pass: TrainPass | None = None
        self._last_numbers: dict[str, Any] | None = None

    @property
    def epochs_done(self) -> int:
        """Whole epochs."""
        return len(self.session.histories["val_loss"])

    def load(self, past: Past) -> None:
        """Go on from the checkpoint of an earlier start, if there is one.

        Raises
        ------
        FactsError
            If it does not fit this config.
        """
        if past.checkpoint is None:
            return
        try:
            self._restore(past.checkpoint, past.checkpoint["fit"])
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
            self.train_pass = TrainPass.from_state_dict(fit["train_pass"], self.session.device)
        restore_random_state(checkpoint["random"])

    def _saved_best(self, epochs_done: int) -> dict[str, Any] | None:
        """The best weights; written again if the run ended between the two checkpoints."""
        if self.best_epoch == epochs_done - 1 and self.train_pass is None:
            weights = self.weights_to_keep()
            self.session.save_best(weights)
            return weights
        return self.session.load_best()

    def weights_to_keep(self) -> dict[str, Any]:
        """A copy of the weights that are evaluated now."""
        with self.objective.evaluated():
            return copy.deepcopy(self.objective.model.state_dict())

    def keep(self, numbers: dict[str, float], metrics: dict[str, float]) -> None:
        """Save the epoch that has just ended, and its weights if no epoch before was better.

        `last.pt` comes first: whatever a crash leaves out after it can be made up from it.
        """
        self._last_numbers = {"numbers": numbers, "metrics": metrics}
        self.early.update(numbers["val_loss"])
        better = numbers["val_loss"] < self.best_loss
        if better:
            self.best_loss, self.best_epoch = numbers["val_loss"], self.epochs_done
            self.best_weights = self.weights_to_keep()
        self.save(None, epochs_done=self.epochs_done + 1)
        if better and self.best_weights is not None:
            self.session.save_best(self.best_weights)

    def save(self, train: TrainPass | None, epochs_done: int | None = None) -> None:
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
        self.session.save_last(state, self.epochs_done if epochs_done is None else epochs_done)
