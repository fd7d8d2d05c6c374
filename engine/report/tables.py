"""The tables of a report that say what came of its runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from engine.facts.text import plain
from engine.library.best import higher_is_better
from engine.library.summary import RunSummary
from engine.report.charts import in_order
from engine.report.grid import (
    MOST_RUNS,
    Entry,
    Grid,
    duration_entry,
    laid,
    number_entry,
    run_entry,
    runs_text,
)
from engine.report.settings import Setting
from engine.tables.cells import Spread, show
from engine.tables.groups import comparable as comparable_runs
from engine.tables.groups import spread
from engine.tables.legend import legend_names
from engine.tables.measures import has_best

Groups = Sequence[tuple[RunSummary, ...]]

_FIRST = ("val_loss", "train_loss", "test_loss")
_MOST_MEANS = 6
"""Columns of means and spreads that fit on a page."""
_NO_BREAK = "\N{NO-BREAK SPACE}"
_REPEATED = ("best_val_loss", "best_epoch", "final_val_loss")
"""Results that say what the table of the numbers says."""


def runs_table(runs: Sequence[RunSummary], settings: Sequence[Setting]) -> Grid:
    """What became of each run, and of several the settings that tell them apart."""
    alone = len(runs) == 1
    titles = [Entry("run"), Entry("name"), *(one.title for one in settings), Entry("state")]
    titles += [Entry(title, numeric=True) for title in _titles(alone)]
    losses = _marked_row("val_loss", [_value(run, "val_loss") for run in runs], runs)
    tests = _marked_row("test_loss", [run.results.get("test_loss") for run in runs], runs)
    rows = []
    for index, (run, loss, test) in enumerate(zip(runs, losses, tests, strict=True)):
        best, train = run.numbers.get("val_loss"), run.numbers.get("train_loss")
        rest = [number_entry(best.best_epoch if best else None)] * alone
        rest += [number_entry(train.last if train else None)] * alone
        rows.append([
            run_entry(index),
            _text(run.name),
            *(setting.entries[index] for setting in settings),
            Entry(plain(run.state or "broken"), is_state=True),
            Entry(_epochs(run), numeric=True),
            loss,
            *rest,
            test,
            duration_entry(run.duration_s),
        ])  # fmt: skip
    return Grid(titles, rows)


def results_tables(runs: Sequence[RunSummary]) -> list[Grid]:
    """The best value of each number, then each result of the end."""
    if len(runs) == 1:
        return [_results_of_one(runs[0])]
    titles = [Entry("run" if len(runs) > MOST_RUNS else "best value")]
    titles += map(run_entry, range(len(runs)))
    tables = []
    for names in _by_origin(_number_names(runs), runs):
        rows = [
            [_text(_with_arrow(name)), *_marked_row(name, [_value(r, name) for r in runs], runs)]
            for name in names
        ]
        tables.append(Grid(titles, rows))
    return [part for table in tables for part in laid(table)]


def seeds_tables(groups: Groups, indices: Sequence[Sequence[int]]) -> list[Grid]:
    """Mean and spread over runs that differ in the seed alone: a row for each such group.

    Parameters
    ----------
    groups
        The runs that belong together; what stands alone has no mean.
    indices
        The numbers of the runs of each group.
    """
    pairs = [(g, i) for g, i in zip(groups, indices, strict=True) if len(g) > 1]
    together = [members for members, _ in pairs]
    runs = [run for members in together for run in members]
    titles = [
        Entry(name, run=those[0])
        for name, (_, those) in zip(group_names(together), pairs, strict=True)
    ]
    sizes = [Entry("runs"), *(Entry(f"{len(those)} ({runs_text(those)})") for _, those in pairs)]
    names = sorted(_number_names(runs), key=lambda name: name not in _FIRST)
    rows = [_mean_row(name, together) for name in names]
    grid = Grid([Entry("settings"), *titles], [sizes, *rows])
    return laid(grid, 0, _MOST_MEANS) if runs else []


def ordered(groups: Groups) -> list[tuple[RunSummary, ...]]:
    """The groups, lowest mean validation loss first, within each loop; those without one last."""
    loops = list(dict.fromkeys(members[0].loop for members in groups))

    def rank(members: tuple[RunSummary, ...]) -> tuple[int, float]:
        mean = spread(_value(run, "val_loss") for run in comparable_runs(members))
        return loops.index(members[0].loop), mean.mean if mean else math.inf

    return sorted(groups, key=rank)


def group_names(groups: Groups) -> list[str]:
    """A name for each group: the settings that tell it from the others."""
    if len(groups) == 1:
        return ["all runs"]
    return legend_names([members[0] for members in groups], without=["seed"])


def comparable(runs: Iterable[RunSummary]) -> bool:
    """Whether the losses of the runs mean the same: they are of one loop."""
    return len({run.loop for run in runs if run.numbers}) < 2


def _mean_row(name: str, groups: Groups) -> list[Entry]:
    spreads = [spread(_value(run, name) for run in comparable_runs(members)) for members in groups]
    means = [each.mean if each else None for each in spreads]
    members = [run for together in groups for run in together]
    entries = _marked_row(name, means, members)
    texts = map(_spread_text, spreads)
    return [
        _text(_with_arrow(name)),
        *(entry._replace(text=text) for entry, text in zip(entries, texts, strict=True)),
    ]


def _spread_text(value: Spread | None) -> str:
    return show("metric", value)


def _titles(alone: bool) -> list[str]:
    more = ["at epoch", "train_loss"] if alone else []
    return ["epochs", "val_loss", *more, "test_loss", "duration"]


def _epochs(run: RunSummary) -> str:
    return f"{run.epochs_done}/{run.epochs}" if run.epochs is not None else str(run.epochs_done)


def _text(text: str) -> Entry:
    return Entry(plain(text))


def _results_of_one(run: RunSummary) -> Grid:
    rows = []
    for name in in_order(run.numbers):
        number = run.numbers[name]
        best = number.best if has_best(name) else None
        epoch = number.best_epoch if has_best(name) else None
        rows.append([
            _text(_with_arrow(name)), number_entry(best), number_entry(epoch),
            number_entry(number.last),
        ])  # fmt: skip
    rows += [
        [_text(_with_arrow(name)), Entry(), Entry(), number_entry(value)]
        for name, value in run.results.items()
        if name not in _REPEATED
    ]
    return Grid([Entry("number"), *(Entry(t, True) for t in ("best", "at epoch", "last"))], rows)


def _number_names(runs: Sequence[RunSummary]) -> list[str]:
    numbers = [n for n in in_order(n for run in runs for n in run.numbers) if has_best(n)]
    results = [name for run in runs for name in run.results if name not in _REPEATED]
    return list(dict.fromkeys([*numbers, *filter(has_best, results)]))


def _by_origin(names: Sequence[str], runs: Sequence[RunSummary]) -> list[list[str]]:
    """What was validated, and what the test said: of many runs each has a table of its own."""
    if len(runs) <= MOST_RUNS:
        return [list(names)]
    trained = {name for run in runs for name in run.numbers}
    parts = [[n for n in names if n in trained], [n for n in names if n not in trained]]
    return [part for part in parts if part]


def _with_arrow(name: str) -> str:
    if not has_best(name):
        return plain(name)
    return f"{plain(name)}{_NO_BREAK}{'↑' if higher_is_better(name) else '↓'}"


def _value(run: RunSummary, name: str) -> float | None:
    number = run.numbers.get(name)
    return number.best if number else run.results.get(name)


def _marked_row(
    name: str, values: Sequence[float | None], runs: Sequence[RunSummary]
) -> list[Entry]:
    """Numbers with the best marked, unless none is, or all are equally good as they are shown."""
    entries = list(map(number_entry, values))
    known = [value for value in values if value is not None]
    told_apart = len({entry.text for entry in entries if entry.text}) > 1
    if not (told_apart and has_best(name) and comparable(runs)):
        return entries
    best = number_entry(max(known) if higher_is_better(name) else min(known))
    return [entry._replace(best=entry.text == best.text) for entry in entries]
