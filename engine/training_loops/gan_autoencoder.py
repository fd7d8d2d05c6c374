"""`loop=gan_ae`: reconstruct events so that a second network cannot tell them from real ones."""

from __future__ import annotations

import functools
import math
from typing import Any

import torch
from torch import Tensor

from engine.architectures.autoencoder.base import build_from_config
from engine.architectures.autoencoder.discriminator import (
    AdversarialAutoencoder,
    Discriminator,
    made_tokens,
    real_tokens,
)
from engine.architectures.autoencoder.losses.adversarial import (
    discriminator_loss,
    generator_loss,
    r1_penalty,
)
from engine.architectures.autoencoder.outputs import AutoencoderOutput
from engine.data.batches import TensorBatches
from engine.data.fields import EventBatch
from engine.evaluation.outcome import Outcome
from engine.training_loops import autoencoder
from engine.training_loops.autoencoder import AutoencoderObjective, load
from engine.training_loops.games import LOSSES, Game, frozen, standing
from engine.training_loops.loading import Splits
from engine.training_loops.objective import Means, NonFiniteLoss, Term, Terms, require_finite
from engine.training_loops.optimisation import Optimisation
from engine.training_loops.session import Session

SUPPORTED_PLOT_FAMILIES = autoencoder.SUPPORTED_PLOT_FAMILIES | {"adversarial"}

_FIGURE_EVENTS = 2000

__all__ = ["AdversarialObjective", "build", "load", "train"]


class AdversarialObjective(AutoencoderObjective):
    """The reconstruction loss of `loop=ae`, and games against one or two adversaries.

    In each step the adversaries learn from the events as they are reconstructed now, and then the
    autoencoder from the adversaries as they have become. The loss that is told, of the training
    as of the validation, is that of the reconstruction alone: so it compares with `loop=ae`.

    Parameters
    ----------
    model
        The autoencoder and its adversaries.
    loss_weights
        What each term of the reconstruction loss counts.
    game_weights
        What `adversarial_loss` and `prior_loss` count beside it.
    r1_weight
        What the gradient penalty counts in the loss of an adversary; 0 for none.
    """

    model: AdversarialAutoencoder
    opponents: dict[str, Optimisation]

    def __init__(
        self,
        model: AdversarialAutoencoder,
        loss_weights: dict[str, float],
        game_weights: dict[str, float],
        r1_weight: float,
    ) -> None:
        super().__init__(model, loss_weights)
        self.game_weights = game_weights
        self.r1_weight = r1_weight
        self.n_types = model.embedding.types.num_embeddings

    def terms(self, batch: EventBatch) -> Terms:
        """The terms of the reconstruction; in evaluation also how the games stand."""
        encoded, output = self.reconstruct(batch)
        terms = self.reconstruction_terms(output.reconstruction, output.latent, batch)
        if not self.model.training:
            for game in self.games(batch, encoded, output):
                made = game.judge(game.made)
                terms |= standing(game, game.judge(game.real), made)
                terms[LOSSES[game.adversary]] = Term(generator_loss(made), len(made))
        return terms

    def train_batch(self, batch: EventBatch) -> tuple[float, Terms]:
        """A step of each adversary, then one of the autoencoder, as `Objective.train_batch`."""
        encoded, output = self.reconstruct(batch)
        terms = self.reconstruction_terms(output.reconstruction, output.latent, batch)
        reconstruction = self.weighted_sum({name: term.value for name, term in terms.items()})
        require_finite(reconstruction.item(), terms)  # before any network takes a step
        games = self.games(batch, encoded, output)
        for game in games:
            terms |= self._train_adversary(game)
        against = {LOSSES[one.adversary]: Term(self._against(one), len(one.made)) for one in games}
        total = reconstruction + sum(
            self.game_weights[name] * term.value for name, term in against.items()
        )
        _require_finite(total, "loss of the autoencoder")
        self.optimisation.backward(total)
        terms |= against | _norm_term("autoencoder", self.optimisation)
        return reconstruction.item(), terms

    def reconstruct(self, batch: EventBatch) -> tuple[Tensor, AutoencoderOutput]:
        """The encoder's vectors, before the latent space, and all that comes of them."""
        encoded = self.model.encode(batch.tokens_cont, batch.tokens_id)
        latent = self.model.latent_space(encoded, batch.mask)
        return encoded, AutoencoderOutput(self.model.decoder(latent.z, batch.mask), latent)

    def games(self, batch: EventBatch, encoded: Tensor, output: AutoencoderOutput) -> list[Game]:
        """What each adversary is shown of a batch."""
        made = output.reconstruction
        judge = functools.partial(self.model.discriminator, mask=batch.mask)
        real = real_tokens(batch.tokens_cont, batch.tokens_id, self.n_types)
        games = [Game("discriminator", judge, real, made_tokens(made.tokens_cont, made.id_logits))]
        if self.model.critic is not None:
            vectors = encoded[batch.mask]
            games.append(Game("critic", self.model.critic, self._prior(vectors), vectors))
        return games

    def _prior(self, like: Tensor) -> Tensor:
        """As many standard normal vectors [N, D]; in an evaluation the same ones every time."""
        if self.model.training:
            return torch.randn_like(like)
        generator = torch.Generator().manual_seed(0)
        return torch.randn(like.shape, generator=generator).to(like)

    def _train_adversary(self, game: Game) -> Terms:
        """Gradients of an adversary, and a step when it is time for one."""
        opponent = self.opponents[game.adversary]
        game = game._replace(real=game.real.requires_grad_(self.r1_weight > 0))
        real, made = game.judge(game.real), game.judge(game.made.detach())
        loss = discriminator_loss(real, made)
        if self.r1_weight > 0:
            loss = loss + self.r1_weight * r1_penalty(real, game.real)
        _require_finite(loss, f"loss of the {game.adversary}")
        opponent.backward(loss)
        return standing(game, real, made) | _norm_term(game.adversary, opponent)

    def _against(self, game: Game) -> Tensor:
        """What the autoencoder loses; no gradient reaches the adversary."""
        with frozen(getattr(self.model, game.adversary)):
            return generator_loss(game.judge(game.made))

    def end_epoch(self) -> None:
        """Step with gradients that are still waiting for more batches."""
        super().end_epoch()
        for opponent in self.opponents.values():
            opponent.step()

    def outcome(self, batch: EventBatch) -> Outcome:
        """As for `loop=ae`, and how little the discriminator takes the event itself for real."""
        found = super().outcome(batch)
        real = real_tokens(batch.tokens_cont, batch.tokens_id, self.n_types)
        doubt = -self.model.discriminator(real, batch.mask)
        return found._replace(scores=found.scores | {"discriminator_score": doubt})

    def figure_data(self, splits: Splits, due: set[str], val: Means) -> dict[str, Any]:
        """As for `loop=ae`, and for the family `adversarial` what the adversaries say."""
        data = super().figure_data(splits, due, val)
        if "adversarial" in due:
            data["adversarial"] = judgements(self, splits.val)
        return data

    def state_dict(self) -> dict[str, Any]:
        """Models, all optimisers and schedules, for a checkpoint."""
        opponents = {name: one.state_dict() for name, one in self.opponents.items()}
        return super().state_dict() | {"opponents": opponents}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        super().load_state_dict(state)
        for name, opponent in self.opponents.items():
            opponent.load_state_dict(state["opponents"][name])


