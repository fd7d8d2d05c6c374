"""The command `engine evaluate`: what the trained model of a run is worth.

`--json` prints the object that `evaluation.json` holds, described in
`engine/evaluation/evaluate.py`, with the name of the run as `run`.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli.output import Cell, Command, add_json_option, print_json, print_table, remark, say
from engine.cli.select import add_root_option, select_one
from engine.cli.trust import trusted_packages
from engine.errors import ConfigError
from engine.facts.run_dir import RunDir

if TYPE_CHECKING:
    from engine.evaluation.evaluate import Evaluation

_DETAILS = """\
The best weights of a run (best_val.pt) are evaluated on the test split, as after its training: how
well its score tells each class from the background, and how far reconstructed features are off.
--scores writes the class and the scores of each event to a file. Nothing is written into the run
without --save, which makes evaluation.json and the figure anew and records the numbers in the
facts, so that engine runs has them: of a run that was trained without, say.

data.path=FILE takes the test split of another file, whose features are normalised as those that
the model was trained on. --save takes the run's own data only, which may have another place.

A saved config may name classes of engine only. --trust, or the environment variable
THESIS_TRUST=package,package, allows packages of your own.

  engine evaluate last
  engine evaluate last --background tttt
  engine evaluate last --background ttW,ttZ --json
  engine evaluate last --scores scores.csv
  engine evaluate last data.path=other.h5
  engine evaluate last device=cpu --save

docs/TRAINING_GUIDE.md says what each number means.
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="the run: a name, a part of it, a path, last")
    parser.add_argument(
        "overrides", metavar="KEY=VALUE", nargs="*", default=[], help="device, or data.path"
    )
    parser.add_argument(
        "--background", action="append", default=[], metavar="CLASS,…",
        help="the classes that are background (default: evaluation.background of the run)",
    )  # fmt: skip
    parser.add_argument("--scores", metavar="FILE",
        help="write the scores of each event to FILE as CSV, whole or not at all")  # fmt: skip
    parser.add_argument("--save", action="store_true", help="keep the result in the run")
    parser.add_argument(
        "--trust", action="append", default=[], metavar="PACKAGE", help="a package of your own"
    )
    add_json_option(parser)
    add_root_option(parser)


def _work(args: argparse.Namespace) -> None:
    if args.save and args.background:
        raise ConfigError(
            "--save keeps the numbers against the run's own background, by which runs are compared",
            "Leave out --background, or --save.",
        )
    if any(word.startswith("evaluation.background=") for word in args.overrides):
        raise ConfigError(
            "evaluation.background is that of the run", "Name it: --background CLASS,…"
        )
    run_dir = RunDir(select_one(args.run, args.root))
    if args.save:
        _require_ended(run_dir)
    with contextlib.redirect_stdout(sys.stderr):  # what code of the user's own may print
        from engine.cli.resumable import changed_config
        from engine.training_loops.evaluating import evaluate_run

        cfg, _ = changed_config(run_dir, args.overrides, [*args.trust, *trusted_packages()])
        background = _background(args.background, cfg)
        result = evaluate_run(run_dir, cfg, background, own_data=args.save)
        if result.no_scores is not None:
            remark(f"no AUROC: {result.no_scores.in_a_line}")
        if args.save:
            _save(run_dir, cfg, result)
        if args.scores:
            _save_scores(Path(args.scores), run_dir, result)
    if args.json:
        print_json({"run": run_dir.run_id} | result.record())
    else:
        _print(run_dir, result)


def _background(given: list[str], cfg: Any) -> list[Any] | None:
    """The classes that the command line names, else those of the config."""
    if given:
        return [name for text in given for name in text.split(",") if name]
    return (cfg.get("evaluation") or {}).get("background")


def _require_ended(run_dir: RunDir) -> None:
    """Raise where another process writes the run, or a link leads out of it."""
    from engine.facts.state import UNDER_WAY
    from engine.library.index import summarise

    summary = summarise(run_dir.path)
    if summary.state in UNDER_WAY:
        raise ConfigError(
            f"{run_dir.run_id} is {summary.state}: it evaluates itself at its end",
            "Leave out --save to look at the best weights so far.",
        )
    links = run_dir.links()
    if links:
        raise ConfigError(f"{links[0]} is a link, and a run writes no file through one")


