"""The commands `engine tag`, `engine note` and `engine archive`: what people say about runs."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.output import Cell, Command, add_json_option, print_json, print_table, say
from engine.cli.select import add_root_option, add_run_argument, select_dirs, select_one
from engine.errors import ConfigError

if TYPE_CHECKING:
    from engine.facts.labels import Labels

_SIGNED = re.compile(r"([+-])([^+\-\s].*)", re.DOTALL)


class _TagCommand(Command):
    """Takes `+word` and `-word` for `--add word` and `--remove word`."""

    def __call__(self, argv: Sequence[str] | None = None, program: str = "engine") -> int:
        """Run it; see `Command`."""
        return super().__call__(_spelled_out(sys.argv[1:] if argv is None else argv), program)


def _spelled_out(words: Sequence[str]) -> list[str]:
    """`words` with tags as values of their options; those after `--` are left as they are."""
    spelled: list[str] = []
    for number, word in enumerate(words):
        if word == "--":
            return [*spelled, *words[number:]]
        tag = None if word == "-h" else _SIGNED.fullmatch(word)
        option = {"+": "--add", "-": "--remove"}[tag[1]] if tag else ""
        spelled.append(f"{option}={tag[2]}" if tag else word)
    return spelled


def _add_tag_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)
    add = "give the runs this tag; +TAG is the same"
    parser.add_argument("--add", metavar="TAG", action="append", default=[], help=add)
    remove = "take this tag from the runs; -TAG is the same"
    parser.add_argument("--remove", metavar="TAG", action="append", default=[], help=remove)
    _add_common_options(parser)


def _tag(args: argparse.Namespace) -> None:
    from engine.facts.labels import clean_tags

    add, remove = clean_tags(_words(args.add)), clean_tags(_words(args.remove))
    both = sorted(set(add) & set(remove))
    if both:
        raise ConfigError(f"the tag {both[0]} is to be added and removed")
    labels = _read(select_dirs(args.runs, args.root))
    if add or remove:
        labels = {
            path: replace(old, tags=clean_tags({*old.tags, *add} - {*remove}))
            for path, old in labels.items()
        }
        _write(labels)
    if args.json:
        print_json([_name(path) | {"tags": old.tags} for path, old in labels.items()])
        return
    rows = [
        [Cell(path.name, path.name), Cell(", ".join(old.tags), ",".join(old.tags))]
        for path, old in labels.items()
    ]
    print_table(["name", "tags"], rows)


def _words(given: Sequence[str]) -> list[str]:
    """The tags of all options; commas stand between several."""
    return [tag for text in given for tag in text.split(",")]


def _add_note_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser, many=False)
    text = "the note; - reads it from standard input"
    parser.add_argument("text", metavar="TEXT", nargs="*", help=text)
    parser.add_argument("--clear", action="store_true", help="remove the note")
    _add_common_options(parser)


def _note(args: argparse.Namespace) -> None:
    if args.clear and args.text:
        raise ConfigError("a note is to be written and removed", "Leave out TEXT or --clear.")
    path = select_one(args.runs[0], args.root)
    ((_, labels),) = _read([path]).items()
    if args.clear or args.text:
        note = sys.stdin.read() if args.text == ["-"] else " ".join(args.text)
        labels = replace(labels, note=note.strip())
        _write({path: labels})
        labels = _read([path])[path]
    if args.json:
        print_json(_name(path) | {"note": labels.note})
    elif labels.note and not args.text:
        say(labels.note)


def _add_archive_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)
    parser.add_argument("--undo", action="store_true", help="take them out of the archive")
    _add_common_options(parser)


def _archive(args: argparse.Namespace) -> None:
    wanted = not args.undo
    labels = _read(select_dirs(args.runs, args.root))
    changed = {
        path: replace(old, archived=wanted)
        for path, old in labels.items()
        if old.archived != wanted
    }
    _write(changed)
    if args.json:
        print_json([_name(path) | {"archived": wanted} for path in labels])
        return
    for path in labels:
        was = "was " if path not in changed else ""
        said = f"{was}archived" if wanted else f"{was}not archived" if was else "out of the archive"
        say(f"{path.name}: {said}")


def _add_common_options(parser: argparse.ArgumentParser) -> None:
    add_json_option(parser)
    add_root_option(parser)


def _name(path: Path) -> dict[str, str]:
    return {"name": path.name, "path": str(path)}


def _read(paths: Sequence[Path]) -> dict[Path, Labels]:
    """The labels of each run, before any is changed."""
    from engine.facts.labels import read_labels
    from engine.facts.run_dir import RunDir

    return {path: read_labels(RunDir(path)) for path in paths}


def _write(labels: dict[Path, Labels]) -> None:
    from engine.facts.labels import write_labels
    from engine.facts.run_dir import RunDir

    for path, wanted in labels.items():
        write_labels(RunDir(path), wanted)


tag = _TagCommand(
    name="tag",
    summary="Give runs tags, take tags away, or list them.",
    add_arguments=_add_tag_arguments,
    work=_tag,
    details="""\
A tag is one word. `engine runs tag=paper` finds the runs with it. Without +TAG and -TAG the tags
are listed.

examples:
  engine tag last +paper
  engine tag 'run_2026*' +baseline -todo
  engine tag last --add paper,talk --json
""",
)

note = Command(
    name="note",
    summary="Print, write or remove the note of a run.",
    add_arguments=_add_note_arguments,
    work=_note,
    details="""\
Without TEXT the note is printed. A new note takes the place of the old one.

examples:
  engine note last
  engine note last best so far, use for the talk
  engine note last -- -5 % loss with the larger codebook
  engine note last - < remarks.txt
  engine note last --clear
""",
)

archive = Command(
    name="archive",
    summary="Leave runs out of lists; nothing of them is removed.",
    add_arguments=_add_archive_arguments,
    work=_archive,
    details="""\
`engine runs --archived` lists archived runs as well.

examples:
  engine archive 'run_2025*'
  engine archive run_20261101-140533_ae --undo
""",
)
