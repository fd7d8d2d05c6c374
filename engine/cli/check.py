"""The command `engine check`: whether a training will work, and what it will take.

Nothing is trained but a few steps that are thrown away; no run directory is made. The exit code is
0, or 2 where there is a problem. `--json` prints one object (sizes in bytes, times in seconds, null
for what is not known):

    {
      "ok": bool,
      "problems": [{"key": "phase1.trainer.lr" or null, "text": "…"}],   all of them, each once;
                                 in the text perhaps a second line, of what to do
      "warnings": [the same],    an equal config that already ran, no room on the disk
      "remarks":  [the same],    less than that: another seed ran, the machine is busy
      "points": [                each training of the command, in the order of a sweep
        {"number": 0, "overrides": ["phase1.trainer.seed=1"],   those in which they differ
         "problems": [the same], "equal": [names of runs], "same_but_seed": [names of runs],
         "model": index in "models" or null, "epochs": 20, "training_s": 20.5}],
      "loop": "ae", "device": "cpu",
      "model": {"trainable": 44652, "total": 44652,
                "parts": [{"name": "encoder", "trainable": 22304, "total": 22304}]},
      "batch": {"events": 128, "memory_bytes": …, "memory_how": "measured …", "step_s": …,
                "one_thread_step_s": … or null, "steps_timed": 80, "steady": bool,
                "validation_s": …},   seconds of one batch
      "memory": {"model_bytes": …, "optimiser_bytes": …, "data_bytes": …, "total_bytes": …},
      "checkpoint": {"best_bytes": …, "last_bytes": …},
      "data": {"source": "h5", "path": "…", "features": ["E", …], "columns": 92,
               "splits": [{"name": "train", "dataset": "X_train", "events": 16000,
                           "events_in_file": 16000, "columns": 92, "has_labels": true}]},
      "past": {"runs": 3, "host": "…", "median_s": …, "lowest_s": …, "highest_s": …} or null,
      "epoch_s": 1.03, "training_s": 20.6,    of a single training; null for a sweep
      "total_s": 20.6,                        until the last of all trainings has ended
      "disk": {"path": "…/outputs", "free_bytes": …, "needed_bytes": …} or null,
      "models": [{"points": [0, 1], "loop", "device", "model", "batch", "memory", "checkpoint",
                  "data", "past", "epoch_s": as above}]    what is above is that of the first
    }

A problem that several points share stands once above, and with each of them.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from typing import TYPE_CHECKING

from engine.cli.arguments import POINTS_OUT, add_config_dir_option, config_folders, point_numbers
from engine.cli.output import Command, add_json_option, print_json
from engine.errors import ConfigError

if TYPE_CHECKING:
    from engine.preflight.check import Report, Wish

_DETAILS = """\
The overrides are those of engine train. All problems are told at once; without any the model is
built and trained for a second, and what was learnt is thrown away. Times are those of this machine.

  engine check phase1/latent_space=vq
  engine check --multirun phase1/latent_space=none,vq phase1.trainer.seed=1,2,3 --at-once 2
  engine check phase1/experiment=compare_latent_spaces
  engine check --json loop=test_mlp | jq .epoch_s

docs/TRAINING_GUIDE.md says more.
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "overrides", metavar="OVERRIDE", nargs="*", default=[], help="group=option or key=value"
    )
    parser.add_argument("-m", "--multirun", action="store_true", help="check each value of key=a,b")
    add_config_dir_option(parser)
    parser.add_argument(
        "-cn", "--config-name", metavar="NAME", help="phase1/experiment/X, as engine train has it"
    )
    parser.add_argument(
        "--at-once", type=int, default=1, metavar="N", help="trainings at a time, for the total"
    )
    parser.add_argument("--leave-out", action="append", default=[], metavar="N,…", help=POINTS_OUT)
    parser.add_argument(
        "--untrusted",
        action="store_true",
        help="the config comes from somebody else: call classes of engine only",
    )
    parser.add_argument(
        "--trust", action="append", default=[], metavar="PACKAGE", help="and of this package"
    )
    add_json_option(parser)


def _work(args: argparse.Namespace) -> int:
    with contextlib.redirect_stdout(sys.stderr):  # what code of the user's own may print
        wish = _wish(args)
        report = _checked(wish)
        _add_job(report, wish)
    if args.json:
        from engine.preflight.record import record

        print_json(record(report))
    else:
        from engine.cli.check_text import print_report

        print_report(report, args.at_once)
    return 2 if report.problems else 0


def _add_job(report: Report, wish: Wish) -> None:
    """Say of what would be a job on a cluster what it asks for, and what looks wrong with that."""
    from engine.cli.submit_check import job_remarks, past_suggestions
    from engine.config.problem_keys import Problem, keyed

    if report.problems or not report.points:
        return
    asked, warnings = job_remarks(report.points[0].overrides, wish.config_dirs, report)
    report.warnings += [keyed(text) for text in warnings]
    if asked:
        report.remarks.append(Problem(None, f"each job asks for {', '.join(asked)}"))
        report.remarks += [keyed(text) for text in past_suggestions(report)]


def _wish(args: argparse.Namespace) -> Wish:
    """What the command line asks for.

    Raises
    ------
    ConfigError
        If an option has a value that it cannot have.
    """
    from engine.cli.trust import trusted_packages
    from engine.config.command import experiment_of
    from engine.preflight.check import Wish

    if args.at_once < 1:
        raise ConfigError(f"--at-once {args.at_once}: must be at least 1")
    trusted = [*args.trust, *trusted_packages()] if args.untrusted or args.trust else None
    return Wish(
        overrides=[*experiment_of(args.config_name), *args.overrides],
        config_dirs=config_folders(args.config_dir),
        multirun=args.multirun,
        leave_out=point_numbers(args.leave_out),
        at_once=args.at_once,
        trusted=trusted,
    )


def _checked(wish: Wish) -> Report:
    from engine.cli.attempt import import_from_here
    from engine.cli.train import DISPATCH, find_loop
    from engine.config.compose import dotted_loops, register_loops
    from engine.preflight.check import check

    register_loops([*DISPATCH, *dotted_loops(wish.overrides)], wish.config_dirs)
    if wish.trusted is None or wish.trusted:  # of somebody else's config only what was named
        import_from_here()
    return check(wish, find_loop)


main = Command(
    name="check",
    summary="Whether a training will work and what it will take, without training.",
    add_arguments=_add_arguments,
    work=_work,
    details=_DETAILS,
)
