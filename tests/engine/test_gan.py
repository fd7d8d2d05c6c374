"""Adversaries: what they cannot see, what they learn, and a loop that goes on to the last bit."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

import engine.cli
from engine.architectures.autoencoder.decoders.gan import GANDecoder
from engine.architectures.autoencoder.discriminator import (
    Discriminator,
    LatentCritic,
    made_tokens,
    real_tokens,
)
from engine.architectures.autoencoder.losses.adversarial import (
    accuracy,
    discriminator_loss,
    generator_loss,
    r1_penalty,
)
from engine.config.compose import compose
from engine.config.problems import find_problems
from engine.data import make_dataloaders
from engine.data.fields import EventBatch
from engine.facts import RunDir, read_events
from engine.training_loops.checkpoints import load_checkpoint
from engine.training_loops.gan_autoencoder import AdversarialObjective, build
from engine.training_loops.objective import NonFiniteLoss
from tests.conftest import Outcome
from tests.engine.interruptions import RUN, facts_of, train
from tests.engine.test_resume import call_before

B, T, F, TYPES, D = 5, 7, 4, 8, 6
BOTH = ["loop=gan_ae", "phase1/encoder=gan"]
"""With both adversaries."""
SPECTRAL = ["gan_ae.spectral_norm=true", "gan_ae.r1_weight=0"]
SMALL = [
    *BOTH,
    "data.limit_samples=64",
    "data.batch_size=32",
    "phase1.decoder.hidden_dims=[16]",
    "phase1.encoder.hidden_dims=[16]",
]


def events() -> tuple[Tensor, Tensor]:
    """Features [B, T, F] and types [B, T], some of them padding."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, TYPES, (B, T), generator=generator)
    ids[:, 0] = 1
    return torch.randn(B, T, F, generator=generator), ids


@pytest.fixture(params=[False, True], ids=["r1", "spectral"])
def discriminator(request: pytest.FixtureRequest) -> Discriminator:
    torch.manual_seed(0)
    return Discriminator(F, TYPES, (16, 16), spectral_norm=request.param).eval()


def judged(discriminator: Discriminator, features: Tensor, ids: Tensor) -> Tensor:
    return discriminator(real_tokens(features, ids, TYPES), ids > 0)


def test_a_discriminator_sees_neither_order_nor_padding_nor_other_events(
    discriminator: Discriminator,
) -> None:
    features, ids = events()
    expected = judged(discriminator, features, ids)
    assert expected.shape == (B,)
    order = torch.randperm(T)
    torch.testing.assert_close(judged(discriminator, features[:, order], ids[:, order]), expected)
    torch.testing.assert_close(judged(discriminator, features[2:3], ids[2:3]), expected[2:3])
    features[ids == 0] = 50.0
    torch.testing.assert_close(judged(discriminator, features, ids), expected)
    assert torch.isfinite(judged(discriminator, features, torch.zeros_like(ids))).all()


@pytest.mark.parametrize(
    "network", [Discriminator(F, TYPES, spectral_norm=True), LatentCritic(D, (8,), True)]
)
def test_no_layer_of_a_spectral_network_stretches_what_it_gets(network: nn.Module) -> None:
    layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
    for _ in range(300):  # each look at a weight makes its norm more exact
        norms = [float(torch.linalg.matrix_norm(layer.weight.detach(), 2)) for layer in layers]
    assert norms == pytest.approx([1.0] * len(layers), abs=0.05)


def test_made_tokens_look_like_real_ones_and_hand_gradients_to_all_types() -> None:
    features, ids = events()
    logits = 9.0 * real_tokens(features, ids, TYPES)[..., F:]
    logits.requires_grad_()
    made = made_tokens(features, logits)
    torch.testing.assert_close(made, real_tokens(features, ids, TYPES))
    (gradient,) = torch.autograd.grad((made[..., F:] * torch.arange(TYPES)).sum(), logits)
    assert (gradient != 0).all()


def test_who_cannot_tell_loses_ln_2_and_is_right_in_half() -> None:
    nothing = torch.zeros(6)
    assert float(discriminator_loss(nothing, nothing)) == pytest.approx(math.log(2))
    assert float(generator_loss(nothing)) == pytest.approx(math.log(2))
    assert float(accuracy(nothing, nothing)) == 0.5
    sure = torch.full((6,), 40.0)
    assert float(discriminator_loss(sure, -sure)) == pytest.approx(0, abs=1e-6)
    assert float(accuracy(sure, -sure)) == 1
    none = torch.zeros(0)
    assert float(discriminator_loss(none, none)) == 0


