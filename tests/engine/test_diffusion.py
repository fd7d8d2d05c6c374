"""Diffusion: what samplers do to noise, and a loop that is evaluated the same way every time."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import engine.cli
from engine.architectures.autoencoder.decoders.diffusion import CHUNK, DiffusionDecoder
from engine.architectures.autoencoder.decoders.mlp import MLPDecoder
from engine.architectures.autoencoder.encoders.diffusion import DiffusionEncoder
from engine.architectures.simple.denoiser import Denoiser
from engine.architectures.simple.diffusion import (
    add_noise,
    balanced_noise,
    cosine_schedule,
    sample,
    spread_steps,
)
from engine.config.compose import compose
from engine.data import make_dataloaders
from engine.data.fields import EventBatch
from engine.errors import ConfigError
from engine.facts import RunDir, read_events
from engine.training_loops.checkpoints import load_checkpoint
from engine.training_loops.diffusion_autoencoder import (
    NOISE_LEVELS,
    build,
    fixed_noise,
    level_name,
    sampler_errors,
)
from engine.training_loops.objective import Means, Objective
from tests.conftest import Outcome
from tests.engine.interruptions import EVERYTHING, RUN, facts_of, train
from tests.engine.test_resume import call_before

F, D = 4, 6
KEPT = cosine_schedule(100)


@pytest.mark.parametrize("n_steps", [1, 2, 10, 1000])
def test_the_schedule_falls_from_all_of_the_data_to_none(n_steps: int) -> None:
    kept = cosine_schedule(n_steps)
    assert kept.shape == (n_steps + 1,)
    assert float(kept[0]) == 1
    assert (kept.diff() < 0).all()
    assert 0 < float(kept[-1]) < 2e-3


def test_the_schedule_is_that_of_the_paper() -> None:
    shape = [math.cos((t / 100 + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(100)]
    expected = torch.tensor([value / shape[0] for value in shape])
    torch.testing.assert_close(KEPT[:-1], expected)


@given(n_steps=st.integers(1, 60), number=st.integers(1, 80))
def test_the_steps_of_a_sampler_fall_from_the_last_one_and_none_comes_twice(
    n_steps: int, number: int
) -> None:
    steps = spread_steps(n_steps, number)
    assert steps[0] == n_steps
    assert steps == sorted(set(steps), reverse=True)
    assert (len(steps), min(steps) >= 1) == (min(n_steps, number), True)
    gaps = {before - after for before, after in zip(steps, [*steps[1:], 0], strict=True)}
    assert max(gaps) - min(gaps) <= 1


def knowing(data: Tensor, kept: Tensor) -> Callable[[Tensor, int], tuple[Tensor, Tensor]]:
    """A denoiser that knows the data."""

    def denoise(x: Tensor, step: int) -> tuple[Tensor, Tensor]:
        return data, (x - kept[step].sqrt() * data) / (1 - kept[step]).sqrt().clamp(min=1e-12)

    return denoise


@settings(max_examples=30, deadline=None)
@given(number=st.integers(0, 100), eta=st.floats(0, 1), seed=st.integers(0, 99))
def test_a_sampler_without_noise_returns_its_input(number: int, eta: float, seed: int) -> None:
    x = torch.randn(3, F, generator=torch.Generator().manual_seed(seed))
    all_kept = torch.ones(101)
    steps = spread_steps(100, number) if number else []
    assert torch.equal(sample(knowing(x, all_kept), x, all_kept, steps, eta), x)
    assert torch.equal(sample(knowing(x, KEPT), x, KEPT, [], eta), x)


@settings(max_examples=30, deadline=None)
@given(number=st.integers(1, 100), eta=st.floats(0, 1), seed=st.integers(0, 99))
def test_a_sampler_that_knows_the_data_finds_them(number: int, eta: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    data, noise = torch.randn(2, 3, F, generator=generator)
    steps = spread_steps(100, number)
    noised = add_noise(data, noise, KEPT[steps[0]])
    found = sample(knowing(data, KEPT), noised, KEPT, steps, eta, generator)
    torch.testing.assert_close(found, data)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_samples_are_distributed_as_the_data(eta: float) -> None:
    """Of normally distributed data the best denoiser is known."""
    mean, spread = 0.7, 0.4

    def denoise(x: Tensor, step: int) -> tuple[Tensor, Tensor]:
        kept = KEPT[step]
        gain = kept.sqrt() * spread**2 / (kept * spread**2 + 1 - kept)
        data = mean + gain * (x - kept.sqrt() * mean)
        return data, (x - kept.sqrt() * data) / (1 - kept).sqrt()

    generator = torch.Generator().manual_seed(0)
    start = torch.randn(20_000, generator=generator)
    found = sample(denoise, start, KEPT, spread_steps(100, 100), eta, generator)
    assert float(found.mean()) == pytest.approx(mean, abs=0.02)
    assert float(found.std()) == pytest.approx(spread, abs=0.02)


@settings(max_examples=30, deadline=None)
@given(n_features=st.integers(1, 6), seed=st.integers(0, 99))
def test_balanced_noise_favours_no_direction(n_features: int, seed: int) -> None:
    noise = balanced_noise(n_features, torch.Generator().manual_seed(seed))
    assert noise.shape == (2 * n_features, n_features)
    torch.testing.assert_close(noise.square().mean(dim=1), torch.ones(2 * n_features))
    torch.testing.assert_close(noise.sum(dim=0), torch.zeros(n_features))
    torch.testing.assert_close(noise.T @ noise / len(noise), torch.eye(n_features))
    other = balanced_noise(n_features, torch.Generator().manual_seed(seed + 100))
    assert n_features == 1 or not torch.allclose(noise, other)


def decoder(**options: Any) -> DiffusionDecoder:
    torch.manual_seed(0)
    return DiffusionDecoder(D, F, 8, 2, hidden_dims=(16,), noise_steps=50, **options).eval()


def test_data_and_noise_are_what_the_noised_tokens_are_made_of() -> None:
    denoiser, x, z = decoder().denoiser, torch.randn(2, 3, F), torch.randn(2, 3, D)
    step = torch.tensor([3, 40])
    data, noise = denoiser(x, step, denoiser.of_latent(z))
    kept = denoiser.kept[step].view(-1, 1, 1)
    torch.testing.assert_close(add_noise(data, noise, kept), x)
    alone, _ = denoiser(x[1:], 40, denoiser.of_latent(z[1:]))
    torch.testing.assert_close(alone, data[1:])


def test_a_reconstruction_follows_from_the_latent_vectors_alone() -> None:
    part, z, mask = decoder(), torch.randn(CHUNK + 3, 5, D), torch.ones(CHUNK + 3, 5).bool()
    before = torch.get_rng_state()
    first, again = part(z, mask), part(z, mask)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.tokens_cont, again.tokens_cont)
    pieces = torch.cat([part.reconstruct(one, 10) for one in z.split(50)])
    torch.testing.assert_close(first.tokens_cont, pieces)


def test_what_is_generated_is_drawn() -> None:
    part, z = decoder(), torch.randn(2, 5, D)
    first, other, again = (
        part.generate(z, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2, 1)
    )
    assert first.shape == (2, 5, F)
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_a_denoiser_needs_a_layer() -> None:
    with pytest.raises(ConfigError, match="needs a hidden layer"):
        DiffusionDecoder(D, F, 8, 2, hidden_dims=())


def test_an_encoder_shares_the_denoiser_and_needs_one() -> None:
    encoder, part = DiffusionEncoder(F + 3, D), decoder()
    encoder.set_decoder(part)
    assert {name.partition(".")[0] for name, _ in encoder.named_parameters()} == {"head"}
    x = torch.randn(2, 5, F + 3)
    before = encoder(x)
    with torch.no_grad():
        part.denoiser.of_token.weight.add_(1.0)
    assert not torch.allclose(encoder(x), before)
    with pytest.raises(ConfigError, match="no denoiser to encode with"):
        encoder.set_decoder(MLPDecoder(D, F, 8, 2))


SMALL = [
    "loop=diffusion_ae",
    "data.limit_samples=64",
    "data.batch_size=32",
    "phase1.decoder.hidden_dims=[16]",
    "phase1.encoder.hidden_dims=[16]",
]


def small_objective(*words: str) -> tuple[Any, list[EventBatch]]:
    cfg = compose([*SMALL, *words])
    torch.manual_seed(0)
    return build(cfg, torch.device("cpu"), 2), [*make_dataloaders(cfg)[1]]


def test_a_decoder_that_cannot_denoise_is_refused() -> None:
    with pytest.raises(ConfigError, match="MLPDecoder has no denoiser to train"):
        small_objective("phase1/decoder=mlp")


def test_an_evaluation_has_the_same_noise_each_time_and_training_has_not() -> None:
    objective, (batch, *_) = small_objective()
    drawn = [objective.terms(batch)["noise_mse"].value for _ in range(2)]
    assert not torch.equal(*drawn)
    objective.model.eval()
    before = torch.get_rng_state()
    with torch.inference_mode():
        first, again = objective.terms(batch), objective.terms(batch)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name].value, again[name].value) for name in first)
    levels = [float(first[level_name(level)].value) for level in NOISE_LEVELS]
    assert float(first["noise_mse"].value) == pytest.approx(sum(levels) / len(levels))


def test_the_noise_that_an_evaluation_has_changes_hardly_anything() -> None:
    """Another draw of it moves the loss by less than 3 %."""
    objective, (batch, *_) = small_objective("phase1.trainer.lr=0.01")
    for _ in range(60):
        objective.train_batch(batch)
    objective.model.eval()
    losses = []
    with torch.inference_mode():
        for seed in range(12):
            objective.noise = fixed_noise(F, seed)
            losses.append(objective.terms(batch)["noise_mse"].value)
    told = torch.stack(losses)
    assert float(told.std() / told.mean()) < 0.03


def test_the_error_of_the_noise_of_an_event_is_its_own() -> None:
    objective, (batch, *_) = small_objective()
    objective.model.eval()
    together = objective.outcome(batch).scores["denoising_error"]
    one = EventBatch(*(tensor[5:6] for tensor in batch))
    alone = objective.outcome(one).scores["denoising_error"]
    torch.testing.assert_close(alone, together[5:6])
    padded = batch._replace(tokens_cont=batch.tokens_cont + 7.0 * ~batch.mask.unsqueeze(-1))
    torch.testing.assert_close(objective.outcome(padded).scores["denoising_error"], together)


def test_drawn_steps_are_all_of_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    objective, (batch, *_) = small_objective("phase1.decoder.noise_steps=5")
    seen: set[int] = set()
    forward = Denoiser.forward

    def watched(self: Denoiser, x: Tensor, step: Tensor, condition: Tensor) -> Any:
        seen.update(step.tolist())
        return forward(self, x, step, condition)

    monkeypatch.setattr(Denoiser, "forward", watched)
    for _ in range(3):
        objective.terms(batch)
    assert seen == {1, 2, 3, 4, 5}


def test_more_steps_are_tried_for_the_figure_the_used_number_among_them() -> None:
    objective, _ = small_objective("phase1.decoder.sampling_steps=7")
    data = sampler_errors(objective, make_dataloaders(compose(SMALL))[1])
    assert 7 in data["steps"]
    assert data["steps"] == sorted(data["steps"])
    assert all(math.isfinite(one) for kind in ("deterministic", "ancestral") for one in data[kind])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A run that nothing interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    assert train(folder, "loop=diffusion_ae") == 0
    return RunDir(folder / RUN)


@pytest.mark.parametrize("step", [15, pytest.param(30, marks=pytest.mark.slow)])
def test_a_run_that_was_stopped_goes_on_to_the_last_bit(
    whole: RunDir, own_folder: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    with monkeypatch.context() as patch:
        call_before(patch, Objective, "train_batch", step, lambda: Path("stop").touch())
        assert train(own_folder, "loop=diffusion_ae") == 0
    assert read_events(RUN).records[-1]["stopped"] is True
    assert engine.cli.main(["resume", RUN]) == 0
    here = RunDir(own_folder / RUN)
    assert facts_of(here) == facts_of(whole)
    for name in ("best", "last"):
        ours, theirs = (load_checkpoint(getattr(run, name)) for run in (here, whole))
        weights = [one.get("model", one) for one in (ours, theirs)]
        assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[1])


def test_the_best_weights_are_averages_and_the_last_checkpoint_has_both(whole: RunDir) -> None:
    last, best = load_checkpoint(whole.last), load_checkpoint(whole.best)
    assert last["fit"]["best_epoch"] == last["epoch"] - 1
    average, trained = last["average"]["weights"], last["model"]
    names = [name for name in best if not name.startswith("latent_space.")]
    for name, value in zip(names, average, strict=True):
        assert torch.equal(best[name], value)
    assert not torch.equal(
        best["decoder.denoiser.of_token.weight"], trained["decoder.denoiser.of_token.weight"]
    )


def test_the_validation_loss_is_that_of_the_weights_it_keeps(whole: RunDir) -> None:
    cfg = compose([*EVERYTHING, "loop=diffusion_ae"])
    objective, means = build(cfg, torch.device("cpu"), 10), Means()
    objective.model.load_state_dict(load_checkpoint(whole.best))
    objective.model.eval()
    with torch.inference_mode():
        for batch in make_dataloaders(cfg)[1]:
            means.add(objective.terms(batch))
    end = read_events(whole.path).of("on_train_end")[-1]["metrics"]
    assert objective.loss_of(means.means()) == pytest.approx(end["best_val_loss"], rel=1e-6)


def test_its_evaluation_is_that_of_the_weights_it_keeps(
    whole: RunDir, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = whole.evaluation.read_bytes()
    monkeypatch.chdir(whole.path.parent)
    assert engine.cli.main(["evaluate", RUN, "--save"]) == 0
    told = capsys.readouterr().out
    assert "denoising_error" in told
    assert whole.evaluation.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("words", [[], ["phase1/latent_space=vq"], ["phase1/encoder=diffusion"]])
def test_it_beats_the_mean_on_the_sample(
    thesis_train: Callable[..., Outcome], words: list[str]
) -> None:
    sizes = ["data.limit_samples=null", "data.batch_size=128", "phase1.trainer.epochs=10"]
    outcome = thesis_train("loop=diffusion_ae", *sizes, *words)
    metrics = read_events(outcome.run.path).of("on_test_end")[-1]["metrics"]
    assert metrics["token_mse"] < 0.2
