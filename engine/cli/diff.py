"""The command `engine diff`: in what runs differ, and what came of it."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from engine.cli.output import (
    Cell,
    Command,
    add_json_option,
    on_terminal,
    print_json,
    print_table,
    remark,
    state_cell,
)
from engine.cli.select import add_root_option, add_run_argument, select
from engine.errors import ConfigError
from engine.facts.text import plain

if TYPE_CHECKING:
    from engine.library.summary import RunSummary

_RUN_KEYS = ("state", "progress", "started", "duration")
_BEST = "bold green"
_NEITHER = ("best_epoch", "baseline_val_loss")
"""Numbers of which none is better."""
_NARROWEST = 8


def config_rows(runs: Sequence[RunSummary], every: bool) -> dict[str, list[Any]]:
    """Config key to its value in each run, None where it has none; with `every` all keys."""
    from engine.tables.groups import differing_keys

    if every:
        keys = list(dict.fromkeys(key for run in runs for key in run.config))
    else:
        keys = differing_keys(runs)
    return {key: [run.config.get(key) for run in runs] for key in keys}


def number_rows(runs: Sequence[RunSummary], every: bool) -> dict[str, list[float | None]]:
    """Loss or metric to its best value in each run; with `every` those of the training too."""
    names = dict.fromkeys(name for run in runs for name in run.numbers)
    return {
        name: [run.numbers[name].best if name in run.numbers else None for run in runs]
        for name in names
        if every or name == "train_loss" or not (name.startswith("train_") or name == "lr")
    }


def result_rows(runs: Sequence[RunSummary], every: bool) -> dict[str, list[float | None]]:
    """Result to its value in each run: those of the test, with `every` all of the end."""
    names = dict.fromkeys(name for run in runs for name in run.results)
    return {
        name: [run.results.get(name) for run in runs]
        for name in names
        if every or name.startswith("test_")
    }


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)
    every = "every config key and number, not only what tells the runs apart"
    parser.add_argument("--all", action="store_true", help=every)
    add_json_option(parser)
    add_root_option(parser)


def _diff(args: argparse.Namespace) -> None:
    runs = select(args.runs, args.root)
    if len(runs) < 2:
        raise ConfigError("a single run differs from nothing", "Name two runs or more.")
    config, numbers = config_rows(runs, args.all), number_rows(runs, args.all)
    results = result_rows(runs, args.all)
    for run in runs:
        if not run.config:
            remark(f"{run.name}: its config is not known; {run.problem or 'it has not started'}")
    if args.json:
        names = [{"name": run.name, "path": run.path, "state": run.state} for run in runs]
        print_json({"runs": names, "config": config, "best": numbers, "results": results})
        return
    groups = [("config", config), ("best", numbers), ("result", results)]
    rows = _about(runs)
    rows += [_row(kind, key, values, runs) for kind, g in groups for key, values in g.items()]
    titles = [run.name for run in runs]
    if on_terminal():
        titles, rows = _fitted(titles, rows)
    print_table(["kind", "key", *titles], rows)


def _about(runs: Sequence[RunSummary]) -> list[list[Cell]]:
    """What became of each run."""
    from engine.tables.cells import machine, show
    from engine.tables.keys import FIELDS

    rows = []
    for name in _RUN_KEYS:
        key = FIELDS[name]
        values = [key.read(run) for run in runs]
        cells = [Cell(show(key.kind, value), machine(key.kind, value)) for value in values]
        if name == "state":
            cells = [state_cell(run.state) for run in runs]
        rows.append([Cell("run", "run", "dim"), Cell(name, name), *cells])
    return rows


def _row(kind: str, key: str, values: Sequence[Any], runs: Sequence[RunSummary]) -> list[Cell]:
    """One key with its value in each run; the best number has a colour of its own."""
    from engine.tables.cells import show
    from engine.tables.keys import Vocabulary

    best = None if kind == "config" or key in _NEITHER else _best(key, values)
    cells = [
        Cell(show("any", value), value, _BEST if best is not None and value == best else "")
        for value in values
    ]
    name = Vocabulary(runs).short(key) if kind == "config" else key
    return [Cell(kind, kind, "dim"), Cell(name, key), *cells]


def _best(name: str, values: Sequence[float | None]) -> float | None:
    """The best of the numbers; None where all are the same."""
    from engine.library.summary import higher_is_better

    known = {value for value in values if value is not None}
    if len(known) < 2:
        return None
    return max(known) if higher_is_better(name) else min(known)


def _fitted(
    titles: Sequence[str], rows: Sequence[Sequence[Cell]]
) -> tuple[list[str], list[list[Cell]]]:
    """The table with names and values cut at their beginnings, so that the keys stay whole."""
    left = max((len(row[0].text) + len(row[1].text) for row in rows), default=0)
    room = shutil.get_terminal_size().columns - left - 2 * (len(titles) + 1)
    width = max(_NARROWEST, room // len(titles))
    fitted = [
        [*row[:2], *(cell._replace(text=_cut(cell.text, width)) for cell in row[2:])]
        for row in rows
    ]
    return [_cut(plain(title), width) for title in titles], fitted


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"…{text[len(text) - width + 1 :]}"


main = Command(
    name="diff",
    summary="Show in what runs differ, and what came of it.",
    add_arguments=_add_arguments,
    work=_diff,
    details="""\
One line a key, one column a run: the config keys in which the runs differ, then the best value of
each loss and metric, then the results of the test. Where data and output lie does not count as a
difference. On a terminal the best value of a line is green.

examples:
  engine diff last last~1
  engine diff 'run_2026*_vq*' --all
  engine diff last last~1 --json | jq .config
""",
)
