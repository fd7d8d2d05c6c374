"""`loop=test_mlp`: a small supervised network, on toy data or on labelled events."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from engine.architectures.simple.mlp import MLP
from engine.data.batches import TensorBatches
from engine.data.fields import SampleBatch
from engine.data.normalisation import recorded
from engine.evaluation.outcome import Outcome
from engine.training_loops.evaluating import Evaluating
from engine.training_loops.fit import Fit
from engine.training_loops.loading import Splits, load_splits
from engine.training_loops.objective import Objective, Term, Terms
from engine.training_loops.optimisation import Optimisation
from engine.training_loops.session import Session
from engine.training_loops.supervised import load_supervised, n_inputs

SUPPORTED_PLOT_FAMILIES = {"losses", "metrics", "latency", "evaluation"}


class RegressionObjective(Objective):
    """Mean squared error of one number."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.loss_weights = {"mse": 1.0}

    def terms(self, batch: SampleBatch) -> Terms:
        """The loss of one batch."""
        predicted = self.model(batch.inputs).squeeze(-1)
        return {"mse": Term(functional.mse_loss(predicted, batch.targets), len(batch.targets))}


class BinaryObjective(Objective):
    """Cross entropy, in nats, of a yes or no."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.loss_weights = {"cross_entropy": 1.0}

    def terms(self, batch: SampleBatch) -> Terms:
        """Loss and share of right answers of one batch."""
        logits = self.model(batch.inputs).squeeze(-1)
        loss = functional.binary_cross_entropy_with_logits(logits, batch.targets)
        hits = ((logits > 0) == (batch.targets > 0.5)).double().mean()
        weight = len(batch.targets)
        return {"cross_entropy": Term(loss, weight), "accuracy": Term(hits, weight)}

    def outcome(self, batch: SampleBatch) -> Outcome:
        """The probability of each sample to be a yes: what a score can reach at best."""
        return Outcome({"signal_probability": self.model(batch.inputs).squeeze(-1).sigmoid()})


OBJECTIVES: dict[str, type[RegressionObjective] | type[BinaryObjective]] = {
    "regression": RegressionObjective,
    "binary": BinaryObjective,
}


def load(cfg: Any, device: torch.device) -> Splits:
    """The data that the config describes, on `device`; raises as `load_splits`.

    Of collision events, with `task=binary`, what is signal: see `load_supervised`.
    """
    if cfg.task == "binary" and cfg.data.get("source", "h5") == "h5":
        return load_supervised(cfg, device)
    hint = "Use data=synthetic, task=binary for labelled events, or loop=ae."
    return load_splits(cfg, device, "synthetic", hint)


def build(
    cfg: Any, device: torch.device, batches_per_epoch: int
) -> RegressionObjective | BinaryObjective:
    """The objective of `cfg.task`, with its network and optimiser."""
    settings = cfg.test_mlp
    is_toy = cfg.data.get("source", "h5") == "synthetic"
    n_features = cfg.data.n_features if is_toy else n_inputs(cfg.data)
    model = MLP(n_features, 1, settings.hidden_dims, settings.dropout).to(device)
    objective = OBJECTIVES[cfg.task](model)
    trainer = cfg.phase1.trainer
    objective.optimisation = Optimisation(model.parameters(), trainer, batches_per_epoch)
    return objective


def train(cfg: Any) -> dict[str, Any]:
    """Train a small network on toy data, or on labelled events.

    Parameters
    ----------
    cfg
        A config with `phase1.trainer`, `data` (as `configs/data/synthetic.yaml`, or as
        `h5_tokens.yaml` for `task: binary`), `logging`,
        `device`, `task` (`regression` or `binary`) and `test_mlp`.

    Returns
    -------
    dict
        As `Fit.run`.

    Raises
    ------
    ConfigError
        If the device is not there.
    TrainingError
        If the loss is not finite or memory runs out.
    """
    with Session(cfg, SUPPORTED_PLOT_FAMILIES) as session:
        train_dl, val_dl, test_dl, meta = load(cfg, session.device)
        objective = build(cfg, session.device, len(train_dl))
        evaluating = Evaluating(session, objective, test_dl, meta)
        baseline = baseline_loss(train_dl, val_dl, cfg.task)
        told = ("n_features", "task", "n_events", "background")
        described = {key: meta[key] for key in told if key in meta} | recorded(meta)
        described["n_parameters"] = sum(one.numel() for one in objective.model.parameters())
        session.start(described, {"baseline_val_loss": baseline})
        trainer = cfg.phase1.trainer
        loaders = (train_dl, val_dl, test_dl)
        fit = Fit(session, objective, loaders, trainer, baseline, lambda due, val: {}, evaluating)
        return fit.run()


def baseline_loss(train_dl: TensorBatches, val_dl: TensorBatches, task: str) -> float:
    """The validation loss of predicting the training split's mean target for everything."""
    mean, targets = train_dl.tensors[1].mean(), val_dl.tensors[1]
    if task == "binary":
        return float(functional.binary_cross_entropy(mean.expand_as(targets), targets))
    return float((targets - mean).square().mean())
