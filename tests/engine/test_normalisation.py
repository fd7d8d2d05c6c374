"""Normalisation: what goes forward comes back, and real objects have mean 0 and spread 1."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine.data.normalisation import Normaliser

LOGS = {"zscore": [False, False], "log_zscore": [True, True], "mixed": [True, False]}
EPS = torch.finfo(torch.float32).eps

rows = st.lists(st.tuples(*[st.floats(-1e6, 1e6, width=32)] * 2), min_size=2, max_size=20).map(
    torch.tensor
)


def kinematics(n: int = 500, seed: int = 0) -> Tensor:
    """Energy-like and angle-like numbers, [n, 2], with negatives and zeros among them."""
    generator = torch.Generator().manual_seed(seed)
    draws = torch.randn(n, 2, generator=generator)
    draws[:, 0] = draws[:, 0].exp() * 1e5 * draws[:, 1].sign()
    draws[:3] = 0.0
    return draws


def fit(values: Tensor, log: list[bool]) -> Normaliser:
    return Normaliser.fit(values, torch.tensor(log))


def tolerance(normaliser: Normaliser, values: Tensor) -> Tensor:
    """The rounding of float32 when a mean is taken away and put back, and a logarithm undone."""
    size = torch.where(normaliser.log, values.abs().log1p(), values.abs())
    error = 8 * EPS * (size + normaliser.mean.abs() + normaliser.std)
    return torch.where(normaliser.log, error * (1 + values.abs()), error)


@pytest.mark.parametrize("log", LOGS.values(), ids=LOGS.keys())
@settings(max_examples=25, deadline=None)
@given(values=rows)
def test_inverse_undoes_forward(log: list[bool], values: Tensor) -> None:
    normaliser = fit(values, log)
    back = normaliser.inverse(normaliser.forward(values))
    assert ((back - values).abs() <= tolerance(normaliser, values)).all()


@pytest.mark.parametrize("log", LOGS.values(), ids=LOGS.keys())
def test_inverse_undoes_forward_for_values_that_were_never_seen(log: list[bool]) -> None:
    normaliser, values = fit(kinematics(seed=1), log), kinematics(seed=2)
    back = normaliser.inverse(normaliser.forward(values))
    assert ((back - values).abs() <= tolerance(normaliser, values)).all()


@pytest.mark.parametrize("log", LOGS.values(), ids=LOGS.keys())
def test_forward_undoes_inverse(log: list[bool]) -> None:
    normaliser = fit(kinematics(), log)
    normal = torch.linspace(-3, 3, 101).unsqueeze(1).expand(-1, 2)
    back = normaliser.forward(normaliser.inverse(normal))
    torch.testing.assert_close(back, normal, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("log", LOGS.values(), ids=LOGS.keys())
def test_the_values_it_was_fitted_on_get_mean_0_and_spread_1(log: list[bool]) -> None:
    values = kinematics()
    normal = fit(values, log).forward(values).double()
    torch.testing.assert_close(normal.mean(0), torch.zeros(2).double(), rtol=0, atol=1e-5)
    torch.testing.assert_close(normal.std(0, correction=0), torch.ones(2).double())


def test_the_order_of_features_in_a_larger_shape_is_kept() -> None:
    values = kinematics(60)
    normaliser = fit(values, LOGS["mixed"])
    shaped = normaliser.forward(values.reshape(5, 12, 2))
    assert torch.equal(shaped.reshape(60, 2), normaliser.forward(values))


@settings(max_examples=40, deadline=None)
@given(
    constant=st.floats(-1e7, 1e7, width=32),
    n=st.integers(1, 40),
    log=st.booleans(),
)
def test_a_feature_that_never_varies_becomes_0_and_keeps_a_spread_of_1(
    constant: float, n: int, log: bool
) -> None:
    values = torch.full((n, 1), constant)
    normaliser = fit(values, [log])
    assert normaliser.std.item() == 1.0
    normal = normaliser.forward(values)
    smallest = torch.finfo(torch.float32).tiny  # below it numbers have fewer digits
    assert (normal.abs() <= max(4 * EPS * abs(constant), smallest)).all()
    assert torch.isfinite(normaliser.inverse(normal)).all()


def test_only_the_named_features_are_taken_as_logarithms() -> None:
    values = kinematics()
    plain, mixed = fit(values, LOGS["zscore"]), fit(values, LOGS["mixed"])
    assert torch.equal(plain.forward(values)[:, 1], mixed.forward(values)[:, 1])
    assert not torch.allclose(plain.forward(values)[:, 0], mixed.forward(values)[:, 0])


def test_a_logarithm_grows_with_its_argument_through_zero() -> None:
    values = torch.tensor([[-1e6], [-1.0], [-1e-3], [0.0], [1e-3], [1.0], [1e6]])
    normal = fit(values, [True]).forward(values).squeeze()
    assert (normal.diff() > 0).all()


def test_a_logarithm_does_not_depend_on_the_sign_but_for_its_sign() -> None:
    values = torch.tensor([[-5.0], [5.0]])
    normal = fit(values, [True]).forward(values)
    assert torch.equal(normal[0], -normal[1])


def test_the_plain_lists_say_what_the_tensors_hold() -> None:
    normaliser = fit(kinematics(), LOGS["mixed"])
    plain = normaliser.as_dict()
    assert torch.equal(torch.tensor(plain["mean"]), normaliser.mean)
    assert torch.equal(torch.tensor(plain["std"]), normaliser.std)
    assert plain["log"] == [True, False]