def test_the_penalty_is_half_the_squared_slope_at_real_things() -> None:
    real = torch.randn(5, 3, requires_grad=True)
    slope = torch.tensor([1.0, -2.0, 0.5])
    expected = 0.5 * float(slope.square().sum())
    assert float(r1_penalty(real @ slope, real).detach()) == pytest.approx(expected)


def test_a_generator_has_noise_while_it_trains_only() -> None:
    torch.manual_seed(0)
    part, z, mask = GANDecoder(D, F, TYPES, 2, hidden_dims=(16,)), torch.randn(B, T, D), None
    mask = torch.ones(B, T, dtype=torch.bool)
    assert not torch.equal(part(z, mask).tokens_cont, part(z, mask).tokens_cont)
    part.eval()
    before = torch.get_rng_state()
    assert torch.equal(part(z, mask).tokens_cont, part(z, mask).tokens_cont)
    assert torch.equal(torch.get_rng_state(), before)


def small_objective(*words: str) -> tuple[AdversarialObjective, list[EventBatch]]:
    cfg = compose([*SMALL, *words])
    torch.manual_seed(0)
    return build(cfg, torch.device("cpu"), 2), [*make_dataloaders(cfg)[0]]


@pytest.mark.parametrize("words", [[], SPECTRAL, SPECTRAL[:1]], ids=["r1", "spectral", "both"])
def test_a_discriminator_learns_to_tell_what_does_not_learn(words: list[str]) -> None:
    objective, batches = small_objective(*words, "phase1.trainer.lr=0.01")
    for group in objective.optimisation.optimiser.param_groups:
        group["lr"] = 0.0
    objective.optimisation.schedule.base_lrs = [0.0]
    for _ in range(40):
        terms = objective.train_batch(batches[0])[1]
    assert float(terms["discriminator_accuracy"].value) > 0.9
    assert float(terms["critic_accuracy"].value) > 0.8


def test_a_gradient_penalty_and_limited_norms_count_each_by_itself() -> None:
    for words, (spectral, weight) in {
        (): (False, 0.1),
        ("gan_ae.spectral_norm=true",): (True, 0.1),
        ("gan_ae.r1_weight=0.5", "gan_ae.spectral_norm=true"): (True, 0.5),
    }.items():
        objective, _ = small_objective(*words)
        adversaries, _ = objective.model.split()
        limited = [is_parametrized(part) for one in adversaries.values() for part in one.modules()]
        assert (any(limited), objective.r1_weight) == (spectral, weight)


def test_no_gradient_of_the_autoencoder_reaches_its_adversaries() -> None:
    objective, batches = small_objective("phase1/encoder=gan")
    objective.train_batch(batches[0])
    adversaries, _ = objective.model.split()
    assert set(adversaries) == {"discriminator", "critic"}
    for network in adversaries.values():
        assert all(p.requires_grad and p.grad is None for p in network.parameters())


def test_an_event_that_the_discriminator_takes_for_real_has_a_low_score() -> None:
    objective, batches = small_objective()
    objective.model.eval()
    batch = batches[0]
    real = real_tokens(batch.tokens_cont, batch.tokens_id, objective.n_types)
    logits = objective.model.discriminator(real, batch.mask)
    scores = objective.outcome(batch).scores["discriminator_score"]
    assert scores.argmin() == logits.argmax()
    assert scores.argmax() == logits.argmin()


def test_the_autoencoder_learns_from_its_adversaries() -> None:
    """Without a reconstruction loss there is only the game."""
    silent = [f"gan_ae.loss_weights.{name}=0" for name in ("token_mse", "id_cross_entropy")]
    objective, batches = small_objective(*silent, "gan_ae.adversarial_weight=1")
    for opponent in objective.opponents.values():
        for group in opponent.optimiser.param_groups:
            group["lr"] = 0.0
        opponent.schedule.base_lrs = [0.0]
    losses = [
        float(objective.train_batch(batches[0])[1]["adversarial_loss"].value.detach())
        for _ in range(40)
    ]
    assert sum(losses[-5:]) < sum(losses[:5])


