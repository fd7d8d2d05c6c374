"""The trivial baseline: for every object the mean of the training split, whatever the event is."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from engine.architectures.autoencoder.losses.reconstruction import token_mse_of_events
from engine.architectures.autoencoder.outputs import Reconstruction
from engine.data import make_dataloaders
from engine.data.fields import PADDING, EventBatch
from engine.errors import TrainingError
from engine.evaluation.evaluate import Evaluation, evaluate
from engine.evaluation.outcome import Outcome


class MeanPrediction:
    """What is evaluated in the place of a model: it says the same of every object.

    Parameters
    ----------
    train_ids
        Object types [N, T] of the training split.
    n_types
        How many types there are, padding included.
    """

    def __init__(self, train_ids: Tensor, n_types: int) -> None:
        self.model: nn.Module = nn.Identity()
        counts = torch.bincount(train_ids[train_ids != PADDING], minlength=n_types)
        self._log_share = ((counts + 1.0) / (counts + 1.0).sum()).log()

    def outcome(self, batch: EventBatch) -> Outcome:
        """The mean of each normalised feature, which is 0, and the shares of the types.

        The score [B] of an event is its mean squared distance from that.
        """
        mean = torch.zeros_like(batch.tokens_cont)
        logits = self._log_share.expand(*batch.tokens_id.shape, -1)
        score = token_mse_of_events(mean, batch.tokens_cont, batch.mask)
        return Outcome({"distance_from_mean": score}, Reconstruction(mean, logits, None))


def evaluate_mean_prediction(cfg: Any) -> Evaluation:
    """The evaluation of predicting the mean on the test split of the config's events.

    Raises
    ------
    ConfigError, DataError
        If the data are not there, or not what the config says.
    """
    train, _, test, meta = make_dataloaders(cfg)
    _, train_ids, _ = train.tensors
    baseline = MeanPrediction(train_ids, len(meta["type_names"]))
    result = evaluate(baseline, test, meta, (cfg.get("evaluation") or {}).get("background"))
    if result is None:  # nobody can have asked it to stop
        raise TrainingError("the baseline was not evaluated to its end")
    return result
