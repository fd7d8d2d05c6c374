"""Runs together: in what they differ, which belong together, and numbers over several."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from engine.library.summary import COMPONENTS, RunSummary
from engine.tables.cells import Spread, are_same, as_number, identity, is_missing
from engine.tables.keys import BROKEN, FIELDS, MEASURED, Key

SEED = "phase1.trainer.seed"

_PLACES = frozenset({"env.name", "env.output_root", "env.data_root", "data.root"})
_LAUNCHER = "launcher."

GROUP_SIZE = Key("runs", "number", lambda run: 1)
"""The number of runs in a row."""

_DONE = "finished"
_SHOWN_ELSEWHERE = frozenset({"loop", "phase1.trainer.epochs"})
_LONG_PLACES = frozenset({"data.path"})
"""Too long for a column, and the same in its beginning; the differences of two runs show it."""
_COMPONENTS = frozenset(f"phase1.{name}" for name in COMPONENTS)
"""What was chosen for a run that has not begun; of any run the component has a key of its own."""
_HOW = ("device", "run.", "logging.")
"""How the keys begin that say how a run was trained."""
_NOTHING = object()


def says_where(path: str) -> bool:
    """Whether a config key says where a run was, not what it was; `data.path` says which data."""
    return path in _PLACES or path.startswith(_LAUNCHER)


def kind_of(config: Mapping[str, Any]) -> Hashable:
    """What runs of one kind share: the loop, the components by their classes, device and data.

    Parameters
    ----------
    config
        Resolved and flat.
    """
    kept = {
        key: value
        for key, value in config.items()
        if key in ("loop", "device") or key.startswith("data.") or key.endswith("._target_")
    }
    return identity(kept)


def differing_keys(runs: Sequence[RunSummary]) -> list[str]:
    """Config keys that not all runs have, or not with the same value; places aside.

    Runs whose config is not known do not count.
    """
    configs = [run.config for run in runs if run.config]
    paths = dict.fromkeys(chain.from_iterable(configs))
    return [
        path
        for path in paths
        if not says_where(path) and _differ([config.get(path, _NOTHING) for config in configs])
    ]


def telling_keys(runs: Sequence[RunSummary], at_most: int) -> tuple[list[str], list[str]]:
    """Keys that tell the runs apart, and those for which there was no room.

    Components first, by their names, then config keys, those that somebody set before others, and
    last those that say how a run was trained rather than what.
    A key that only some runs have counts when those differ in it: what merely comes with a
    component does not.
    """
    components = [name for name in ("loop", *COMPONENTS) if _differ(_values(runs, name))]
    set_by_hand = {word.lstrip("+~").split("=", 1)[0] for run in runs for word in run.overrides}
    asked = (path for run in runs for path in run.asked if not says_where(path))
    known = dict.fromkeys([*differing_keys(runs), *asked])
    paths = [path for path in known if _tells(path, runs)]
    paths.sort(key=lambda path: (path.startswith(_HOW), path not in set_by_hand))
    keys = components + paths
    return keys[:at_most], keys[at_most:]


def group(runs: Iterable[RunSummary], keys: Sequence[Key]) -> list[tuple[RunSummary, ...]]:
    """Runs that have the same values of all `keys` together, in the order of their first."""
    groups: dict[Any, list[RunSummary]] = {}
    for run in runs:
        groups.setdefault(tuple(identity(key.read(run)) for key in keys), []).append(run)
    return [tuple(members) for members in groups.values()]


def seed_groups(runs: Sequence[RunSummary]) -> list[tuple[RunSummary, ...]]:
    """Runs that differ in the seed alone together, in the order of their first.

    A run without a config stands alone: nobody knows what its settings are.
    """
    paths = [path for path in differing_keys(runs) if path != SEED]
    groups: dict[Any, list[RunSummary]] = {}
    for number, run in enumerate(runs):
        values = tuple(identity(run.config.get(path, _NOTHING)) for path in paths)
        groups.setdefault(values if run.config else number, []).append(run)
    return [tuple(members) for members in groups.values()]


def value_of(key: Key, runs: Sequence[RunSummary]) -> Any:
    """The value of a row: of one run, or of several together.

    Of several: mean and spread of what is measured in the `comparable` ones, how many have
    finished and in which states the others are, and for anything else the value that they share,
    or None.
    """
    if key is GROUP_SIZE:
        return len(runs)
    if len(runs) == 1:
        return key.read(runs[0])
    if key.kind in MEASURED:
        return spread([key.read(run) for run in comparable(runs)])
    values = [key.read(run) for run in runs]
    if not _differ(values):
        return values[0]
    return _states(runs) if key.name == "state" else None


def comparable(runs: Sequence[RunSummary]) -> Sequence[RunSummary]:
    """The runs that a mean is made of: the finished ones, and all where none has finished.

    One that was lost in its tenth epoch says nothing about what its settings come to.
    """
    return [run for run in runs if run.state == _DONE] or runs


def spread(values: Iterable[Any]) -> Spread | None:
    """Mean and sample standard deviation of the values that are finite numbers; None of none."""
    numbers = [float(n) for n in map(as_number, values) if n is not None]
    if not numbers:
        return None
    std = statistics.stdev(numbers) if len(numbers) > 1 else None
    return Spread(statistics.fmean(numbers), std, len(numbers))


def _states(runs: Sequence[RunSummary]) -> str:
    """`3 of 6 done, 2 lost, 1 running`."""
    counts = Counter(run.state or BROKEN for run in runs)
    done = counts.pop(_DONE, 0)
    others = [f"{n} {state}" for state, n in counts.most_common()]
    return ", ".join([f"{done} of {len(runs)} done", *others])


def _tells(path: str, runs: Sequence[RunSummary]) -> bool:
    elsewhere = path in _SHOWN_ELSEWHERE or path in _COMPONENTS
    if elsewhere or path in _LONG_PLACES or path.endswith("._target_"):
        return False
    told = [run.config or run.asked for run in runs]
    return _differ([settings[path] for settings in told if path in settings])


def _values(runs: Sequence[RunSummary], field: str) -> list[Any]:
    values = map(FIELDS[field].read, runs)
    return [value for value in values if not is_missing(value)]


def _differ(values: Sequence[Any]) -> bool:
    others = [value for value in values if value is not values[0]]  # few: configs share theirs
    return any(not are_same(value, values[0]) for value in others)
