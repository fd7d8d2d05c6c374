"""What the commands share: one frame around each, and one way to print.

On a terminal a table fits the width and has colours (none with `NO_COLOR`). In a pipe it is
tab-separated with a line of titles, whole and with all digits; `--json` prints JSON. Text from
files reaches either without control characters.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from engine.cli.arguments import Parser
from engine.cli.console import framed
from engine.cli.json_text import json_pieces, plain_json
from engine.facts.text import plain

STATE_STYLES = {
    "queued": "dim",
    "held": "yellow",
    "running": "bold cyan",
    "finished": "green",
    "stopped": "blue",
    "failed": "bold red",
    "lost": "magenta",
    "broken": "red",
    "unknown": "yellow",
}
"""State to its colour, as rich writes it; `broken` is a directory that tells no state, `unknown` a
job that cannot be asked."""


class Cell(NamedTuple):
    """One cell of a table."""

    text: str
    """For humans."""
    value: Any = None
    """For pipes: full precision; None where there is nothing."""
    style: str = ""
    """For rich; nothing in it comes from a file."""


@dataclass(frozen=True)
class Command:
    """A subcommand: what it is called with, and what it does.

    A module of `engine.cli` has one such object for each of its commands; calling it runs the
    command, and tab completion asks it for its parser. What an argument completes to is told by
    its metavar: RUN, JOB, FILTER, KEY, METRIC, TAG, CLASS, LOOP, ENCODER, LATENT_SPACE (with commas
    between several), or DIR and FILE.
    """

    name: str
    summary: str
    """One line for the list of commands."""
    add_arguments: Callable[[argparse.ArgumentParser], None]
    work: Callable[[argparse.Namespace], int | None]
    """Does it; None is exit code 0."""
    details: str = ""
    """Shown below the options: rules and examples, as they stand."""
    signed: tuple[str, ...] = ()
    """Options whose value may begin with a minus, such as `--sort -val_loss`."""

    def parser(self, program: str = "engine") -> Parser:
        """The parser of its arguments."""
        parser = Parser(
            self.signed,
            prog=f"{program} {self.name}".strip(),
            description=self.summary,
            epilog=self.details,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_arguments(parser)
        parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
        return parser

    def __call__(self, argv: Sequence[str] | None = None, program: str = "engine") -> int:
        """Run it; the exit code is that of `console.framed`."""
        words = list(sys.argv[1:] if argv is None else argv)

        def work() -> int | None:
            return self.work(self.parser(program).parse_words(words))

        return framed(work, debug="--debug" in words)


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def on_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def write(text: str) -> None:
    """Print as it is."""
    sys.stdout.write(text)


def say(text: str) -> None:
    """Print text that may come from files, cleaned, and end the line."""
    write(plain(text, keep_lines=True) + "\n")


def remark(text: str) -> None:
    """Tell the person something beside the output: on standard error, so that pipes stay clean."""
    print(plain(text, keep_lines=True), file=sys.stderr)


def print_json(value: object) -> None:
    """Print `value` as JSON in plain ASCII, an iterator piece by piece; see `json_text`."""
    for piece in json_pieces(value):
        write(piece)
    write("\n")


def print_table(titles: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Print a table for whoever reads: see the module's first lines.

    A cell in a pipe is its `value`: tab-separated, `repr` for numbers, empty for None.
    """
    if on_terminal():
        from engine.cli.aligned import print_fitting

        print_fitting(titles, rows)
        return
    lines = [[plain(title) for title in titles]]
    lines += [[machine_text(cell.value) for cell in row] for row in rows]
    write("".join("\t".join(line) + "\n" for line in lines))


def state_cell(state: str | None) -> Cell:
    """The cell of a run's state, in its colour."""
    name = plain(state or "broken")
    return Cell(name, state, STATE_STYLES.get(name, ""))


def machine_text(value: Any) -> str:
    """A value for a tab-separated line: all digits, `true` and `false`, nothing for None.

    Texts of a list have commas between them; other lists are JSON.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple) and all(isinstance(entry, str) for entry in value):
        return plain(",".join(value))
    if isinstance(value, list | tuple | Mapping):
        return plain(json.dumps(plain_json(value), ensure_ascii=False, separators=(",", ":")))
    return plain(value)
