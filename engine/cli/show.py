"""The command `engine show`: all that is known of a run."""

from __future__ import annotations

import argparse
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli.output import Command, add_json_option, print_json, say
from engine.cli.run_text import (
    Fact,
    commands_of,
    facts_of,
    resume_command,
    state_sentence,
    train_command,
)
from engine.cli.select import add_root_option, add_run_argument, select
from engine.errors import ConfigError
from engine.facts.text import plain

if TYPE_CHECKING:
    from engine.facts.attempts import Attempt
    from engine.library.summary import RunSummary

MOST_FILES = 1000
"""Files of a run that are looked at."""

FILES_SHOWN = 12
LINES_SHOWN = 40
"""Lines about one thing, at most."""

_LOG_BYTES = 1 << 20
_DEEPEST = 4


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)
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
        print_json([_record(run, args) for run in runs])
        return
    for number, run in enumerate(runs):
        if number:
            say("")
        _print_run(run)
        if args.config:
            _print_section("config", _config_lines(run))
        if args.events:
            _print_section("events", _event_lines(run))
        if args.log:
            _print_section("log", log_lines(Path(run.path), args.log))


def _print_run(run: RunSummary) -> None:
    facts = [*facts_of(run, _attempts(run)), Fact("files", _file_lines(run)), *commands_of(run)]
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
    """What `--json` says of a run."""
    from engine.cli.runs import record

    path = Path(run.path)
    files = [{"name": name, "size_bytes": size} for name, size in run_files(path)]
    told = record(run) | {
        "attempts": [asdict(attempt) for attempt in _attempts(run)],
        "files": files,
        "train_command": train_command(run),
        "resume_command": resume_command(run),
    }
    if args.events:
        told["events"] = [record for batch in _events(run) for record in batch]
    if args.log:
        told["log"] = list(log_lines(path, args.log))
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
    from engine.cli.event_lines import refuse_links
    from engine.facts.follow import EventFollower

    refuse_links(run.path)
    follower, more = EventFollower(run.path), True
    while more:
        batch = follower.poll()
        more = batch.more
        yield batch.records


def _file_lines(run: RunSummary) -> list[str]:
    """The largest files with their sizes, and the sum of all."""
    from engine.tables.units import show_size

    files = sorted(run_files(Path(run.path)), key=lambda file: -file[1])
    lines = [f"{show_size(size):>8}  {name}" for name, size in files[:FILES_SHOWN]]
    if len(files) > FILES_SHOWN:
        rest = sum(size for _, size in files[FILES_SHOWN:])
        lines.append(f"{show_size(rest):>8}  in {len(files) - FILES_SHOWN} more")
    if len(files) > 1 and run.size_bytes is not None:
        lines.append(f"{show_size(run.size_bytes):>8}  in all")
    return lines


def run_files(path: Path) -> list[tuple[str, int]]:
    """Names, seen from the run directory, and bytes of its files; links are not followed."""
    found: list[tuple[str, int]] = []
    folders = [(path, 0)]
    while folders and len(found) < MOST_FILES:
        folder, depth = folders.pop()
        for entry in _entries(folder):
            status = _status(entry)
            if status is None:
                continue
            if stat.S_ISDIR(status.st_mode) and depth < _DEEPEST:
                folders.append((folder / entry.name, depth + 1))
            elif stat.S_ISREG(status.st_mode):
                found.append((os.path.relpath(entry.path, path), status.st_size))
    return sorted(found)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:  # gone since, or not ours to list
        return []


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except OSError:
        return None


def log_lines(path: Path, most: int) -> list[str]:
    """The last lines of what a run printed, of the last MiB; none where there is no log.

    Raises
    ------
    FactsError
        If it cannot be read, or is no ordinary file.
    """
    from engine.errors import FactsError
    from engine.facts.files import as_facts_error
    from engine.facts.run_dir import RunDir

    log = RunDir(path).log
    with as_facts_error(log, "read"):
        try:
            handle = os.open(log, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        except FileNotFoundError:
            return []
        with open(handle, "rb") as file:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise FactsError(f"cannot read {log}: it is no regular file")
            file.seek(max(0, status.st_size - _LOG_BYTES))
            text = file.read(_LOG_BYTES).decode("utf-8", "replace")
    # A progress bar writes one line over the other: the last one is what was seen.
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")]
    return [line for line in lines if line][-most:]


main = Command(
    name="show",
    summary="Show all that is known of a run.",
    add_arguments=_add_arguments,
    work=_show,
    details="""\
First the state and why, then what was trained, when and where, how far it came, best and last
numbers, files, and the commands that train it again and go on with it.

examples:
  engine show last
  engine show last --config
  engine show run_20261101-140533_ae --log 20
  engine show 'run_2026*' --json | jq -r '.[] | [.name, .state, .train_command] | @tsv'
""",
)
