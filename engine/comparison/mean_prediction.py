"""What predicting the mean is worth, by the score that the models of a loop have."""

from __future__ import annotations

from typing import Any

import torch
from omegaconf.errors import OmegaConfBaseException
from torch import nn

from engine.data import make_dataloaders
from engine.data.fields import EventBatch
from engine.errors import ConfigError, TrainingError
from engine.evaluation.evaluate import Evaluation, evaluate
from engine.evaluation.outcome import Outcome
from engine.training_loops.autoencoder import AutoencoderObjective, has_globals
from engine.training_loops.mean_prediction import MeanPrediction
from engine.training_loops.trial import loop_module


class Baseline:
    """What is evaluated in the place of a model.

    Parameters
    ----------
    predict
        Makes a reconstruction of a batch.
    objective
        That of the loop, whose score is that of the baseline; without one there is no score.
    """

    def __init__(self, predict: MeanPrediction, objective: AutoencoderObjective | None) -> None:
        self.model: nn.Module = nn.Identity()
        self._predict = predict
        self._objective = objective

    def outcome(self, batch: EventBatch) -> Outcome:
        """The mean, and how far each event is from it."""
        made = self._predict(batch)
        if self._objective is None:
            return Outcome({}, made)
        return Outcome(
            {"reconstruction_error": self._objective.reconstruction_error(made, batch)}, made
        )


def evaluate_mean_prediction(cfg: Any) -> Evaluation:
    """The evaluation of predicting the mean on the test split of the config's events.

    It has no score where the loop is not one of autoencoders, or does not say how its model is
    made.

    Raises
    ------
    ConfigError, DataError
        If the data are not there, or not what the config says.
    """
    train, _, test, meta = make_dataloaders(cfg)
    _, train_ids, _ = train.tensors
    objective = _objective(cfg, len(train))
    with_globals = objective is not None and has_globals(objective.model)
    predict = MeanPrediction(train_ids, len(meta["type_names"]), with_globals)
    background = (cfg.get("evaluation") or {}).get("background")
    result = evaluate(Baseline(predict, objective), test, meta, background)
    if result is None:  # nobody can have asked it to stop
        raise TrainingError("the baseline was not evaluated to its end")
    return result


def training_classes(cfg: Any) -> dict[str, int]:
    """Class to its events in the training split of the config; empty without labels.

    Raises
    ------
    ConfigError, DataError
        If the data are not there, or not what the config says.
    """
    *_, meta = make_dataloaders(cfg)
    labels = meta["labels"]["train"]
    if labels is None:
        return {}
    numbers, counts = labels.unique(return_counts=True)
    names = [meta["class_names"].get(number, str(number)) for number in numbers.tolist()]
    return dict(zip(names, counts.tolist(), strict=True))


def _objective(cfg: Any, n_batches: int) -> AutoencoderObjective | None:
    try:
        objective = loop_module(str(cfg.loop)).build(cfg, torch.device("cpu"), n_batches)
    except (ConfigError, OmegaConfBaseException):  # its runs cannot be evaluated, and say why
        return None
    return objective if isinstance(objective, AutoencoderObjective) else None
