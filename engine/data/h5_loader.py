"""Collision events from HDF5.

A file has one dataset a split, [N, columns] float32; which columns are object types, features
and event-wide numbers, and what the datasets are called, stands in `configs/data/h5_tokens.yaml`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor

from engine.data.batches import TensorBatches
from engine.data.fields import PADDING, SPLITS, EventBatch
from engine.data.h5_shape import column_problems, find_labels, find_table, open_file
from engine.data.normalisation import NORMALISERS, Normaliser, trained_on
from engine.errors import ConfigError, DataError

log = logging.getLogger("engine")

_KEYS = {
    *("path", "datasets", "limit_samples", "batch_size", "norm", "log_features", "units"),
    *("n_tokens", "columns", "features", "global_features", "type_names"),
}
"""Of `cfg.data`: no events are read without them."""


@dataclass(frozen=True)
class Events:
    """One split in physical units.

    tokens_cont [N, T, F] float32 (0 where padding), tokens_id [N, T] int64,
    globals [N, G] float32, labels [N] int64 or None.
    """

    tokens_cont: Tensor
    tokens_id: Tensor
    globals: Tensor
    labels: Tensor | None

    @property
    def mask(self) -> Tensor:
        """[N, T] bool: True where there is an object."""
        return self.tokens_id != PADDING


def make_dataloaders(
    cfg: Any,
) -> tuple[TensorBatches, TensorBatches, TensorBatches, dict[str, Any]]:
    """Training, validation and test batches of normalised events, and a description of them.

    Parameters
    ----------
    cfg
        A config with `data` as in `configs/data/h5_tokens.yaml`. Where one that was made by hand
        lacks some of it, the whole config is filled in place with what the default one has. Of one
        with the `token_normaliser` and `global_normaliser` of a model in `trained_on`, as
        `engine evaluate` gives them, none are fitted.

    Returns
    -------
    tuple
        Three `TensorBatches` of `EventBatch` (only the training one shuffles), and `meta`:
        the numbers of events, tokens, features and types, names and units, the fitted
        `token_normaliser` and `global_normaliser`, the labels [N] of each split, and the names
        of the classes.

    Raises
    ------
    ConfigError
        If the columns of the config contradict its numbers of tokens and features.
    DataError
        If the file is missing, truncated, not of the described shape, or holds values that are
        not finite.
    FactsError
        If a normaliser in `trained_on` is none of these features.
    """
    data = cfg.data
    if not set(data) >= _KEYS:
        from engine.config.complete import complete  # a command's config lacks nothing

        log.info("default values for %s", ", ".join(complete(cfg)))
    problems = column_problems(data)
    if problems:
        raise ConfigError.from_problems(problems)
    splits = _read_splits(Path(data.path).expanduser(), data)
    tokens, globals_ = _recorded(cfg, data) or _fit(splits["train"], data)
    seed = cfg.phase1.trainer.get("seed", 0)
    batches = {
        name: TensorBatches(
            _normalised(events, tokens, globals_),
            EventBatch,
            data.batch_size,
            (seed or 0) if name == "train" else None,
        )
        for name, events in splits.items()
    }
    meta = _describe(data, splits) | dict(zip(NORMALISERS, (tokens, globals_), strict=True))
    return batches["train"], batches["val"], batches["test"], meta


def _read_splits(path: Path, data: Any) -> dict[str, Events]:
    """All three splits of the file, at most `data.limit_samples` events of each."""
    with open_file(path) as file:
        return {split: _read_split(file, path, split, data) for split in SPLITS}


def _read_split(file: h5py.File, path: Path, split: str, data: Any) -> Events:
    """One split, checked against the column layout of the config."""
    name = data.datasets.events[split]
    table = _read_table(file, path, name, data.limit_samples, data.columns.total)
    columns = {key: slice(*data.columns[key]) for key in ("ids", "globals", "tokens")}
    ids = table[:, columns["ids"]]
    _check_ids(ids, path, name, len(data.type_names))
    tokens_id = torch.from_numpy(ids.astype(np.int64))
    tokens_cont = torch.from_numpy(table[:, columns["tokens"]].copy())
    tokens_cont = tokens_cont.reshape(len(table), data.n_tokens, len(data.features))
    tokens_cont[tokens_id == PADDING] = 0.0
    return Events(
        tokens_cont,
        tokens_id,
        torch.from_numpy(table[:, columns["globals"]].copy()),
        _read_labels(file, path, data.datasets.labels[split], len(table)),
    )


def _read_table(file: h5py.File, path: Path, name: str, limit: int | None, columns: int) -> Any:
    """The rows [N, columns] of one dataset as float32."""
    dataset = find_table(file, path, name, columns)
    try:
        with np.errstate(over="ignore"):  # what float32 cannot hold is found below, as infinite
            table = dataset[:limit].astype(np.float32, copy=False)
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{name} in {path} cannot be read: {error}", "Copy it again.") from error
    bad = ~np.isfinite(table).all(axis=1)
    if bad.any():
        raise DataError(
            f"{name} in {path} has NaN or infinite values in {bad.sum()} of {len(table)} events, "
            f"first in event {bad.argmax()}",
            "Remove these events from the file.",
        )
    return table


def _check_ids(ids: Any, path: Path, name: str, n_types: int) -> None:
    """Raise unless every id is one of the types that the config names."""
    wrong = (ids < 0) | (ids >= n_types) | (ids != np.rint(ids))
    if wrong.any():
        event, place = np.argwhere(wrong)[0]
        raise DataError(
            f"{name} in {path} has the object type {ids[event, place]:g} in event {event}, "
            f"not a whole number from 0 to {n_types - 1}",
            "List every type in data.type_names, or correct data.columns.ids.",
        )
    if not (ids != PADDING).any():
        raise DataError(f"{name} in {path} has no object in any event: all are padding")


def _read_labels(file: h5py.File, path: Path, name: str | None, n_events: int) -> Tensor | None:
    """The class [N] of each event, where the file has classes."""
    labels = find_labels(file, path, name, n_events)
    if labels is None:
        return None
    try:
        return torch.from_numpy(labels[:n_events].astype(np.int64))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"the labels {name} in {path} are no whole numbers: {error}") from error


def _fit(train: Events, data: Any) -> tuple[Normaliser, Normaliser]:
    """Normalisers of the token features (real tokens only) and of the globals."""
    logs = set(data.log_features) if data.norm == "log_zscore" else set()
    token_log = torch.tensor([name in logs for name in data.features])
    global_log = torch.tensor([name in logs for name in data.global_features])
    tokens = Normaliser.fit(train.tokens_cont[train.mask], token_log)
    return tokens, Normaliser.fit(train.globals, global_log)


def _recorded(cfg: Any, data: Any) -> tuple[Normaliser, Normaliser] | None:
    """The normalisers that a model was trained with; None where they are not told."""
    told = trained_on(cfg)
    if not all(name in told for name in NORMALISERS):
        return None
    sizes = len(data.features), len(data.global_features)
    named = zip(NORMALISERS, sizes, strict=True)
    tokens, globals_ = (Normaliser.from_dict(told[name], size) for name, size in named)
    return tokens, globals_


def _normalised(events: Events, tokens: Normaliser, globals_: Normaliser) -> tuple[Tensor, ...]:
    """The three tensors of an `EventBatch`, for all events of a split."""
    tokens_cont = tokens.forward(events.tokens_cont)
    tokens_cont[~events.mask] = 0.0
    return tokens_cont, events.tokens_id, globals_.forward(events.globals)


def _describe(data: Any, splits: dict[str, Events]) -> dict[str, Any]:
    """Sizes, names and units that models, losses and figures need."""
    units = dict(data.units)
    return {
        "path": str(data.path),
        "n_events": {name: len(events.tokens_id) for name, events in splits.items()},
        "n_tokens": data.n_tokens,
        "features": list(data.features),
        "units": [units.get(name, "") for name in data.features],
        "global_features": list(data.global_features),
        "global_units": [units.get(name, "") for name in data.global_features],
        "type_names": list(data.type_names),
        "class_names": {int(k): str(v) for k, v in (data.get("class_names") or {}).items()},
        "labels": {name: events.labels for name, events in splits.items()},
    }
