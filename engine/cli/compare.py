"""The command `engine compare`: train every combination of components, and say what each is worth.

`--json` prints what `comparison.json` holds: `rows`, in which `numbers` has `mean`, `std` and `n`
for each column, `left_out`, and how it was made; see `engine/comparison/page.py`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli.arguments import add_config_dir_option, check_overrides, config_folders, listed
from engine.cli.output import Command, add_json_option, print_json, remark, write
from engine.cli.saving import save
from engine.cli.select import add_root_option
from engine.errors import ConfigError, EngineError
from engine.facts.run_dir import RunDir

if TYPE_CHECKING:
    from engine.comparison.page import Comparison
    from engine.comparison.plan import Choices, Plan

_DETAILS = """\
Each combination of loop, encoder and latent space is trained with several seeds, and evaluated on
the test split. The table has means and spreads over the seeds, and for each loop a row of what
predicting the mean of the training split comes to. A combination that the config refuses is left
out, and the table says why.

A run that has finished with an equal config is not trained again. So the command can be interrupted
at any time, and does the rest when it is repeated; runs that have failed are trained anew.

The table is Markdown, on standard output or in FILE; comparison.json and comparison.csv are written
beside the runs. engine diff RUN RUN shows in what two runs differ.

  engine compare
  engine compare --epochs 20 --seeds 5 --at-once 2 -o comparison.md
  engine compare --loops ae --encoders mlp,gnn --latent-spaces vq phase1.trainer.lr=3e-4
  engine compare --loops ae --epochs 1 --seeds 1 data.limit_samples=1000 --json
"""

_INTERRUPTED = 128
"""Exit codes above tell a signal."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    text = "as for thesis-train, for all trainings"
    parser.add_argument("overrides", metavar="OVERRIDE", nargs="*", default=[], help=text)
    parser.add_argument("--loops", metavar="LOOP,…", action="append", default=[],
        help="loops (default: ae, gan_ae and diffusion_ae)")  # fmt: skip
    parser.add_argument("--encoders", metavar="ENCODER,…", action="append", default=[],
        help="options of phase1/encoder (default: mlp and gnn)")  # fmt: skip
    parser.add_argument("--latent-spaces", metavar="LATENT_SPACE,…", action="append", default=[],
        help="options of phase1/latent_space (default: none, linear and vq)")  # fmt: skip
    parser.add_argument("--epochs", type=int, default=10, metavar="N", help="default 10")
    text = "how many, counted from 1 (default 3)"
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help=text)
    text = "how many train at the same time (default 1)"
    parser.add_argument("--at-once", type=int, default=1, metavar="N", help=text)
    text = "write the table to FILE, whole or not at all; - is standard output"
    parser.add_argument("-o", "--output", metavar="FILE", default="-", help=text)
    add_config_dir_option(parser)
    add_json_option(parser)
    add_root_option(parser)


def _work(args: argparse.Namespace) -> int:
    if args.at_once < 1:
        raise ConfigError(f"--at-once {args.at_once}: must be at least 1")
    if args.output != "-" and not Path(args.output).absolute().parent.is_dir():
        raise ConfigError(f"-o {args.output}: there is no folder {Path(args.output).parent}")
    with _on_stderr():  # what trainings say, and code of the user's own
        plan = _plan(args)
        code = _train_missing(plan, args.at_once)
        if code > _INTERRUPTED:
            remark("what has finished is kept; the same command does the rest")
            return code
        comparison = _compared(plan, _command(args, plan.choices))
        _warn(comparison)
    _write_beside_runs(comparison, plan.root)
    if args.output != "-":
        save(Path(args.output), [comparison.markdown().encode()])
        remark(f"wrote {args.output}")
    if args.json:
        print_json(comparison.record())
    elif args.output == "-":
        write(comparison.markdown())
    return code


def _plan(args: argparse.Namespace) -> Plan:
    """What is to be trained, with the runs that are there already."""
    from engine.cli.attempt import import_from_here
    from engine.cli.train import DISPATCH
    from engine.comparison.plan import make_plan
    from engine.config.compose import dotted_loops, register_loops

    choices = _choices(args)
    import_from_here()
    loops = dotted_loops([f"loop={loop}" for loop in choices.loops])
    register_loops([*DISPATCH, *loops], choices.config_dirs)
    plan = make_plan(choices)
    plan.find_runs()
    return plan


def _choices(args: argparse.Namespace) -> Choices:
    from engine.comparison.plan import Choices
    from engine.config.draft import literal

    check_overrides(args.overrides)
    runs = [word for word in args.overrides if "=" not in word]
    if runs:
        raise ConfigError(
            f"{runs[0]}: engine compare trains, and takes overrides as key=value",
            "engine diff RUN RUN shows in what runs differ.",
        )
    root = [f"env.output_root={literal(os.path.abspath(args.root))}"] if args.root else []
    given = {name: listed(getattr(args, name)) for name in ("loops", "encoders", "latent_spaces")}
    return Choices(
        **{name: values for name, values in given.items() if values},
        epochs=args.epochs,
        seeds=args.seeds,
        overrides=[*args.overrides, *root],
        config_dirs=config_folders(args.config_dir),
    )


