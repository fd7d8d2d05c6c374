"""The command `engine runs`: the table of runs."""

from __future__ import annotations

import argparse
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
from engine.cli.select import add_root_option, existing_root, output_root
from engine.errors import ConfigError

if TYPE_CHECKING:
    from engine.library.summary import RunSummary
    from engine.tables.keys import Key
    from engine.tables.query import Query
    from engine.tables.table import Table

_DETAILS = """\
filters (put quotes round < > and blanks)
  vq                        a word in the name, a tag or the note
  encoder=gnn seed=1,2,3    = != < <= > >=; several words: all of them
  'lr>=0.001 and not (state=failed or state=lost)'
  'name~^run_2026' note~talk                 ~ searches for a regular expression
  'val_loss<0.3' has:test_loss tag=paper
  'duration>1h' 'size>100MB' 'started>2026-11-01' 'age<2d'

keys, also for --sort, --columns and --group-by
  fields   state name loop encoder decoder latent_space seed epochs epochs_done progress started
           ended age duration eta throughput memory size host tag note sweep commit …
  numbers  val_loss is the best value, val_loss.last the last; test_loss; every metric
  config   phase1.trainer.lr, or its end where no other key ends so: lr, batch_size

examples
  engine runs state=running
  engine runs --sort val_loss --limit 10
  engine runs 'tag=paper' --columns name,lr,val_loss,+val_loss.best_epoch
  engine runs --seeds                          one row for runs that differ only in the seed
  engine runs --group-by encoder,latent_space --sort val_loss
  engine runs --json 'val_loss<0.3' | jq -r '.[].path'

In a pipe the table is tab-separated, in seconds, bytes and UTC. docs/RUNS_GUIDE.md says more.
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    words = "which runs; see below"
    parser.add_argument("words", metavar="FILTER", nargs="*", help=words)
    parser.add_argument(
        "--filter", metavar="FILTER", action="append", default=[], help="the same as an option"
    )
    order = "order, the first counts most; -KEY descending (default: -started)"
    parser.add_argument("--sort", metavar="KEY,…", action="append", default=[], help=order)
    columns = "columns; +KEY and -KEY change the default ones"
    parser.add_argument("--columns", metavar="KEY,…", action="append", default=[], help=columns)
    grouped = parser.add_mutually_exclusive_group()
    by = "one row for each value of the keys, with mean and spread"
    grouped.add_argument("--group-by", metavar="KEY,…", action="append", default=[], help=by)
    seeds = "one row for runs that differ in the seed only, with mean and spread"
    grouped.add_argument("--seeds", action="store_true", help=seeds)
    archived = "show archived runs as well"
    parser.add_argument("--all", "--archived", action="store_true", dest="all", help=archived)
    parser.add_argument("--limit", metavar="N", type=_count, help="at most so many rows")
    add_json_option(parser)
    add_root_option(parser)


def _runs(args: argparse.Namespace) -> None:
    runs, n_archived = _read(args.root, args.all)
    matching = one_filter([*args.words, *args.filter]).select(runs)
    plain = not (args.columns or args.group_by or args.seeds)
    if not matching:
        _say_none(args.root, len(runs), n_archived)
    if args.json and (plain or not matching):
        print_json([record(run) for run in _ordered(matching, _names(args.sort))[: args.limit]])
    elif matching:
        _print(_table(args, matching), args)
        if n_archived and on_terminal():
            remark(f"not shown: {_archived(n_archived)}")


def record(run: RunSummary) -> dict[str, Any]:
    """All that is known of a run, by the names of its keys and in their base units; for JSON."""
    from engine.tables.cells import machine
    from engine.tables.keys import FIELDS

    fields = {name: machine(key.kind, key.read(run)) for name, key in FIELDS.items()}
    return fields | {"numbers": run.numbers, "results": run.results, "config": run.config}


def _read(root: str | None, archived: bool) -> tuple[list[RunSummary], int]:
    """The runs to show, and how many are left out because they are archived."""
    from engine.library.index import Index

    folder = existing_root(root)
    runs = Index(folder).refresh() if folder else []
    if archived:
        return runs, 0
    shown = [run for run in runs if not run.archived]
    return shown, len(runs) - len(shown)


def _say_none(root: str | None, n_runs: int, n_archived: int) -> None:
    archived = f"; not shown: {_archived(n_archived)}" if n_archived else ""
    if n_runs:
        remark(f"none of the {n_runs} runs in {output_root(root)} matches{archived}")
    else:
        remark(f"there are no runs in {output_root(root)}{archived}")


def _archived(n_runs: int) -> str:
    from engine.facts.words import count

    return f"{count(n_runs, 'archived run')} (--all shows them)"


def _ordered(runs: Sequence[RunSummary], sort: Sequence[str]) -> list[RunSummary]:
    from engine.tables.keys import Vocabulary
    from engine.tables.table import NEWEST_FIRST, sort_runs

    return sort_runs(runs, sort or NEWEST_FIRST, Vocabulary(runs)) if runs else []


def _table(args: argparse.Namespace, runs: Sequence[RunSummary]) -> Table:
    from engine.tables.table import NEWEST_FIRST, group_table, run_table

    sort, columns = _names(args.sort), _names(args.columns)
    if args.seeds or args.group_by:
        by = None if args.seeds else _names(args.group_by)
        return group_table(_ordered(runs, ()), by, columns, sort)
    return run_table(runs, columns, sort or NEWEST_FIRST)


def _print(table: Table, args: argparse.Namespace) -> None:
    rows = table.rows[: args.limit]
    if args.json:
        print_json([_json_row(table, row.values, row.runs) for row in rows])
        return
    titles, cells = [], []
    for number, (key, title) in enumerate(zip(table.keys, table.titles, strict=True)):
        if key.name == "problem" and on_terminal() and not args.columns:
            continue  # told below, where there is room
        column = [row.values[number] for row in rows]
        titles += [title]
        cells += [[_cell(key, value) for value in column]]
        if not on_terminal() and any(hasattr(value, "std") for value in column):
            titles += [f"{title}_std"]
            cells += [[Cell("", getattr(value, "std", None)) for value in column]]
    print_table(titles, list(zip(*cells, strict=True)))
    if on_terminal():
        _tell_more(table, [run for row in rows for run in row.runs])


def _tell_more(table: Table, runs: Sequence[RunSummary]) -> None:
    """What is wrong with runs, and in what else they differ."""
    for run in runs:
        if run.problem:
            remark(f"{run.name}: {run.problem}")
    if table.left_out:
        remark(f"they differ in these too: {', '.join(table.left_out)} (--columns +KEY)")


def _cell(key: Key, value: Any) -> Cell:
    from engine.tables.cells import as_number, machine, show

    if key.name == "state" and value is not None:
        return state_cell(value)
    number = as_number(value)
    for_pipe = machine(key.kind, number if hasattr(value, "std") else value)
    return Cell(show(key.kind, value), for_pipe)


def _json_row(table: Table, values: Sequence[Any], runs: Sequence[RunSummary]) -> dict[str, Any]:
    from engine.tables.cells import machine

    columns = zip(table.titles, table.keys, values, strict=True)
    row = {title: machine(key.kind, value) for title, key, value in columns}
    return row if len(runs) == 1 and "runs" not in row else row | {"names": [r.name for r in runs]}


def one_filter(words: Sequence[str]) -> Query:
    """The filter that the words of a command line are together.

    A word that is a filter by itself is one condition: `'a or b' c` is `(a or b) and c`.

    Raises
    ------
    ConfigError
        If they are none.
    """
    from engine.tables.query import parse

    try:
        return parse(" ".join(f"({word})" if _stands_alone(word) else word for word in words))
    except ConfigError:
        return parse(" ".join(words))


def _stands_alone(word: str) -> bool:
    from engine.tables.query import parse

    try:
        return bool(str(parse(word)))
    except ConfigError:
        return False


def _names(given: Sequence[str]) -> list[str]:
    """The keys of an option that may be repeated; commas stand between several."""
    return [name.strip() for text in given for name in text.split(",") if name.strip()]


def _count(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: give a whole number from 1 on")
    return number


main = Command(
    name="runs",
    summary="List runs: which there are, how far they are, how well they do.",
    add_arguments=_add_arguments,
    work=_runs,
    details=_DETAILS,
    signed=("--sort", "--columns"),
)
