"""How far a reconstructed event is from the true one. Padding never counts."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

PADDING = 0


def token_mse(predicted: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error of the token features.

    Parameters
    ----------
    predicted, target
        [B, T, F] normalised features.
    mask
        [B, T] True where there is an object.

    Returns
    -------
    Tensor
        Scalar: mean over the objects and their features. With features of unit variance,
        predicting the mean gives 1.
    """
    difference = (predicted - target).masked_fill(~mask.unsqueeze(-1), 0.0)
    return difference.square().sum() / (mask.sum() * predicted.shape[-1]).clamp(min=1)


def token_mse_of_events(predicted: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """The same for each event: [B], the mean over its objects and their features; 0 without."""
    difference = (predicted - target).masked_fill(~mask.unsqueeze(-1), 0.0)
    n_numbers = (mask.sum(dim=1) * predicted.shape[-1]).clamp(min=1)
    return difference.square().sum(dim=(1, 2)) / n_numbers


def id_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Cross entropy of the object types, in nats.

    Parameters
    ----------
    logits
        [B, T, types] unnormalised log-probabilities.
    target
        [B, T] types; padding (0) is left out.

    Returns
    -------
    Tensor
        Scalar: mean over the objects; 0 where there are none.
    """
    total = functional.cross_entropy(
        logits.flatten(0, 1), target.flatten(), ignore_index=PADDING, reduction="sum"
    )
    return total / (target != PADDING).sum().clamp(min=1)


def id_cross_entropy_of_events(logits: Tensor, target: Tensor) -> Tensor:
    """The same for each event: [B], the mean over its objects; 0 without."""
    each = functional.cross_entropy(
        logits.flatten(0, 1), target.flatten(), ignore_index=PADDING, reduction="none"
    )
    return each.view_as(target).sum(dim=1) / (target != PADDING).sum(dim=1).clamp(min=1)


def id_accuracy(logits: Tensor, target: Tensor) -> Tensor:
    """Share of the objects whose most probable type is the true one; shapes as above."""
    real = target != PADDING
    hits = ((logits.argmax(dim=-1) == target) & real).sum()
    return hits / real.sum().clamp(min=1)


def globals_mse(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of the event-wide numbers [B, G], normalised: scalar."""
    return functional.mse_loss(predicted, target)
