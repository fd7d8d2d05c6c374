"""`loop=diffusion_ae`: tell the noise in the objects of an event, given their latent vectors."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from engine.architectures.autoencoder.base import Autoencoder, build_from_config
from engine.architectures.autoencoder.decoders.diffusion import DiffusionDecoder
from engine.architectures.autoencoder.losses.reconstruction import token_mse
from engine.architectures.autoencoder.outputs import LatentOutput, Reconstruction
from engine.architectures.simple.denoiser import Denoiser
from engine.architectures.simple.diffusion import add_noise, balanced_noise
from engine.data.batches import TensorBatches
from engine.data.fields import EventBatch
from engine.errors import ConfigError
from engine.evaluation.outcome import Outcome
from engine.training_loops import autoencoder
from engine.training_loops.autoencoder import AutoencoderObjective, load
from engine.training_loops.loading import Splits
from engine.training_loops.objective import Means, Term, Terms
from engine.training_loops.optimisation import Optimisation
from engine.training_loops.session import Session

SUPPORTED_PLOT_FAMILIES = autoencoder.SUPPORTED_PLOT_FAMILIES | {"diffusion"}

NOISE_LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Where the noise is told in an evaluation, as fractions of all steps: the middles of fifths."""

FIGURE_STEPS = (1, 2, 5, 10, 20, 50)
"""Numbers of steps of a sampler that the figures compare."""

_FIGURE_EVENTS = 512

__all__ = ["DiffusionObjective", "build", "load", "train"]


class DiffusionObjective(AutoencoderObjective):
    """The weighted sum of the error of the noise and of the losses of types and latent space.

    While it trains, steps and noise are drawn. In an evaluation they are the same for all objects
    and epochs, so that curves and scores can be compared; the noise of a level then has several
    directions, so that hardly anything depends on which they are.

    Parameters
    ----------
    model
        An autoencoder with a `DiffusionDecoder`, or one that has its methods.
    loss_weights
        What each term counts; see `configs/loop/diffusion_ae.yaml`.
    """

    not_in_score = AutoencoderObjective.not_in_score | {"noise_mse"}

    def __init__(self, model: Autoencoder, loss_weights: dict[str, float]) -> None:
        super().__init__(model, loss_weights)
        decoder: Any = model.decoder
        self.decoder: DiffusionDecoder = decoder
        self.noise = fixed_noise(decoder.n_features)
        """That of an evaluation: directions [L, 2 F, F]."""

    def terms(self, batch: EventBatch) -> Terms:
        """Losses of one batch; in evaluation also at each level, and of the reconstruction."""
        latent = self.model.latent(batch.tokens_cont, batch.tokens_id)
        mask, z = batch.mask, latent.z
        n_objects = mask.sum()
        terms, made = {}, batch.tokens_cont
        if self.model.training:
            terms["noise_mse"] = Term(self._drawn_noise_mse(batch, z), n_objects)
        else:
            made = self.decoder.reconstruct(z, self.decoder.sampling_steps)
            per_event = self.noise_errors(batch, z)
            per_level = (per_event * mask.sum(dim=1)).sum(dim=1) / n_objects.clamp(min=1)
            terms["noise_mse"] = Term(per_level.mean(), n_objects)
            terms["token_mse"] = Term(token_mse(made, batch.tokens_cont, mask), n_objects)
            named = zip(NOISE_LEVELS, per_level, strict=True)
            terms |= {level_name(level): Term(value, n_objects) for level, value in named}
        return terms | self.reconstruction_terms(self.decoder.heads(z, mask, made), latent, batch)

    def reconstruction_terms(
        self, reconstruction: Reconstruction, latent: LatentOutput, batch: EventBatch
    ) -> Terms:
        """The terms beside the error of the noise: of types, event-wide numbers, latent space.

        While it trains no features are reconstructed: those of `reconstruction` are the true ones.
        """
        return self.other_terms(reconstruction, latent, batch)

    def figure_data(self, splits: Splits, due: set[str], val: Means) -> dict[str, Any]:
        """As for `loop=ae`, and for the family `diffusion` the errors of the samplers."""
        data = super().figure_data(splits, due, val)
        if "diffusion" in due:
            data["diffusion"] = sampler_errors(self, splits.val)
        return data

    def _drawn_noise_mse(self, batch: EventBatch, z: Tensor) -> Tensor:
        """The mean squared error of the noise at steps that are spread over all there are.

        One number is drawn and shifted for each event (Kingma et al., arXiv:2107.00630): the loss
        differs less from batch to batch than with a step drawn for each.
        """
        denoiser, n_events = self.decoder.denoiser, len(z)
        shift = torch.arange(n_events, device=z.device) / max(n_events, 1)
        place = (torch.rand((), device=z.device) + shift) % 1
        step = 1 + (place * denoiser.n_steps).long().clamp(max=denoiser.n_steps - 1)
        noise = torch.randn_like(batch.tokens_cont)
        noised = add_noise(batch.tokens_cont, noise, denoiser.kept[step].view(-1, 1, 1))
        _, told = denoiser(noised, step, denoiser.of_latent(z))
        return token_mse(told, noise, batch.mask)

    def noise_errors(self, batch: EventBatch, z: Tensor) -> Tensor:
        """The error of the noise at each level, of each event: [L, B], the mean over directions."""
        denoiser, mask = self.decoder.denoiser, batch.mask
        # A denoiser looks at each object by itself, so that padding can be left out.
        tokens, condition = batch.tokens_cont[mask], denoiser.of_latent(z[mask])
        of_objects = torch.zeros(len(NOISE_LEVELS), *mask.shape).to(z)
        for number, level in enumerate(NOISE_LEVELS):
            step = step_of(denoiser, level)
            errors = torch.zeros_like(tokens[:, 0])
            for noise in self.noise[number].to(z):
                noised = add_noise(tokens, noise, denoiser.kept[step])
                _, told = denoiser(noised, step, condition)
                errors += (told - noise).square().mean(dim=1)
            of_objects[number, mask] = errors / len(self.noise[number])
        return of_objects.sum(dim=2) / mask.sum(dim=1).clamp(min=1)

    def outcome(self, batch: EventBatch) -> Outcome:
        """The reconstruction of each event and its error, and the error of the noise."""
        z = self.model.latent(batch.tokens_cont, batch.tokens_id).z
        features = self.decoder.reconstruct(z, self.decoder.sampling_steps)
        made = self.decoder.heads(z, batch.mask, features)
        scores = {
            "reconstruction_error": self.reconstruction_error(made, batch),
            "denoising_error": self.noise_errors(batch, z).mean(dim=0),
        }
        return Outcome(scores, made)

    def reconstruction_error(self, made: Reconstruction, batch: EventBatch) -> Tensor:
        """As that of `loop=ae`: the features count 1, types and event-wide numbers as in the loss.

        The loss itself does not have the error of the features.
        """
        features = self.errors_of_events(made, batch)["token_mse"]
        return features + super().reconstruction_error(made, batch)