def _command(args: argparse.Namespace, choices: Choices) -> str:
    """The command as it would be typed, without what does not change the numbers."""
    words = ["engine", "compare", *args.overrides]
    for name in ("loops", "encoders", "latent_spaces"):
        if getattr(args, name):
            words += [f"--{name.replace('_', '-')}", ",".join(getattr(choices, name))]
    words += ["--epochs", str(choices.epochs), "--seeds", str(choices.seeds)]
    words += [word for folder in args.config_dir for word in ("--config-dir", folder)]
    return shlex.join(words)


def _train_missing(plan: Plan, at_once: int) -> int:
    """Train what is not done, as a sweep, and look for its runs; the exit code of the sweep."""
    missing, every = sum(not one.is_done for one in plan.trainings), len(plan.trainings)
    remark(f"{every} trainings, of which {every - missing} are there already")
    if not missing:
        return 0
    from engine.cli.train import main as train

    folders = [word for folder in plan.choices.config_dirs for word in ("--config-dir", folder)]
    joblib = ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={at_once}"] if at_once > 1 else []
    words = ["--multirun", *map(str, folders), *plan.sweep_of_missing(), *joblib]
    code = train(words, program="engine")
    plan.find_runs()
    if code <= _INTERRUPTED and not any(one.run for one in plan.trainings):
        raise ConfigError("no training has begun, for the reason that is told above")
    return code


def _compared(plan: Plan, command: str) -> Comparison:
    """The rows of the table: finished runs, evaluated beside the baseline."""
    from engine.comparison.mean_prediction import evaluate_mean_prediction, training_classes
    from engine.comparison.measures import column_units, measures
    from engine.comparison.origins import origins_of, this_process
    from engine.comparison.page import Comparison
    from engine.comparison.table import make_rows

    configs = {one.combination.loop: one.cfg for one in reversed(plan.trainings)}
    baselines = {loop: evaluate_mean_prediction(cfg) for loop, cfg in configs.items()}
    evaluated = {
        one.run.path: found
        for one in plan.trainings
        if one.run is not None and one.is_done and (found := _measured(one.run.path, one.cfg))
    }
    rows = make_rows(plan, evaluated, {loop: measures(one) for loop, one in baselines.items()})
    told = list(baselines.values())
    units, classes = column_units(told[0]), next((one.classes for one in told if one.classes), None)
    signals = list(classes.signal) if classes else []
    signal = signals[0] if len(signals) == 1 else None
    others = list(classes.background) if classes else []
    done = [one.run for one in plan.trainings if one.run is not None and one.is_done]
    origins = origins_of(done), this_process()
    trained_on = training_classes(plan.trainings[0].cfg)
    told_of = (units, signal, others, command, _day(plan), *origins, trained_on)
    return Comparison(plan, rows, *told_of)


def _warn(comparison: Comparison) -> None:
    """Say on standard error that the runs are of several origins."""
    from engine.comparison.origins import warning

    mixed = warning(comparison.origins)
    if mixed:
        remark(mixed[0])
        for line in mixed[1]:
            remark(f"  {line}")


def _measured(path: str, cfg: Any) -> dict[str, float]:
    """What the model of a run is worth; nothing, and a remark, where that cannot be told."""
    from engine.comparison.measures import measures
    from engine.training_loops.evaluating import evaluate_run

    background = (cfg.get("evaluation") or {}).get("background")
    try:
        return measures(evaluate_run(RunDir(Path(path)), cfg, background))
    except EngineError as error:
        remark(f"{os.path.basename(path)} is not evaluated: {error.in_a_line}")
        return {}


def _day(plan: Plan) -> str:
    """The day on which the last of the runs ended."""
    from datetime import UTC, datetime

    ends = [one.run.ended for one in plan.trainings if one.run and one.run.ended]
    return datetime.fromtimestamp(max(ends), UTC).date().isoformat() if ends else "no run has ended"


def _write_beside_runs(comparison: Comparison, root: Path) -> None:
    """Write `comparison.json` and `comparison.csv` into the output root."""
    from engine.cli.formats import Field, csv_lines, split_spreads
    from engine.cli.json_text import json_pieces

    columns = comparison.columns()
    titles = ["loop", "encoder", "latent_space", *columns, "runs", "worse"]
    rows = [
        [Field("text", text) for text in (row.loop, row.encoder, row.latent_space)]
        + [Field("number", row.numbers.get(name)) for name in columns]
        + [Field("text", row.state), Field("words", row.worse)]
        for row in comparison.rows
    ]
    lines = csv_lines(*split_spreads(titles, rows))
    save(root / "comparison.csv", (line.encode() for line in lines))
    pieces = [*json_pieces(comparison.record()), "\n"]
    save(root / "comparison.json", (piece.encode() for piece in pieces))


@contextlib.contextmanager
def _on_stderr() -> Iterator[None]:
    """Standard output goes to standard error, that of processes started here too."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


main = Command(
    name="compare",
    summary="Train every combination of components, and say what each is worth.",
    add_arguments=_add_arguments,
    work=_work,
    details=_DETAILS,
)
