"""One pass over events: their scores, and what became of them in physical units."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.architectures.autoencoder.outputs import Reconstruction
from engine.data.batches import TensorBatches
from engine.data.fields import EventBatch
from engine.data.normalisation import NORMALISERS
from engine.errors import ConfigError, TrainingError
from engine.evaluation.outcome import Outcome

_REHEARSED = 8
"""Events that an evaluation is tried out with."""


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
    ConfigError
        If the outcome is none, or a score is not one number for each event, or `meta` lacks what
        tells of the events.
    TrainingError
        If a score is not finite.
    """
    objective.model.eval()
    scores: dict[str, list[Tensor]] = {}
    parts: list[dict[str, Tensor]] = []
    for batch, n_events in zip(batches, _sizes(batches), strict=True):
        if stop_asked():
            return None
        outcome = _require_outcome(objective, objective.outcome(batch), n_events)
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


def rehearse(objective: Evaluated, batches: TensorBatches, meta: dict[str, Any]) -> None:
    """Evaluate some events with a model that is yet to be trained, which tells of mistakes early.

    It changes no state of randomness.

    Raises
    ------
    ConfigError
        As `collect`; or if `meta` has no label for each event, or no names of classes.
    """
    some = tuple(tensor[:_REHEARSED] for tensor in batches.tensors)
    with torch.random.fork_rng():
        found = collect(objective, TensorBatches(some, batches.make_batch, _REHEARSED), meta)
    labels = (meta.get("labels") or {}).get("test")
    if found is None or not found.scores or labels is None:
        return
    if tuple(labels.shape) != (batches.n_events,):
        raise ConfigError(
            f"meta['labels']['test'] has the shape {list(labels.shape)}, and has to be a class for "
            f"each of the {batches.n_events} events of the test split"
        )
    if not isinstance(meta.get("class_names") or {}, dict):
        raise ConfigError("meta['class_names'] has to be a mapping: number of a class to its name")


def _sizes(batches: TensorBatches) -> Iterator[int]:
    """How many events each batch has."""
    for start in range(0, batches.n_events, batches.batch_size):
        yield min(batches.batch_size, batches.n_events - start)


def _require_outcome(objective: Evaluated, outcome: Any, n_events: int) -> Outcome:
    """The outcome of a batch of so many events, if it is one."""
    name = f"outcome of {type(objective).__name__}"
    if not isinstance(outcome, Outcome):
        raise ConfigError(f"{name} gives {type(outcome).__name__}, and has to give an Outcome")
    for score, values in outcome.scores.items():
        shape = list(getattr(values, "shape", ()))
        if shape != [n_events]:
            raise ConfigError(
                f"{name}: the score {score} has the shape {shape}, and has to be one number for "
                f"each of the {n_events} events of a batch: [{n_events}]"
            )
    return outcome


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
    named = ("features", "units", "global_features", "global_units")
    missing = [name for name in (*named, "type_names", *NORMALISERS) if name not in meta]
    if missing:
        raise ConfigError(f"meta of the data lacks {', '.join(missing)}, which tell of the events")
    joined = {name: torch.cat([part[name] for part in parts]).cpu() for name in parts[0]}
    tokens, globals_ = (meta[name] for name in NORMALISERS)
    for name in ("truth", "reconstruction"):
        joined[name] = tokens.inverse(joined[name])
        if f"globals_{name}" in joined:
            joined[f"globals_{name}"] = globals_.inverse(joined[f"globals_{name}"])
    arrays = {name: values.numpy() for name, values in joined.items()}
    return {name: meta[name] for name in named} | {"id_names": meta["type_names"]} | arrays
