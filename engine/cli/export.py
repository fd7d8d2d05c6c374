"""The command `engine export`: runs as a table for other programs, and their curves."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.arguments import listed
from engine.cli.output import Command, remark, write
from engine.cli.saving import save
from engine.cli.select import add_root_option, add_run_argument, select
from engine.errors import ConfigError, FactsError

if TYPE_CHECKING:
    from engine.cli.formats import Field
    from engine.facts.series import Curves
    from engine.library.summary import RunSummary

ENDINGS = {".csv": "csv", ".json": "json", ".tex": "latex"}
"""Ending of a file to its format."""

CURVE_COLUMNS = ("run", "kind", "name", "epoch", "step", "time_s", "value")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)
    formats = parser.add_mutually_exclusive_group()
    csv = "comma-separated values (default, unless the ending of FILE says otherwise)"
    formats.add_argument("--csv", dest="format", action="store_const", const="csv", help=csv)
    formats.add_argument("--json", dest="format", action="store_const", const="json", help="JSON")
    latex = "a LaTeX table, for the package booktabs"
    formats.add_argument("--latex", dest="format", action="store_const", const="latex", help=latex)
    curves = "every value of every number, one a row, instead of one row a run"
    parser.add_argument("--curves", action="store_true", help=curves)
    columns = "columns as in engine runs; +KEY and -KEY change the default ones"
    parser.add_argument("--columns", metavar="KEY,…", action="append", default=[], help=columns)
    order = "order of the rows; -KEY descending (default: as the runs are named)"
    parser.add_argument("--sort", metavar="KEY,…", action="append", default=[], help=order)
    seeds = "one row for runs that differ in the seed only, with mean and spread"
    parser.add_argument("--seeds", action="store_true", help=seeds)
    output = "write to FILE, whole or not at all; - is standard output"
    parser.add_argument("-o", "--output", metavar="FILE", default="-", help=output)
    add_root_option(parser)


def _export(args: argparse.Namespace) -> None:
    from engine.cli.formats import WRITERS, split_spreads

    form = args.format or _form(args.output)
    if args.curves and (form == "latex" or args.columns or args.sort or args.seeds):
        raise ConfigError("--curves has columns of its own", "Use it with --csv or --json alone.")
    runs = select(args.runs, args.root)
    if args.curves:
        pieces = WRITERS[form](CURVE_COLUMNS, curve_rows(runs))
    else:
        titles, rows = _run_rows(runs, args)
        if form == "csv":
            titles, rows = split_spreads(titles, rows)
        pieces = WRITERS[form](titles, rows)
    if args.output == "-":
        for piece in pieces:
            write(piece)
    else:
        save(Path(args.output), (piece.encode() for piece in pieces))
        remark(f"wrote {args.output}")


def _form(output: str) -> str:
    """The format that the ending of a file says; CSV where there is none."""
    suffix = Path(output).suffix.lower()
    if suffix and suffix not in ENDINGS:
        raise ConfigError(
            f"-o {output}: no format has the ending {suffix}",
            f"End it in {', '.join(ENDINGS)}, or say --csv, --json or --latex.",
        )
    return ENDINGS.get(suffix, "csv")


def _run_rows(
    runs: Sequence[RunSummary], args: argparse.Namespace
) -> tuple[list[str], list[list[Field]]]:
    """One row a run, or one for runs that differ in the seed only."""
    from engine.cli.formats import Field
    from engine.tables.table import group_table, run_table

    columns, sort = listed(args.columns), listed(args.sort)
    if not args.seeds and all(name[:1] in ("+", "-") for name in columns):
        # The same file whenever it is written: a time, rather than how long ago that was.
        columns = ["-age", "+started", *columns]
    folded = args.seeds
    table = group_table(runs, None, columns, sort) if folded else run_table(runs, columns, sort)
    kinds = [key.kind for key in table.keys]
    rows = [
        [Field(kind, value) for kind, value in zip(kinds, row.values, strict=True)]
        for row in table.rows
    ]
    return list(table.titles), rows


def curve_rows(runs: Sequence[RunSummary]) -> Iterator[list[Field]]:
    """Every finite value of every number of the runs, in the order of `CURVE_COLUMNS`.

    A run that has no event yet has no rows. One of several that cannot be read is remarked upon.

    Raises
    ------
    FactsError
        If the only run cannot be read.
    """
    from engine.facts.curves import load_curves
    from engine.facts.run_dir import RunDir

    for run in runs:
        if run.state is not None and not os.path.lexists(RunDir(Path(run.path)).events):
            remark(f"{run.name} has no events")
            continue
        try:
            curves = load_curves(run.path)
        except FactsError as error:
            if len(runs) == 1:
                raise
            remark(f"{run.name} is left out: {error.message}")
            continue
        yield from _rows_of(run, curves)


def _rows_of(run: RunSummary, curves: Curves) -> Iterator[list[Field]]:
    from engine.cli.formats import Field

    for kind in curves.tables:
        for name in curves.names(kind):
            texts = [Field("text", text) for text in (run.name, kind, name)]
            for step, epoch, time, value in zip(*curves.series(name, kind), strict=True):
                if value == value:  # NaN stands for what is missing
                    axes = [Field("number", axis) for axis in map(_axis, (epoch, step, time))]
                    yield [*texts, *axes, Field("number", value)]


def _axis(value: float) -> float | None:
    """A place on an axis: whole where it counts something, None where there is none."""
    if value != value:
        return None
    return int(value) if value.is_integer() else value


main = Command(
    name="export",
    summary="Write runs as a table for other programs, or their curves.",
    add_arguments=_add_arguments,
    work=_export,
    signed=("--columns", "--sort"),
    details="""\
One row a run, with the columns of `engine runs`: numbers with all their digits, times in ISO 8601
(UTC), durations in seconds, sizes in bytes. With --seeds a number has a second column for its
spread. The LaTeX table is made for reading: four digits, and everything escaped.

--curves writes one row for each value: run, kind (epochs, validations, progress), name, epoch,
step, time_s (seconds of training), value.

In CSV a text that a spreadsheet would take for a formula has an apostrophe in front.

examples:
  engine export 'run_2026*' > runs.csv
  engine export last last~1 --columns name,lr,val_loss,test_loss --latex -o table.tex
  engine export 'run_2026*' --seeds --latex
  engine export last --curves -o curves.csv
  engine export last --curves --json | jq 'map(select(.name == "val_loss") | .value)'
""",
)
