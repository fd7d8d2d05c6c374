"""Losses: padding never counts, and the numbers mean what their names say."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine.architectures.autoencoder.losses.quantisation import commitment_loss
from engine.architectures.autoencoder.losses.reconstruction import (
    globals_mse,
    id_accuracy,
    id_cross_entropy,
    token_mse,
)

B, T, F, TYPES = 3, 5, 4, 8
Masked = Callable[[Tensor, Tensor, Tensor], Tensor]

seeds = st.integers(0, 2**31)
fillings = st.floats(-1e6, 1e6)


def random_ids(seed: int) -> Tensor:
    """Types [B, T] with padding anywhere and at least one object."""
    ids = torch.randint(0, TYPES, (B, T), generator=torch.Generator().manual_seed(seed))
    ids[0, 0] = 1
    return ids


def random_values(seed: int, size: int) -> Tensor:
    return torch.randn(B, T, size, generator=torch.Generator().manual_seed(seed))


def with_gradient(
    loss: Callable[..., Tensor], predicted: Tensor, *others: Tensor
) -> tuple[Tensor, Tensor]:
    """The value of a loss and its gradient with respect to the first argument."""
    predicted = predicted.clone().requires_grad_()
    value = loss(predicted, *others)
    value.backward()
    assert predicted.grad is not None
    return value.detach(), predicted.grad


@pytest.mark.parametrize("loss", [token_mse, commitment_loss])
@settings(max_examples=20, deadline=None)
@given(seed=seeds, filling=fillings)
def test_content_of_padding_changes_neither_value_nor_gradient(
    loss: Masked, seed: int, filling: float
) -> None:
    predicted, target = random_values(seed, F), random_values(seed + 1, F)
    mask = random_ids(seed) > 0
    value, gradient = with_gradient(loss, predicted, target, mask)
    for other in (predicted, target):
        other[~mask] = filling
    refilled, other_gradient = with_gradient(loss, predicted, target, mask)
    assert torch.equal(value, refilled)
    assert torch.equal(gradient[mask], other_gradient[mask])
    assert (gradient[~mask] == 0).all()
    assert (other_gradient[~mask] == 0).all()


@pytest.mark.parametrize("filling", [1e30, math.inf, math.nan])
@pytest.mark.parametrize("loss", [token_mse, commitment_loss])
def test_padding_beyond_all_numbers_does_not_spoil_the_loss(loss: Masked, filling: float) -> None:
    predicted, target, mask = random_values(0, F), random_values(1, F), random_ids(0) > 0
    expected, gradient = with_gradient(loss, predicted, target, mask)
    predicted[~mask] = filling
    value, other_gradient = with_gradient(loss, predicted, target, mask)
    assert torch.equal(value, expected)
    assert torch.equal(other_gradient, gradient)


@settings(max_examples=20, deadline=None)
@given(seed=seeds, filling=fillings)
def test_logits_of_padding_change_neither_value_nor_gradient(seed: int, filling: float) -> None:
    logits, ids = random_values(seed, TYPES), random_ids(seed)
    value, gradient = with_gradient(id_cross_entropy, logits, ids)
    logits[ids == 0] = filling * torch.randn(TYPES)
    refilled, other_gradient = with_gradient(id_cross_entropy, logits, ids)
    assert torch.equal(value, refilled)
    assert torch.equal(gradient, other_gradient)
    assert (gradient[ids == 0] == 0).all()


def test_predicting_the_mean_of_normalised_features_gives_1() -> None:
    target = torch.randn(2000, T, F, generator=torch.Generator().manual_seed(0))
    mask = torch.arange(T) < torch.randint(1, T + 1, (2000, 1))
    target = (target - target[mask].mean(0)) / target[mask].std(0)
    target[~mask] = 0.0
    assert token_mse(torch.zeros_like(target), target, mask).item() == pytest.approx(1, abs=1e-3)


def test_token_mse_is_the_mean_over_objects_and_features() -> None:
    target = torch.zeros(2, 3, 2)
    predicted = torch.tensor([[[1.0, 3.0], [9, 9], [9, 9]], [[2.0, 0.0], [0, 0], [9, 9]]])
    mask = torch.tensor([[True, False, False], [True, True, False]])
    assert token_mse(predicted, target, mask).item() == pytest.approx((1 + 9 + 4) / (3 * 2))


def test_a_perfect_reconstruction_costs_nothing() -> None:
    values, ids = random_values(0, F), random_ids(0)
    certain = 100.0 * torch.nn.functional.one_hot(ids, TYPES)
    assert token_mse(values, values, ids > 0).item() == 0
    assert id_cross_entropy(certain, ids).item() == pytest.approx(0, abs=1e-6)
    assert id_accuracy(certain, ids).item() == 1
    assert globals_mse(values[:, 0], values[:, 0]).item() == 0


@pytest.mark.parametrize("types", [2, 8, 100])
def test_uniform_logits_cost_the_logarithm_of_the_number_of_types(types: int) -> None:
    ids = torch.tensor([[1, 1, 0], [1, 0, 0]])
    loss = id_cross_entropy(torch.full((2, 3, types), 3.0), ids)
    assert loss.item() == pytest.approx(math.log(types), rel=1e-5)


def test_accuracy_is_the_share_of_objects_and_ignores_padding() -> None:
    ids = torch.tensor([[1, 2, 0, 0], [3, 3, 3, 0]])
    guess = torch.tensor([[1, 1, 0, 5], [3, 3, 1, 0]])
    logits = torch.nn.functional.one_hot(guess, TYPES).float()
    assert id_accuracy(logits, ids).item() == pytest.approx(3 / 5)


@pytest.mark.parametrize("loss", [token_mse, commitment_loss])
def test_a_batch_without_objects_costs_0_and_has_a_finite_gradient(loss: Masked) -> None:
    nothing = torch.zeros(B, T, dtype=torch.bool)
    value, gradient = with_gradient(loss, random_values(0, F), random_values(1, F), nothing)
    assert value.item() == 0
    assert (gradient == 0).all()


def test_types_of_a_batch_without_objects_cost_0_and_have_a_finite_gradient() -> None:
    ids = torch.zeros(B, T, dtype=torch.long)
    value, gradient = with_gradient(id_cross_entropy, random_values(0, TYPES), ids)
    assert value.item() == 0
    assert (gradient == 0).all()


def test_accuracy_of_a_batch_without_objects_is_finite() -> None:
    ids = torch.zeros(B, T, dtype=torch.long)
    assert id_accuracy(random_values(0, TYPES), ids).item() == 0


def test_globals_mse_is_the_mean_over_events_and_numbers() -> None:
    predicted, target = torch.tensor([[1.0, 2.0], [0.0, 4.0]]), torch.zeros(2, 2)
    assert globals_mse(predicted, target).item() == pytest.approx((1 + 4 + 0 + 16) / 4)


def test_commitment_moves_the_encoder_and_never_the_codes() -> None:
    z, codes = random_values(0, F).requires_grad_(), random_values(1, F).requires_grad_()
    mask = random_ids(0) > 0
    commitment_loss(z, codes, mask).backward()
    assert codes.grad is None
    expected = 2 * (z - codes).detach() * mask.unsqueeze(-1) / (mask.sum() * F)
    torch.testing.assert_close(z.grad, expected)
