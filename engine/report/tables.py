"""The tables of a report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from engine.facts.text import plain
from engine.library.best import higher_is_better
from engine.library.summary import RunSummary
from engine.report.charts import in_order
from engine.report.grid import Entry, Grid, run_entry
from engine.tables import units
from engine.tables.cells import as_text, show
from engine.tables.groups import differing_keys, group, keys_but_seed, spread
from engine.tables.keys import Vocabulary
from engine.tables.legend import legend_names

Groups = Sequence[tuple[RunSummary, ...]]

_LONGEST = 300
_WIDEST = 10
"""Columns of runs; of more runs each has a row."""
_WHERE = re.compile(r"^engine\.(?:\w+\.)*(?=\w+\.\w+$)")
"""What comes before the module and the class of a component of this project."""
_REPEATED = ("best_val_loss", "best_epoch", "final_val_loss")
"""Results that say what the table of the numbers says."""
_NO_BEST = ("baseline", "lr", "epoch_time", "throughput", "train_")
"""Beginnings of names of numbers of which none is the best."""


def runs_table(runs: Sequence[RunSummary], names: Sequence[str]) -> Grid:
    """What became of each run; of several also by what they are told apart."""
    several = len(runs) > 1
    titles = ["run", "name", *["settings"] * several, "state", "epochs",
              "val_loss", "at epoch", "train_loss", "test_loss", "duration"]  # fmt: skip
    losses = [_value(run, "val_loss") for run in runs]
    tests = [run.results.get("test_loss") for run in runs]
    marked = zip(_marked(losses, highest=False), _marked(tests, highest=False), strict=True)
    rows = []
    for index, (run, name, (loss, test)) in enumerate(zip(runs, names, marked, strict=True)):
        best, train = run.numbers.get("val_loss"), run.numbers.get("train_loss")
        total = f"/{run.epochs}" if run.epochs is not None else ""
        rows.append([
            run_entry(index),
            Entry(plain(run.name)),
            *[Entry(name)] * several,
            Entry(plain(run.state or "broken"), is_state=True),
            Entry(f"{run.epochs_done}{total}", numeric=True),
            loss,
            _number(best.best_epoch if best else None),
            _number(train.last if train else None),
            test,
            Entry(_shown(units.show_duration, run.duration_s), numeric=True),
        ])  # fmt: skip
    return Grid([Entry(title, numeric=i > 2 + several) for i, title in enumerate(titles)], rows)


def config_table(runs: Sequence[RunSummary]) -> Grid:
    """The config keys in which the runs differ: a row for each, a column for each run."""
    rows = [
        [Entry(plain(key), code=True), *(_config_entry(run.config, key) for run in runs)]
        for key in differing_keys(runs)
    ]
    return _laid(Grid([Entry("key"), *map(run_entry, range(len(runs)))], rows))


def results_table(runs: Sequence[RunSummary]) -> Grid:
    """The best value of each number, and each result of the end: a column for each run."""
    if len(runs) == 1:
        return _results_of_one(runs[0])
    rows = []
    for name in _number_names(runs):
        values = [_value(run, name) for run in runs]
        rows.append([Entry(_with_arrow(name)), *_marked_row(name, values)])
    return _laid(Grid([Entry("best value"), *map(run_entry, range(len(runs)))], rows))


def seeds_table(runs: Sequence[RunSummary]) -> tuple[Grid, list[int]]:
    """Mean and spread over runs that differ in the seed alone, and the group of each run.

    The table is empty where no two runs do.
    """
    groups = seed_groups(runs)
    group_of = {id(run): index for index, members in enumerate(groups) for run in members}
    of_run = [group_of[id(run)] for run in runs]
    if len(groups) == len(runs):
        return Grid([], []), of_run
    names = legend_names([members[0] for members in groups], without=["seed"])
    names = names if len(groups) > 1 else ["all runs"]
    titles = [
        Entry(f"{name} (n = {len(members)})", numeric=True)
        for name, members in zip(names, groups, strict=True)
    ]
    rows = []
    for name in _number_names(runs):
        spreads = [spread(_value(run, name) for run in members) for members in groups]
        means = [each.mean if each else None for each in spreads]
        entries = [
            entry._replace(text=show("metric", each))
            for entry, each in zip(_marked_row(name, means), spreads, strict=True)
        ]
        rows.append([Entry(_with_arrow(name)), *entries])
    return Grid([Entry("mean ± standard deviation"), *titles], rows), of_run


def seed_groups(runs: Sequence[RunSummary]) -> list[tuple[RunSummary, ...]]:
    """Runs that differ in the seed alone together; a run without a config stands alone."""
    known = [run for run in runs if run.config]
    alone = [(run,) for run in runs if not run.config]
    return group(known, keys_but_seed(runs, Vocabulary(runs))) + alone


def environment_table(runs: Sequence[RunSummary], starts: Sequence[dict[str, str]]) -> Grid:
    """Where the runs ran and with what; one column where all did with the same."""
    facts = [
        {
            "host": plain(run.host or ""),
            "git commit": plain(run.git_commit or ""),
            "started": _shown(units.show_time, run.started),
            "parameters": f"{run.n_parameters:,}" if run.n_parameters is not None else "",
        }
        | start
        for run, start in zip(runs, starts, strict=True)
    ]
    keys = dict.fromkeys(key for one in facts for key, value in one.items() if value)
    alike = all(one.get(key, "") == facts[0].get(key, "") for one in facts for key in keys)
    titles = [Entry("all runs" if len(runs) > 1 else "")] if alike else [
        run_entry(i) for i in range(len(runs))
    ]  # fmt: skip
    rows = [
        [Entry(key), *(Entry(one.get(key, "")) for one in (facts[:1] if alike else facts))]
        for key in keys
    ]
    return _laid(Grid([Entry(""), *titles], rows))


def _laid(grid: Grid) -> Grid:
    """The table as it is, or with rows for columns if there are too many of those."""
    if len(grid.titles) <= _WIDEST + 1 or not grid.rows:
        return grid
    heads, *columns = map(list, zip(*grid.rows, strict=True))
    numeric = [entry.numeric for entry in columns[0]]
    titles = [head._replace(numeric=is_so) for head, is_so in zip(heads, numeric, strict=True)]
    rows = [[title, *column] for title, column in zip(grid.titles[1:], columns, strict=True)]
    return Grid([grid.titles[0]._replace(text="run"), *titles], rows)


def _results_of_one(run: RunSummary) -> Grid:
    rows = []
    for name in in_order(run.numbers):
        number = run.numbers[name]
        best = number.best if _has_best(name) else None
        epoch = number.best_epoch if _has_best(name) else None
        rows.append([Entry(_with_arrow(name)), _number(best), _number(epoch), _number(number.last)])
    rows += [
        [Entry(_with_arrow(name)), Entry(), Entry(), _number(value)]
        for name, value in run.results.items()
        if name not in _REPEATED
    ]
    return Grid([Entry("number"), *(Entry(t, True) for t in ("best", "at epoch", "last"))], rows)


def _number_names(runs: Sequence[RunSummary]) -> list[str]:
    numbers = [n for n in in_order(n for run in runs for n in run.numbers) if _is_result(n)]
    results = [name for run in runs for name in run.results if name not in _REPEATED]
    return list(dict.fromkeys([*numbers[:2], *results, *numbers[2:]]))


def _is_result(name: str) -> bool:
    return name == "train_loss" or _has_best(name)


def _has_best(name: str) -> bool:
    return name == "train_loss" or not name.startswith(_NO_BEST)


def _with_arrow(name: str) -> str:
    if not _has_best(name):
        return plain(name)
    return f"{plain(name)} {'↑' if higher_is_better(name) else '↓'}"


def _value(run: RunSummary, name: str) -> float | None:
    number = run.numbers.get(name)
    return number.best if number else run.results.get(name)


def _marked_row(name: str, values: Sequence[float | None]) -> list[Entry]:
    return (
        _marked(values, highest=higher_is_better(name))
        if _has_best(name)
        else list(map(_number, values))
    )


def _marked(values: Sequence[float | None], *, highest: bool) -> list[Entry]:
    """Numbers with the best one marked, unless all are equally good as they are shown."""
    entries = list(map(_number, values))
    known = [value for value in values if value is not None]
    if len({entry.text for entry in entries if entry.text}) < 2:
        return entries
    best = _number(max(known) if highest else min(known))
    return [entry._replace(best=entry.text == best.text) for entry in entries]


def _number(value: float | None) -> Entry:
    return Entry(_shown(units.show_number, value), numeric=True)


def _shown(how: Any, value: float | None) -> str:
    return "" if value is None else how(value)


def _config_entry(config: Mapping[str, Any], key: str) -> Entry:
    if key not in config:
        return Entry("\N{EN DASH}")
    text = plain(as_text(config[key]))
    if key.endswith("_target_"):
        text = _WHERE.sub("…", text)
    return Entry(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…", code=True)