def fixed_noise(n_features: int, seed: int = 0) -> Tensor:
    """The noise of an evaluation: for each level other directions [L, 2 F, F]."""
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([balanced_noise(n_features, generator) for _ in NOISE_LEVELS])


def step_of(denoiser: Denoiser, level: float) -> int:
    """The step of the noise at a level; at least the first one."""
    return max(1, round(level * denoiser.n_steps))


def level_name(level: float) -> str:
    """What the error of the noise at a level is called."""
    return f"noise_mse_at_{round(100 * level)}"


def build(cfg: Any, device: torch.device, batches_per_epoch: int) -> DiffusionObjective:
    """The objective that the config describes, with its optimiser and the average of its weights.

    Raises
    ------
    ConfigError
        As `build_from_config`, or if the decoder cannot denoise.
    """
    model = build_from_config(cfg).to(device)
    if not isinstance(getattr(model.decoder, "denoiser", None), Denoiser):
        raise ConfigError(
            f"phase1.decoder: {cfg.phase1.decoder.get('_target_')} has no denoiser to train",
            "Use phase1/decoder=diffusion, or a subclass of its DiffusionDecoder.",
        )
    settings, trainer = cfg.diffusion_ae, cfg.phase1.trainer
    objective = DiffusionObjective(model, dict(settings.loss_weights))
    objective.optimisation = Optimisation(
        model.parameters(), trainer, batches_per_epoch, settings.average_decay
    )
    return objective


def train(cfg: Any) -> dict[str, Any]:
    """Train a diffusion autoencoder: as `autoencoder.train`, with `cfg.diffusion_ae`.

    It also raises a `ConfigError` if the decoder cannot denoise.
    """
    with Session(cfg, SUPPORTED_PLOT_FAMILIES) as session:
        splits = load(cfg, session.device)
        objective = build(cfg, session.device, len(splits.train))
        baseline = baseline_loss(splits, objective)
        return autoencoder.train_on_events(session, objective, splits, baseline)


def baseline_loss(splits: Splits, objective: DiffusionObjective) -> float:
    """The validation loss of who knows the mean and the spread of the features, and no more.

    Of normalised features, 0 and 1: the noise is then most likely a fixed part of what is seen, and
    its error the variance that is left of the data.
    """
    denoiser = objective.decoder.denoiser
    kept = [float(denoiser.kept[step_of(denoiser, level)]) for level in NOISE_LEVELS]
    terms = autoencoder.baseline_terms(splits, objective)
    return objective.loss_of(terms | {"noise_mse": math.fsum(kept) / len(kept)})


@torch.inference_mode()
def sampler_errors(objective: DiffusionObjective, val_dl: TensorBatches) -> dict[str, Any]:
    """The error of some reconstructed validation events by the number of steps: lists [S].

    `steps`; `deterministic` and `ancestral`, mean squared errors; and `sampling_steps`, which is
    among the steps.
    """
    objective.model.eval()
    decoder = objective.decoder
    batch = EventBatch(*(tensor[:_FIGURE_EVENTS] for tensor in val_dl.tensors))
    z = objective.model.latent(batch.tokens_cont, batch.tokens_id).z
    generator = torch.Generator(z.device).manual_seed(0)
    wanted = {*FIGURE_STEPS, decoder.sampling_steps}
    steps = sorted(number for number in wanted if number <= decoder.denoiser.n_steps)

    def error(made: Tensor) -> float:
        return float(token_mse(made, batch.tokens_cont, batch.mask))

    return {
        "steps": steps,
        "deterministic": [error(decoder.reconstruct(z, number)) for number in steps],
        "ancestral": [error(decoder.generate(z, number, generator)) for number in steps],
        "sampling_steps": decoder.sampling_steps,
    }
