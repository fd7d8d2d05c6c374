"""The command `engine show`: all that is known of a run."""

from __future__ import annotations

import argparse
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli.output import Command, add_json_option, print_json, say
from engine.cli.run_text import Fact, commands_of, facts_of, state_sentence
from engine.cli.select import add_root_option, add_run_argument, select
from engine.errors import ConfigError
from engine.facts.text import plain

if TYPE_CHECKING:
    from engine.facts.attempts import Attempt
    from engine.library.summary import RunSummary

FILES_SHOWN = 30
LINES_SHOWN = 40
"""Lines about one thing, at most."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)
    everything = "every number, start, override and file"
    parser.add_argument("--all", action="store_true", help=everything)
    parser.add_argument("--files", action="store_true", help="the files with their sizes")
    parser.add_argument("--config", action="store_true", help="the whole config as well")
    parser.add_argument("--events", action="store_true", help="every event in a line as well")
    log = "the last N lines of train.log as well"
    parser.add_argument("--log", metavar="N", type=int, default=0, help=log)
    add_json_option(parser)
    add_root_option(parser)


def _show(args: argparse.Namespace) -> None:
    if args.log < 0:
        raise ConfigError(f"--log {args.log}: it is a number of lines")
    runs = select(args.runs, args.root)
    if args.json:
        print_json(_record(run, args) for run in runs)
        return
    for number, run in enumerate(runs):
        if number:
            say("")
        _print_run(run, args)
        if args.config:
            _print_section("config", _config_lines(run))
        if args.events:
            _print_section("events", _event_lines(run))
        if args.log:
            _print_section("log", log_lines(Path(run.path), args.log))


def _print_run(run: RunSummary, args: argparse.Namespace) -> None:
    files = _file_lines(run) if args.all or args.files else _files_in_short(run)
    facts = [*facts_of(run, _attempts(run), args.all), Fact("files", files), *commands_of(run)]
    width = max(len(fact.word) for fact in facts)
    say(plain(run.name))
    say(state_sentence(run))
    for fact in facts:
        for number, line in enumerate(_not_too_many(fact.lines)):
            word = "" if number else fact.word
            say(f"  {word:{width}}  {plain(line)}".rstrip())


def _not_too_many(lines: Sequence[str]) -> Sequence[str]:
    """What a person reads; all of it is in `--json`."""
    if len(lines) <= LINES_SHOWN:
        return lines
    return [*lines[: LINES_SHOWN - 1], f"and {len(lines) - LINES_SHOWN + 1:,} more (--json)"]


def _print_section(title: str, lines: Iterable[str]) -> None:
    say(f"\n  {title}")
    for line in lines:
        say(f"    {plain(line)}".rstrip())


def _record(run: RunSummary, args: argparse.Namespace) -> dict[str, Any]:
    """What `--json` says of a run; the events one by one."""
    from engine.tables.commands import resume_command, train_command
    from engine.tables.record import record

    path = Path(run.path)
    told = record(run) | {
        "attempt_records": [asdict(attempt) for attempt in _attempts(run)],
        "files": [{"name": name, "size": size} for name, size in sorted(run_files(path))],
        "train_command": train_command(run),
        "resume_command": resume_command(run),
    }
    if args.log:
        told["log"] = list(log_lines(path, args.log))
    if args.events:
        batches = _events(run)
        first = next(batches)  # whether they can be read is known before anything is printed
        told["events"] = (record for batch in chain([first], batches) for record in batch)
    return told


def _attempts(run: RunSummary) -> list[Attempt]:
    from engine.facts.attempts import read_attempts
    from engine.facts.run_dir import RunDir

    return read_attempts(RunDir(Path(run.path)))


def _config_lines(run: RunSummary) -> list[str]:
    from engine.tables.cells import as_text

    return [f"{key}: {as_text(value)}" for key, value in run.config.items()]


def _event_lines(run: RunSummary) -> Iterator[str]:
    from engine.cli.event_lines import Teller

    teller = Teller(run.epochs)
    return (teller.tell(record) for batch in _events(run) for record in batch)


def _events(run: RunSummary) -> Iterator[list[dict[str, Any]]]:
    """The events that are there, some at a time."""
    from engine.facts.follow import EventFollower

    follower, more = EventFollower(run.path), True
    while more:
        batch = follower.poll()
        more = batch.more
        yield batch.records


def _files_in_short(run: RunSummary) -> list[str]:
    """How many files there are, how large they are, and how many of them are figures."""
    from engine.facts.words import count
    from engine.tables.units import show_size

    sizes = dict(run_files(Path(run.path)))
    figures = sum(name.startswith("figures/") for name in sizes)
    among = f" ({count(figures, 'figure')})" if figures else ""
    told = f"{count(len(sizes), 'file')}{among}, {show_size(sum(sizes.values()))}; --files"
    return [f"{told} lists them"] if sizes else []


def _file_lines(run: RunSummary) -> list[str]:
    """The files with their sizes, the largest first, and the sum of all."""
    from engine.tables.units import show_size

    files = sorted(run_files(Path(run.path)), key=lambda file: (-file[1], file[0]))
    lines = [f"{show_size(size):>8}  {name}" for name, size in files[:FILES_SHOWN]]
    if len(files) > FILES_SHOWN:
        rest = sum(size for _, size in files[FILES_SHOWN:])
        lines.append(f"{show_size(rest):>8}  in {len(files) - FILES_SHOWN} more")
    if len(files) > 1:
        lines.append(f"{show_size(sum(size for _, size in files)):>8}  in all")
    return lines


def run_files(path: Path) -> Iterator[tuple[str, int]]:
    """Names, seen from the run directory, and bytes of its ordinary files."""
    from engine.facts.listing import entries_below

    for entry, status in entries_below(path):
        if stat.S_ISREG(status.st_mode):
            yield os.path.relpath(entry, path), status.st_size


def log_lines(path: Path, most: int) -> list[str]:
    """The last lines of what a run printed, or else its job; none where neither printed any.

    Raises
    ------
    FactsError
        If they cannot be read, or their file is no ordinary one.
    """
    from engine.facts.printed import printed_lines
    from engine.facts.run_dir import RunDir

    return printed_lines(RunDir(path))[-most:]


main = Command(
    name="show",
    summary="Show all that is known of a run.",
    add_arguments=_add_arguments,
    work=_show,
    details="""\
First the state and why, then what was trained, when and where, how far it came, the numbers (best,
last, and of the test), and the commands that train it again and go on with it.

examples:
  engine show last
  engine show last --all
  engine show last --config
  engine show run_20261101-140533_ae --log 20
  engine show 'run_2026*' --json | jq -r '.[] | [.name, .state, .train_command] | @tsv'
""",
)
