"""Objectives of the user's own: a loss term is in the loss, the baseline and the score, or told."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch
from torch import Tensor

from engine.architectures.autoencoder.base import build_from_config
from engine.cli import main
from engine.config.compose import compose
from engine.errors import ConfigError
from engine.evaluation.collect import rehearse
from engine.evaluation.outcome import Outcome as OutcomeOfEvents
from engine.facts import read_events
from engine.training_loops.autoencoder import AutoencoderObjective, baseline_terms, load
from engine.training_loops.diffusion_autoencoder import DiffusionObjective, baseline_loss
from engine.training_loops.objective import Term
from engine.training_loops.optimisation import Optimisation
from tests.conftest import Outcome
from tests.engine.test_own_code import BLOCKS, put

Kind = TypeVar("Kind", bound=AutoencoderObjective)

SMALL = ["data.limit_samples=32", "data.batch_size=32", "device=cpu"]


class WithTerm(AutoencoderObjective):
    """With a further term in the loss, and so in the baseline."""

    def reconstruction_terms(self, reconstruction: Any, latent: Any, batch: Any) -> Any:
        terms = super().reconstruction_terms(reconstruction, latent, batch)
        return terms | {"twice": terms["token_mse"]._replace(value=2 * terms["token_mse"].value)}


class WithScore(WithTerm):
    """And in the score."""

    def errors_of_events(self, made: Any, batch: Any) -> dict[str, Tensor]:
        errors = super().errors_of_events(made, batch)
        return errors | {"twice": 2 * errors["token_mse"]}


def objective_of(kind: type[Kind], weights: Mapping[str, float], *words: str) -> tuple[Any, Kind]:
    cfg = compose([*SMALL, *words])
    torch.manual_seed(0)
    objective = kind(build_from_config(cfg), dict(weights))
    objective.optimisation = Optimisation(objective.model.parameters(), cfg.phase1.trainer, 1)
    return load(cfg, torch.device("cpu")), objective


def test_a_weight_without_a_term_is_refused_with_the_terms_there_are() -> None:
    splits, objective = objective_of(WithTerm, {"twise": 1.0, "id_cross_entropy": 0.1})
    with pytest.raises(ConfigError, match="loss weight twise") as told:
        objective.train_batch(next(iter(splits.train)))
    for word in ("did you mean twice", "token_mse", "id_cross_entropy"):
        assert word in told.value.message
    with pytest.raises(ConfigError, match="twise"):
        objective.loss_of({"token_mse": 1.0, "id_cross_entropy": 1.0})


def test_terms_that_only_some_models_have_are_left_out() -> None:
    weights = {"token_mse": 1.0, "globals_mse": 0.1, "commitment": 0.25}
    splits, objective = objective_of(AutoencoderObjective, weights)
    loss, terms = objective.train_batch(next(iter(splits.train)))
    assert loss == pytest.approx(terms["token_mse"].value.item())


def test_a_further_term_is_in_the_baseline_and_in_the_score() -> None:
    splits, plain = objective_of(AutoencoderObjective, {"token_mse": 3.0})
    _, objective = objective_of(WithScore, {"token_mse": 1.0, "twice": 1.0})
    baselines = [one.loss_of(baseline_terms(splits, one)) for one in (plain, objective)]
    assert baselines[0] == pytest.approx(baselines[1])
    batch = next(iter(splits.val))
    scores = [one.outcome(batch).scores["reconstruction_error"] for one in (plain, objective)]
    torch.testing.assert_close(*scores)


class WithLatentTerm(DiffusionObjective):
    """With a term of the latent vectors, made as in any other loop."""

    not_in_score = DiffusionObjective.not_in_score | {"size"}

    def reconstruction_terms(self, reconstruction: Any, latent: Any, batch: Any) -> Any:
        terms = super().reconstruction_terms(reconstruction, latent, batch)
        assert latent.z.shape[-1] == self.model.encode(batch.tokens_cont, batch.tokens_id).shape[-1]
        size = latent.z[batch.mask].square().mean()
        return terms | {"size": Term(size, batch.mask.sum())}


def test_a_term_of_the_latent_space_trains_in_diffusion_and_says_nothing_of_the_mean() -> None:
    weights = {"noise_mse": 1.0, "id_cross_entropy": 0.1}
    parts = ("loop=diffusion_ae",)
    splits, plain = objective_of(DiffusionObjective, weights, *parts)
    _, objective = objective_of(WithLatentTerm, weights | {"size": 1.0}, *parts)
    baselines = [baseline_loss(splits, one) for one in (plain, objective)]
    assert baselines[0] == pytest.approx(baselines[1])
    loss, terms = objective.train_batch(next(iter(splits.train)))
    assert loss == pytest.approx(
        sum(weight * terms[name].value.item() for name, weight in objective.loss_weights.items())
    )
    assert terms["size"].value.item() > 0


def test_a_weight_that_diffusion_has_no_term_for_is_told_before_the_training() -> None:
    splits, objective = objective_of(
        DiffusionObjective, {"noise_mse": 1.0, "token_mse": 1.0}, "loop=diffusion_ae"
    )
    with pytest.raises(ConfigError, match="loss weight token_mse has no term"):
        baseline_loss(splits, objective)


def test_a_term_that_the_score_lacks_is_told_before_the_training() -> None:
    splits, objective = objective_of(WithTerm, {"token_mse": 1.0, "twice": 1.0})
    with pytest.raises(ConfigError, match=r"twice.*errors_of_events"):
        baseline_terms(splits, objective)


class WithColumn(WithScore):
    """With a column of numbers where there should be a number for each event."""

    def errors_of_events(self, made: Any, batch: Any) -> dict[str, Tensor]:
        errors = super().errors_of_events(made, batch)
        return errors | {"twice": errors["twice"].unsqueeze(1)}


def test_an_error_that_is_no_number_for_each_event_is_told_before_the_training() -> None:
    splits, objective = objective_of(WithColumn, {"token_mse": 1.0, "twice": 1.0})
    with pytest.raises(ConfigError, match=r"twice has the shape \[32, 1\].*for each of 32 events"):
        baseline_terms(splits, objective)


def told(outcome: Callable[[Any], Any], **meta: object) -> str:
    """Why what an objective makes of events cannot be evaluated."""
    splits, objective = objective_of(AutoencoderObjective, {"token_mse": 1.0})
    objective.outcome = outcome  # type: ignore[method-assign]
    state = torch.get_rng_state()
    kept = {name: value for name, value in (splits.meta | meta).items() if value is not None}
    with pytest.raises(ConfigError) as error:
        rehearse(objective, splits.test, kept)
    assert torch.equal(torch.get_rng_state(), state), "the training draws as without it"
    return error.value.message


def test_what_cannot_be_evaluated_is_told_before_the_training() -> None:
    _, objective = objective_of(AutoencoderObjective, {"token_mse": 1.0})
    right = objective.outcome
    drawn = OutcomeOfEvents({"mine": torch.rand(8, 2)})
    assert "the score mine has the shape [8, 2]" in told(lambda _: drawn)
    assert "has to give an Outcome" in told(lambda _: {"mine": torch.zeros(8)})
    assert "lacks units" in told(right, units=None)
    assert "each of the 32 events" in told(right, labels={"test": torch.zeros(31)})
    assert "class_names" in told(right, class_names=["tttt"])


def test_the_loop_of_the_guide_has_its_term_in_loss_baseline_and_score(
    thesis_train: Callable[..., Outcome], own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("my_package/huber.py", "my_configs/huber_trainer.yaml"):
        put(own_folder / name, BLOCKS[name])
    loop = ("--config-dir", "my_configs", "loop=my_package.huber:train")
    run = thesis_train(*loop, "evaluation.enabled=true").run
    events = read_events(run.path)
    (start,), (*_, last) = events.of("on_start"), events.of("on_epoch_end")
    weights = start["meta"]["config"]["huber"]["loss_weights"]
    terms = {name: last["metrics"][name] for name in ("huber", "id_cross_entropy")}
    expected = sum(weights[name] * value for name, value in terms.items())
    assert last["val_loss"] == pytest.approx(expected)
    # Of normalised features the mean is 0, and the Huber loss of that below half of the square.
    assert 0.2 < start["metrics"]["baseline_val_loss"] - 0.1 < 0.7
    assert run.evaluation.exists()
    capsys.readouterr()
    assert main(["evaluate", "last", "--trust", "my_package", "--json"]) == 0
    assert "reconstruction_error" in json.loads(capsys.readouterr().out)["scores"]
    assert thesis_train(*loop, "+huber.loss_weights.hubr=1").runs == []
    assert "the loss weight hubr has no term (did you mean huber?)" in capsys.readouterr().err
