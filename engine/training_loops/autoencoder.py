"""`loop=ae`: reconstruct the objects of an event and their types."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor

from engine.architectures.autoencoder.base import Autoencoder, build_from_config
from engine.architectures.autoencoder.latent_spaces.codebook import count_parameters
from engine.architectures.autoencoder.latent_spaces.vq import perplexity
from engine.architectures.autoencoder.losses.reconstruction import (
    globals_mse,
    id_accuracy,
    id_cross_entropy,
    id_cross_entropy_of_events,
    token_mse,
    token_mse_of_events,
)
from engine.architectures.autoencoder.outputs import LatentOutput, Reconstruction
from engine.data.batches import TensorBatches
from engine.data.fields import EventBatch
from engine.data.normalisation import recorded
from engine.errors import ConfigError
from engine.evaluation.outcome import Outcome
from engine.training_loops.evaluating import Evaluating
from engine.training_loops.fit import Fit
from engine.training_loops.loading import Splits, load_splits
from engine.training_loops.mean_prediction import MeanPrediction
from engine.training_loops.objective import Means, Objective, Term, Terms
from engine.training_loops.optimisation import Optimisation
from engine.training_loops.session import Session

SUPPORTED_PLOT_FAMILIES = {"losses", "metrics", "recon", "codebook", "latency", "evaluation"}

_FIGURE_EVENTS = 2000


class AutoencoderObjective(Objective):
    """The weighted sum of reconstruction and latent losses.

    Parameters
    ----------
    model
        The autoencoder.
    loss_weights
        What each term counts; see `configs/loop/ae.yaml`.
    """

    model: Autoencoder
    may_lack = frozenset({"globals_mse", "commitment"})
    not_in_score = frozenset({"commitment"})
    """Terms of the loss that say nothing of an event."""
    where_terms_are_made = "A further term is made in reconstruction_terms, for the baseline too."

    def __init__(self, model: Autoencoder, loss_weights: dict[str, float]) -> None:
        self.model = model
        self.loss_weights = loss_weights
        self.n_codes = getattr(model.latent_space, "n_codes", None)

    def terms(self, batch: EventBatch) -> Terms:
        """Losses of one batch, the share of right types; in evaluation the use of each code."""
        output = self.model(batch.tokens_cont, batch.tokens_id)
        return self.reconstruction_terms(output.reconstruction, output.latent, batch)

    def reconstruction_terms(
        self, reconstruction: Reconstruction, latent: LatentOutput, batch: EventBatch
    ) -> Terms:
        """The terms of a batch that has been reconstructed."""
        tokens = token_mse(reconstruction.tokens_cont, batch.tokens_cont, batch.mask)
        terms = {"token_mse": Term(tokens, batch.mask.sum())}
        return terms | self.other_terms(reconstruction, latent, batch)

    def other_terms(
        self, reconstruction: Reconstruction, latent: LatentOutput, batch: EventBatch
    ) -> Terms:
        """All but the features of the objects: types, event-wide numbers, the latent space."""
        mask = batch.mask
        n_objects = mask.sum()
        types = id_cross_entropy(reconstruction.id_logits, batch.tokens_id)
        hits = id_accuracy(reconstruction.id_logits.detach(), batch.tokens_id)
        terms = {
            "id_cross_entropy": Term(types, n_objects),
            "id_accuracy": Term(hits, n_objects),
        }
        if reconstruction.globals is not None:
            loss = globals_mse(reconstruction.globals, batch.globals)
            terms["globals_mse"] = Term(loss, len(batch.globals))
        if latent.loss is not None:
            terms["commitment"] = Term(latent.loss, n_objects)
        if latent.codes is not None and self.n_codes and not self.model.training:
            counts = torch.bincount(latent.codes[mask].flatten(), minlength=self.n_codes)
            terms["code_counts"] = Term(counts, None)
        return terms

    def outcome(self, batch: EventBatch) -> Outcome:
        """The reconstruction of each event, and its error."""
        made = self.model(batch.tokens_cont, batch.tokens_id).reconstruction
        return Outcome({"reconstruction_error": self.reconstruction_error(made, batch)}, made)

    def reconstruction_error(self, made: Reconstruction, batch: EventBatch) -> Tensor:
        """The share [B] of each event in the loss, when this is what is made of it.

        A latent space's loss is left out: it is no property of the event.

        Raises
        ------
        ConfigError
            If `errors_of_events` lacks a term of the loss, or has not a number for each event.
        """
        errors = self.errors_of_events(made, batch)
        n_events = len(batch.mask)
        for name, values in errors.items():
            if list(values.shape) != [n_events]:
                raise ConfigError(
                    f"errors_of_events of {type(self).__name__}: {name} has the shape "
                    f"{list(values.shape)}, and has to be one number for each of {n_events} events"
                )
        lacking = self.loss_weights.keys() - errors.keys() - self.may_lack - self.not_in_score
        if lacking:
            name = min(lacking)
            raise ConfigError(
                f"the anomaly score lacks the loss term {name}: errors_of_events of "
                f"{type(self).__name__} has to give it, a number for each event",
                f"Where {name} says nothing of an event, add it to not_in_score.",
            )
        error: Tensor = self.weighted_sum(errors, self.not_in_score)
        return error

    def errors_of_events(self, made: Reconstruction, batch: EventBatch) -> dict[str, Tensor]:
        """How far each event [B] is from its reconstruction, by the names of the terms."""
        found = {
            "token_mse": token_mse_of_events(made.tokens_cont, batch.tokens_cont, batch.mask),
            "id_cross_entropy": id_cross_entropy_of_events(made.id_logits, batch.tokens_id),
        }
        if made.globals is not None:
            found["globals_mse"] = (made.globals - batch.globals).square().mean(dim=1)
        return found

    def metrics(self, counts: dict[str, Tensor]) -> dict[str, float]:
        """How well the codebook is used."""
        if "code_counts" not in counts:
            return {}
        codes = counts["code_counts"]
        return {"perplexity": perplexity(codes), "codes_used": int((codes > 0).sum())}

    def figure_data(self, splits: Splits, due: set[str], val: Means) -> dict[str, Any]:
        """What the plot families that are due draw of events and codes."""
        data: dict[str, Any] = {}
        if "recon" in due:
            data["recon"] = reconstruction_sample(self.model, splits.val, splits.meta)
        if "codebook" in due and "code_counts" in val.counts:
            data["codebook"] = {"counts": val.counts["code_counts"].cpu().numpy()}
        return data


def load(cfg: Any, device: torch.device) -> Splits:
    """The events that the config names, on `device`; raises as `load_splits`."""
    return load_splits(cfg, device, "h5", "Use data=h5_tokens, or loop=test_mlp for toy data.")


def build(cfg: Any, device: torch.device, batches_per_epoch: int) -> AutoencoderObjective:
    """The objective that the config describes, with its optimiser."""
    model = build_from_config(cfg).to(device)
    objective = AutoencoderObjective(model, dict(cfg.ae.loss_weights))
    trainer = cfg.phase1.trainer
    objective.optimisation = Optimisation(model.parameters(), trainer, batches_per_epoch)
    return objective


def train(cfg: Any) -> dict[str, Any]:
    """Train an autoencoder.

    Parameters
    ----------
    cfg
        A config with `phase1`, `data`, `logging`, `device` and `ae`.

    Returns
    -------
    dict
        As `Fit.run`: `final_val_loss`, `best_val_loss`, `best_epoch`, `test_loss`,
        `baseline_val_loss`.

    Raises
    ------
    ConfigError, DataError
        If the device or the data are not there.
    TrainingError
        If the loss is not finite or memory runs out.
    """
    with Session(cfg, SUPPORTED_PLOT_FAMILIES) as session:
        splits = load(cfg, session.device)
        objective = build(cfg, session.device, len(splits.train))
        baseline = objective.loss_of(baseline_terms(splits, objective))
        return train_on_events(session, objective, splits, baseline)


def train_on_events(
    session: Session, objective: AutoencoderObjective, splits: Splits, baseline: float
) -> dict[str, Any]:
    """Train an objective whose model is an autoencoder, as `train`, from `on_start` on."""
    objective.model.set_feature_spread(splits.meta["token_normaliser"].std)
    evaluating = Evaluating(session, objective, splits.test, splits.meta)
    described = _describe(objective.model, splits.meta)
    session.start(described, {"baseline_val_loss": baseline})
    fit = Fit(
        session,
        objective,
        splits[:3],
        session.cfg.phase1.trainer,
        baseline,
        functools.partial(objective.figure_data, splits),
        evaluating,
    )
    return fit.run()


def baseline_terms(splits: Splits, objective: AutoencoderObjective) -> dict[str, float]:
    """The terms of predicting for every validation object the mean of the training split.

    Who does that has nothing in the latent space: its vectors are 0.

    Raises
    ------
    ConfigError
        If a loss weight has no term, or the score of an event lacks one.
    """
    _, train_ids, _ = splits.train.tensors
    n_types = objective.model.embedding.types.num_embeddings
    batch = EventBatch(*splits.val.tensors)
    made = MeanPrediction(train_ids, n_types, has_globals(objective.model))(batch)
    width: Any = objective.model.latent_space.output_dim
    nothing = LatentOutput(batch.tokens_cont.new_zeros(*batch.tokens_id.shape, width))
    terms = objective.reconstruction_terms(made, nothing, batch)
    means = {name: float(term.value) for name, term in terms.items() if term.weight is not None}
    # What loss or score lack is better told now than when the training is over.
    objective.weighted_sum(means, objective.not_in_score)
    objective.reconstruction_error(made, batch)
    return means


def has_globals(model: Autoencoder) -> bool:
    """Whether it reconstructs event-wide numbers too."""
    return getattr(model.decoder, "globals_head", None) is not None


@torch.inference_mode()
def reconstruction_sample(
    model: Autoencoder, val_dl: TensorBatches, meta: dict[str, Any]
) -> dict[str, Any]:
    """True and reconstructed objects of some validation events in physical units, as arrays.

    `truth` and `reconstruction` are [N, F] over the N real objects, `id_truth` and
    `id_prediction` [N]; with a globals head also `globals_truth` and `globals_reconstruction`
    [B, G].
    """
    model.eval()
    tokens_cont, ids, globals_ = (tensor[:_FIGURE_EVENTS] for tensor in val_dl.tensors)
    pieces = zip(tokens_cont.split(val_dl.batch_size), ids.split(val_dl.batch_size), strict=True)
    reconstruction = _joined([model(*piece).reconstruction for piece in pieces])
    mask, tokens = ids > 0, meta["token_normaliser"]
    sample = {
        "features": meta["features"],
        "units": meta["units"],
        "truth": tokens.inverse(tokens_cont[mask].cpu()).numpy(),
        "reconstruction": tokens.inverse(reconstruction.tokens_cont[mask].cpu()).numpy(),
        "id_names": meta["type_names"],
        "id_truth": ids[mask].cpu().numpy(),
        "id_prediction": reconstruction.id_logits[mask].argmax(dim=-1).cpu().numpy(),
    }
    if reconstruction.globals is not None:
        inverse = meta["global_normaliser"].inverse
        sample["global_features"] = meta["global_features"]
        sample["global_units"] = meta["global_units"]
        sample["globals_truth"] = inverse(globals_.cpu()).numpy()
        sample["globals_reconstruction"] = inverse(reconstruction.globals.cpu()).numpy()
    return sample


def _joined(parts: list[Reconstruction]) -> Reconstruction:
    """The reconstructions of batches, as one of all their events."""
    globals_ = [part.globals for part in parts if part.globals is not None]
    return Reconstruction(
        tokens_cont=torch.cat([part.tokens_cont for part in parts]),
        id_logits=torch.cat([part.id_logits for part in parts]),
        globals=torch.cat(globals_) if globals_ else None,
    )


def _describe(model: Autoencoder, meta: dict[str, Any]) -> dict[str, Any]:
    """What `on_start` says of the data and the model."""
    return {
        "path": meta["path"],
        "n_events": meta["n_events"],
        "n_parameters": count_parameters(model)[1],
    } | recorded(meta)
