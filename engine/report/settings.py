"""The tables of a report that say what its runs were: settings and where they ran."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from engine.facts.text import plain
from engine.library.summary import COMPONENTS, RunSummary
from engine.report.grid import MOST_RUNS, Entry, Grid, run_entry, runs_text
from engine.tables import units
from engine.tables.cells import as_number, as_text, is_missing, show
from engine.tables.groups import SEED, differing_keys, telling_keys
from engine.tables.keys import Key, Vocabulary

MOST_SETTINGS = 4
"""Columns for settings in the table of the runs."""

_LONGEST, _LONGEST_IN_RUNS = 300, 24
_MOST_NAMED = 40
_MOST_HOSTS = 2
"""Columns of runs in a table whose texts are long."""
_MISSING = Entry("\N{EN DASH}")
_WHERE = re.compile(r"^engine\.(?:\w+\.)*(?=\w+\.\w+$)")
"""What comes before the module and the class of a component of this project."""


class Setting(NamedTuple):
    """A setting in which runs differ, with its value in each."""

    title: Entry
    paths: tuple[str, ...]
    """The config keys that need no place elsewhere then."""
    entries: list[Entry]


class Differences(NamedTuple):
    """What else differs beside the settings that the table of the runs shows."""

    tables: list[Grid]
    only_some: list[str]
    """Keys that only some of the runs have, and those with the same value."""


def telling_settings(runs: Sequence[RunSummary]) -> list[Setting]:
    """The settings that tell several runs apart, components by their names."""
    if len(runs) == 1:
        return []
    vocabulary = Vocabulary(runs)
    keys, _ = telling_keys(runs, MOST_SETTINGS)
    return [_setting(key, vocabulary, runs) for key in keys]


def config_tables(runs: Sequence[RunSummary], shown: Sequence[Setting]) -> Differences:
    """The config keys in which the runs differ, without those that are `shown` elsewhere."""
    known = {path for setting in shown for path in setting.paths} | {"phase1.trainer.epochs"}
    keys = [key for key in differing_keys(runs) if key not in known]
    only_some = [key for key in keys if not _is_told(key, runs)]
    told = [key for key in keys if key not in only_some]
    rows = {key: [_config_entry(run.config, key) for run in runs] for key in told}
    short = Vocabulary(runs).short
    names = [plain(short(key)) for key in only_some]
    more = [f"… and {len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
    return Differences(_by_run("key", rows, MOST_RUNS), names[:_MOST_NAMED] + more)


def environment_tables(
    runs: Sequence[RunSummary], starts: Sequence[Mapping[str, str]]
) -> list[Grid]:
    """Where the runs ran and with what: what they have in common, then what not."""
    facts = [
        {
            "host": plain(run.host or ""),
            "git commit": plain(run.git_commit or ""),
            "started": "" if run.started is None else units.show_time(run.started),
            "parameters": f"{run.n_parameters:,}" if run.n_parameters is not None else "",
        }
        | dict(start)
        for run, start in zip(runs, starts, strict=True)
    ]
    keys = dict.fromkeys(key for one in facts for key, value in one.items() if value)
    rows = {key: [Entry(one.get(key, "")) for one in facts] for key in keys}
    common = {key: entries for key, entries in rows.items() if len(set(entries)) == 1}
    alike = Grid(
        [Entry(), Entry("all runs" if len(runs) > 1 else "")],
        [[Entry(key), entries[0]] for key, entries in common.items()],
    )
    differing = {key: entries for key, entries in rows.items() if key not in common}
    return [alike] * bool(common) + _by_run("", differing, _MOST_HOSTS)


def _by_run(title: str, rows: Mapping[str, Sequence[Entry]], most: int) -> list[Grid]:
    """A row for each key with a column for each run, or of many runs for each value of a key.

    Keys are words of the config where the entries are.
    """
    if not rows:
        return []
    n_runs = len(next(iter(rows.values())))
    is_code = {key: any(entry.code for entry in entries) for key, entries in rows.items()}
    heads = {key: Entry(plain(key), code=is_code[key]) for key in rows}
    if n_runs <= most:
        titles = [Entry(title), *map(run_entry, range(n_runs))]
        return [Grid(titles, [[heads[key], *entries] for key, entries in rows.items()])]
    lines = [
        [heads[key] if first else Entry(), value._replace(numeric=False), Entry(runs_text(those))]
        for key, entries in rows.items()
        for first, (value, those) in _values(entries)
    ]
    return [Grid([Entry(title), Entry("value"), Entry("runs")], lines)]


def _values(entries: Sequence[Entry]) -> Iterator[tuple[bool, tuple[Entry, list[int]]]]:
    """Each value once with the runs that have it, and whether it is the first."""
    found: dict[Entry, list[int]] = {}
    for index, entry in enumerate(entries):
        found.setdefault(entry, []).append(index)
    yield from ((place == 0, pair) for place, pair in enumerate(found.items()))


def _setting(name: str, vocabulary: Vocabulary, runs: Sequence[RunSummary]) -> Setting:
    """One of the `telling_keys`: a component, or a config key."""
    is_path = name in vocabulary.paths and name not in COMPONENTS
    key = vocabulary.find("seed" if name == SEED else name)
    title = "seed" if name == SEED else vocabulary.short(name) if is_path else name
    paths = (name,) if name not in COMPONENTS else (f"phase1.{name}._target_",)
    values = [key.read(run) for run in runs]
    numeric = all(as_number(value) is not None for value in values if not is_missing(value))
    entries = [Entry(_shown(key, value), numeric=numeric) for value in values]
    return Setting(Entry(plain(title), numeric=numeric), paths, entries)


def _shown(key: Key, value: Any) -> str:
    text = _MISSING.text if is_missing(value) else show(key.kind, value)
    return text if len(text) <= _LONGEST_IN_RUNS else text[: _LONGEST_IN_RUNS - 1] + "…"


def _is_told(key: str, runs: Sequence[RunSummary]) -> bool:
    """Whether the runs that have a key have several values of it."""
    values = [run.config[key] for run in runs if key in run.config]
    return any(value != values[0] for value in values)


def _config_entry(config: Mapping[str, Any], key: str) -> Entry:
    if key not in config:
        return _MISSING
    text = plain(as_text(config[key]))
    if key.endswith("_target_"):
        text = _WHERE.sub("…", text)
    return Entry(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…", code=True)
