"""The average of weights: what it is, that it is evaluated, and that training ignores it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine.training_loops.averaging import WeightAverage
from engine.training_loops.objective import Objective, Term, Terms
from engine.training_loops.optimisation import Optimisation
from tests.engine.test_checkpoints import same
from tests.engine.test_optimisation import data, network, trainer


class Regression(Objective):
    """A network whose weights are averaged, or not."""

    def __init__(self, decay: float | None, **settings: Any) -> None:
        self.model = network()
        self.loss_weights = {"mse": 1.0}
        self.optimisation = Optimisation(self.model.parameters(), trainer(**settings), 4, decay)

    def terms(self, batch: tuple[Tensor, Tensor]) -> Terms:
        inputs, targets = batch
        return {"mse": Term(nn.functional.mse_loss(self.model(inputs), targets), len(inputs))}


def weights(objective: Objective) -> dict[str, Tensor]:
    return copy.deepcopy(objective.model.state_dict())


def evaluated(objective: Objective) -> dict[str, Tensor]:
    with objective.evaluated():
        return weights(objective)


def test_the_average_is_that_of_the_weights_after_each_step() -> None:
    objective = Regression(0.3)
    expected = weights(objective)
    for step in range(1, 9):
        objective.train_batch(data(seed=step))
        decay = min(0.3, step / (step + 9))
        for name, value in weights(objective).items():
            expected[name] = decay * expected[name] + (1 - decay) * value
    found = evaluated(objective)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)


def test_an_average_counts_steps_and_not_batches() -> None:
    objective = Regression(0.9, accumulate_batches=2)
    for seed in range(3):
        objective.train_batch(data(seed=seed))
    average = objective.optimisation.average
    assert average is not None
    assert average.n_steps == 1
    objective.end_epoch()
    assert average.n_steps == 2


def test_training_does_not_know_of_the_average() -> None:
    plain, averaged = Regression(None), Regression(0.9)
    for seed in range(5):
        losses = [one.train_batch(data(seed=seed))[0] for one in (plain, averaged)]
        assert losses[0] == losses[1]
        assert not same(evaluated(averaged), weights(averaged))
    assert same(weights(averaged), weights(plain))
    assert same(evaluated(plain), weights(plain))


def test_the_trained_weights_are_back_after_an_error() -> None:
    objective = Regression(0.9)
    objective.train_batch(data())
    before = weights(objective)
    with pytest.raises(KeyboardInterrupt), objective.evaluated():
        raise KeyboardInterrupt
    assert same(weights(objective), before)


def test_a_restored_average_goes_on_to_the_last_bit() -> None:
    whole, resumed = Regression(0.9), Regression(0.9)
    for seed in range(3):
        whole.train_batch(data(seed=seed))
    resumed.load_state_dict(copy.deepcopy(whole.state_dict()))
    for seed in range(3, 6):
        assert whole.train_batch(data(seed=seed))[0] == resumed.train_batch(data(seed=seed))[0]
    assert same(resumed.state_dict(), whole.state_dict())
    assert same(evaluated(resumed), evaluated(whole))


def test_buffers_are_not_averaged() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average = WeightAverage([*model.parameters()], 0.9)
    model(torch.randn(8, 2))
    average.update()
    expected = copy.deepcopy(dict(model.named_buffers()))
    with average.in_place():
        assert same(dict(model.named_buffers()), expected)