def test_the_loss_is_that_of_the_reconstruction_and_compares_with_ae() -> None:
    objective, batches = small_objective()
    ae = compose([]).ae.loss_weights
    assert objective.loss_weights == dict(ae)
    loss, terms = objective.train_batch(batches[0])
    values = {name: float(term.value.detach()) for name, term in terms.items()}
    assert objective.loss_of(values) == pytest.approx(loss)


def test_an_evaluation_draws_nothing() -> None:
    objective, batches = small_objective()
    objective.model.eval()
    before = torch.get_rng_state()
    with torch.inference_mode():
        first, again = objective.terms(batches[0]), objective.terms(batches[0])
    assert torch.equal(torch.get_rng_state(), before)
    assert {"discriminator_accuracy", "critic_accuracy", "prior_loss"} < set(first)
    assert all(torch.equal(first[name].value, again[name].value) for name in first)


def test_norms_are_told_of_the_batches_that_end_a_step_before_they_are_clipped() -> None:
    words = ["phase1.trainer.accumulate_batches=2", "phase1.trainer.clip_grad_norm=1e-6"]
    objective, batches = small_objective(*words)
    first, second = (objective.train_batch(batch)[1] for batch in batches)
    names = [f"{name}_grad_norm" for name in ("autoencoder", "discriminator", "critic")]
    assert not set(names) & set(first)
    assert all(float(second[name].value) > 1e-4 for name in names)


@pytest.mark.parametrize("factor", [math.nan, 1e20])
def test_a_loss_that_is_not_finite_is_told_and_no_step_taken(factor: float) -> None:
    objective, batches = small_objective(*SPECTRAL)
    broken = batches[0]._replace(tokens_cont=batches[0].tokens_cont * factor)
    before = {name: value.clone() for name, value in objective.model.state_dict().items()}
    with pytest.raises(NonFiniteLoss, match=r"the loss is (nan|inf) \(token_mse"):
        objective.train_batch(broken)
    after = objective.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_another_loop_refuses_them_and_names_this_one(part: str) -> None:
    (problem,) = find_problems([f"phase1/{part}=gan"])
    assert problem.startswith(f"phase1/{part}=gan: loop=ae cannot train it; use loop=gan_ae")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A run that nothing interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    assert train(folder, *BOTH, *SPECTRAL) == 0
    return RunDir(folder / RUN)


def _equal(ours: Any, theirs: Any) -> bool:
    return torch.equal(ours, theirs) if isinstance(ours, Tensor) else ours == theirs


@pytest.mark.parametrize("step", [15, pytest.param(30, marks=pytest.mark.slow)])
def test_a_run_that_was_stopped_goes_on_to_the_last_bit(
    whole: RunDir, own_folder: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    with monkeypatch.context() as patch:
        call_before(patch, AdversarialObjective, "train_batch", step, lambda: Path("stop").touch())
        assert train(own_folder, *BOTH, *SPECTRAL) == 0
    assert read_events(RUN).records[-1]["stopped"] is True
    assert engine.cli.main(["resume", RUN]) == 0
    here = RunDir(own_folder / RUN)
    assert facts_of(here) == facts_of(whole)
    ours, theirs = (load_checkpoint(run.last) for run in (here, whole))
    for name in ("model", "optimiser", "opponents"):
        mine, other = (torch.utils._pytree.tree_leaves(one[name]) for one in (ours, theirs))
        assert len(mine) == len(other)
        assert all(_equal(*pair) for pair in zip(mine, other, strict=True))


def test_its_evaluation_is_that_of_the_weights_it_keeps(
    whole: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    before = whole.evaluation.read_bytes()
    os.chdir(whole.path.parent)
    assert engine.cli.main(["evaluate", RUN, "--save"]) == 0
    assert "discriminator_score" in capsys.readouterr().out
    assert whole.evaluation.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [[], ["phase1/latent_space=vq"], ["phase1/encoder=gan"], SPECTRAL],
)
def test_it_beats_the_mean_on_the_sample(
    thesis_train: Callable[..., Outcome], words: list[str]
) -> None:
    sizes = ["data.limit_samples=null", "data.batch_size=128", "phase1.trainer.epochs=10"]
    outcome: Any = thesis_train("loop=gan_ae", *sizes, *words)
    metrics = read_events(outcome.run.path).of("on_test_end")[-1]["metrics"]
    assert metrics["token_mse"] < 0.2