def _norm_term(name: str, optimisation: Optimisation) -> Terms:
    """The norm of the gradient of a step that has just been taken; nothing between steps."""
    norm = optimisation.grad_norm
    return {} if norm is None else {f"{name}_grad_norm": Term(norm, 1)}


def _require_finite(loss: Tensor, what: str) -> None:
    value = loss.item()
    if not math.isfinite(value):
        raise NonFiniteLoss(f"the {what} is {value}")


def build(cfg: Any, device: torch.device, batches_per_epoch: int) -> AdversarialObjective:
    """The objective that the config describes, with an optimiser for each network.

    Raises
    ------
    ConfigError
        As `build_from_config`.
    """
    settings, trainer = cfg.gan_ae, cfg.phase1.trainer
    objective = AdversarialObjective(
        _model(cfg).to(device),
        dict(settings.loss_weights),
        {
            "adversarial_loss": settings.adversarial_weight,
            "prior_loss": settings.prior_weight,
        },
        settings.r1_weight,
    )
    adversaries, learners = objective.model.split()
    objective.optimisation = Optimisation(learners, trainer, batches_per_epoch, keep_norm=True)
    objective.opponents = {
        name: Optimisation(network.parameters(), trainer, batches_per_epoch, keep_norm=True)
        for name, network in adversaries.items()
    }
    return objective


def _model(cfg: Any) -> AdversarialAutoencoder:
    """The autoencoder of the config, and the adversaries that it needs."""
    model, settings = build_from_config(cfg), cfg.gan_ae
    sizes = len(cfg.data.features), len(cfg.data.type_names)
    discriminator = Discriminator(
        *sizes, settings.discriminator_hidden_dims, settings.spectral_norm
    )
    make_critic = getattr(model.encoder, "make_critic", None)
    critic = None if make_critic is None else make_critic(settings.spectral_norm)
    return AdversarialAutoencoder(model, discriminator, critic)


def train(cfg: Any) -> dict[str, Any]:
    """Train an autoencoder against a discriminator: as `autoencoder.train`, with `cfg.gan_ae`."""
    with Session(cfg, SUPPORTED_PLOT_FAMILIES) as session:
        splits = load(cfg, session.device)
        objective = build(cfg, session.device, len(splits.train))
        baseline = objective.loss_of(autoencoder.baseline_terms(splits, objective))
        return autoencoder.train_on_events(session, objective, splits, baseline)


@torch.inference_mode()
def judgements(objective: AdversarialObjective, val_dl: TensorBatches) -> dict[str, Any]:
    """The logits of some validation events: adversary to `real` and `made`, arrays [N]."""
    objective.model.eval()
    batch = EventBatch(*(tensor[:_FIGURE_EVENTS] for tensor in val_dl.tensors))
    encoded, output = objective.reconstruct(batch)
    return {
        game.adversary: {
            "real": game.judge(game.real).cpu().numpy(),
            "made": game.judge(game.made).cpu().numpy(),
        }
        for game in objective.games(batch, encoded, output)
    }