def _save(run_dir: RunDir, cfg: Any, result: Evaluation) -> None:
    """Write what a training writes of an evaluation: the file, the event, the figure."""
    from engine.facts import append_jsonl_event, build_event_payload
    from engine.library.index import summarise
    from engine.monitoring.orchestrator import OF_THE_TEST, handle_event
    from engine.training_loops.evaluating import write_evaluation

    losses = summarise(run_dir.path).numbers.get("val_loss")
    epoch = losses.best_epoch if losses else None
    write_evaluation(run_dir, result)
    payload = build_event_payload(
        "on_test_end", run_dir.path, epoch=epoch, split="test", metrics=result.metrics(), cfg=cfg
    )
    append_jsonl_event(run_dir.path, payload)
    payload["figure_data"] = result.figures({"evaluation"})
    handle_event(cfg.logging, OF_THE_TEST, "on_test_end", payload)
    remark(f"wrote {run_dir.evaluation}")


def _save_scores(path: Path, run_dir: RunDir, result: Evaluation) -> None:
    """Write a row for each event: its number in the test split from 0, its class, its scores."""
    from engine.cli.formats import Field, csv_lines
    from engine.cli.saving import save

    scores = result.collected.scores
    if not scores:
        raise ConfigError(f"--scores: the loop of {run_dir.run_id} gives no scores")
    numbers = range(result.collected.n_events)
    rows = (
        [Field("number", number), Field("text", name)]
        + [Field("number", float(values[number])) for values in scores.values()]
        for number, name in zip(numbers, result.class_names(), strict=True)
    )
    lines = csv_lines(["event", "class", *scores], rows)
    save(path, (line.encode() for line in lines), "--scores")
    remark(f"wrote {path}")


def _print(run_dir: RunDir, result: Evaluation) -> None:
    """What a person reads."""
    record = result.record()
    events = ", ".join(f"{name} {n:,}" for name, n in record["background"].items())
    against = f"; background: {events}" if events else ""
    say(f"{run_dir.run_id}: {record['n_events']:,} events of the {record['split']} split{against}")
    if record["scores"]:
        say("")
        _print_signals(record["scores"])
    if record["features"]:
        say("")
        _print_errors([*record["features"], *record["globals"]])
        say(f"\nobjects with the right type: {100 * record['id_accuracy']:.2f} %")


def _print_signals(scores: dict[str, Any]) -> None:
    """How well each score tells each signal from the background."""
    rows = [
        [Cell(name, name), Cell(score, score), _number(signal["events"])]
        + [_number(signal[key]) for key in ("auroc", "auroc_error")]
        + [cell for one in signal["rejections"] for cell in _rejection(one)]
        for score, told in scores.items()
        for name, signal in told["signals"].items()
    ]
    cuts = [text for share in (30, 50, 70) for text in (f"1/eps_B@{share}%", "±")]
    print_table(["signal", "score", "events", "AUROC", "±", *cuts], rows)


def _rejection(one: dict[str, Any]) -> list[Cell]:
    """A rejection and its error; its lower limit where no background event passes."""
    told = _number(one["rejection"])
    if one["rejection"] is None:
        told = Cell(f"> {_number(one['at_least']).text}")
    return [told, _number(one["error"])]


def _print_errors(errors: list[dict[str, Any]]) -> None:
    """How far each feature is off."""
    measures = ("median", "sigma68", "mean_abs", "rms")
    rows = [
        [Cell(one["name"], one["name"]), Cell(one["unit"], one["unit"])]
        + [_number(one[key]) for key in measures]
        for one in errors
    ]
    print_table(["residual of", "unit", *measures], rows)


def _number(value: float | None) -> Cell:
    from engine.tables.units import show_measured

    return Cell("" if value is None else show_measured(value), value)


main = Command(
    name="evaluate",
    summary="What the trained model of a run is worth: AUROC, rejection, errors in GeV.",
    add_arguments=_add_arguments,
    work=_work,
    details=_DETAILS,
)
