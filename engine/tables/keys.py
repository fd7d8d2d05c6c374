"""What can be asked of a run: the keys of filters, columns, sorting and grouping.

A key is, in this order,

1. a field of the summary: `state`, `encoder`, `duration` … (`FIELDS`),
2. a config key by its full path, or a setting of the trainer by its last part: `lr`,
3. a loss or metric: `val_loss` is its best value, `val_loss.last` the last one; or a result of
   the test: `test_loss`,
4. a config key by any part of its path from the right that no other key ends in: `batch_size`.
"""

from __future__ import annotations

import difflib
import functools
import operator
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from engine.errors import ConfigError
from engine.facts.text import plain
from engine.library.summary import COMPONENTS, Number, RunSummary
from engine.tables.cells import Progress, as_text, is_missing
from engine.tables.measures import has_best

BROKEN = "broken"
"""The `state` of a directory that tells none."""

MEASURED = ("metric", "duration", "size")
"""Kinds of keys that a training measures; several runs have a mean of them."""

TRAINER = "phase1.trainer."

_MIB = 2**20


@dataclass(frozen=True)
class Key:
    """Something that every run may have."""

    name: str
    kind: str
    """`text`, `words` (tags), `number`, `metric`, `progress`, `duration`, `size`, `time`,
    `age`, or `any` (config)."""
    read: Callable[[RunSummary], Any]
    """Its value for a run, in the base unit; None where the run has none."""


def _field(kind: str, attribute: str) -> tuple[str, Callable[[RunSummary], Any]]:
    return kind, operator.attrgetter(attribute)


_READERS: dict[str, tuple[str, Callable[[RunSummary], Any]]] = {
    "state": ("text", lambda run: run.state or BROKEN),
    "name": _field("text", "name"),
    "path": _field("text", "path"),
    "sentence": _field("text", "sentence"),
    "cause": _field("text", "cause"),
    "problem": _field("text", "problem"),
    "loop": _field("text", "loop"),
    **{name: _field("text", name) for name in COMPONENTS},
    "seed": _field("number", "seed"),
    "epochs": _field("number", "epochs"),
    "epochs_done": _field("number", "epochs_done"),
    "progress": ("progress", lambda run: _progress(run)),
    "step": _field("number", "step"),
    "attempts": _field("number", "attempts"),
    "started": _field("time", "started"),
    "ended": _field("time", "ended"),
    "updated": _field("time", "updated"),
    "duration": _field("duration", "duration_s"),
    "epoch_time": _field("duration", "epoch_time_s"),
    "eta": _field("duration", "eta_s"),
    "throughput": _field("metric", "throughput"),
    "memory": ("size", lambda run: _scaled(run.max_memory_mib, _MIB)),
    "size": _field("size", "size_bytes"),
    "parameters": _field("number", "n_parameters"),
    "host": _field("text", "host"),
    "launcher": _field("text", "launcher"),
    "job": _field("text", "job_id"),
    "commit": _field("text", "git_commit"),
    "parent": _field("text", "parent"),
    "sweep": _field("text", "sweep"),
    "tag": _field("words", "tags"),
    "note": _field("text", "note"),
    "archived": _field("text", "archived"),
    "overrides": _field("words", "overrides"),
    "nonfinite": _field("words", "nonfinite"),
    "skipped": _field("number", "skipped"),
}

FIELDS = {name: Key(name, kind, read) for name, (kind, read) in _READERS.items()}
"""The keys that every run has; `age`, which depends on the time, is made by `Vocabulary`."""

ALIASES = {"tags": "tag"}
"""Other names of fields."""

SAME_AS_FIELD = {f"{TRAINER}seed": "seed", f"{TRAINER}epochs": "epochs"}
"""Config keys that are fields, too."""

FIELD_KINDS = {name: key.kind for name, key in FIELDS.items()} | {"age": "duration"}
"""Field to its kind; what a filter knows before it sees a run."""

_PARTS_OF_NUMBERS = Number._fields


