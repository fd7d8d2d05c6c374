"""Optimisation: AdamW to the last bit, schedules that end where they should, honest means."""

from __future__ import annotations

import copy
import itertools
import math
import subprocess
import sys
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from engine.training_loops.optimisation import EagerAdamW, Optimisation, cosine_factor

N_INPUTS = 5


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(N_INPUTS, 7), nn.GELU(), nn.Linear(7, 1))


def data(n_events: int = 24, seed: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n_events, N_INPUTS, generator=generator), torch.randn(
        n_events, 1, generator=generator
    )


def loss_of(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.mse_loss(model(inputs), targets)


def trainer(**settings: Any) -> Any:
    """What `phase1.trainer` says; a dictionary whose entries are attributes too."""
    return Trainer({"epochs": 10, "lr": 0.01} | settings)


class Trainer(dict[str, Any]):
    def __getattr__(self, name: str) -> Any:
        return self[name]


def optimise(n_batches: int = 4, **settings: Any) -> tuple[nn.Sequential, Optimisation]:
    model = network()
    return model, Optimisation(model.parameters(), trainer(**settings), n_batches)


def learning_rates(n_steps: int, **settings: Any) -> list[float]:
    """The learning rate that each of `n_steps` steps is taken with."""
    model, optimisation = optimise(**settings)
    rates = []
    for _ in range(n_steps):
        rates.append(optimisation.lr)
        optimisation.backward(loss_of(model, *data()))
    return rates


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_its_steps_are_those_of_adamw_to_the_last_bit(weight_decay: float) -> None:
    models = [network(), network()]
    kinds = (EagerAdamW, torch.optim.AdamW)
    optimisers = [
        kind(model.parameters(), lr=0.01, weight_decay=weight_decay, fused=True)
        for kind, model in zip(kinds, models, strict=True)
    ]
    for step in range(20):
        for model, optimiser in zip(models, optimisers, strict=True):
            optimiser.zero_grad()
            loss_of(model, *data(seed=step)).backward()
            optimiser.step()
        assert all(map(torch.equal, *(model.parameters() for model in models)))
    restored = torch.optim.AdamW(models[0].parameters(), lr=1.0)
    restored.load_state_dict(optimisers[0].state_dict())
    assert restored.state_dict()["param_groups"] == optimisers[1].state_dict()["param_groups"]
    for name, value in restored.state_dict()["state"][0].items():
        assert torch.equal(value, optimisers[1].state_dict()["state"][0][name])


def test_weight_decay_of_the_config_reaches_the_optimiser() -> None:
    _, optimisation = optimise(weight_decay=0.25)
    assert optimisation.optimiser.param_groups[0]["weight_decay"] == 0.25


def test_a_step_does_not_import_the_compiler_of_torch() -> None:
    code = (
        "import sys, torch\n"
        "from engine.training_loops.optimisation import Optimisation\n"
        "class Trainer(dict):\n    __getattr__ = dict.__getitem__\n"
        "model = torch.nn.Linear(2, 1)\n"
        "o = Optimisation(model.parameters(), Trainer(epochs=1, lr=0.1, clip_grad_norm=1.0), 1)\n"
        "before = model.weight.clone()\n"
        "o.backward(model(torch.ones(3, 2)).sum())\n"
        "o.state_dict()\n"
        "print('torch._dynamo' in sys.modules, torch.equal(before, model.weight))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("k", [2, 3, 4])
def test_accumulating_batches_is_one_batch_that_is_as_large(k: int) -> None:
    inputs, targets = data(24)
    accumulated, optimisation = optimise(4 * k, accumulate_batches=k)
    whole, whole_optimisation = optimise(4)
    for _ in range(3):
        for part in zip(inputs.chunk(k), targets.chunk(k), strict=True):
            optimisation.backward(loss_of(accumulated, *part))
        whole_optimisation.backward(loss_of(whole, inputs, targets))
    for found, expected in zip(accumulated.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_what_remains_at_the_end_of_an_epoch_is_a_step_of_its_own() -> None:
    inputs, targets = data(24)
    accumulated, optimisation = optimise(5, accumulate_batches=3)
    whole, whole_optimisation = optimise(2)
    parts = [*zip(inputs.chunk(3), targets.chunk(3), strict=True)]
    for part in (*parts, *parts[:2]):
        optimisation.backward(loss_of(accumulated, *part))
    optimisation.step()
    whole_optimisation.backward(loss_of(whole, inputs, targets))
    whole_optimisation.backward(loss_of(whole, inputs[:16], targets[:16]))
    for found, expected in zip(accumulated.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    assert optimisation.schedule.last_epoch == 2


def test_nothing_waiting_is_no_step() -> None:
    model, optimisation = optimise()
    before = copy.deepcopy(model.state_dict())
    optimisation.step()
    assert optimisation.schedule.last_epoch == 0
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_no_step_is_taken_before_enough_batches() -> None:
    model, optimisation = optimise(accumulate_batches=3)
    before = [p.clone() for p in model.parameters()]
    for _ in range(2):
        optimisation.backward(loss_of(model, *data()))
    assert all(map(torch.equal, before, model.parameters()))
    optimisation.backward(loss_of(model, *data()))
    assert not any(map(torch.equal, before, model.parameters()))


def norm_at_step(scale: float, **settings: Any) -> float:
    """The norm of the gradient with which the first step is taken.

    The first moment of Adam is then a tenth of the gradient (its beta is 0.9).
    """
    model, optimisation = optimise(**settings)
    for _ in range(settings.get("accumulate_batches", 1)):
        optimisation.backward(scale * loss_of(model, *data()))
    moments = [state["exp_avg"] for state in optimisation.optimiser.state.values()]
    assert len(moments) == len([*model.parameters()])
    return 10 * float(nn.utils.get_total_norm(moments))


@pytest.mark.parametrize("accumulate", [1, 3])
def test_clipping_limits_the_norm_of_a_large_gradient(accumulate: int) -> None:
    norm = norm_at_step(1e6, clip_grad_norm=0.5, accumulate_batches=accumulate)
    assert norm == pytest.approx(0.5, rel=1e-4)


def test_clipping_leaves_a_small_gradient() -> None:
    free = norm_at_step(1e-3)
    assert norm_at_step(1e-3, clip_grad_norm=0.5) == pytest.approx(free)
    assert 0 < free < 0.5


def test_without_a_limit_a_large_gradient_stays_large() -> None:
    assert norm_at_step(1e6, clip_grad_norm=None) > 1e3


def test_by_default_the_learning_rate_never_changes() -> None:
    assert learning_rates(50, epochs=3) == [0.01] * 50


def test_warming_up_rises_in_equal_parts_to_the_learning_rate() -> None:
    rates = learning_rates(12, warmup_epochs=2)  # of 4 batches each
    rises = [after - before for before, after in itertools.pairwise(rates[:9])]
    assert all(rise == pytest.approx(rises[0]) for rise in rises)
    assert 0 < rates[0] == pytest.approx(rises[0])
    assert rates[8:] == [pytest.approx(0.01)] * 4


@pytest.mark.parametrize("warmup", [0, 0.5, 2])
@pytest.mark.parametrize("final", [0.0, 0.1])
def test_a_cosine_falls_from_the_learning_rate_to_its_final_fraction(
    warmup: float, final: float
) -> None:
    chosen = {"schedule": "cosine", "final_lr_fraction": final, "warmup_epochs": warmup}
    rates = learning_rates(41, **chosen)  # 10 epochs of 4 batches, and one step more
    top = round(4 * warmup)
    falling = rates[top:]
    assert falling[0] == pytest.approx(0.01)
    assert all(after < before for before, after in itertools.pairwise(falling))
    assert rates[40] == pytest.approx(0.01 * final, abs=1e-12)
    middle = 0.01 * (1 + final) / 2
    assert rates[(top + 40) // 2] == pytest.approx(middle)


def test_a_schedule_counts_steps_and_not_batches() -> None:
    chosen: dict[str, Any] = {"schedule": "cosine", "epochs": 3, "accumulate_batches": 2}
    model, optimisation = optimise(5, **chosen)
    for _ in range(3):
        for _ in range(5):
            optimisation.backward(loss_of(model, *data()))
        optimisation.step()
    assert optimisation.schedule.last_epoch == 9
    assert optimisation.lr == pytest.approx(0, abs=1e-12)


@settings(max_examples=50)
@given(progress=st.floats(0, 10), final=st.floats(0, 1))
def test_the_cosine_stays_between_its_ends(progress: float, final: float) -> None:
    assert final - 1e-12 <= cosine_factor(progress, final) <= 1 + 1e-12
    if progress >= 1:
        assert math.isclose(cosine_factor(progress, final), final, abs_tol=1e-12)


def test_the_state_holds_what_a_later_process_needs() -> None:
    model, optimisation = optimise()
    for step in range(3):
        optimisation.backward(loss_of(model, *data(seed=step)))
    state = optimisation.state_dict()
    assert state["schedule"]["last_epoch"] == 3
    assert {int(entry["step"]) for entry in state["optimiser"]["state"].values()} == {3}
