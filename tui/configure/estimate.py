"""How long a draft will train, from what past runs of the same kind took."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from engine.facts.words import count, in_words
from engine.launch.job import HTCONDOR
from engine.library.summary import RunSummary
from engine.tables.groups import kind_of

if TYPE_CHECKING:
    from engine.config.form import Form

EPOCHS = "phase1.trainer.epochs"

_NEWEST = 100
"""Runs of this machine that are looked at."""


def epoch_seconds(runs: Sequence[RunSummary], settings: Mapping[str, Any]) -> float | None:
    """What an epoch of a training of this kind mostly took here lately; None if that is unknown."""
    host, kind = socket.gethostname(), kind_of(settings)
    here = [run for run in runs if run.epoch_time_s and run.host == host]
    here.sort(key=lambda run: run.started or 0.0, reverse=True)
    alike = (run.epoch_time_s for run in here[:_NEWEST] if kind_of(run.config) == kind)
    times = [seconds for seconds in alike if seconds is not None]
    return median(times) if times else None


def time_of(
    form: Form | None, seconds: float | None, runs: Sequence[RunSummary], points: int
) -> str:
    """How long a draft takes, in a few words; empty where it is not known.

    Parameters
    ----------
    seconds
        What an epoch takes; if None, what it took in past runs.
    points
        Runs of a sweep.
    """
    if form is None:
        return ""
    settings = form.settings
    seconds = seconds or epoch_seconds(runs, settings)
    on_cluster = settings.get("launcher.target") == HTCONDOR
    return total_words(seconds, settings.get(EPOCHS), points, on_cluster=on_cluster)


def total_words(
    seconds: float | None, epochs: object, points: int, *, on_cluster: bool = False
) -> str:
    """The time of all points, one after the other, in a few words; empty where it is not known.

    On a cluster they train side by side, as its nodes become free: the time of each is told.
    """
    if seconds is None or isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1:
        return ""
    if on_cluster and points > 1:
        return f"about {in_words(seconds * epochs)} for each of {count(points, 'point')}"
    total = seconds * epochs * points
    each = f"{count(points, 'point')} of " if points > 1 else ""
    return f"about {in_words(total)}" + (f" ({each}{in_words(seconds * epochs)})" if each else "")
