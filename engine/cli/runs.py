"""The command `engine runs`: the table of runs."""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from engine.cli.key_options import key_names
from engine.cli.output import Command, add_json_option, on_terminal, print_json, remark
from engine.cli.select import add_root_option, existing_root, output_root
from engine.cli.shelf import Shelf
from engine.errors import ConfigError

if TYPE_CHECKING:
    from engine.library.index import Index
    from engine.library.summary import RunSummary
    from engine.tables.query import Query
    from engine.tables.table import Table

EVERY_S = 2.0
"""Seconds between two looks of `--watch`,"""
SHARE = 10
"""and at least this many times what a look costs."""

_DETAILS = """\
filters (put quotes round < > and blanks)
  vq                        a word: in the name, tags, note, loop, its parts, state, sweep, host
  last last~1 'run_*_job3'  the newest run, the one before, a glob of names
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
  engine runs --group-by sweep                 how many runs of each sweep are done
  engine runs --watch                          drawn again every few seconds, until Ctrl-C
  engine runs --table | less -S                aligned and whole, for reading in a pipe
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
    limit = "at most so many rows"
    parser.add_argument("-n", "--limit", metavar="N", type=_count, help=limit)
    people = "aligned and shortened for reading, in a pipe as well"
    parser.add_argument("--table", action="store_true", help=people)
    watch = "draw the table again every few seconds, until Ctrl-C"
    parser.add_argument("--watch", action="store_true", help=watch)
    add_json_option(parser)
    add_root_option(parser)


class Choice(NamedTuple):
    """The runs that are asked for."""

    runs: list[RunSummary]
    none: str
    """What to say where there are none."""
    hidden: str
    """What to say about archived runs that are left out."""


def _runs(args: argparse.Namespace) -> None:
    from engine.library.index import Index

    folder = existing_root(args.root)
    index = Index(folder) if folder else None
    if args.watch:
        if args.json or not on_terminal():
            raise ConfigError("--watch needs a terminal", "In a pipe: watch engine runs --table")
        watch(lambda: frame(args, index), time.sleep)
    choice = choose(args, index)
    if not choice.runs:
        remark(choice.none)
    if args.json:
        _print_json(args, choice.runs)
    elif choice.runs:
        _print(args, choice)


def choose(args: argparse.Namespace, index: Index | None) -> Choice:
    """The runs that the words and options mean."""
    from engine.tables.advice import advice, asks_for

    everything = index.refresh() if index else []
    listed = [run for run in everything if args.all or not run.archived]
    shelf = Shelf(output_root(args.root), everything, archived=args.all)
    named = [word for word in args.words if shelf.is_name(word)]
    query = one_filter([*(word for word in args.words if word not in named), *args.filter])
    hidden = len(everything) - len(listed)
    if named:
        paths = {str(path) for word in named for path in shelf.named(word)}
        listed, hidden = [run for run in everything if run.path in paths], 0
    elif asks_for(query, "archived"):
        listed, hidden = everything, 0
    found = query.select(listed)
    said = _archived(hidden)
    hints = ["" if found else advice(query, listed), said]
    none = "\n  ".join([_none(args.root, len(everything)), *filter(None, hints)])
    return Choice(found, none, said)


def watch(frame: Callable[[], str], wait: Callable[[float], object]) -> None:
    """Show what `frame` gives, each time in the place of the last one, until an interrupt.

    Parameters
    ----------
    wait
        Called with the seconds until the next look.
    """
    from engine.cli.screen import Screen

    screen = Screen()
    while True:
        began = time.monotonic()
        screen.show(frame())
        wait(max(EVERY_S, SHARE * (time.monotonic() - began)))


def frame(args: argparse.Namespace, index: Index | None) -> str:
    """The table as high and as wide as the terminal, and a line about all runs below it."""
    from collections import Counter

    from engine.cli.runs_table import lines_for_people

    choice, size = choose(args, index), shutil.get_terminal_size()
    counts = Counter(run.state or "broken" for run in choice.runs)
    states = ", ".join(f"{n} {state}" for state, n in counts.most_common())
    about = f"{time.strftime('%H:%M:%S')}  {states or choice.none}"
    if not choice.runs:
        return about
    height = max(1, size.lines - 3)  # the titles, the line below, and that of the cursor
    table = _table(args, choice.runs, min(height, args.limit or height))
    lines, _ = lines_for_people(table, key_names("--sort", args.sort), size.columns)
    return "\n".join([*lines, about[: size.columns]])


def _print_json(args: argparse.Namespace, runs: Sequence[RunSummary]) -> None:
    from engine.cli.runs_table import json_rows
    from engine.tables.record import record

    if runs and (args.columns or args.group_by or args.seeds):
        print_json(list(json_rows(_table(args, runs, args.limit))))
    else:
        print_json([record(run) for run in _ordered(args, runs)[: args.limit]])


def _print(args: argparse.Namespace, choice: Choice) -> None:
    from engine.cli import runs_table

    table = _table(args, choice.runs, args.limit)
    if not (args.table or on_terminal()):
        runs_table.print_for_pipes(table)
        return
    runs_table.print_for_people(table, key_names("--sort", args.sort), whole=not on_terminal())
    if choice.hidden:
        remark(choice.hidden)


def _none(root: str | None, n_runs: int) -> str:
    folder = output_root(root)
    if n_runs:
        return f"none of the {n_runs} runs in {folder} matches"
    return f"there are no runs in {folder} yet; thesis-train starts one"


def _archived(n_runs: int) -> str:
    from engine.facts.words import count

    return f"not shown: {count(n_runs, 'archived run')} (--all shows them)" if n_runs else ""


def _ordered(args: argparse.Namespace, runs: Sequence[RunSummary]) -> list[RunSummary]:
    from engine.tables.keys import Vocabulary
    from engine.tables.table import NEWEST_FIRST, sort_runs

    sort = key_names("--sort", args.sort) or NEWEST_FIRST
    return sort_runs(runs, sort, Vocabulary(runs)) if runs else []


def _table(args: argparse.Namespace, runs: Sequence[RunSummary], limit: int | None) -> Table:
    """The table, of at most `limit` rows."""
    from engine.tables.keys import Vocabulary
    from engine.tables.table import NEWEST_FIRST, group_table, run_table, sort_runs

    sort = key_names("--sort", args.sort)
    columns, by = key_names("--columns", args.columns), key_names("--group-by", args.group_by)
    if args.seeds or by:
        newest = sort_runs(runs, NEWEST_FIRST, Vocabulary(runs))
        return group_table(newest, None if args.seeds else by, columns, sort, limit=limit)
    return run_table(runs, columns, sort or NEWEST_FIRST, limit=limit)


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