class Vocabulary:
    """The keys of some runs; config and numbers are looked at only when a key needs them.

    Parameters
    ----------
    runs
        The runs.
    now
        Unix seconds, for the age of a run; None takes the clock.
    """

    def __init__(self, runs: Sequence[RunSummary], now: float | None = None) -> None:
        self.runs = runs
        self.now = time.time() if now is None else now

    @functools.cached_property
    def numbers(self) -> list[str]:
        """Losses and metrics of any run, in the order in which they first appear."""
        return list(dict.fromkeys(chain.from_iterable(run.numbers for run in self.runs)))

    @functools.cached_property
    def results(self) -> list[str]:
        """Results of any run."""
        return list(dict.fromkeys(chain.from_iterable(run.results for run in self.runs)))

    @functools.cached_property
    def paths(self) -> list[str]:
        """Config keys of any run; of one that has not begun those that were set for it."""
        told = (run.config or run.asked for run in self.runs)
        return list(dict.fromkeys(chain.from_iterable(told)))

    def find(self, name: str) -> Key:
        """The key of that name.

        Raises
        ------
        ConfigError
            If no run has it, or if several config keys end in it.
        """
        key = self._field(name) or self._config(name) or self._number(name)
        if key:
            return key
        ends = [path for path in self.paths if path.endswith(f".{name}")] if name else []
        if len(ends) == 1:
            return _config_key(ends[0])
        if ends:
            listed = ", ".join(map(plain, ends[:8]))
            raise ConfigError(f"{plain(name)} means several keys: {listed}", "Write more of one.")
        raise self._unknown(name)

    def has(self, name: str) -> bool:
        """Whether a key of that name is there, or several are."""
        if self._field(name) or self._config(name) or self._number(name):
            return True
        return any(path.endswith(f".{name}") for path in self.paths)

    def names(self) -> list[str]:
        """Every key by its shortest name: fields, numbers, results, config."""
        config = [self.short(path) for path in self.paths]
        return list(dict.fromkeys([*FIELDS, "age", *self.numbers, *self.results, *config]))

    def short(self, path: str) -> str:
        """The shortest end of a config key's path that means this key."""
        if path in SAME_AS_FIELD:
            return SAME_AS_FIELD[path]
        parts = path.split(".")
        for n_parts in range(1, len(parts)):
            name = ".".join(parts[-n_parts:])
            if self._means(name, path):
                return name
        return path

    def _means(self, name: str, path: str) -> bool:
        if self._field(name) or not name:
            return False
        if name in self._path_set or TRAINER + name in self._path_set:
            return TRAINER + name == path and name not in self._path_set
        return self._number(name) is None and self._ends[name] == 1

    @functools.cached_property
    def _path_set(self) -> frozenset[str]:
        return frozenset(self.paths)

    @functools.cached_property
    def _ends(self) -> dict[str, int]:
        """End of a path to the number of paths that have it."""
        counts: dict[str, int] = {}
        for path in self.paths:
            parts = path.split(".")
            for n_parts in range(1, len(parts)):
                end = ".".join(parts[-n_parts:])
                counts[end] = counts.get(end, 0) + 1
        return counts

    def _field(self, name: str) -> Key | None:
        if name == "age":
            return Key("age", "age", lambda run: _age(run, self.now))
        return FIELDS.get(ALIASES.get(name, name))

    def _config(self, name: str) -> Key | None:
        for path in (name, TRAINER + name):
            if path in self._path_set:
                return _config_key(path)
        return None

    def _number(self, name: str) -> Key | None:
        if name in self.numbers or name in self.results:
            return Key(name, "metric", lambda run: _best(run, name))
        base, _, part = name.rpartition(".")
        if part in _PARTS_OF_NUMBERS and base in self.numbers:
            return Key(name, "metric", lambda run: getattr(run.numbers.get(base), part, None))
        return None

    def _unknown(self, name: str) -> ConfigError:
        names = self.names()
        ends = [path.rsplit(".", 1)[-1] for path in self.paths]
        close = difflib.get_close_matches(name, dict.fromkeys([*names, *ends]), n=3)
        hint = f"Did you mean {' or '.join(map(plain, close))}?" if close else ""
        return ConfigError(f"no run here has a key {plain(name)}", hint)


def _config_key(path: str) -> Key:
    return Key(path, "any", lambda run: (run.config or run.asked).get(path))


def _best(run: RunSummary, name: str) -> float | None:
    """The best value of a number, or the last one where none is better than another."""
    number = run.numbers.get(name)
    if number is None:
        return run.results.get(name)
    return number.best if has_best(name) else number.last


def _progress(run: RunSummary) -> Progress | None:
    return Progress(run.epochs_done, run.epochs) if run.epochs or run.epochs_done else None


def _age(run: RunSummary, now: float) -> float | None:
    return None if run.started is None else round(now - run.started, 3)


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def known_values(key: Key, runs: Iterable[RunSummary]) -> list[str]:
    """The values that runs have, as text, the most frequent first."""
    counts: dict[str, int] = {}
    for run in runs:
        value = key.read(run)
        for entry in value if key.kind == "words" and value else [value]:
            if not is_missing(entry):
                text = as_text(entry)
                counts[text] = counts.get(text, 0) + 1
    return sorted(counts, key=lambda text: (-counts[text], text))
