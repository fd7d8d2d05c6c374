"""What past runs tell of a training that has not begun."""

from __future__ import annotations

import json
import socket
import statistics
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from engine.errors import FactsError
from engine.library.flat import flatten
from engine.library.summary import RunSummary
from engine.tables.cells import identity
from engine.tables.groups import SEED, kind_of, says_where

Flat = dict[str, Any]

_ASIDE = ("logging", "run")
"""Groups that say nothing of what is trained."""


@dataclass(frozen=True)
class Like:
    """How fast past runs of the same kind were, on this host; seconds of an epoch."""

    runs: int
    host: str
    median_s: float
    lowest_s: float
    highest_s: float


@dataclass(frozen=True)
class Twins:
    """Names of past runs, the newest first."""

    equal: list[RunSummary]
    """Those with an equal config."""
    other_seed: list[RunSummary]
    """Those whose config differs in the seed alone."""


class Past:
    """The runs below an output root, found by what they trained.

    Parameters
    ----------
    root
        The output root; where there is no such folder nothing is known of past runs.
    """

    def __init__(self, root: str | None) -> None:
        self._alike: dict[Hashable, list[RunSummary]] = {}
        self._kinds: dict[Hashable, list[RunSummary]] = {}
        for run in _runs(root):
            if run.config:
                flat = _trained(run.config)
                self._alike.setdefault(_but_seed(flat), []).append(run)
                self._kinds.setdefault(kind_of(flat), []).append(run)

    def twins(self, wanted: Flat) -> Twins:
        """The runs whose settings are those of `wanted`, but for the seed or with it."""
        alike, seed = self._alike.get(_but_seed(wanted), []), wanted.get(SEED)
        equal = [run for run in alike if seed is not None and run.config.get(SEED) == seed]
        return Twins(equal, [run for run in alike if run not in equal])

    def like(self, wanted: Flat) -> Like | None:
        """How fast the runs were that have the loop, components, device and data of `wanted`."""
        host = socket.gethostname()
        runs = [run for run in self._kinds.get(kind_of(wanted), []) if run.host == host]
        times = [run.epoch_time_s for run in runs if run.epoch_time_s]
        if not times:
            return None
        return Like(len(times), host, statistics.median(times), min(times), max(times))


def _runs(root: str | None) -> list[RunSummary]:
    """All runs below a root, the newest first."""
    from engine.library.index import Index

    if root is None or not Path(root).is_dir():
        return []
    try:
        runs = Index(root).refresh()
    except FactsError:  # not ours to list: then nothing is known of past runs
        return []
    return sorted(runs, key=lambda run: run.started or 0.0, reverse=True)


def settings(cfg: Any) -> Flat:
    """What a config trains, flat and as the facts of a run would have it.

    Places, logging and what to do with the run are left out.
    """
    config = OmegaConf.to_container(cfg, resolve=True)
    return _trained(flatten(json.loads(json.dumps(config, default=str))))


def _trained(flat: Flat) -> Flat:
    return {
        key: value
        for key, value in flat.items()
        if not says_where(key) and key.partition(".")[0] not in _ASIDE
    }


def _but_seed(flat: Flat) -> Hashable:
    return identity({key: value for key, value in flat.items() if key != SEED})
