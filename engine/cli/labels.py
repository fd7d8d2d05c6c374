"""The commands `engine tag`, `engine note` and `engine archive`: what people say about runs."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.console import typed, typed_in
from engine.cli.output import (
    Cell,
    Command,
    add_json_option,
    print_json,
    print_table,
    remark,
    say,
)
from engine.cli.select import add_root_option, add_run_argument, select_dirs, select_one
from engine.errors import ConfigError

if TYPE_CHECKING:
    from engine.facts.labels import Labels

_SEVERAL = re.compile(r"\w\+\w")
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

    def change(old: Labels) -> Labels:
        return replace(old, tags=clean_tags({*old.tags, *add} - {*remove}))

    before = _read(_tagged(args))
    after = _change(before, change) if add or remove else before
    for tag in sorted(set(remove).difference(*(old.tags for old in before.values()))):
        remark(f"none of them had the tag {tag}" if len(before) > 1 else f"it had no tag {tag}")
    if args.json:
        print_json([_record(path, labels) for path, labels in after.items()])
        return
    rows = [
        [Cell(path.name, path.name), Cell(", ".join(labels.tags), ",".join(labels.tags))]
        for path, labels in after.items()
    ]
    print_table(["name", "tags"], rows)


def _tagged(args: argparse.Namespace) -> list[Path]:
    """The runs; a word after the first one that is none may have been meant as a tag."""
    try:
        return select_dirs(args.runs, args.root)
    except ConfigError:
        for word in args.runs[1:]:
            try:
                select_dirs([word], args.root)
            except ConfigError as error:
                hint = f"Write +{word} to give the runs that tag."
                raise ConfigError(error.message, hint) from error
        raise


def _words(given: Sequence[str]) -> list[str]:
    """The tags of all options; commas stand between several."""
    words = [tag for text in given for tag in typed(text).split(",")]
    for word in words:
        if _SEVERAL.search(word):
            several = " ".join(f"+{tag}" for tag in word.split("+"))
            raise ConfigError(f"{word}: is that one tag?", f"Write {several} for several.")
    return words


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
    labels = _read([path])
    if args.clear or args.text:
        note = typed_in() if args.text == ["-"] else typed(" ".join(args.text))
        labels = _change(labels, lambda old: replace(old, note=note.strip()))
    if args.json:
        print_json(_record(path, labels[path]))
    elif labels[path].note and not args.text:
        say(labels[path].note)


def _add_archive_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)
    parser.add_argument("--undo", action="store_true", help="take them out of the archive")
    _add_common_options(parser)


def _archive(args: argparse.Namespace) -> None:
    wanted = not args.undo
    before = _read(select_dirs(args.runs, args.root, archived=args.undo))
    if wanted:
        for path, labels in before.items():
            _refuse_under_way(path, labels)
    after = _change(before, lambda old: replace(old, archived=wanted))
    if args.json:
        print_json([_record(path, labels) for path, labels in after.items()])
        return
    for path, labels in before.items():
        was = "was " if labels.archived == wanted else ""
        said = f"{was}archived" if wanted else f"{was}not archived" if was else "out of the archive"
        say(f"{path.name}: {said}")


def _refuse_under_way(path: Path, labels: Labels) -> None:
    """Raise if a run is not over: the table of runs would hide what still goes on."""
    from engine.cli.run_text import state_sentence
    from engine.facts.state import UNDER_WAY
    from engine.library.index import summarise

    run = summarise(path)
    if run.state in UNDER_WAY and not labels.archived:
        raise ConfigError(
            f"{path.name} is not over and not archived: {state_sentence(run)}",
            "engine stop ends a run.",
        )


def _add_common_options(parser: argparse.ArgumentParser) -> None:
    add_json_option(parser)
    add_root_option(parser)


def _record(path: Path, labels: Labels) -> dict[str, object]:
    """What `--json` says of a run, the same in all three commands."""
    from dataclasses import asdict

    return {"name": path.name, "path": str(path)} | asdict(labels)


def _read(paths: Sequence[Path]) -> dict[Path, Labels]:
    """The labels of each run."""
    from engine.facts.labels import read_labels
    from engine.facts.run_dir import RunDir

    return {path: read_labels(RunDir(path)) for path in paths}


def _change(labels: dict[Path, Labels], change: Callable[[Labels], Labels]) -> dict[Path, Labels]:
    """Change the labels of each run, and none if those of one cannot be; what they are then."""
    from engine.facts.labels import change_labels
    from engine.facts.run_dir import RunDir

    for old in labels.values():
        change(old)
    return {path: change_labels(RunDir(path), change) for path in labels}


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
`engine runs --archived` lists archived runs as well. A run that is running, queued or held is not
archived.

examples:
  engine archive 'run_2025*'
  engine archive run_20261101-140533_ae --undo
""",
)
