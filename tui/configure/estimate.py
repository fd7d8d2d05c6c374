"""How long a draft will train, from what past runs of the same kind took."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from engine.facts.words import count, in_words
from engine.library.summary import RunSummary

if TYPE_CHECKING:
    from engine.config.form import Form

EPOCHS = "phase1.trainer.epochs"

_NEWEST = 20
"""Runs that are looked at."""


def epoch_seconds(runs: Sequence[RunSummary], loop: str) -> float | None:
    """What an epoch of this loop mostly took lately; None where that is not known."""
    alike = [run for run in runs if run.loop == loop and run.epoch_time_s]
    alike.sort(key=lambda run: run.started or 0.0, reverse=True)
    times = [run.epoch_time_s for run in alike[:_NEWEST] if run.epoch_time_s is not None]
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
    loop = next((one.chosen for one in form.groups if one.name == "loop"), None)
    epochs = next((one.value for one in form.entries if one.key == EPOCHS), None)
    return total_words(seconds or epoch_seconds(runs, loop or ""), epochs, points)


def total_words(seconds: float | None, epochs: object, points: int) -> str:
    """The time of all points, one after the other, in a few words; empty where it is not known."""
    if seconds is None or isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1:
        return ""
    total = seconds * epochs * points
    each = f"{count(points, 'point')} of " if points > 1 else ""
    return f"about {in_words(total)}" + (f" ({each}{in_words(seconds * epochs)})" if each else "")
