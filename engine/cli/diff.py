"""The command `engine diff`: in what runs differ, and what came of it."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from engine.cli.aligned import Column, cut, has_colours, render
from engine.cli.output import (
    Cell,
    Command,
    add_json_option,
    on_terminal,
    print_json,
    print_table,
    remark,
    state_cell,
    write,
)
from engine.cli.select import add_root_option, add_run_argument, select
from engine.errors import ConfigError
from engine.facts.text import plain

if TYPE_CHECKING:
    from engine.library.summary import RunSummary

MOST_SETTINGS = 20
"""Config keys that are shown on a terminal, unless all are asked for."""

_RUN_KEYS = ("state", "progress", "started", "duration")
_BEST = "bold green"
_NARROWEST = 8
"""Least places for a value beside others; with less room each has a line of its own."""
_NARROWEST_KEY = 12


def config_rows(runs: Sequence[RunSummary], every: bool) -> dict[str, list[Any]]:
    """Config key to its value in each run, None where it has none; with `every` all keys."""
    from engine.tables.groups import differing_keys

    if every:
        keys = list(dict.fromkeys(key for run in runs for key in run.config))
    else:
        keys = differing_keys(runs)
    return {key: [run.config.get(key) for run in runs] for key in keys}


def number_rows(runs: Sequence[RunSummary], every: bool) -> dict[str, list[float | None]]:
    """Loss or metric to its best value in each run; with `every` also those that have no best."""
    from engine.tables.measures import has_best

    names = dict.fromkeys(name for run in runs for name in run.numbers)
    return {
        name: [run.numbers[name].best if name in run.numbers else None for run in runs]
        for name in names
        if every or has_best(name)
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
    from engine.tables.record import head

    runs = select(args.runs, args.root)
    if len(runs) < 2:
        raise ConfigError("a single run differs from nothing", "Name two runs or more.")
    config, numbers = config_rows(runs, args.all), number_rows(runs, args.all)
    results = result_rows(runs, args.all)
    for run in runs:
        if not run.config:
            remark(f"{run.name}: its config is not known; {run.problem or 'it has not started'}")
    if args.json:
        told = {"config": config, "best": numbers, "results": results}
        print_json({"runs": [head(run) for run in runs]} | told)
        return
    rows = _about(runs)
    for kind, group in (("best", numbers), ("result", results)):
        rows += [_row(kind, key, values) for key, values in group.items()]
    settings = _settings(runs, config)
    if not on_terminal():
        print_table(["kind", "key", *(run.name for run in runs)], rows + settings)
        return
    shown = settings if args.all else settings[:MOST_SETTINGS]
    _print_for_people([run.name for run in runs], rows + shown)
    if len(shown) < len(settings):
        remark(f"they differ in {len(settings) - len(shown)} more keys (--all shows every key)")


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


def _settings(runs: Sequence[RunSummary], config: Mapping[str, list[Any]]) -> list[list[Cell]]:
    """The rows of the config: the components, what all runs have, and what belongs to some."""
    from engine.library.summary import COMPONENTS
    from engine.tables.cells import show
    from engine.tables.keys import FIELDS, Vocabulary

    rows: dict[int, list[list[Cell]]] = {0: [], 1: [], 2: []}
    parts = {f"phase1.{name}._target_": name for name in COMPONENTS}
    vocabulary = Vocabulary(runs)
    for key, values in config.items():
        texts, name = [show("any", _class(value)) for value in values], vocabulary.short(key)
        if key in parts:
            names = [FIELDS[parts[key]].read(run) or "" for run in runs]
            name, texts = parts[key], names if len(set(names)) > 1 else texts
        in_all = all(key in run.config for run in runs if run.config)
        cells = [Cell(text, value) for text, value in zip(texts, values, strict=True)]
        row = [Cell("config", "config", "dim"), Cell(name, key), *cells]
        rows[0 if key in parts or key == "loop" else 1 if in_all else 2].append(row)
    return [row for group in rows.values() for row in group]


def _class(value: Any) -> Any:
    """A class of this project by its module and name; anything else as it is."""
    if isinstance(value, str) and value.startswith("engine."):
        return ".".join(value.split(".")[-2:])
    return value


def _row(kind: str, key: str, values: Sequence[Any]) -> list[Cell]:
    """One number with its value in each run; the best one has a colour of its own."""
    from engine.tables.cells import show

    best = _best(key, values)
    cells = [
        Cell(show("any", value), value, _BEST if best is not None and value == best else "")
        for value in values
    ]
    return [Cell(kind, kind, "dim"), Cell(key, key), *cells]


def _best(name: str, values: Sequence[float | None]) -> float | None:
    """The best of the numbers; None where all are the same, or none is better."""
    from engine.library.best import higher_is_better
    from engine.tables.measures import has_best

    known = {value for value in values if value is not None}
    if len(known) < 2 or not has_best(name):
        return None
    return max(known) if higher_is_better(name) else min(known)


def _print_for_people(names: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """A column for each run, or a line for each value where there is no room for that."""
    room, n_runs = shutil.get_terminal_size().columns, len(names)
    kinds, keys = (max(len(plain(row[n].text)) for row in rows) for n in range(2))
    others = kinds + 2 + n_runs * (_NARROWEST + 2)
    keys = min(keys, max(_NARROWEST_KEY, room - others))
    width = (room - kinds - 2 - keys) // n_runs - 2
    if width < _NARROWEST:
        lines = [line for row in rows for line in _block(names, row, room)]
    else:
        cells = [
            [row[0], row[1]._replace(text=cut(plain(row[1].text), keys))]
            + [cell._replace(text=cut(plain(cell.text), width)) for cell in row[2:]]
            for row in rows
        ]
        titles = ["kind", "key", *(cut(plain(name), width) for name in names)]
        columns = [Column(title, cells) for title, *cells in zip(titles, *cells, strict=True)]
        lines, _ = render(columns, room, coloured=has_colours())
    write("".join(f"{line}\n" for line in lines))


def _block(names: Sequence[str], row: Sequence[Cell], room: int) -> list[str]:
    """The key, and below it a line for each run, as long as there is room."""
    half = max(_NARROWEST, (room - 4) // 2)
    values = [
        f"  {cut(plain(name), half)}  {plain(cell.text)}"
        for name, cell in zip(names, row[2:], strict=True)
    ]
    return [cut(line, room) for line in (f"{row[0].text} {plain(row[1].text)}", *values)]


main = Command(
    name="diff",
    summary="Show in what runs differ, and what came of it.",
    add_arguments=_add_arguments,
    work=_diff,
    details="""\
One line a key, one column a run: the best value of each loss and metric, the results of the test,
then the config keys in which the runs differ: components by their names, the keys that all runs
have, and those that come with a component. Where data and output lie does not count as a
difference. On a terminal the best value of a line is green, and a long config is cut.

examples:
  engine diff last last~1
  engine diff latent_space=vq state=finished --all
  engine diff last last~1 --json | jq .config
""",
)
