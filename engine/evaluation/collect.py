"""One pass over events: their scores, and what became of them in physical units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.architectures.autoencoder.outputs import Reconstruction
from engine.data.batches import TensorBatches
from engine.data.fields import EventBatch
from engine.errors import TrainingError
from engine.evaluation.outcome import Outcome


class Evaluated(Protocol):
    """What can be evaluated: a `training_loops.objective.Objective` is."""

    model: nn.Module

    def outcome(self, batch: Any) -> Outcome:
        """Scores, and perhaps reconstructions, of the events of a batch."""


@dataclass
class Collected:
    """Scores [N] of N events by name, and reconstructed events as arrays.

    `events` is empty where the loop reconstructs none; else it has what the plot family `recon`
    draws: `features`, `units`, `truth` and `reconstruction` [objects, F], `id_names`, `id_truth`
    and `id_prediction` [objects], and with a globals head `global_features`, `global_units`,
    `globals_truth` and `globals_reconstruction` [N, G], all in physical units.
    """

    n_events: int
    scores: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    events: dict[str, Any] = field(default_factory=dict)


@torch.inference_mode()
def collect(
    objective: Evaluated,
    batches: TensorBatches,
    meta: dict[str, Any],
    stop_asked: Callable[[], bool] = lambda: False,
) -> Collected | None:
    """What the objective tells of all events, in their order; None if asked to stop.

    Raises
    ------
    TrainingError
        If a score is not finite.
    """
    objective.model.eval()
    scores: dict[str, list[Tensor]] = {}
    parts: list[dict[str, Tensor]] = []
    for batch in batches:
        if stop_asked():
            return None
        outcome = objective.outcome(batch)
        for name, values in outcome.scores.items():
            scores.setdefault(name, []).append(values)
        if outcome.reconstruction is not None:
            parts.append(_objects(batch, outcome.reconstruction))
    joined = {name: torch.cat(pieces).double().cpu().numpy() for name, pieces in scores.items()}
    for name, array in joined.items():
        bad = int((~np.isfinite(array)).sum())
        if bad:
            raise TrainingError(f"the score {name} is not finite for {bad} of {len(array)} events")
    return Collected(batches.n_events, joined, _physical(parts, meta) if parts else {})


def _objects(batch: EventBatch, made: Reconstruction) -> dict[str, Tensor]:
    """The real objects of a batch beside their reconstructions, normalised."""
    mask = batch.mask
    found = {
        "truth": batch.tokens_cont[mask],
        "reconstruction": made.tokens_cont[mask],
        "id_truth": batch.tokens_id[mask],
        "id_prediction": made.id_logits[mask].argmax(dim=-1),
    }
    if made.globals is not None:
        found |= {"globals_truth": batch.globals, "globals_reconstruction": made.globals}
    return found


def _physical(parts: list[dict[str, Tensor]], meta: dict[str, Any]) -> dict[str, Any]:
    """All parts as arrays in physical units, with their names."""
    joined = {name: torch.cat([part[name] for part in parts]).cpu() for name in parts[0]}
    tokens, globals_ = meta["token_normaliser"], meta["global_normaliser"]
    for name in ("truth", "reconstruction"):
        joined[name] = tokens.inverse(joined[name])
        if f"globals_{name}" in joined:
            joined[f"globals_{name}"] = globals_.inverse(joined[f"globals_{name}"])
    named = ("features", "units", "global_features", "global_units")
    arrays = {name: values.numpy() for name, values in joined.items()}
    return {name: meta[name] for name in named} | {"id_names": meta["type_names"]} | arrays
