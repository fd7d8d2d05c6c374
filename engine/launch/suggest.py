"""What past runs of the same kind say a job should ask for: pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.facts.words import count, in_words
from engine.launch.resources import CATEGORIES, size_kib
from engine.library.summary import RunSummary
from engine.tables.groups import kind_of

SHARE = 0.95
"""Of past runs that what is suggested would have been enough for."""
MORE_MEMORY = 1.2
"""What is asked for beyond what runs took,"""
STEP_GIB = 0.5
"""rounded up to a multiple of this."""
MORE_TIME = 1.5
"""How much longer a node may take than those before; a job also has to start and to save."""
START_S = 60.0

NEWEST = 500
"""Runs that are looked at."""

_EPOCHS = "phase1.trainer.epochs"
_MEMORY, _CATEGORY = "launcher.memory", "launcher.category"
_MIB_IN_GIB = 1024.0


@dataclass(frozen=True)
class Suggestion:
    """A value for a key of the launcher."""

    key: str
    value: str
    """As an override has it."""
    why: str

    def is_new(self, value: object) -> bool:
        """Whether a config has another value: `4GB` is the same as `'4 GB'`."""
        return _bare(self.value) != _bare(str(value))

    @property
    def sentence(self) -> str:
        """All of it."""
        return f"suggested {self.value}: {self.why}"


def suggestions(
    runs: Iterable[RunSummary], settings: Mapping[str, Any], epoch_s: float | None = None
) -> dict[str, Suggestion]:
    """Key of the launcher to what to ask for; without the keys of which nothing is known.

    Parameters
    ----------
    runs
        Past runs, whatever they trained.
    settings
        The config that is to be trained, resolved and flat.
    epoch_s
        What an epoch takes, where somebody has tried; else it is told from the runs.
    """
    alike = _alike(runs, settings)
    found = [_memory(alike, settings), _category(alike, settings, epoch_s)]
    return {one.key: one for one in found if one is not None}


def too_little_memory(runs: Iterable[RunSummary], settings: Mapping[str, Any]) -> str:
    """Why the memory that a config asks for is not enough, by past runs; empty where it is."""
    alike, asked = _alike(runs, settings), _mib(settings.get(_MEMORY))
    taken = _memory_taken(alike, settings)
    if taken is None or asked is None or taken <= asked:
        return ""
    return f"{_MEMORY}: it asks for {settings[_MEMORY]}, and {_took(taken, alike)}"


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _alike(runs: Iterable[RunSummary], settings: Mapping[str, Any]) -> list[RunSummary]:
    kind, telling = kind_of(settings), [run for run in runs if run.epoch_time_s]
    telling.sort(key=lambda run: run.started or 0.0, reverse=True)
    return [run for run in telling[:NEWEST] if run.config and kind_of(run.config) == kind]


def _memory(alike: Sequence[RunSummary], settings: Mapping[str, Any]) -> Suggestion | None:
    taken = _memory_taken(alike, settings)
    if taken is None:
        return None
    gib = max(1, math.ceil(taken * MORE_MEMORY / _MIB_IN_GIB / STEP_GIB)) * STEP_GIB
    return Suggestion(_MEMORY, f"{gib:g} GB", _took(taken, alike))


def _memory_taken(alike: Sequence[RunSummary], settings: Mapping[str, Any]) -> float | None:
    """What nearly all took, in MiB; of those on a GPU it is not known, as the facts have its."""
    if str(settings.get("device", "")).startswith("cuda") or settings.get("launcher.gpus"):
        return None
    taken = [run.max_memory_mib for run in alike if run.max_memory_mib]
    return quantile(taken, SHARE) if taken else None


def _took(taken: float, alike: Sequence[RunSummary]) -> str:
    n = sum(1 for run in alike if run.max_memory_mib)
    amount = f"{taken / _MIB_IN_GIB:.2g} GB" if taken >= 100 else f"{taken:.0f} MB"
    return f"{_nearly_all(n)} took at most {amount}"


def _category(
    alike: Sequence[RunSummary], settings: Mapping[str, Any], epoch_s: float | None
) -> Suggestion | None:
    expected = _expected_s(alike, settings, epoch_s)
    if expected is None:
        return None
    needed = expected * MORE_TIME + START_S
    fitting = [name for name, limit in CATEGORIES.items() if needed <= limit]
    chosen = fitting[0] if fitting else list(CATEGORIES)[-1]
    why = f"{settings[_EPOCHS]} epochs take about {in_words(expected)}"
    times = [run.epoch_time_s for run in alike if run.epoch_time_s]
    why += "" if epoch_s else f", by {count(len(times), 'run')} of this kind"
    why += f", and such a job may take {in_words(CATEGORIES[chosen])}"
    return Suggestion(_CATEGORY, chosen, why)


def _expected_s(
    alike: Sequence[RunSummary], settings: Mapping[str, Any], epoch_s: float | None
) -> float | None:
    """How long all epochs take; None where that is not known."""
    epochs = settings.get(_EPOCHS)
    times = [run.epoch_time_s for run in alike if run.epoch_time_s]
    if type(epochs) is not int or epochs < 1 or not (epoch_s or times):
        return None
    return epochs * (epoch_s or quantile(times, SHARE))


def _nearly_all(n: int) -> str:
    """So large a share of runs as there are."""
    if n < 1 / (1 - SHARE):
        return "the one run of this kind" if n == 1 else f"all {n} runs of this kind"
    return f"{SHARE:.0%} of {n} runs".replace("%", " %")


def _bare(value: str) -> str:
    """A value without blanks and quotes."""
    return "".join(sign for sign in value.casefold() if sign not in " '\"")


def _mib(text: object) -> float | None:
    try:
        return size_kib(text) / 1024 if isinstance(text, str) else None
    except ValueError:
        return None
