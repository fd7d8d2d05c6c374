"""The trivial baseline: for every object the mean of the training split, whatever the event is."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.architectures.autoencoder.outputs import Reconstruction
from engine.data.fields import PADDING, EventBatch


class MeanPrediction:
    """Makes the same of every object, and of every event.

    Parameters
    ----------
    train_ids
        Object types [N, T] of the training split.
    n_types
        How many types there are, padding included.
    has_globals
        Whether it predicts event-wide numbers too.
    """

    def __init__(self, train_ids: Tensor, n_types: int, has_globals: bool) -> None:
        counts = torch.bincount(train_ids[train_ids != PADDING], minlength=n_types)
        # One more of each, so that a type which the split lacks is rare, not impossible.
        self._log_share = ((counts + 1.0) / (counts + 1.0).sum()).log()
        self._has_globals = has_globals

    def __call__(self, batch: EventBatch) -> Reconstruction:
        """The mean of each normalised number, which is 0, and how often each type occurs."""
        return Reconstruction(
            torch.zeros_like(batch.tokens_cont),
            self._log_share.expand(*batch.tokens_id.shape, -1),
            torch.zeros_like(batch.globals) if self._has_globals else None,
        )
