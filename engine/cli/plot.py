"""The command `engine plot`: curves of runs in a plain terminal."""

from __future__ import annotations

import argparse
import difflib
import json
import os
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.cli.output import (
    Command,
    add_json_option,
    on_terminal,
    print_json,
    remark,
    say,
    write,
)
from engine.cli.picture import SMALLEST, Look, Panel, draw
from engine.cli.screen import watch
from engine.cli.select import RUN_HELP, add_root_option, select_dirs
from engine.errors import ConfigError, FactsError
from engine.facts.text import plain

if TYPE_CHECKING:
    from pathlib import Path

    from engine.cli.curves import Subject

_PIPE_SIZE = (100, 30)
_TALLEST = 30
_LARGEST = 1000
_LEAST = 12
"""Lines of a picture that is not asked to be lower."""
_DETAILS = """\
The first word is a run. A further one is the name of a number of the runs before it, or else
another run. Without a number: train_loss and val_loss of one run, val_loss of several. Losses of
one run share a picture; any other number has its own, as has each number of several runs.

Above each picture stand the last and the best value of its curves. Of more than eight curves, or
than there is room for, the best ones have a name and a colour, and the others are in grey (dots
where there are no colours); name or filter fewer runs, or draw the mean with --seeds, as far as
all runs of a group have come.

A gap in a curve is a value that was not finite (or has no logarithm). Of a single run a dotted
upright line is where it went on from a checkpoint. No spike is lost, however narrow the picture.

--follow draws again when something new is there, at most once a second, until all runs are over.
Ctrl-C ends it and leaves the last picture. In a pipe each picture ends in a form feed; with --json
each is one line.

  engine plot last
  engine plot last val_loss perplexity --x step --log-y
  engine plot latent_space=vq val_loss --smooth 0.6
  engine plot all val_loss --seeds
  engine plot last --follow
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    metric = "a number to draw: val_loss, a metric"
    parser.add_argument("runs", metavar="RUN", nargs=1, help=RUN_HELP)
    parser.add_argument("more", metavar="METRIC", nargs="*", help=f"{metric}; or another run")
    parser.add_argument("--x", choices=("epoch", "step", "time"), help="what stands below")
    parser.add_argument("--log-y", action="store_true", help="a logarithmic axis upwards")
    parser.add_argument("--log-x", action="store_true", help="a logarithmic axis across")
    parser.add_argument(
        "--smooth", type=_weight, default=0.0, metavar="W",
        help="weight of the past in a moving average, from 0 to below 1",
    )  # fmt: skip
    parser.add_argument(
        "--seeds", action="store_true", help="the mean of runs that differ in the seed only"
    )
    parser.add_argument("--split", action="store_true", help="a picture for each number")
    parser.add_argument("--follow", "-f", action="store_true", help="draw again as it grows")
    parser.add_argument("--width", type=_size, metavar="N", help="columns")
    parser.add_argument("--height", type=_size, metavar="N", help="lines of each picture")
    parser.add_argument("--ascii", action="store_true", help="plain characters only")
    parser.add_argument("--list", action="store_true", help="name the numbers there are")
    add_json_option(parser)
    add_root_option(parser)


def _plot(args: argparse.Namespace) -> None:
    from engine.cli.curves import Wanted, build_panels, points_of

    subjects, names = _resolve(args.runs + args.more, args.root)
    if args.list:
        _list(subjects, args.json)
        return
    names = names or _default_names(subjects)
    _warn(subjects, names)

    def now() -> str:
        wanted = Wanted(names, args.x, args.smooth, args.split, args.seeds, 2 * _columns(args))
        panels = build_panels(subjects, wanted)
        if args.json:
            return json.dumps(points_of(panels), indent=None if args.follow else 2)
        return pictures(panels, args)

    if args.follow:
        watch(subjects, now, is_json=args.json)
    else:
        write(now() + "\n")


def pictures(panels: Sequence[Panel], args: argparse.Namespace) -> str:
    """The pictures as text, one below the other."""
    height = args.height or _height(len(panels), args.follow)
    look = Look(
        _columns(args),
        max(height, SMALLEST[1]),
        coloured=is_coloured(),
        ascii=args.ascii or not _has_braille(),
        log_x=args.log_x,
        log_y=args.log_y,
    )
    return "\n\n".join(draw(panel, look) for panel in panels)


def is_coloured() -> bool:
    """Whether to use colours: on a terminal that has them, unless `NO_COLOR` is set."""
    return on_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _columns(args: argparse.Namespace) -> int:
    width = args.width or (shutil.get_terminal_size().columns if on_terminal() else _PIPE_SIZE[0])
    return max(width, SMALLEST[0])


def _height(n_panels: int, all_at_once: bool) -> int:
    """Lines of a picture: as many as fill the terminal, and enough to see something."""
    lines = shutil.get_terminal_size().lines - 1 if on_terminal() else _PIPE_SIZE[1]
    least = SMALLEST[1] if all_at_once else _LEAST
    return min(_TALLEST, max(least, (lines - n_panels + 1) // n_panels))


def _has_braille() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")


def _resolve(words: Sequence[str], root: str | None) -> tuple[list[Subject], list[str]]:
    """The runs and the numbers that the words mean; see the details of the command.

    Raises
    ------
    ConfigError
        If a word means neither.
    """
    from engine.cli.curves import Subject, curve_names

    subjects: dict[Path, Subject] = {}
    names: list[str] = []
    open_words: list[tuple[str, ConfigError]] = []
    for word in words:
        if word in curve_names(subjects.values()):
            names.append(word)
            continue
        try:
            paths = select_dirs([word], root)
        except ConfigError as error:
            if not subjects:
                raise
            open_words.append((word, error))
            continue
        for path in paths:
            try:
                subjects[path] = subjects.get(path) or Subject(path)
            except FactsError as unreadable:
                if len(paths) == 1:
                    raise
                remark(str(unreadable))
    numbers = curve_names(subjects.values())
    for word, problem in open_words:
        if word not in numbers:
            raise _unknown(word, numbers, problem)
        names.append(word)
    return list(subjects.values()), list(dict.fromkeys(names))


def _unknown(word: str, numbers: Sequence[str], error: ConfigError) -> ConfigError:
    close = difflib.get_close_matches(word, numbers, n=3)
    hint = f"Did you mean {' or '.join(map(plain, close))}?" if close else error.hint
    hint = hint or "--list names the numbers there are."
    return ConfigError(f"{plain(word)} is neither a run nor a number of these runs", hint)


def _default_names(subjects: Sequence[Subject]) -> list[str]:
    return ["train_loss", "val_loss"] if len(subjects) == 1 else ["val_loss"]


def _list(subjects: Sequence[Subject], as_json: bool) -> None:
    from engine.cli.curves import curve_names

    names = curve_names(subjects)
    if as_json:
        print_json(names)
    else:
        say("\n".join(names) if names else "no numbers yet")


def _warn(subjects: Sequence[Subject], names: Sequence[str]) -> None:
    """Tell of runs that have none of the numbers."""
    for subject in subjects:
        if set(names) & set(subject.curves.names()):
            continue
        never = [name for name in names if name in subject.run.nonfinite]
        if never:
            remark(f"{subject.path.name}: no value of {' and of '.join(never)} is finite")
        else:
            remark(f"{subject.path.name} has no {' and no '.join(names)} yet")


def _size(text: str) -> int:
    size = int(text) if text.isascii() and text.isdigit() else 0
    if not 0 < size <= _LARGEST:
        raise argparse.ArgumentTypeError(f"{text}: give a number from 1 to {_LARGEST}")
    return size


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = -1.0
    if not 0 <= weight < 1:
        raise argparse.ArgumentTypeError(f"{text}: give a number from 0 to below 1")
    return weight


main = Command(
    name="plot",
    summary="Draw curves of runs in the terminal.",
    add_arguments=_add_arguments,
    work=_plot,
    details=_DETAILS,
)
