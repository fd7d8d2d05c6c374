"""What past runs tell of a training that has not begun."""

from __future__ import annotations

import socket
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import FactsError
from engine.library.flat import flatten
from engine.library.summary import RunSummary
from engine.tables.groups import PLACES, SEED

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


def past_runs(root: str | None) -> list[RunSummary]:
    """All runs below an output root, the newest first; none where there is no such folder."""
    from engine.library.index import Index

    if root is None or not Path(root).is_dir():
        return []
    try:
        runs = Index(root).refresh()
    except FactsError:  # not ours to list: then nothing is known of past runs
        return []
    return sorted(runs, key=lambda run: run.started or 0.0, reverse=True)


def settings(config: dict[str, Any]) -> Flat:
    """What a resolved config trains, flat: without places, logging and what to do with the run."""
    return {
        key: value
        for key, value in flatten(config).items()
        if key not in PLACES and key.partition(".")[0] not in _ASIDE
    }


def twins(wanted: Flat, runs: Sequence[RunSummary]) -> Twins:
    """The runs whose settings are those of `wanted`, but for the seed or with it."""
    without_seed = _without_seed(wanted)
    alike = [run for run in runs if run.config and _without_seed(_flat(run)) == without_seed]
    seed = wanted.get(SEED)
    equal = [run for run in alike if seed is not None and run.config.get(SEED) == seed]
    return Twins(equal, [run for run in alike if run not in equal])


def like(wanted: Flat, runs: Sequence[RunSummary]) -> Like | None:
    """How fast the runs were that have the loop, components, device and data of `wanted`."""
    host = socket.gethostname()
    kind = _kind(wanted)
    times = [
        run.epoch_time_s
        for run in runs
        if run.epoch_time_s and run.host == host and run.config and _kind(_flat(run)) == kind
    ]
    if not times:
        return None
    return Like(len(times), host, statistics.median(times), min(times), max(times))


def _flat(run: RunSummary) -> Flat:
    """The settings of a run, whose config is flat already."""
    return {
        key: value
        for key, value in run.config.items()
        if key not in PLACES and key.partition(".")[0] not in _ASIDE
    }


def _without_seed(flat: Flat) -> Flat:
    return {key: value for key, value in flat.items() if key != SEED}


def _kind(flat: Flat) -> Flat:
    """The loop, the components by their classes, the device and the data."""
    return {
        key: value
        for key, value in flat.items()
        if key in ("loop", "device") or key.startswith("data.") or key.endswith("._target_")
    }
