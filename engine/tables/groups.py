"""Runs together: in what they differ, which belong together, and numbers over several."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from engine.library.summary import RunSummary
from engine.tables.cells import Spread, as_number, as_text, is_missing
from engine.tables.keys import BROKEN, MEASURED, Key, Vocabulary

SEED = "phase1.trainer.seed"

PLACES = frozenset({"env.name", "env.output_root", "env.data_root", "data.root"})
"""Config keys that say where a run was, not what it was; `data.path` says which data."""

GROUP_SIZE = Key("runs", "number", lambda run: 1)
"""The number of runs in a row."""

_COMPONENTS = ("loop", "encoder", "decoder", "latent_space")
_SHOWN_ELSEWHERE = frozenset({"loop", "phase1.trainer.epochs"})
_NOTHING = object()


def differing_keys(runs: Sequence[RunSummary]) -> list[str]:
    """Config keys that not all runs have, or not with the same value; places aside.

    Runs whose config is not known do not count.
    """
    configs = [run.config for run in runs if run.config]
    paths = dict.fromkeys(path for config in configs for path in config)
    return [
        path
        for path in paths
        if path not in PLACES and _differ([config.get(path, _NOTHING) for config in configs])
    ]


def telling_keys(runs: Sequence[RunSummary], at_most: int) -> tuple[list[str], list[str]]:
    """Keys that tell the runs apart, and those for which there was no room.

    Components first, by their names, then config keys, those that somebody set before others.
    A key that only some runs have counts when those differ in it: what merely comes with a
    component does not.
    """
    components = [name for name in _COMPONENTS if _differ(_values(runs, name))]
    set_by_hand = {word.lstrip("+~").split("=", 1)[0] for run in runs for word in run.overrides}
    paths = [path for path in differing_keys(runs) if _tells(path, runs)]
    paths.sort(key=lambda path: path not in set_by_hand)
    keys = components + paths
    return keys[:at_most], keys[at_most:]


def group(runs: Iterable[RunSummary], keys: Sequence[Key]) -> list[tuple[RunSummary, ...]]:
    """Runs that have the same values of all `keys` together, in the order of their first."""
    groups: dict[tuple[str, ...], list[RunSummary]] = {}
    for run in runs:
        groups.setdefault(tuple(as_text(key.read(run)) for key in keys), []).append(run)
    return [tuple(members) for members in groups.values()]


def keys_but_seed(runs: Sequence[RunSummary], vocabulary: Vocabulary) -> list[Key]:
    """All in which the runs differ but the seed: what has to be the same in one row of seeds."""
    return [vocabulary.find(path) for path in differing_keys(runs) if path != SEED]


def value_of(key: Key, runs: Sequence[RunSummary]) -> Any:
    """The value of a row: of one run, or of several together.

    Of several: mean and spread of what is measured, how many in each state, and for anything
    else the value that they share, or None.
    """
    if key is GROUP_SIZE:
        return len(runs)
    if len(runs) == 1:
        return key.read(runs[0])
    if key.kind in MEASURED:
        return spread([key.read(run) for run in runs])
    values = [key.read(run) for run in runs]
    if not _differ(values):
        return values[0]
    if key.name == "state":
        counts = Counter(run.state or BROKEN for run in runs)
        return ", ".join(f"{n} {state}" for state, n in counts.most_common())
    return None


def spread(values: Iterable[Any]) -> Spread | None:
    """Mean and sample standard deviation of the values that are finite numbers; None of none."""
    numbers = [float(n) for n in map(as_number, values) if n is not None]
    if not numbers:
        return None
    std = statistics.stdev(numbers) if len(numbers) > 1 else None
    return Spread(statistics.fmean(numbers), std, len(numbers))


def _tells(path: str, runs: Sequence[RunSummary]) -> bool:
    if path in _SHOWN_ELSEWHERE or path.endswith("._target_"):
        return False
    return _differ([run.config[path] for run in runs if path in run.config])


def _values(runs: Sequence[RunSummary], attribute: str) -> list[Any]:
    values = (getattr(run, attribute) for run in runs)
    return [value for value in values if not is_missing(value)]


def _differ(values: Sequence[Any]) -> bool:
    return any(value != values[0] for value in values[1:])
